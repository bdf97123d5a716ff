// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_blocks.c - sweeps of live Pythons against what they know of their own heaps
 *
 * The target knows the addresses of blocks that it has, and of some that it has given back, and what mallinfo2() says; it stands
 * still while it is swept, so everything must be right. Then it allocates in two threads: what it keeps must be found all the same.
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

struct swept {
	__u64 blocks[3], bytes[3];
	struct block_totals totals; /* the lists in it are gone */
	__u64 malloc_in_use, malloc_cached, malloc_free, malloc_bytes;
	int end;
};

static int by_address(const void *a, const void *b)
{
	const struct heap_fact *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* Checks a block that the target named. */
static void check_fact(struct heap_fact *fact, const struct heap_block *block)
{
	assert_false(fact->seen);
	fact->seen = true;
	if (!strcmp(fact->word, "gone"))
		fail_msg("%llx was given back", (unsigned long long)fact->address);
	if (!strcmp(fact->word, "raw")) {
		assert_int_not_equal(block->place, BLOCK_IN_POOL);
		assert_int_equal(block->size, fact->size);
	}
	if (!strcmp(fact->word, "object")) {
		assert_int_equal(block->place, BLOCK_IN_POOL);
		assert_true(block->size >= fact->size && block->size < fact->size + 16);
	}
}

static void add_block(struct heap_process *process, struct swept *swept,
		      const struct heap_block *block)
{
	struct heap_fact key = {.address = block->address}, *fact;

	assert_true(block->size && block->have <= block->size && block->resident <= block->size);
	swept->blocks[block->place]++;
	swept->bytes[block->place] += block->size;
	fact = bsearch(&key, process->facts, process->count, sizeof(key), by_address);
	if (fact)
		check_fact(fact, block);
}

static void check_arenas(struct blocks *blocks, const struct block_totals *totals)
{
	for (size_t i = 0; i < totals->arena_count; i++) {
		const struct arena_fill *arena = &totals->arenas[i];

		assert_true(blocks__in_arena(blocks, arena->address));
		assert_true(blocks__in_arena(blocks, arena->address + arena->bytes - 1));
		assert_true(arena->in_use <= arena->bytes && arena->resident <= arena->bytes);
	}
	assert_false(blocks__in_arena(blocks, 0));
	assert_false(blocks__in_arena(blocks, ~0ull));
}

static void sum_up(const struct block_totals *totals, struct swept *swept)
{
	swept->totals = *totals;
	for (size_t i = 0; i < totals->malloc_arena_count; i++) {
		const struct malloc_arena_totals *arena = &totals->malloc_arenas[i];

		swept->malloc_in_use += arena->in_use;
		swept->malloc_cached += arena->cached;
		swept->malloc_free += arena->free + arena->top;
		swept->malloc_bytes += arena->bytes;
		assert_true(arena->free_resident <= arena->free + arena->top);
	}
	for (size_t i = 1; i < totals->range_count; i++)
		assert_true(totals->ranges[i - 1].end <= totals->ranges[i].start);
}

static void sweep(struct heap_process *process, struct swept *swept)
{
	struct blocks *blocks;
	struct heap_block block, last = {.address = 0};

	memset(swept, 0, sizeof(*swept));
	for (size_t i = 0; i < process->count; i++)
		process->facts[i].seen = false;
	qsort(process->facts, process->count, sizeof(*process->facts), by_address);
	assert_int_equal(blocks__open(process->image, process->target, process->pools, &blocks), 0);
	while ((swept->end = blocks__next(blocks, &block)) > 0) {
		/* In order, and so each only once. */
		assert_true(block.place > last.place ||
			    (block.place == last.place && block.address > last.address));
		add_block(process, swept, &block);
		last = block;
	}
	if (!swept->end)
		check_arenas(blocks, blocks__totals(blocks));
	sum_up(blocks__totals(blocks), swept);
	blocks__close(blocks);
}

/* Facts of this word that the sweep has not seen. */
static size_t missing(const struct heap_process *process, const char *word)
{
	size_t count = 0;

	for (size_t i = 0; i < process->count; i++)
		count += !strcmp(process->facts[i].word, word) && !process->facts[i].seen;
	return count;
}

static const char fill[] = HEAP_PRELUDE
	"class Info(ctypes.Structure):\n"
	"    _fields_ = [(name, size_t) for name in ('arena ordblks smblks hblks hblkhd usmblks '\n"
	"                'fsmblks uordblks fordblks keepcost').split()]\n"
	"sizes = [1, 24, 25, 40, 120, 600, 1000, 5000, 30000, 100000, 131072, 200000, 5000000]\n"
	"def take(out):\n"
	"    for i in range(1500):\n"
	"        size = sizes[i % len(sizes)] if i < 60 else sizes[i % 8]\n"
	"        out.append(libc.calloc(1, size) if i % 2 else libc.malloc(size))\n"
	"    for i in range(0, len(out), 3):\n"
	"        libc.free(out[i])\n"
	"kept = [[] for _ in range(4)]\n"
	"take(kept[0])\n"
	"stay = threading.Event()\n"
	"def run(out):\n"
	"    take(out)\n"
	"    stay.wait()\n"
	"threads = [threading.Thread(target=run, args=(out,), daemon=True) for out in kept[1:]]\n"
	"for thread in threads: thread.start()\n"
	"while sum(map(len, kept)) < 6000: time.sleep(0.05)\n"
	"time.sleep(0.3)\n"
	"objects = [b'%060d' % i for i in range(5000)]\n"
	"for i in range(0, 5000, 5): objects[i] = None\n"
	"for one in objects:\n"
	"    if one: say('object', id(one), one.__sizeof__())\n"
	"addresses = set()\n"
	"for out in kept:\n"
	"    addresses.update(p for i, p in enumerate(out) if i % 3)\n"
	"for p in addresses: say('raw', p, libc.malloc_usable_size(p))\n"
	"libc.mallinfo2.restype = Info\n"
	"info = libc.mallinfo2()\n"
	"say('uordblks', 0, info.uordblks)\n"
	"say('fordblks', 1, info.fordblks)\n"
	"say('hblkhd', 2, info.hblkhd)\n"
	"say('hblks', 3, info.hblks)\n"
	"wait()\n";

static void assert_near(__u64 a, __u64 b, __u64 slack)
{
	if ((a > b ? a - b : b - a) > slack)
		fail_msg("%llu is not near %llu", (unsigned long long)a, (unsigned long long)b);
}

static __u64 said(struct heap_process *process, const char *word)
{
	struct heap_fact *fact = heap_process__fact(process, word);

	assert_non_null(fact);
	return fact->size;
}

static void knows_all(const char *python)
{
	struct heap_process process;
	struct swept swept;
	struct pools_in_use in_pools;

	heap_process__start(&process, python, fill);
	sweep(&process, &swept);
	assert_int_equal(swept.end, 0);
	assert_true(swept.totals.has_malloc);
	assert_null(swept.totals.malloc_limit);
	assert_int_equal(missing(&process, "raw"), 0);
	assert_int_equal(missing(&process, "object"), 0);
	assert_int_equal(swept.totals.bad_pools, 0);
	assert_int_equal(swept.totals.broken_heaps, 0);
	assert_int_equal(swept.totals.unread_bytes, 0);
	assert_int_equal(swept.malloc_in_use + swept.malloc_free, swept.malloc_bytes);
	assert_non_null(process.pools);
	assert_int_equal(pools__in_use(process.pools, &in_pools), 0);
	assert_int_equal(swept.blocks[BLOCK_IN_POOL], in_pools.blocks);
	/* What ctypes and print() took after mallinfo2(), and the heads of arenas that it counts as in use. */
	assert_near(swept.malloc_in_use + swept.malloc_cached, said(&process, "uordblks"), 65536);
	assert_near(swept.malloc_free - swept.malloc_cached, said(&process, "fordblks"), 65536);
	assert_int_equal(swept.totals.mapped_count, said(&process, "hblks"));
	assert_near(swept.totals.mapped_bytes, said(&process, "hblkhd"),
		    32 * swept.totals.mapped_count);
	heap_process__stop(&process);
}

static void test_knows_all(void **state)
{
	(void)state;
	each_python(knows_all);
}

/* Something lies in the way of sbrk(): the main arena goes on in mappings. */
static const char scattered[] =
	HEAP_PRELUDE "mmap_ = libc.mmap\n"
		     "mmap_.restype = size_t\n"
		     "mmap_.argtypes = [size_t, size_t] + [ctypes.c_int] * 3 + [size_t]\n"
		     "kept = [libc.malloc(1000) for _ in range(300)]\n"
		     "end = libc.sbrk(0)\n"
		     "print(hex(mmap_((end + 4095) & ~4095, 4096, 3, 0x32, -1, 0)))\n"
		     "kept += [libc.malloc(1000) for _ in range(9000)]\n"
		     "for i in range(0, len(kept), 3): libc.free(kept[i])\n"
		     "for p in [p for i, p in enumerate(kept) if i % 3]:\n"
		     "    say('raw', p, libc.malloc_usable_size(p))\n"
		     "wait()\n";

static void follows_scattered(const char *python)
{
	struct heap_process process;
	struct swept swept;

	heap_process__start(&process, python, scattered);
	sweep(&process, &swept);
	assert_int_equal(swept.end, 0);
	assert_true(swept.totals.has_malloc);
	assert_int_equal(swept.totals.bad_pools, 0);
	/* What is not in a piece that the books name is left out, and said to be. */
	assert_true(missing(&process, "raw") <= process.count / 20);
	heap_process__stop(&process);
}

static void test_follows_scattered(void **state)
{
	(void)state;
	each_python(follows_scattered);
}

static const char busy[] =
	HEAP_PRELUDE "import random\n"
		     "kept = [libc.malloc(40 + i % 3000) for i in range(8000)]\n"
		     "objects = [b'%060d' % i for i in range(8000)]\n"
		     "for p in kept: say('raw', p, libc.malloc_usable_size(p))\n"
		     "for one in objects: say('object', id(one), one.__sizeof__())\n"
		     "moving = [None] * 20000\n"
		     "def churn():\n"
		     "    r = random.Random(1)\n"
		     "    while True:\n"
		     "        for i in range(1000):\n"
		     "            moving[r.randrange(20000)] = [i, {}, bytes(r.choice((60, 600, "
		     "2000, 30000)))]\n"
		     "for _ in range(2): threading.Thread(target=churn, daemon=True).start()\n"
		     "time.sleep(0.5)\n"
		     "wait()\n";

static void finds_while_busy(const char *python)
{
	struct heap_process process;
	struct swept swept;

	heap_process__start(&process, python, busy);
	for (int i = 0; i < 5; i++) {
		size_t lost;

		assert_int_equal(image__refresh(process.image), 0);
		sweep(&process, &swept);
		assert_int_equal(swept.end, 0);
		lost = missing(&process, "raw") + missing(&process, "object");
		/* What was lost is in what is counted as unread. */
		if (lost > process.count / 100)
			fail_msg("%zu of %zu lost, %llu bad pools, %llu broken heaps", lost,
				 process.count, (unsigned long long)swept.totals.bad_pools,
				 (unsigned long long)swept.totals.broken_heaps);
	}
	heap_process__stop(&process);
}

static void test_finds_while_busy(void **state)
{
	(void)state;
	each_python(finds_while_busy);
}

/* Books full of lies. The process does nothing but wait after that. */
static const char forged[] = HEAP_PRELUDE
	"word = lambda a: ctypes.c_uint64.from_address(a)\n"
	"half = lambda a: ctypes.c_uint32.from_address(a)\n"
	"stay = threading.Event()\n"
	"out = []\n"
	"def run():\n"
	"    out.extend(libc.malloc(2000) for _ in range(3000))\n"
	"    stay.wait()\n"
	"threading.Thread(target=run, daemon=True).start()\n"
	"while len(out) < 3000: time.sleep(0.05)\n"
	"kept = [libc.malloc(1500) for _ in range(3000)]\n"
	"objects = [b'%060d' % i for i in range(20000)]\n"
	"pool = 4096 if sys.version_info < (3, 10) else 16384\n"
	"pools = sorted({id(one) & -pool for one in objects})\n"
	"pools = pools[len(pools) // 4:len(pools) // 2][:12]\n"
	"plan = []\n"
	"plan.append((half(pools[0]), 0xffffffff))\n"             /* count */
	"plan.append((half(pools[1] + 36), 200))\n"               /* size class */
	"plan.append((word(pools[2] + 8), pools[2] + 48))\n"      /* chain into a block in use */
	"plan.append((word(pools[3] + 8), 0xdeadbeefdeadbeef))\n" /* nowhere */
	"plan.append((half(pools[4] + 40), 0xfffffff0))\n"        /* nextoffset */
	"plan.append((word(pools[5] + 8), pools[5] + 48))\n"      /* a loop */
	"plan.append((word(pools[5] + 48), pools[5] + 48))\n"
	"plan.append((half(pools[6] + 32), 77777))\n" /* arena */
	"plan.append((word(kept[500] - 8), 0))\n"     /* chunk sizes */
	"plan.append((word(kept[900] - 8), 0x7ffffffffff1))\n"
	"plan.append((word(kept[1300] - 8), 0x21))\n"
	"plan.append((word(out[500] - 8), 0x0fffffffffffff05))\n"
	"plan.append((word(out[900] - 8), 0))\n"
	"heap = out[100] & -(64 << 20)\n"
	"plan.append((word(heap + 8), heap))\n" /* heaps in a ring */
	"huge = libc.malloc(1 << 20)\n"
	"plan.append((word(huge - 8), 0x7ffffffff002))\n"
	"for i in range(200): plan.append((word(kept[2000 + i] - 8), i * 16 + 1))\n"
	"for p in kept[:400]: say('raw', p, libc.malloc_usable_size(p))\n"
	"sys.stdout.flush()\n"
	"for where, what in plan: where.value = what\n"
	"os.write(1, b'ready\\n')\n"
	"time.sleep(1000)\n";

static void survives_forgery(const char *python)
{
	struct heap_process process;
	struct swept swept;

	heap_process__start(&process, python, forged);
	sweep(&process, &swept);
	assert_int_equal(swept.end, 0);
	assert_true(swept.totals.bad_pools >= 6 && swept.totals.bad_pools <= 12);
	assert_true(swept.totals.broken_heaps >= 1);
	assert_true(swept.totals.unread_bytes > 0);
	assert_int_equal(missing(&process, "raw"), 0); /* those in front of the first lie */
	heap_process__stop(&process);
}

static void test_survives_forgery(void **state)
{
	(void)state;
	each_python(survives_forgery);
}

/*
 * Two entries of the table of arenas whose memory is gone: one of them has a pool in use by the books, the other has none, as between
 * munmap() and the line that clears the entry.
 */
static const char gone_arenas[] = HEAP_PRELUDE
	"word = lambda a: ctypes.c_uint64.from_address(a)\n"
	"half = lambda a: ctypes.c_uint32.from_address(a)\n"
	"pool, arena = (4096, 256 << 10) if sys.version_info < (3, 10) else (16384, 1 << 20)\n"
	"mine = b'%060d' % 1\n"
	"mine = id(mine) & -pool\n"
	"line = [line for line in open('/proc/self/maps') if '[heap]' in line][0]\n"
	"at, end = (int(part, 16) for part in line.split()[0].split('-'))\n"
	"def is_mine(a):\n"
	"    start = word(a).value\n"
	"    return (start % 4096 == 0 and start <= mine < word(a + 8).value <= start + arena and\n"
	"            half(a + 20).value in (arena // pool - 1, arena // pool))\n"
	/* The last: those before it were the table until it grew. */
	"table = max(a for a in range(at, end - 48, 16) if is_mine(a))\n"
	"table -= 48 * half(mine + 32).value\n"
	"unused = [a for a in range(table, end - 48, 48) if not word(a).value][:2]\n"
	"where = id(unused) & -arena ^ 1 << 46\n"
	"for entry, used in zip(unused, (0, 1)):\n"
	"    word(entry + 8).value = where + arena\n"
	"    half(entry + 16).value = arena // pool - used\n"
	"    half(entry + 20).value = arena // pool\n"
	"    word(entry).value = where\n"
	"    where += arena\n"
	"say('bytes', len(unused), arena)\n"
	"wait()\n";

static void tells_empty_from_unread(const char *python)
{
	struct heap_process process;
	struct swept swept;

	heap_process__start(&process, python, gone_arenas);
	assert_int_equal(process.count, 1);
	assert_int_equal(process.facts[0].address, 2);
	sweep(&process, &swept);
	assert_int_equal(swept.end, 0);
	assert_int_equal(swept.totals.unread_bytes, process.facts[0].size);
	heap_process__stop(&process);
}

static void test_tells_empty_from_unread(void **state)
{
	(void)state;
	each_python(tells_empty_from_unread);
}

static void test_process_that_is_gone(void **state)
{
	struct heap_process process;
	struct blocks *blocks;
	struct heap_block block;
	int err;

	(void)state;
	if (!is_supported("/usr/bin/python3"))
		skip();
	heap_process__start(&process, "/usr/bin/python3", HEAP_PRELUDE "wait()\n");
	kill(process.pid, SIGKILL);
	waitpid(process.pid, NULL, WNOWAIT | WEXITED);
	usleep(50000);
	err = blocks__open(process.image, process.target, process.pools, &blocks);
	if (!err) {
		while ((err = blocks__next(blocks, &block)) > 0)
			;
		blocks__close(blocks);
	}
	assert_true(err == -ESRCH || err == 0);
	heap_process__stop(&process);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_knows_all),
		cmocka_unit_test(test_follows_scattered),
		cmocka_unit_test(test_finds_while_busy),
		cmocka_unit_test(test_survives_forgery),
		cmocka_unit_test(test_tells_empty_from_unread),
		cmocka_unit_test(test_process_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
