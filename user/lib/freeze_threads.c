// SPDX-License-Identifier: BSD-2-Clause
/*
 * freeze_threads.c - every thread of a process stopped, and let go
 *
 * All are seized first and told to stop then, so that the first one waits for the last as short as can be. When all that were listed
 * have stopped, the list is read again: a thread that had been about to make another one has done so by now, or will not until it is
 * let go. So the second list is the last one as a rule. A list may lack some, where a thread ended while it was read (fs/proc/base.c,
 * next_tid()): it is complete when it has as many as the kernel counts.
 *
 * A thread that has been told to stop cannot return from the kernel to its program any more (arch/x86/kernel/signal.c, kernel/signal.c:
 * get_signal() looks at JOBCTL_TRAP_STOP before it looks for signals). One that sleeps uninterruptibly, on a disk or in vfork(), stops
 * when it wakes up: it counts as stopped.
 */
#include "lib/freeze_private.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/freeze.h"

#define THREADS_MAX 65536
#define STAT_MAX 1024
#define LOOK_AT_STATES_S 0.005 /* by then those that can stop have */
#define WAIT_LEAST_NS 20000
#define WAIT_MOST_NS 1000000

/* Fields of /proc/PID/task/TID/stat; include/linux/sched.h */
#define KERNEL_THREAD 0x00200010u /* PF_KTHREAD, PF_IO_WORKER: they run no code of the program */

enum stopping_state {
	THREAD_SEIZED,
	THREAD_STOPPING, /* told to */
	THREAD_ASLEEP,   /* told to, in the kernel */
	THREAD_STOPPED,
	THREAD_GONE,
};

struct stopping_thread {
	pid_t tid;
	enum stopping_state state;
	int signal; /* that it was about to take when it stopped; 0 */
};

/* ---- /proc ---- */

struct thread_stat {
	char state; /* R, S, D, Z ... */
	__u32 flags;
	size_t threads; /* of the process, those that have ended and are still listed as well */
};

/* 0, or -ESRCH: it is gone. */
static int read_stat(pid_t pid, pid_t tid, struct thread_stat *stat)
{
	char path[64], text[STAT_MAX], *end;
	size_t length = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	file = fopen(path, "re");
	if (file) {
		length = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[length] = '\0';
	end = strrchr(text, ')'); /* its name may have some as well */
	if (!end || sscanf(end + 1,
			   " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %zu",
			   &stat->state, &stat->flags, &stat->threads) != 3)
		return -ESRCH;
	return 0;
}

bool freeze__stands(pid_t pid)
{
	struct thread_stat stat;

	return !read_stat(pid, pid, &stat) && (stat.state == 't' || stat.state == 'T');
}

/* 0 = nobody, or not known. */
static pid_t tracer_of(pid_t pid, pid_t tid)
{
	char path[64], line[256];
	int tracer = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/status", pid, tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %d", &tracer) == 1)
			break;
	fclose(file);
	return tracer;
}

/* ---- finding and seizing them ---- */

static int by_tid(const void *a, const void *b)
{
	const struct stopping_thread *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

static int add(struct thread_list *threads, pid_t tid)
{
	if (threads->count == threads->room) {
		size_t room = threads->room ? 2 * threads->room : 64;
		struct stopping_thread *list;

		if (room > THREADS_MAX)
			return -EAGAIN;
		list = realloc(threads->list, room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		threads->list = list;
		threads->room = room;
	}
	threads->list[threads->count++] = (struct stopping_thread){.tid = tid};
	return 0;
}

/* Why a thread may not be seized. 0: there is no need to, it runs nothing. */
static int refused(struct thread_list *threads, pid_t tid)
{
	struct thread_stat stat;

	if (read_stat(threads->pid, tid, &stat))
		return 0;
	if (strchr("ZX", stat.state) || stat.flags & KERNEL_THREAD) {
		threads->idle++;
		return 0;
	}
	threads->tracer = tracer_of(threads->pid, tid);
	return threads->tracer ? -EBUSY : -EPERM;
}

static int seize(struct thread_list *threads, pid_t tid)
{
	if (!ptrace(PTRACE_SEIZE, tid, NULL, PTRACE_O_TRACEEXEC))
		return add(threads, tid);
	if (errno == ESRCH)
		return 0;
	return errno == EPERM ? refused(threads, tid) : -errno;
}

/* Seizes those that are not in the list yet and adds them. 0 or -errno. */
static int seize_new(struct thread_list *threads)
{
	const size_t known = threads->count;
	struct dirent *entry;
	char path[64];
	int err = 0;
	DIR *dir;

	threads->idle = 0;
	snprintf(path, sizeof(path), "/proc/%d/task", threads->pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (!err && (entry = readdir(dir))) {
		struct stopping_thread key = {.tid = atoi(entry->d_name)};

		if (key.tid > 0 &&
		    !(known && bsearch(&key, threads->list, known, sizeof(key), by_tid)))
			err = seize(threads, key.tid);
	}
	closedir(dir);
	return err;
}

/* ---- stopping them ---- */

static void interrupt(struct thread_list *threads)
{
	if (!threads->since_s)
		threads->since_s = clock__s();
	for (size_t i = 0; i < threads->count; i++) {
		struct stopping_thread *thread = &threads->list[i];

		if (thread->state != THREAD_SEIZED)
			continue;
		/* ESRCH: it has ended, which waitpid() says. */
		ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
		thread->state = THREAD_STOPPING;
	}
}

/* Takes what there is to be said of a thread. 0, or -ESTALE: exec. */
static int ask(struct stopping_thread *thread)
{
	int status, got = waitpid(thread->tid, &status, __WALL | WNOHANG);

	if (!got)
		return 0;
	if (got < 0 || !WIFSTOPPED(status)) {
		thread->state = THREAD_GONE;
		return 0;
	}
	thread->state = THREAD_STOPPED;
	/* The stop that was asked for and stops by SIGSTOP have an event; without one it was about to take a signal. */
	thread->signal = status >> 16 ? 0 : WSTOPSIG(status);
	return status >> 16 == PTRACE_EVENT_EXEC ? -ESTALE : 0;
}

/* How many may still run; -ESTALE. with_states: whether to look for those that sleep. */
static int ask_all(struct thread_list *threads, bool with_states)
{
	int left = 0, err = 0;

	for (size_t i = 0; !err && i < threads->count; i++) {
		struct stopping_thread *thread = &threads->list[i];
		struct thread_stat stat;

		if (thread->state != THREAD_STOPPING)
			continue;
		err = ask(thread);
		if (thread->state != THREAD_STOPPING)
			continue;
		if (with_states && !read_stat(threads->pid, thread->tid, &stat) &&
		    stat.state == 'D')
			thread->state = THREAD_ASLEEP;
		else
			left++;
	}
	return err ? err : left;
}

/* Numbers of threads that are gone may be given again. */
static void drop_gone(struct thread_list *threads)
{
	size_t kept = 0;

	for (size_t i = 0; i < threads->count; i++)
		if (threads->list[i].state != THREAD_GONE)
			threads->list[kept++] = threads->list[i];
	threads->count = kept;
	if (kept)
		qsort(threads->list, kept, sizeof(*threads->list), by_tid);
}

/* 0, -EAGAIN: it is time, -ESTALE. */
static int wait_for_all(struct thread_list *threads, double until_s)
{
	struct timespec moment = {.tv_nsec = WAIT_LEAST_NS};
	const double states_s = clock__s() + LOOK_AT_STATES_S;
	int left;

	while ((left = ask_all(threads, clock__s() > states_s)) > 0) {
		if (clock__s() > until_s)
			return -EAGAIN;
		nanosleep(&moment, NULL);
		if (moment.tv_nsec < WAIT_MOST_NS)
			moment.tv_nsec *= 2;
	}
	drop_gone(threads);
	return left;
}

static bool has_ended(int pidfd)
{
	struct pollfd gone = {.fd = pidfd, .events = POLLIN};

	return pidfd >= 0 && poll(&gone, 1, 0) == 1;
}

/* Whether there are no threads but those in the list, and those that run nothing. */
static bool is_complete(const struct thread_list *threads)
{
	struct thread_stat stat;

	return !read_stat(threads->pid, threads->pid, &stat) &&
	       stat.threads <= threads->count + threads->idle;
}

int thread_list__stop(struct thread_list *threads, int pidfd, double until_s)
{
	size_t before;
	int err;

	do {
		before = threads->count;
		err = seize_new(threads);
		if (!err && (!threads->count || has_ended(pidfd)))
			err = -ESRCH;
		if (err || (threads->count == before && is_complete(threads)))
			return err;
		interrupt(threads);
		err = wait_for_all(threads, until_s);
	} while (!err && clock__s() < until_s);
	return err ? err : -EAGAIN;
}

void thread_list__release(struct thread_list *threads)
{
	for (size_t i = 0; i < threads->count; i++) {
		struct stopping_thread *thread = &threads->list[i];

		if (thread->state != THREAD_STOPPED)
			ask(thread);
		if (thread->state == THREAD_STOPPED)
			ptrace(PTRACE_DETACH, thread->tid, NULL, (long)thread->signal);
	}
	free(threads->list);
	*threads = (struct thread_list){.pid = threads->pid};
}
