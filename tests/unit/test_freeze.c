// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_freeze.c - processes that are stopped for a while: nothing in them moves, nothing of it is to be seen afterwards
 *
 * Each target is a child that counts what it does in memory that it shares with the test.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/freeze.h"

#define HANG 120 /* seconds until a child that hangs ends by itself */
#define LONG_S 60.0
#define MOVERS 4
#define ROUNDS 20
#define SIGNALS 50

struct shared {
	volatile unsigned long turns[MOVERS];
	volatile long signals, failed;
	volatile int ready, go;
};

struct child {
	pid_t pid;
	struct shared *shared;
};

static void brief(void)
{
	const struct timespec moment = {.tv_nsec = 2000000};

	nanosleep(&moment, NULL);
}

/* Its first thread may have ended. */
static void assert_lives(const struct child *child)
{
	siginfo_t info = {.si_pid = 0};

	waitid(P_PID, child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
	assert_int_equal(info.si_pid, 0);
}

static void wait_ready(const struct child *child, int ready)
{
	while (child->shared->ready < ready) {
		assert_lives(child);
		brief();
	}
}

static struct child start(void (*run)(struct shared *shared))
{
	struct child child = {.shared = mmap(NULL, sizeof(*child.shared), PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0)};

	assert_true(child.shared != MAP_FAILED);
	child.pid = fork();
	if (!child.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(HANG);
		run(child.shared);
		_exit(0);
	}
	wait_ready(&child, 1);
	return child;
}

static void end(struct child *child)
{
	kill(child->pid, SIGKILL);
	assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
	munmap(child->shared, sizeof(*child->shared));
}

/* A field of /proc/PID/status; its first character and its number. */
static char status_of(pid_t pid, const char *field, int *number)
{
	char path[64], line[256], format[64], first = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	snprintf(format, sizeof(format), "%s:\t%%c", field);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &first) == 1) {
			*number = atoi(strchr(line, '\t') + 1);
			break;
		}
	if (file)
		fclose(file);
	return first;
}

static int tracer_of(pid_t pid)
{
	int tracer = -1;

	status_of(pid, "TracerPid", &tracer);
	return tracer;
}

static char state_of(pid_t pid)
{
	int number;

	return status_of(pid, "State", &number);
}

static struct freeze *freeze(const struct child *child, struct freeze_report *report)
{
	struct freeze *freeze;

	assert_int_equal(freeze__start(child->pid, -1, LONG_S, &freeze, report), 0);
	return freeze;
}

static unsigned long turns_of(const struct child *child)
{
	unsigned long sum = 0;

	for (int i = 0; i < MOVERS; i++)
		sum += child->shared->turns[i];
	return sum;
}

static void assert_moves(const struct child *child)
{
	unsigned long before = turns_of(child);

	while (turns_of(child) == before) {
		assert_lives(child);
		brief();
	}
}

static void assert_stands(const struct child *child)
{
	unsigned long before = turns_of(child);

	for (int i = 0; i < 5; i++) {
		brief();
		assert_int_equal(turns_of(child), before);
	}
}

/* ---- threads ---- */

static struct shared *here;

static void *move(void *number)
{
	for (;;)
		here->turns[(uintptr_t)number]++;
	return NULL;
}

static void moving(struct shared *shared)
{
	pthread_t thread;

	here = shared;
	for (uintptr_t i = 1; i < MOVERS; i++)
		pthread_create(&thread, NULL, move, (void *)i);
	shared->ready = 1;
	move(NULL);
}

static void all_threads(void **state)
{
	struct child child = start(moving);
	struct freeze_report report;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct freeze *frozen = freeze(&child, &report);

		assert_int_equal(report.threads, MOVERS);
		assert_int_not_equal(tracer_of(child.pid), 0);
		assert_stands(&child);
		freeze__end(frozen, &report);
		assert_true(report.whole && report.threads == MOVERS);
		assert_true(report.stopped_s > 0.01 && report.stopped_s < LONG_S);
		assert_int_equal(tracer_of(child.pid), 0);
		assert_moves(&child);
	}
	end(&child);
}

static void *make_another(void *number)
{
	pthread_t thread;

	here->turns[(uintptr_t)number]++;
	while (pthread_create(&thread, NULL, make_another, number))
		;
	pthread_detach(pthread_self());
	return NULL;
}

/* Threads that are made, and make another one, and end. */
static void making_threads(struct shared *shared)
{
	pthread_t thread;

	here = shared;
	for (uintptr_t i = 0; i < MOVERS; i++)
		pthread_create(&thread, NULL, make_another, (void *)i);
	shared->ready = 1;
	for (;;)
		pause();
}

static void new_threads(void **state)
{
	struct child child = start(making_threads);
	struct freeze_report report;

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct freeze *frozen = freeze(&child, &report);

		assert_stands(&child);
		freeze__end(frozen, &report);
		assert_true(report.whole);
		assert_moves(&child);
	}
	end(&child);
}

static void *outlive(void *leader)
{
	pthread_join((pthread_t)leader, NULL);
	here->ready = 1;
	move(NULL);
	return NULL;
}

/* The first thread has ended, the process has not. */
static void without_leader(struct shared *shared)
{
	pthread_t thread;

	here = shared;
	pthread_create(&thread, NULL, outlive, (void *)pthread_self());
	pthread_exit(NULL);
}

static void no_leader(void **state)
{
	struct child child = start(without_leader);
	struct freeze_report report;
	struct freeze *frozen = freeze(&child, &report);

	(void)state;
	assert_int_equal(report.threads, 1);
	assert_stands(&child);
	freeze__end(frozen, &report);
	assert_moves(&child);
	end(&child);
}

/* vfork() leaves the parent asleep in the kernel, where no signal reaches it. */
static void in_vfork(struct shared *shared)
{
	const pid_t parent = getpid();

	for (;;) {
		pid_t pid;

		shared->go = 0;
		pid = vfork();
		if (!pid) {
			shared->ready = 1;
			while (!shared->go && getppid() == parent)
				;
			_exit(0);
		}
		waitpid(pid, NULL, 0);
		shared->turns[0]++;
	}
}

static void asleep(void **state)
{
	struct child child = start(in_vfork);
	struct freeze_report report;
	struct freeze *frozen;

	(void)state;
	assert_int_equal(state_of(child.pid), 'D');
	frozen = freeze(&child, &report);
	child.shared->go = 1; /* the child of vfork() is another process and ends */
	assert_stands(&child);
	freeze__end(frozen, &report);
	assert_true(report.whole);
	while (!child.shared->turns[0] || tracer_of(child.pid)) {
		assert_lives(&child);
		child.shared->go = 1;
		brief();
	}
	end(&child);
}

/* ---- signals ---- */

static void count_signal(int number)
{
	(void)number;
	__atomic_add_fetch(&here->signals, 1, __ATOMIC_SEQ_CST);
}

static void handling(struct shared *shared)
{
	struct sigaction action = {.sa_handler = count_signal};

	sigaction(SIGRTMIN, &action, NULL);
	moving(shared);
}

static void wait_signals(const struct child *child, long count)
{
	while (child->shared->signals < count) {
		assert_lives(child);
		brief();
	}
	brief();
	assert_int_equal(child->shared->signals, count);
}

/* A queue of them while it is stopped; and one after the other while it is being stopped and let go. */
static void signals_meanwhile(void **state)
{
	struct child child = start(handling);
	struct freeze_report report;
	struct freeze *frozen = freeze(&child, &report);
	long *sent = mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			  -1, 0);
	pid_t sender;

	(void)state;
	for (int i = 0; i < SIGNALS; i++)
		assert_int_equal(kill(child.pid, SIGRTMIN), 0);
	assert_stands(&child);
	assert_int_equal(child.shared->signals, 0);
	freeze__end(frozen, &report);
	wait_signals(&child, SIGNALS);

	*sent = SIGNALS;
	sender = fork();
	if (!sender) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			if (*(volatile long *)&child.shared->signals == *sent)
				*sent += !kill(child.pid, SIGRTMIN);
	}
	for (int i = 0; i < 10 * ROUNDS; i++)
		freeze__end(freeze(&child, &report), &report);
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	while (child.shared->signals < *sent)
		brief();
	brief();
	/* The last one may not have been noted as sent any more. */
	assert_in_range(child.shared->signals, *sent, *sent + 1);
	assert_true(*sent > SIGNALS + 10);
	munmap(sent, sizeof(*sent));
	end(&child);
}

static void wait_state(const struct child *child, char wanted)
{
	while (state_of(child->pid) != wanted)
		brief();
}

/* Stopped by a signal before, during or after. */
static void stopped_otherwise(void **state)
{
	struct child child = start(moving);
	struct freeze_report report;
	struct freeze *frozen;

	(void)state;
	kill(child.pid, SIGSTOP);
	wait_state(&child, 'T');
	frozen = freeze(&child, &report);
	assert_stands(&child);
	freeze__end(frozen, &report);
	wait_state(&child, 'T');
	assert_int_equal(tracer_of(child.pid), 0);
	assert_stands(&child);

	frozen = freeze(&child, &report);
	kill(child.pid, SIGCONT);
	assert_stands(&child);
	freeze__end(frozen, &report);
	assert_moves(&child);

	frozen = freeze(&child, &report);
	kill(child.pid, SIGSTOP);
	freeze__end(frozen, &report);
	wait_state(&child, 'T');
	kill(child.pid, SIGCONT);
	assert_moves(&child);
	end(&child);
}

static void killed_meanwhile(void **state)
{
	struct child child = start(moving);
	struct freeze_report report;
	struct freeze *frozen = freeze(&child, &report);

	(void)state;
	kill(child.pid, SIGKILL);
	brief();
	freeze__end(frozen, &report);
	end(&child);
}

/* ---- system calls ---- */

static int ends[2];

/* None of these fails when the thread that is in it is stopped and goes on. */
static void in_nanosleep(void)
{
	const struct timespec moment = {.tv_nsec = 3000000};

	here->failed += nanosleep(&moment, NULL) != 0;
}

static void in_poll(void)
{
	here->failed += poll(NULL, 0, 3) != 0;
}

static void in_read(void)
{
	char byte;

	here->failed += read(ends[0], &byte, 1) != 1;
}

static void in_wait(void)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 3000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	here->failed += pthread_cond_timedwait(&never, &mutex, &until) != ETIMEDOUT;
	pthread_mutex_unlock(&mutex);
}

static void (*const calls[MOVERS])(void) = {in_nanosleep, in_poll, in_read, in_wait};

static void *call(void *number)
{
	for (;;) {
		calls[(uintptr_t)number]();
		here->turns[(uintptr_t)number]++;
	}
	return NULL;
}

static void calling(struct shared *shared)
{
	pthread_t thread;

	here = shared;
	if (pipe(ends))
		_exit(1);
	for (uintptr_t i = 0; i < MOVERS; i++)
		pthread_create(&thread, NULL, call, (void *)i);
	shared->ready = 1;
	for (;;) {
		brief();
		if (write(ends[1], "", 1) != 1)
			shared->failed++;
	}
}

static void system_calls(void **state)
{
	struct child child = start(calling);
	struct freeze_report report;
	unsigned long before[MOVERS];

	(void)state;
	for (int i = 0; i < 5 * ROUNDS; i++) {
		freeze__end(freeze(&child, &report), &report);
		brief();
	}
	memcpy(before, (void *)child.shared->turns, sizeof(before));
	for (int i = 0; i < MOVERS; i++)
		while (child.shared->turns[i] == before[i])
			brief();
	assert_int_equal(child.shared->failed, 0);
	end(&child);
}

/* ---- what cannot be stopped ---- */

static void traced_by_another(void **state)
{
	struct child child = start(moving);
	struct freeze_report report;
	struct freeze *frozen = NULL;

	(void)state;
	assert_int_equal(ptrace(PTRACE_SEIZE, child.pid, NULL, NULL), 0);
	assert_int_equal(freeze__start(child.pid, -1, LONG_S, &frozen, &report), -EBUSY);
	assert_int_equal(report.tracer, getpid());
	assert_moves(&child);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, child.pid, NULL, NULL), 0);
	assert_int_equal(waitpid(child.pid, NULL, 0), child.pid);
	assert_int_equal(ptrace(PTRACE_DETACH, child.pid, NULL, NULL), 0);
	end(&child);
}

static void no_process(void **state)
{
	struct freeze_report report;
	struct freeze *frozen = NULL;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	while (state_of(pid) != 'Z')
		brief();
	assert_int_equal(freeze__start(pid, -1, LONG_S, &frozen, &report), -ESRCH);
	waitpid(pid, NULL, 0);
	assert_int_equal(freeze__start(pid, -1, LONG_S, &frozen, &report), -ESRCH);
	freeze__end(NULL, &report);
}

/* Its number belongs to another process since: pidfd says that. */
static void another_process(void **state)
{
	struct child child = start(moving);
	struct freeze_report report;
	struct freeze *frozen = NULL;
	pid_t pid = fork();
	int pidfd;

	(void)state;
	if (!pid)
		_exit(0);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	waitpid(pid, NULL, 0);
	assert_int_equal(freeze__start(child.pid, pidfd, LONG_S, &frozen, &report), -ESRCH);
	assert_moves(&child);
	close(pidfd);
	end(&child);
}

/* Becomes itself again and again, threads and all. */
static void becoming(struct shared *shared)
{
	static const char again[] = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); done; exec sh -c "
				    "\"$AGAIN\"";

	setenv("AGAIN", again, 1);
	shared->ready = 1;
	execl("/bin/sh", "sh", "-c", again, NULL);
}

static void exec_meanwhile(void **state)
{
	struct child child = start(becoming);
	struct freeze_report report;

	(void)state;
	for (int i = 0; i < 20 * ROUNDS; i++) {
		struct freeze *frozen = NULL;
		int err = freeze__start(child.pid, -1, LONG_S, &frozen, &report);

		assert_true(!err || err == -ESTALE);
		freeze__end(frozen, &report);
		assert_lives(&child);
	}
	end(&child);
}

static void ending(struct shared *shared)
{
	here = shared;
	shared->ready = 1;
	for (int i = 0; i < 1000; i++)
		shared->turns[0]++;
}

static void exit_meanwhile(void **state)
{
	struct freeze_report report;

	(void)state;
	for (int i = 0; i < 5 * ROUNDS; i++) {
		struct freeze *frozen = NULL;
		pid_t pid = fork();
		int err;

		if (!pid) {
			struct shared shared;

			ending(&shared);
			_exit(7);
		}
		err = freeze__start(pid, -1, LONG_S, &frozen, &report);
		assert_true(!err || err == -ESRCH);
		freeze__end(frozen, &report);
		assert_int_equal(waitpid(pid, &err, 0), pid);
		assert_true(WIFEXITED(err) && WEXITSTATUS(err) == 7);
	}
}

/* ---- how it ends ---- */

static void time_is_up(void **state)
{
	struct child child = start(moving);
	struct freeze_report report;
	struct freeze *frozen;

	(void)state;
	assert_int_equal(freeze__start(child.pid, -1, 0.2, &frozen, &report), 0);
	while (tracer_of(child.pid))
		brief();
	assert_moves(&child);
	freeze__end(frozen, &report);
	assert_false(report.whole);
	assert_true(report.stopped_s >= 0.2);
	end(&child);
}

static void guard_is_killed(void **state)
{
	struct child child = start(moving);
	struct freeze_report report;
	struct freeze *frozen = freeze(&child, &report);

	(void)state;
	assert_int_equal(kill(tracer_of(child.pid), SIGKILL), 0);
	assert_moves(&child);
	freeze__end(frozen, &report);
	assert_false(report.whole);
	assert_int_equal(tracer_of(child.pid), 0);
	end(&child);
}

/* A process that has stopped the child, and is killed, or stopped itself. */
static void we_get(int signal_number, double limit_s)
{
	struct child child = start(moving);
	struct freeze_report report;
	struct freeze *frozen;
	pid_t we = fork();

	if (!we) {
		if (!freeze__start(child.pid, -1, limit_s, &frozen, &report))
			child.shared->ready = 2;
		for (;;)
			pause();
	}
	wait_ready(&child, 2);
	assert_stands(&child);
	kill(we, signal_number);
	while (tracer_of(child.pid))
		brief();
	assert_moves(&child);
	kill(we, SIGKILL);
	waitpid(we, NULL, 0);
	end(&child);
}

static void we_are_killed(void **state)
{
	(void)state;
	we_get(SIGKILL, LONG_S);
}

static void we_are_stopped(void **state)
{
	(void)state;
	we_get(SIGSTOP, 0.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_threads),       cmocka_unit_test(new_threads),
		cmocka_unit_test(no_leader),         cmocka_unit_test(asleep),
		cmocka_unit_test(signals_meanwhile), cmocka_unit_test(stopped_otherwise),
		cmocka_unit_test(killed_meanwhile),  cmocka_unit_test(system_calls),
		cmocka_unit_test(traced_by_another), cmocka_unit_test(no_process),
		cmocka_unit_test(another_process),   cmocka_unit_test(exec_meanwhile),
		cmocka_unit_test(exit_meanwhile),    cmocka_unit_test(time_is_up),
		cmocka_unit_test(guard_is_killed),   cmocka_unit_test(we_are_killed),
		cmocka_unit_test(we_are_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
