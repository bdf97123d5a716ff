// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_host_events.c - processes made, executed, ended and killed for memory on the kernel that is running, against what it said of them
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "trace/host_events.h"

#define MANY 10000
#define KINDS (HOST_EVENT_OOM + 1)

/* What has come of our children, and of one process. */
struct seen {
	pid_t pid; /* that one; 0 = whichever we have made */
	size_t count[KINDS];
	__u64 first_ns[KINDS];
	__u32 parent[KINDS];
	bool in_order;
	__u64 last_ns;
};

static struct host_events *events;

static int open_events(void **state)
{
	int err = geteuid() ? -EPERM : host_events__open(&events);

	(void)state;
	if (err == -EPERM && geteuid()) {
		print_message("skipped: not root\n");
		return 0;
	}
	return err;
}

static int close_events(void **state)
{
	(void)state;
	host_events__close(events);
	events = NULL;
	return 0;
}

static void take(void *context, const struct host_event *event)
{
	struct seen *seen = context;

	if (seen->pid ? event->pid != (__u32)seen->pid : event->parent != (__u32)getpid())
		return;
	assert_in_range(event->kind, HOST_EVENT_EXEC, HOST_EVENT_OOM);
	if (!seen->count[event->kind]++) {
		seen->first_ns[event->kind] = event->time_ns;
		seen->parent[event->kind] = event->parent;
	}
	seen->in_order &= event->time_ns >= seen->last_ns;
	seen->last_ns = event->time_ns;
}

static void ignore(void *context, const struct host_event *event)
{
	(void)context;
	(void)event;
}

/* More often than the ring needs: others may fill it up again meanwhile, we want what is ours. */
static void drain(struct seen *seen)
{
	seen->in_order = true;
	assert_int_equal(host_events__read(events, take, seen), 0);
	assert_int_equal(host_events__read(events, take, seen), 0);
}

static void forget(void)
{
	if (!events)
		skip();
	assert_int_equal(host_events__read(events, ignore, NULL), 0);
}

static void wait_for(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_program_is_seen_from_fork_to_exit(void **state)
{
	struct seen seen = {0};
	__u64 before, after;
	pid_t pid;

	(void)state;
	forget();
	before = clock__ns();
	pid = fork();
	if (!pid) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	wait_for(pid);
	after = clock__ns();
	seen.pid = pid;
	drain(&seen);
	for (int kind = HOST_EVENT_EXEC; kind <= HOST_EVENT_EXIT; kind++) {
		assert_int_equal(seen.count[kind], 1);
		assert_int_equal(seen.parent[kind], getpid());
		assert_in_range(seen.first_ns[kind], before, after);
	}
	assert_true(seen.first_ns[HOST_EVENT_FORK] < seen.first_ns[HOST_EVENT_EXEC]);
	assert_true(seen.first_ns[HOST_EVENT_EXEC] < seen.first_ns[HOST_EVENT_EXIT]);
	assert_true(seen.in_order);
	assert_int_equal(seen.count[HOST_EVENT_OOM], 0);
	assert_int_equal(host_events__lost(events), 0);
}

/* Not by returning: what is left of the test in this process is no leak. */
static void *wait_for_byte(void *fd)
{
	char byte;

	_exit(read(*(int *)fd, &byte, 1) != 1);
}

/* Its first thread ends at once, another one lives until it is told. */
static void __attribute__((noreturn)) outlive_the_first_thread(int *fd)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_byte, fd);
	pthread_detach(thread);
	pthread_exit(NULL);
}

static bool is_state(pid_t pid, char wanted)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (file) {
		assert_int_equal(fscanf(file, "%*d %*[^)]) %c", &state), 1);
		fclose(file);
	}
	return state == wanted;
}

static void threads_are_no_processes(void **state)
{
	struct seen seen = {0};
	int ends[2];
	pid_t pid;

	(void)state;
	forget();
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid)
		outlive_the_first_thread(&ends[0]);
	while (!is_state(pid, 'Z')) /* so its first thread looks, when it has ended alone */
		usleep(1000);
	seen.pid = pid;
	drain(&seen);
	assert_int_equal(seen.count[HOST_EVENT_FORK], 1);
	assert_int_equal(seen.count[HOST_EVENT_EXIT], 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	wait_for(pid);
	drain(&seen);
	assert_int_equal(seen.count[HOST_EVENT_FORK], 1);
	assert_int_equal(seen.count[HOST_EVENT_EXIT], 1);
	close(ends[0]);
	close(ends[1]);
}

/* A process that a thread other than the first one starts is the process's child. */
static void *make_child(void *pid)
{
	*(pid_t *)pid = fork();
	if (!*(pid_t *)pid)
		_exit(0);
	wait_for(*(pid_t *)pid);
	return NULL;
}

static void a_threads_child_is_the_processs(void **state)
{
	struct seen seen = {0};
	pthread_t thread;

	(void)state;
	forget();
	assert_int_equal(pthread_create(&thread, NULL, make_child, &seen.pid), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	drain(&seen);
	assert_int_equal(seen.parent[HOST_EVENT_FORK], getpid());
	assert_int_equal(seen.parent[HOST_EVENT_EXIT], getpid());
}

static pid_t make_one(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(0);
	return pid;
}

/* As fast as it goes: they only end. */
static void make_children(int count)
{
	for (int i = 0; i < count; i++)
		wait_for(make_one());
}

static void ten_thousand_are_all_seen(void **state)
{
	struct seen seen = {0};

	(void)state;
	forget();
	for (int i = 0; i < MANY / 100; i++) {
		make_children(100);
		drain(&seen);
	}
	assert_int_equal(host_events__lost(events), 0);
	assert_int_equal(seen.count[HOST_EVENT_FORK], MANY);
	assert_int_equal(seen.count[HOST_EVENT_EXIT], MANY);
}

/* Two events a child and one of others' now and then: the ring has room for 8192. */
static void what_is_not_read_is_counted(void **state)
{
	struct seen seen = {0};
	size_t ours;

	(void)state;
	forget();
	make_children(MANY);
	drain(&seen);
	ours = seen.count[HOST_EVENT_FORK] + seen.count[HOST_EVENT_EXIT];
	assert_in_range(ours, 1, 8192);
	assert_true(host_events__lost(events) >= 2 * MANY - ours);
	/* It goes on. */
	seen = (struct seen){0};
	make_children(1);
	drain(&seen);
	assert_int_equal(seen.count[HOST_EVENT_FORK], 1);
}

static void wakes_us_for_many_not_for_each(void **state)
{
	struct pollfd fd;

	(void)state;
	forget();
	fd = (struct pollfd){.fd = host_events__fd(events), .events = POLLIN};
	make_children(10);
	assert_int_equal(poll(&fd, 1, 0), 0);
	make_children(MANY / 4);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	forget();
	assert_int_equal(poll(&fd, 1, 0), 0);
}

/* ---- the OOM killer, in a memory cgroup of 16 MB ---- */

#define LIMIT "16777216"

static bool write_text(const char *folder, const char *name, const char *text)
{
	char path[4096];
	bool written;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return written;
}

/* Version 1 or 2, wherever it is mounted by custom. False: neither lets us. */
static bool make_cgroup(char *folder, size_t size)
{
	snprintf(folder, size, "/sys/fs/cgroup/memory/pyleak-test-%d", getpid());
	if (!mkdir(folder, 0755))
		return write_text(folder, "memory.limit_in_bytes", LIMIT);
	snprintf(folder, size, "/sys/fs/cgroup/pyleak-test-%d", getpid());
	write_text("/sys/fs/cgroup", "cgroup.subtree_control", "+memory");
	return !mkdir(folder, 0755) && write_text(folder, "memory.max", LIMIT) &&
	       (write_text(folder, "memory.swap.max", "0") || true);
}

static void *eat(void *unused)
{
	for (int i = 0; i < 1024; i++)
		memset(malloc(1 << 20), 1, 1 << 20);
	return unused;
}

/* A thread other than the first one runs out of memory, so that the kernel may name that one. */
static void __attribute__((noreturn)) run_out_of_memory(const char *folder)
{
	pthread_t thread;
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	if (!write_text(folder, "cgroup.procs", pid))
		_exit(3);
	pthread_create(&thread, NULL, eat, NULL);
	pthread_join(thread, NULL);
	_exit(4);
}

static void a_victim_of_the_oom_killer_is_named(void **state)
{
	struct seen seen = {0};
	struct pollfd fd;
	char folder[256];
	int status;

	(void)state;
	forget();
	if (!make_cgroup(folder, sizeof(folder))) {
		rmdir(folder);
		print_message("skipped: no memory cgroup can be made here\n");
		skip();
	}
	fd = (struct pollfd){.fd = host_events__fd(events), .events = POLLIN};
	seen.pid = fork();
	if (!seen.pid)
		run_out_of_memory(folder);
	/* Not before the process is gone for its parent, at the latest. */
	assert_int_equal(waitpid(seen.pid, &status, 0), seen.pid);
	rmdir(folder);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	drain(&seen);
	assert_true(seen.count[HOST_EVENT_OOM] >= 1);
	assert_true(seen.first_ns[HOST_EVENT_OOM] < seen.first_ns[HOST_EVENT_EXIT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_program_is_seen_from_fork_to_exit, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(threads_are_no_processes, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(a_threads_child_is_the_processs, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(ten_thousand_are_all_seen, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(what_is_not_read_is_counted, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(wakes_us_for_many_not_for_each, open_events,
						close_events),
		cmocka_unit_test_setup_teardown(a_victim_of_the_oom_killer_is_named, open_events,
						close_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
