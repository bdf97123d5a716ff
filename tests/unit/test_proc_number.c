// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_proc_number.c - numbers of files that have a name and a number on each line
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/proc_number.h"

#define UNTOUCHED 77

/* What is read of a file with this text; *number is left alone where nothing is. */
static int read_of(const char *text, const char *name, __u64 *number)
{
	char path[] = "/tmp/pyleak-number-XXXXXX";
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	*number = UNTOUCHED;
	err = proc_number__read(path, name, number);
	if (err)
		assert_int_equal(*number, UNTOUCHED);
	assert_int_equal(unlink(path), 0);
	return err;
}

static void test_units(void **state)
{
	static const char text[] = "Threads:\t12\nVmHWM:\t   2048 kB\nHugePages_Total:       3\n"
				   "Max address space         4096                 unlimited"
				   "            bytes     \nLast: 5 kB";
	__u64 number;

	(void)state;
	assert_int_equal(read_of(text, "Threads:", &number), 0);
	assert_int_equal(number, 12);
	assert_int_equal(read_of(text, "VmHWM:", &number), 0);
	assert_int_equal(number, 2048 << 10);
	assert_int_equal(read_of(text, "HugePages_Total:", &number), 0);
	assert_int_equal(number, 3);
	assert_int_equal(read_of(text, "Max address space", &number), 0);
	assert_int_equal(number, 4096);
	assert_int_equal(read_of(text, "Last:", &number), 0);
	assert_int_equal(number, 5 << 10);
}

/* A name counts at the beginning of a line only, and the first line that has it. */
static void test_which_line(void **state)
{
	__u64 number;

	(void)state;
	assert_int_equal(
		read_of("Name:\tVmRSS: 1 kB\nVmRSS: 2 kB\nVmRSS: 3 kB\n", "VmRSS:", &number), 0);
	assert_int_equal(number, 2 << 10);
	assert_int_equal(read_of("VmRSSx: 1\nxVmRSS: 2\n", "VmRSS:", &number), -ENOENT);
}

/* Lines are longer than any buffer: with many groups, or NUMA nodes; their middle is no beginning. */
static void test_long_lines(void **state)
{
	char text[5000];
	__u64 number;

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "Groups:", 7);
	for (size_t at = 16; at < 4000; at++)
		memcpy(text + at, "Threads: 1", 10);
	strcpy(text + 4500, "\nThreads: 2\n");
	assert_int_equal(read_of(text, "Threads:", &number), 0);
	assert_int_equal(number, 2);
}

static void test_no_number(void **state)
{
	__u64 number;

	(void)state;
	assert_int_equal(read_of("", "A:", &number), -ENOENT);
	assert_int_equal(read_of("A:", "A:", &number), -ENOENT);
	assert_int_equal(read_of("A:\n5\n", "A:", &number), -ENOENT);
	assert_int_equal(read_of("A: unlimited\n", "A:", &number), -ENOENT);
	assert_int_equal(read_of("A: -1\n", "A:", &number), -ENOENT);
	assert_int_equal(proc_number__read("/tmp/pyleak-none/none", "A:", &number), -ENOENT);
	assert_int_equal(proc_number__status(INT32_MAX, "VmRSS:", &number), -ENOENT);
}

static void test_bounds(void **state)
{
	__u64 number;

	(void)state;
	assert_int_equal(read_of("A: 18446744073709551615\n", "A:", &number), 0);
	assert_true(number == UINT64_MAX);
	assert_int_equal(read_of("A: 18446744073709551616\n", "A:", &number), -ERANGE);
	assert_int_equal(read_of("A: 18014398509481983 kB\n", "A:", &number), 0);
	assert_true(number == UINT64_MAX - 1023);
	assert_int_equal(read_of("A: 18014398509481984 kB\n", "A:", &number), -ERANGE);
}

/* The files themselves, of a process that has one thread and a limit. */
static void test_processes(void **state)
{
	struct rlimit limit = {1ull << 45, RLIM_INFINITY};
	__u64 number, total;
	char path[64];
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid)
		_exit(pause());
	assert_true(pid > 0);
	assert_int_equal(prlimit(pid, RLIMIT_AS, &limit, NULL), 0);
	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	assert_int_equal(proc_number__read(path, "Max address space", &number), 0);
	assert_true(number == 1ull << 45);
	assert_int_equal(proc_number__status(pid, "Threads:", &number), 0);
	assert_int_equal(number, 1);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	assert_int_equal(proc_number__read("/proc/meminfo", "MemTotal:", &total), 0);
	assert_int_equal(proc_number__read("/proc/meminfo", "MemAvailable:", &number), 0);
	assert_in_range(total, 64 << 20, 1ull << 50);
	assert_true(number <= total);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_units),      cmocka_unit_test(test_which_line),
		cmocka_unit_test(test_long_lines), cmocka_unit_test(test_no_number),
		cmocka_unit_test(test_bounds),     cmocka_unit_test(test_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
