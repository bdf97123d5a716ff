// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_pools.c - the block count against sys.getallocatedblocks() of live processes
 *
 * That figure has the blocks over 512 bytes too, which are not pymalloc's: they are the difference,
 * and it must not move while the target makes and drops a known number of small objects.
 */
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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
#include "heap/pools.h"

#define NOISE 60

static const char script[] =
	"import sys, os\n"
	"keep = []\n"
	"def say():\n"
	"    print(sys.getallocatedblocks(), flush=True)\n"
	"for line in sys.stdin:\n"
	"    word, n = line.split()\n"
	"    n = int(n)\n"
	"    if word == 'make':\n"
	"        keep += [None] * n\n"
	"        for i in range(len(keep) - n, len(keep)):\n"
	"            keep[i] = b'%040d' % i\n"
	"    elif word == 'drop':\n"
	"        for i in range(0, len(keep), n):\n"
	"            keep[i] = None\n"
	"    elif word == 'inner':\n" /* in another interpreter; since 3.12 with pools of its own */
	"        if not n:\n"
	"            try:\n"
	"                import _interpreters as inner\n"
	"            except ImportError:\n"
	"                import _xxsubinterpreters as inner\n"
	"            other = inner.create()\n"
	"        code = 'keep = [b\"%040d\" % i for i in range({})]'\n"
	"        inner.run_string(other, code.format(n))\n"
	"    elif word == 'churn':\n"
	"        print('ok', flush=True)\n"
	"        while True:\n"
	"            keep = [b'%040d' % i for i in range(n)]\n"
	"    say()\n";

struct python_process {
	pid_t pid;
	FILE *to, *from;
	struct target *target;
};

static int start(struct python_process *process, const char *python, const char *allocator)
{
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		return -1;
	process->pid = fork();
	if (!process->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		setenv("PYTHONMALLOC", allocator, 1);
		execl(python, python, "-S", "-c", script, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	process->to = fdopen(in[1], "w");
	process->from = fdopen(out[0], "r");
	process->target = NULL;
	return 0;
}

/* Sends a command; the blocks that the process says it has, -1 = said something else. */
static long long ask(struct python_process *process, const char *word, long n)
{
	char line[64] = "";
	long long blocks = -1;

	fprintf(process->to, "%s %ld\n", word, n);
	fflush(process->to);
	if (fgets(line, sizeof(line), process->from))
		sscanf(line, "%lld", &blocks);
	usleep(20000); /* it waits in read() again */
	return blocks;
}

static void stop(struct python_process *process)
{
	target__free(process->target);
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	fclose(process->to);
	fclose(process->from);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static long long count(struct pools *pools)
{
	struct pools_in_use in_use;
	long long sum = 0;

	assert_int_equal(pools__in_use(pools, &in_use), 0);
	for (int class = 0; class < POOL_CLASSES; class ++)
		sum += in_use.of_class[class];
	assert_int_equal(sum, in_use.blocks);
	return in_use.blocks;
}

static void near(long long is, long long want, const char *what, const char *python)
{
	if (llabs(is - want) > NOISE)
		fail_msg("%s: %s: %lld instead of %lld", python, what, is, want);
}

static void check_python(const char *python)
{
	long long said[4], seen[4], raw;
	struct python_process process;
	struct pools_in_use in_use;
	struct pools *pools;
	double opened, counted;

	assert_int_equal(start(&process, python, "pymalloc"), 0);
	said[0] = ask(&process, "say", 0);
	assert_int_equal(target__discover(process.pid, &process.target), 0);

	opened = now_ms();
	assert_int_equal(pools__open(process.target, &pools), 0);
	opened = now_ms() - opened;
	seen[0] = count(pools);
	said[1] = ask(&process, "make", 100000);
	seen[1] = count(pools);
	said[2] = ask(&process, "make", 2000000);
	counted = now_ms();
	seen[2] = count(pools);
	counted = now_ms() - counted;
	said[3] = ask(&process, "drop", 2);
	seen[3] = count(pools);

	raw = said[0] - seen[0];
	print_message("%s: %lld blocks, %lld said, %lld made, %.1f ms to open, %.1f ms for %lld\n",
		      python, seen[0], said[0], seen[1] - seen[0], opened, counted, seen[2]);
	assert_true(raw >= -NOISE && raw < 5000);
	near(seen[1] - seen[0], 100000, "made", python);
	near(seen[2] - seen[1], 2000000, "made", python);
	near(seen[3] - seen[2], -1050000, "dropped", python);
	for (int i = 1; i < 4; i++)
		near(said[i] - seen[i], raw, "blocks over 512 bytes", python);

	/* While it changes as fast as it can. */
	ask(&process, "churn", 300000);
	for (int i = 0; i < 30; i++) {
		long long blocks = count(pools);
		struct pools *again;
		int err = pools__open(process.target, &again);

		assert_true(blocks > 1000 && blocks < 4000000);
		assert_true(err == 0 || err == -ENOENT || err == -EAGAIN);
		if (!err)
			pools__close(again);
	}
	kill(process.pid, SIGKILL);
	waitpid(process.pid, NULL, 0);
	assert_true(pools__in_use(pools, &in_use) < 0);
	pools__close(pools);
	stop(&process);
}

/* _xxsubinterpreters is there since 3.8. */
static void check_interpreters(const char *python)
{
	struct python_process process;
	long long before, after;
	struct pools *pools;

	assert_int_equal(start(&process, python, "pymalloc"), 0);
	ask(&process, "inner", 0);
	assert_int_equal(target__discover(process.pid, &process.target), 0);
	assert_int_equal(pools__open(process.target, &pools), 0);
	ask(&process, "inner", 1000);
	before = count(pools);
	assert_true(ask(&process, "inner", 101000) > 0);
	after = count(pools);
	near(after - before, 100000, "made in another interpreter", python);
	pools__close(pools);
	stop(&process);
}

static void check_without_pymalloc(const char *python)
{
	struct python_process process;
	struct pools *pools;

	assert_int_equal(start(&process, python, "malloc"), 0);
	ask(&process, "say", 0);
	assert_int_equal(target__discover(process.pid, &process.target), 0);
	assert_int_equal(pools__open(process.target, &pools), -ENOENT);
	stop(&process);
}

static void test_blocks(void **state)
{
	(void)state;
	each_python(check_python);
}

static void test_interpreters(void **state)
{
	(void)state;
	each_python(check_interpreters);
}

static void test_without_pymalloc(void **state)
{
	(void)state;
	each_python(check_without_pymalloc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_interpreters),
		cmocka_unit_test(test_without_pymalloc),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
