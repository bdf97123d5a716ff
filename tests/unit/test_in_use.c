// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_in_use.c - verdicts on blocks of live processes against what these processes know
 *
 * The target stands still (it waits in read()) while it is asked, so every verdict must be right. Then it allocates as fast
 * as it can: blocks that it keeps must not be called free but by a rare race, whose share is printed.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "pythons.h"

#include "discover/discover.h"
#include "heap/in_use.h"

#define MOST (1 << 20)

struct truth {
	int state; /* enum block_state */
	char what[40];
};

/* A process that prints blocks and waits. */
struct process {
	pid_t pid;
	FILE *to, *from;
	struct target *target;
	struct pools *pools;
	struct in_use *reader;
	struct block_query *blocks;
	struct truth *truths;
	size_t count;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void start(struct process *process, char *const argv[])
{
	int in[2], out[2];

	memset(process, 0, sizeof(*process));
	assert_int_equal(pipe(in) || pipe(out), 0);
	process->pid = fork();
	if (!process->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	process->to = fdopen(in[1], "w");
	process->from = fdopen(out[0], "r");
	process->blocks = calloc(MOST, sizeof(*process->blocks));
	process->truths = calloc(MOST, sizeof(*process->truths));
	assert_true(process->blocks && process->truths);
}

/* Reads lines up to one that is this word; blocks go to the list. */
static void read_blocks(struct process *process, __u32 domain, const char *until)
{
	char line[256];

	process->count = 0;
	while (fgets(line, sizeof(line), process->from)) {
		struct block_query *block = &process->blocks[process->count];
		struct truth *truth = &process->truths[process->count];
		unsigned long long address, size;

		if (!strncmp(line, until, strlen(until))) {
			usleep(50000); /* it waits in read() again */
			return;
		}
		if (sscanf(line, "%llx %llu %d %39[^\n]", &address, &size, &truth->state,
			   truth->what) != 4)
			continue;
		assert_true(++process->count < MOST);
		*block = (struct block_query){
			.address = address, .size = size, .domain = domain, .of = truth};
	}
	fail_msg("ended before %s", until);
}

static void go_on(struct process *process)
{
	fputc('\n', process->to);
	fflush(process->to);
}

static void stop(struct process *process)
{
	in_use__close(process->reader);
	pools__close(process->pools);
	target__free(process->target);
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	fclose(process->to);
	fclose(process->from);
	free(process->blocks);
	free(process->truths);
}

/* Every verdict must be the truth. */
static void check_exact(struct process *process, const char *name)
{
	size_t wrong = 0, in_use = 0;
	double ms = now_ms();

	assert_int_equal(in_use__check(process->reader, process->blocks, process->count), 0);
	ms = now_ms() - ms;
	for (size_t i = 0; i < process->count; i++) {
		const struct block_query *block = &process->blocks[i];
		const struct truth *truth = block->of;

		in_use += truth->state == BLOCK_IN_USE;
		if ((int)block->state == truth->state)
			continue;
		if (wrong++ < 20)
			print_message("%s: %#llx, %llu bytes, %s: %d instead of %d\n", name,
				      (unsigned long long)block->address,
				      (unsigned long long)block->size, truth->what, block->state,
				      truth->state);
	}
	print_message("%s: %zu blocks, %zu in use, %zu misjudged, %.1f ms\n", name, process->count,
		      in_use, wrong, ms);
	assert_int_equal(wrong, 0);
}

/* Blocks that the busy target keeps: how many are not seen to be in use, in several looks. */
static void check_busy(struct process *process, const char *name)
{
	size_t kept = 0, free_ones = 0, unknown = 0;
	double ms = now_ms();

	for (int look = 0; look < 20; look++) {
		assert_int_equal(in_use__check(process->reader, process->blocks, process->count),
				 0);
		for (size_t i = 0; i < process->count; i++) {
			const struct truth *truth = process->blocks[i].of;

			if (truth->state != BLOCK_IN_USE)
				continue;
			kept++;
			free_ones += process->blocks[i].state == BLOCK_FREE;
			unknown += process->blocks[i].state == BLOCK_UNKNOWN;
			if (process->blocks[i].state == BLOCK_FREE && free_ones < 10)
				print_message("%s: %#llx, %llu bytes, %s: called free\n", name,
					      (unsigned long long)process->blocks[i].address,
					      (unsigned long long)process->blocks[i].size,
					      truth->what);
		}
	}
	print_message("%s, busy: of %zu kept, %zu called free, %zu unknown; %.1f ms a look\n", name,
		      kept, free_ones, unknown, (now_ms() - ms) / 20);
	assert_true(free_ones * 1000 <= kept && unknown * 4 <= kept);
}

static char program[] = "/tmp/pyleak-heap-states-XXXXXX";
static bool program_built;

static int build_program(void **state)
{
	char command[512];
	int fd = mkstemp(program);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	snprintf(command, sizeof(command),
		 "cc -O0 -fno-builtin -pthread -w -o %s tests/fixtures/heap_states.c", program);
	program_built = system(command) == 0;
	return 0;
}

static int remove_program(void **state)
{
	(void)state;
	return unlink(program);
}

static void check_malloc(char *const argv[], const char *name)
{
	struct process process;

	if (!program_built)
		skip();
	start(&process, argv);
	read_blocks(&process, DOMAIN_RAW, "READY");
	assert_int_equal(target__discover(process.pid, &process.target), 0);
	assert_int_equal(in_use__open(process.target, NULL, &process.reader), 0);
	check_exact(&process, name);
	assert_null(in_use__raw_limit(process.reader));
	go_on(&process);
	while (fgetc(process.from) != 'C')
		assert_false(feof(process.from));
	check_busy(&process, name);
	stop(&process);
}

static void test_glibc_corrupt(void **state)
{
	char word[] = "corrupt";
	char *const argv[] = {program, word, NULL};
	struct process process;
	double ms;

	(void)state;
	if (!program_built)
		skip();
	start(&process, argv);
	read_blocks(&process, DOMAIN_RAW, "READY");
	assert_int_equal(target__discover(process.pid, &process.target), 0);
	assert_int_equal(in_use__open(process.target, NULL, &process.reader), 0);
	for (int i = 0; i < 2; i++) {
		ms = now_ms();
		assert_int_equal(in_use__check(process.reader, process.blocks, process.count), 0);
		print_message("malloc, corrupted: %.1f ms\n", now_ms() - ms);
		go_on(&process);
		usleep(200000);
	}
	stop(&process);
}

static void test_glibc(void **state)
{
	char *const argv[] = {program, NULL};

	(void)state;
	check_malloc(argv, "malloc");
}

/* Without tcaches, fastbins have what is small; with one arena, threads share it. */
static void test_glibc_tuned(void **state)
{
	char *const argv[] = {program, NULL};

	(void)state;
	setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
	check_malloc(argv, "malloc, no tcache");
	unsetenv("GLIBC_TUNABLES");
	setenv("MALLOC_MMAP_THRESHOLD_", "4000000", 1);
	check_malloc(argv, "malloc, nothing mapped");
	unsetenv("MALLOC_MMAP_THRESHOLD_");
}

/* The C libraries of the trees that tests/fresh/python314 has made. */
static void test_other_glibcs(void **state)
{
	glob_t found;

	(void)state;
	glob("build/python3.*/usr/lib/x86_64-linux-gnu/libc.so.6", 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char folder[512], loader[560], path[] = "--library-path";
		char *const argv[] = {loader, path, folder, program, NULL};

		snprintf(folder, sizeof(folder), "%s", found.gl_pathv[i]);
		*strrchr(folder, '/') = '\0';
		snprintf(loader, sizeof(loader), "%s/ld-linux-x86-64.so.2", folder);
		check_malloc(argv, folder);
	}
	if (!found.gl_pathc)
		print_message("no other glibc here\n");
	globfree(&found);
}

/* ---- pymalloc ---- */

static const char script[] =
	"import os, sys, random\n"
	"random.seed(5)\n"
	"off = int(sys.argv[1])\n"
	"more = 24 if off else 0\n"
	"def lines(objects, state, what):\n"
	"    return ''.join('%x %d %d %s\\n' % (id(o) - off, sys.getsizeof(o) + more, state, what) "
	"for o in objects)\n"
	"def say(text):\n"
	"    os.write(1, text)\n"
	"def out(data):\n"
	"    data = memoryview(data)\n"
	"    while len(data):\n"
	"        data = data[os.write(1, data):]\n"
	"ready = b'READY\\n'\n"
	"some = [bytes(random.randrange(32, 440)) for i in range(60000)]\n"
	"whole = [bytes(367) for i in range(30000)]\n"
	"old = [bytes(200) for i in range(0 if len(sys.argv) > 3 else 8000)]\n"
	"keep, drop = [], []\n"
	"for o in some:\n"
	"    (keep if random.random() < 0.5 else drop).append(o)\n"
	"text = (lines(keep, 1, 'kept') + lines(drop, 2, 'dropped') + lines(whole, 2, 'arenas "
	"given back')\n"
	"        + lines(old, 2, 'pools of another size')).encode()\n"
	"o = None\n"
	"some = None\n"
	"old.clear()\n"
	"new = [bytes(420) for i in range(8000)]\n"
	"text += lines(new, 1, 'new').encode()\n"
	"o = None\n"
	"out(text)\n"
	"if len(sys.argv) > 3:\n" /* in another interpreter; since 3.12 with pools of its own */
	"    try:\n"
	"        import _interpreters as inner\n"
	"    except ImportError:\n"
	"        import _xxsubinterpreters as inner\n"
	"    other = inner.create()\n"
	"    inner.run_string(other, '''\n"
	"import os\n"
	"keep = [bytes(400) for i in range(9000)]\n"
	"drop = keep[::3]\n"
	"text = ''.join('%x 433 %d inner' % (id(o), 1 if i % 3 else 2) + chr(10) "
	"for i, o in "
	"enumerate(keep))\n"
	"os.write(1, text.encode())\n"
	"o = None\n"
	"keep = [o for i, o in enumerate(keep) if i % 3]\n"
	"o = None\n"
	"drop.clear()\n"
	"''')\n"
	"ready_on_1 = (1, ready)\n"
	"whole.clear()\n"
	"drop.clear()\n"
	"os.write(*ready_on_1)\n"
	"os.read(0, 1)\n"
	"if sys.argv[2:] == ['corrupt']:\n" /* write nonsense into free blocks: chains that never end, leave the pool, the heap */
	"    mem = os.open('/proc/self/mem', os.O_RDWR)\n"
	"    keep = [bytes(460) for i in range(4000)]\n"
	"    drop = keep[::2]\n"
	"    keep = keep[1::2]\n"
	"    out((lines(keep, 1, 'kept') + lines(drop, 2, 'corrupted')).encode())\n"
	"    wild = [0, 8, 0xdeadbeefdeadbeef, 0x7fffffffffffffff, 1 << 63, 1 << 40]\n"
	"    places = [(id(o), (id(o) if i % 3 else wild[i % 6]).to_bytes(8, 'little'))\n"
	"              for i, o in enumerate(drop)]\n"
	"    pwrite, read, o = os.pwrite, os.read, None\n"
	"    drop.clear()\n"
	"    for place in places:\n"
	"        pwrite(mem, place[1], place[0])\n"
	"    os.write(*ready_on_1)\n"
	"    read(0, 1)\n"
	"os.write(1, b'CHURN\\n')\n"
	"while True:\n"
	"    some = [bytes(i % 500) for i in range(100000)]\n";

static void check_python(const char *python, const char *allocator, const char *offset, bool inner)
{
	char path[4096], dash_s[] = "-S", dash_c[] = "-c", text[sizeof(script)], off[16],
			 name[4200];
	char none[] = "", word[] = "inner";
	char *const argv[] = {path, dash_s, dash_c, text, off, inner ? none : NULL, word, NULL};
	struct process process;

	snprintf(path, sizeof(path), "%s", python);
	memcpy(text, script, sizeof(script));
	snprintf(off, sizeof(off), "%s", offset);
	setenv("PYTHONMALLOC", allocator, 1);
	start(&process, argv);
	unsetenv("PYTHONMALLOC");
	read_blocks(&process, DOMAIN_OBJECT, "READY");
	assert_int_equal(target__discover(process.pid, &process.target), 0);
	assert_int_equal(pools__open(process.target, &process.pools), 0);
	assert_int_equal(in_use__open(process.target, process.pools, &process.reader), 0);
	snprintf(name, sizeof(name), "%s %s -%s%s", python, allocator, offset,
		 inner ? ", two interpreters" : "");
	check_exact(&process, name);
	go_on(&process);
	while (fgetc(process.from) != 'C')
		assert_false(feof(process.from));
	check_busy(&process, name);
	stop(&process);
}

/* Kept blocks are never called free, whatever the chains say, and the answer comes. */
static void check_corrupt(struct process *process, const char *name)
{
	size_t kept = 0, unknown = 0;
	double ms = now_ms();

	assert_int_equal(in_use__check(process->reader, process->blocks, process->count), 0);
	ms = now_ms() - ms;
	for (size_t i = 0; i < process->count; i++) {
		const struct truth *truth = process->blocks[i].of;

		kept += truth->state == BLOCK_IN_USE;
		unknown += process->blocks[i].state == BLOCK_UNKNOWN;
		if (truth->state == BLOCK_IN_USE)
			assert_int_not_equal(process->blocks[i].state, BLOCK_FREE);
	}
	print_message("%s, corrupted: %zu kept, %zu of %zu unknown, %.1f ms\n", name, kept, unknown,
		      process->count, ms);
	assert_true(unknown > 0);
}

static void check_pymalloc_corrupt(const char *python)
{
	char path[4096], dash_s[] = "-S", dash_c[] = "-c", text[sizeof(script)], off[] = "0";
	char word[] = "corrupt";
	char *const argv[] = {path, dash_s, dash_c, text, off, word, NULL};
	struct process process;

	snprintf(path, sizeof(path), "%s", python);
	memcpy(text, script, sizeof(script));
	setenv("PYTHONMALLOC", "pymalloc", 1);
	start(&process, argv);
	unsetenv("PYTHONMALLOC");
	read_blocks(&process, DOMAIN_OBJECT, "READY");
	go_on(&process);
	read_blocks(&process, DOMAIN_OBJECT, "READY");
	assert_int_equal(target__discover(process.pid, &process.target), 0);
	assert_int_equal(pools__open(process.target, &process.pools), 0);
	assert_int_equal(in_use__open(process.target, process.pools, &process.reader), 0);
	check_corrupt(&process, python);
	/* And without the books of pymalloc, and of a process that is gone. */
	in_use__close(process.reader);
	assert_int_equal(in_use__open(process.target, NULL, &process.reader), 0);
	assert_int_equal(in_use__check(process.reader, process.blocks, process.count), 0);
	for (size_t i = 0; i < process.count; i++)
		assert_int_equal(process.blocks[i].state, BLOCK_UNKNOWN);
	in_use__close(process.reader);
	assert_int_equal(in_use__open(process.target, process.pools, &process.reader), 0);
	kill(process.pid, SIGKILL);
	waitpid(process.pid, NULL, 0);
	assert_int_equal(in_use__check(process.reader, process.blocks, process.count), -ESRCH);
	assert_int_equal(process.blocks[0].state, BLOCK_UNKNOWN);
	stop(&process);
}

static void test_pymalloc_corrupt(void **state)
{
	(void)state;
	each_python(check_pymalloc_corrupt);
}

static void check_pymalloc(const char *python)
{
	check_python(python, "pymalloc", "0", false);
	check_python(python, "pymalloc", "0", true);
}

static void check_pymalloc_debug(const char *python)
{
	check_python(python, "pymalloc_debug", "0", false);
	check_python(python, "pymalloc_debug", "16", false);
}

static void test_pymalloc(void **state)
{
	(void)state;
	each_python(check_pymalloc);
}

static void test_pymalloc_debug(void **state)
{
	(void)state;
	each_python(check_pymalloc_debug);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glibc),
		cmocka_unit_test(test_glibc_tuned),
		cmocka_unit_test(test_glibc_corrupt),
		cmocka_unit_test(test_other_glibcs),
		cmocka_unit_test(test_pymalloc),
		cmocka_unit_test(test_pymalloc_debug),
		cmocka_unit_test(test_pymalloc_corrupt),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, build_program, remove_program);
}
