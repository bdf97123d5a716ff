// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_bridge.c - the split of resident memory, of a process that has known amounts of each kind
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "heap_process.h"
#include "pythons.h"

#include "heap/bridge.h"
#include "heap/rss.h"
#include "heap/smaps.h"

#define MB (1ll << 20)

static const char smaps_text[] =
	"00400000-00402000 r-xp 00000000 fe:00 247970                     /usr/bin/a b\n"
	"Size:                  8 kB\n"
	"Rss:                   4 kB\n"
	"Pss:                   1 kB\n"
	"VmFlags: rd ex mr mw me sd \n"
	"01000000-01100000 rw-p 00000000 00:00 0                          [heap]\n"
	"Size:               1024 kB\n"
	"Rss:                1000 kB\n"
	"AnonHugePages:         0 kB\n"
	"7f0000000000-7f0000001000 ---p 00000000 00:00 0 \n"
	"Size:                  4 kB\n"
	"Rss:                   0 kB\n";

static void test_parses_smaps(void **state)
{
	FILE *file = fmemopen((char *)smaps_text, sizeof(smaps_text) - 1, "r");
	struct smaps smaps;

	(void)state;
	assert_non_null(file);
	assert_int_equal(smaps__parse(file, &smaps), 0);
	assert_int_equal(smaps.maps->count, 3);
	assert_string_equal(smaps.maps->mappings[0].path, "/usr/bin/a b");
	assert_string_equal(smaps.maps->mappings[1].path, "[heap]");
	assert_int_equal(smaps.rss[0], 4 << 10);
	assert_int_equal(smaps.rss[1], 1000 << 10);
	assert_int_equal(smaps.rss[2], 0);
	assert_int_equal(smaps.total, 1004 << 10);
	smaps__clear(&smaps);
	fclose(file);
}

static void test_parses_broken_smaps(void **state)
{
	static const char *const texts[] = {
		"\n", "Rss: 4 kB\n", "0\n", "00400000-00402000 r-xp 0000",
		"00400000-00402000 r-xp 00000000 fe:00 1 x\nRss: 99999999999999999999999 kB\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		FILE *file = fmemopen((char *)texts[i], strlen(texts[i]), "r");
		struct smaps smaps;

		assert_non_null(file);
		if (!smaps__parse(file, &smaps))
			smaps__clear(&smaps);
		fclose(file);
	}
}

/* What each kind is to have more than a Python has anyway. */
static const char layers[] = HEAP_PRELUDE
	"import mmap\n"
	"M = 1 << 20\n"
	"def touch(m):\n"
	"    for i in range(0, len(m), 4096): m[i] = 1\n"
	"anon = mmap.mmap(-1, 24 * M, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
	"touch(anon)\n"
	"idle = mmap.mmap(-1, 50 * M, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
	"shared = mmap.mmap(-1, 9 * M)\n"
	"touch(shared)\n"
	"small = [libc.malloc(2000) for _ in range(12000)]\n"
	"for p in small: libc.memset(p, 1, 2000)\n"
	"libc.malloc(2000)\n"
	"for p in small[::2]: libc.free(p)\n"
	"large = libc.malloc(7 * M)\n"
	"libc.memset(large, 1, 7 * M)\n"
	"huge = libc.calloc(1, 60 * M)\n" /* never touched */
	"libc.pthread_self.restype = size_t\n"
	"libc.pthread_getattr_np.argtypes = [size_t, ctypes.c_void_p]\n"
	"attr = ctypes.create_string_buffer(256)\n"
	"stay = threading.Event()\n"
	"begun = threading.Event()\n"
	"def run():\n"
	"    libc.pthread_getattr_np(libc.pthread_self(), attr)\n"
	"    start, size = size_t(), size_t()\n"
	"    libc.pthread_attr_getstack(attr, ctypes.byref(start), ctypes.byref(size))\n"
	"    libc.memset(start.value + 65536, 1, 5 * M)\n"
	"    begun.set()\n"
	"    stay.wait()\n"
	"threading.stack_size(16 * M)\n"
	"threading.Thread(target=run, daemon=True).start()\n"
	"begun.wait()\n"
	"objects = [b'%0300d' % i for i in range(50000)]\n"
	"for i in range(0, 50000, 2): objects[i] = None\n"
	"time.sleep(0.1)\n"
	"wait()\n";

static void assert_between(const char *what, long long value, long long low, long long high)
{
	if (value < low || value > high)
		fail_msg("%s: %lld is not in %lld .. %lld", what, value, low, high);
}

static long long sum_of(const struct rss_bridge *bridge)
{
	return bridge->python_objects + bridge->pymalloc_free + bridge->malloc_in_use +
	       bridge->malloc_free + bridge->mmap_anon + bridge->stacks + bridge->file_backed +
	       bridge->unexplained;
}

static void compute(struct heap_process *process, __u64 python_malloc, struct rss_bridge *bridge)
{
	struct blocks *blocks;
	struct heap_block block;
	__u64 pool = 0;

	assert_int_equal(blocks__open(process->image, process->target, process->pools, &blocks), 0);
	while (blocks__next(blocks, &block) > 0)
		pool += block.place == BLOCK_IN_POOL ? block.resident : 0;
	assert_int_equal(bridge__compute(process->image, process->target, blocks__totals(blocks),
					 pool, python_malloc, bridge),
			 0);
	assert_true(bridge->python_objects >= pool);
	blocks__close(blocks);
}

static void splits(const char *python)
{
	struct heap_process process;
	struct rss_bridge bridge;
	__u64 rss;

	heap_process__start(&process, python, layers);
	compute(&process, 0, &bridge);
	assert_int_equal(sum_of(&bridge), bridge.rss);
	assert_int_equal(rss__read(process.pid, &rss), 0);
	assert_between("rss", bridge.rss, rss - MB, rss + MB);
	assert_between("mmap", bridge.mmap_anon, 33 * MB, 34 * MB);
	assert_between("stacks", bridge.stacks, 5 * MB, 6 * MB);
	assert_between("file", bridge.file_backed, 2 * MB, 30 * MB);
	assert_between("malloc free", bridge.malloc_free, 11 * MB, 14 * MB);
	assert_between("malloc in use", bridge.malloc_in_use, 18 * MB, 23 * MB);
	assert_between("pymalloc free", bridge.pymalloc_free, 7 * MB, 11 * MB);
	assert_between("objects", bridge.python_objects, 8 * MB, 13 * MB);
	assert_int_equal(bridge.unexplained, 0);
	/* More than there is cannot be Python's. */
	compute(&process, 1ull << 40, &bridge);
	assert_int_equal(sum_of(&bridge), bridge.rss);
	assert_int_equal(bridge.malloc_in_use, 0);
	heap_process__stop(&process);
}

static void test_splits(void **state)
{
	(void)state;
	each_python(splits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parses_smaps),
		cmocka_unit_test(test_parses_broken_smaps),
		cmocka_unit_test(test_splits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
