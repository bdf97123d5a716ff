// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_limit.c - which limit of a process is the one that it will meet
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "inspect/limit.h"
#include "lib/proc_number.h"

#define ROOM (8ull << 20)

/* A process that does nothing, whose address space may be so large. */
static pid_t start(rlim_t most)
{
	struct rlimit limit = {most, RLIM_INFINITY};
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	assert_int_equal(prlimit(pid, RLIMIT_AS, &limit, NULL), 0);
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_address_space(void **state)
{
	struct memory_limit limit;
	__u64 size;
	pid_t pid;

	(void)state;
	pid = start(RLIM_INFINITY);
	assert_int_equal(proc_number__status(pid, "VmSize:", &size), 0);
	assert_int_equal(limit__read(pid, NULL, &limit), 0);
	assert_int_not_equal(limit.source, LIMIT_ADDRESS_SPACE);
	stop(pid);

	pid = start(size + ROOM);
	assert_int_equal(limit__read(pid, NULL, &limit), 0);
	assert_int_equal(limit.source, LIMIT_ADDRESS_SPACE);
	assert_true(limit.bytes == size + ROOM);
	assert_in_range(limit.room, ROOM - (1 << 20), ROOM + (1 << 20));
	stop(pid);

	/* It has more than it may have: set after the fact. */
	pid = start(4096);
	assert_int_equal(limit__read(pid, NULL, &limit), 0);
	assert_int_equal(limit.source, LIMIT_ADDRESS_SPACE);
	assert_int_equal(limit.bytes, 4096);
	assert_int_equal(limit.room, 0);
	stop(pid);
}

/* Where nothing is nearer, the host's memory. */
static void test_host(void **state)
{
	struct memory_limit limit;
	__u64 total;
	pid_t pid = start(RLIM_INFINITY);

	(void)state;
	assert_int_equal(proc_number__read("/proc/meminfo", "MemTotal:", &total), 0);
	assert_int_equal(limit__read(pid, NULL, &limit), 0);
	assert_int_equal(limit.source, LIMIT_HOST);
	assert_true(limit.bytes == total);
	assert_in_range(limit.room, 1, total - 1);
	stop(pid);
}

/* A cgroup's name is the target's to choose where it may make cgroups: it leads to no other files. */
static void test_no_cgroups(void **state)
{
	static const char *const names[] = {
		"", "/", "relative", "/../../proc", "/x/../../../tmp", "/none/of/these", "//",
	};
	struct memory_limit limit;
	char longest[8192];
	pid_t pid = start(4096);

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		assert_int_equal(limit__read(pid, names[i], &limit), 0);
		assert_int_equal(limit.source, LIMIT_ADDRESS_SPACE);
	}
	assert_int_equal(limit__read(pid, longest, &limit), 0);
	assert_int_equal(limit.source, LIMIT_ADDRESS_SPACE);
	stop(pid);
}

static void test_gone(void **state)
{
	struct memory_limit limit;

	(void)state;
	assert_int_equal(limit__read(INT32_MAX, NULL, &limit), -ESRCH);
	assert_int_equal(limit.source, LIMIT_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_address_space),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_no_cgroups),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
