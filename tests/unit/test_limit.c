// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_limit.c - which limit of a process is the one that it will meet
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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

static void put(const char *directory, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void make_group(const char *directory, const char *limit, const char *used)
{
	assert_int_equal(mkdir(directory, 0755), 0);
	put(directory, "memory.max", limit);
	put(directory, "memory.current", used);
	put(directory, "memory.stat", "anon 1\ninactive_anon 7\ninactive_file 3000\nshmem 9\n");
	put(directory, "memory.events", "low 0\nhigh 5\nmax 17\noom 2\noom_kill 1\n");
	put(directory, "memory.pressure",
	    "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\n"
	    "full avg10=2.00 avg60=0.00 avg300=0.00 total=1\n");
}

/* Files of version 2 as the kernel writes them, for a kernel that has version 1; what is real is in tests/e2e/test_oom.py. */
static void look_at_groups(pid_t pid)
{
	struct memory_limit limit;

	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL), 0);
	make_group("/sys/fs/cgroup/app.slice", "1000000\n", "900000\n");
	make_group("/sys/fs/cgroup/app.slice/a.service", "50000\n", "40000\n");
	make_group("/sys/fs/cgroup/app.slice/b.service", "max\n", "40000\n");

	assert_int_equal(limit__read(pid, "/app.slice/a.service", &limit), 0);
	assert_int_equal(limit.source, LIMIT_CGROUP);
	assert_int_equal(limit.bytes, 50000);
	assert_int_equal(limit.room, 13000); /* file pages that nobody uses are room */
	assert_int_equal(limit.hits, 17);
	assert_true(fabs(limit.stalled - 0.125) < 1e-9);

	assert_int_equal(limit__read(pid, "/app.slice/b.service", &limit), 0);
	assert_int_equal(limit.source, LIMIT_CGROUP);
	assert_int_equal(limit.bytes, 1000000);
	assert_int_equal(limit.room, 103000);

	/* Out of our cgroup namespace; and what is there instead is no cgroup. */
	assert_int_equal(limit__read(pid, "/../app.slice", &limit), 0);
	assert_int_equal(limit.source, LIMIT_HOST);
	assert_true(isnan(limit.stalled));
	exit(0);
}

static void test_version_2(void **state)
{
	pid_t pid = start(RLIM_INFINITY), looking;
	int status;

	(void)state;
	if (geteuid())
		skip();
	looking = fork();
	assert_true(looking >= 0);
	if (!looking)
		look_at_groups(pid);
	assert_int_equal(waitpid(looking, &status, 0), looking);
	assert_int_equal(status, 0);
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
		cmocka_unit_test(test_address_space), cmocka_unit_test(test_host),
		cmocka_unit_test(test_no_cgroups),    cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
