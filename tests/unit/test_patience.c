// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_patience.c - calls that return, calls that do not, and what is left of the latter
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/patience.h"

#define LONG_S 300 /* what returns, does so long before */
#define SHORT_S 0.1

static atomic_int dropped;

/* Waits for a byte of a pipe. */
struct job {
	int from;
	pthread_t thread;
	int done;
};

static void wait_for_byte(void *of)
{
	struct job *job = of;
	char byte;

	job->thread = pthread_self();
	job->done = read(job->from, &byte, 1) == 1;
}

static void drop(void *of)
{
	free(of);
	atomic_fetch_add(&dropped, 1);
}

static struct job *new_job(int from)
{
	struct job *job = calloc(1, sizeof(*job));

	assert_non_null(job);
	job->from = from;
	return job;
}

static void until_dropped(int count)
{
	while (atomic_load(&dropped) < count)
		usleep(1000);
}

static void what_returns_is_waited_for(void **state)
{
	struct patience *patience = patience__new(1);
	struct job job = {0};
	pthread_t thread;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	job.from = ends[0];
	assert_int_equal(write(ends[1], "xx", 2), 2);
	assert_int_equal(patience__call(patience, wait_for_byte, &job, drop, LONG_S), 0);
	assert_true(job.done);
	assert_false(pthread_equal(job.thread, pthread_self()));
	thread = job.thread;
	assert_int_equal(patience__call(patience, wait_for_byte, &job, drop, LONG_S), 0);
	assert_true(pthread_equal(job.thread, thread));
	assert_int_equal(patience__left_behind(patience), 0);
	assert_int_equal(atomic_load(&dropped), 0);
	patience__free(patience);
	close(ends[0]);
	close(ends[1]);
}

/* And as many as may be; when they come back, there is room again. */
static void what_does_not_is_left_behind(void **state)
{
	struct patience *patience = patience__new(2);
	struct job quick = {0};
	int ends[2], ready[2];

	(void)state;
	atomic_store(&dropped, 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pipe(ready), 0);
	for (size_t i = 1; i <= 2; i++) {
		struct job *job = new_job(ends[0]);

		assert_int_equal(patience__call(patience, wait_for_byte, job, drop, SHORT_S),
				 -ETIMEDOUT);
		assert_int_equal(patience__left_behind(patience), i);
	}
	quick.from = ready[0];
	assert_int_equal(patience__call(patience, wait_for_byte, &quick, drop, LONG_S), -EBUSY);
	assert_int_equal(write(ends[1], "x", 1), 1);
	until_dropped(1);
	while (patience__left_behind(patience) > 1)
		usleep(1000);
	assert_int_equal(write(ready[1], "x", 1), 1);
	assert_int_equal(patience__call(patience, wait_for_byte, &quick, drop, LONG_S), 0);
	assert_true(quick.done);
	/* The other one outlives it. */
	patience__free(patience);
	assert_int_equal(write(ends[1], "x", 1), 1);
	until_dropped(2);
	for (size_t i = 0; i < 2; i++) {
		close(ends[i]);
		close(ready[i]);
	}
}

/* Memory of a process that nobody fills: a child's, which it has given to a userfaultfd. */
struct read_job {
	pid_t pid;
	void *address;
	ssize_t got;
};

static void read_memory(void *of)
{
	struct read_job *job = of;
	char byte;
	struct iovec to = {&byte, 1}, from = {job->address, 1};

	job->got = process_vm_readv(job->pid, &to, 1, &from, 1, 0);
}

static void __attribute__((noreturn)) hold(void *address, size_t size, int said)
{
	struct uffdio_api api = {.api = UFFD_API};
	struct uffdio_register range = {
		.range = {(uintptr_t)address, size},
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	char ok = fd >= 0 && !ioctl(fd, UFFDIO_API, &api) && !ioctl(fd, UFFDIO_REGISTER, &range);

	if (write(said, &ok, 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void memory_that_does_not_answer(void **state)
{
	size_t size = sysconf(_SC_PAGESIZE);
	void *address =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct patience *patience = patience__new(4);
	struct read_job *job = calloc(1, sizeof(*job));
	int said[2];
	char ok = 0;

	(void)state;
	atomic_store(&dropped, 0);
	assert_int_equal(pipe(said), 0);
	job->pid = fork();
	if (!job->pid)
		hold(address, size, said[1]);
	assert_int_equal(read(said[0], &ok, 1), 1);
	if (ok) {
		pid_t pid = job->pid;

		job->address = address;
		assert_int_equal(patience__call(patience, read_memory, job, drop, 1), -ETIMEDOUT);
		/* It is let go by the end of who holds it. */
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		until_dropped(1);
	} else {
		print_message("skipped because no userfaultfd can be had\n");
		kill(job->pid, SIGKILL);
		waitpid(job->pid, NULL, 0);
		free(job);
	}
	patience__free(patience);
	munmap(address, size);
	close(said[0]);
	close(said[1]);
	if (!ok)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_returns_is_waited_for),
		cmocka_unit_test(what_does_not_is_left_behind),
		cmocka_unit_test(memory_that_does_not_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
