// SPDX-License-Identifier: BSD-2-Clause
/*
 * freeze.c - the guard: a process of our own that stops the target, waits, and lets it go
 *
 * It is a process and not a thread, in a session of its own, so that nothing that happens to us keeps the target stopped: Ctrl-Z or
 * SIGSTOP do not reach its clock, and our end, however it comes, closes the socket that it waits at.
 */
#include "lib/freeze.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/freeze_private.h"

#define SHARE_TO_STOP 0.25 /* of the limit */

struct freeze {
	pid_t guard;
	int socket;
};

struct message {
	int err;
	struct freeze_report report;
};

/* ---- the guard ---- */

/* True: it is asked for, or nobody is there any more; false: it is time. */
static bool wait_for_end(int socket, double until_s)
{
	struct pollfd end = {.fd = socket, .events = POLLIN};
	double left_s;

	while ((left_s = until_s - clock__s()) > 0)
		if (poll(&end, 1, (int)ceil(left_s * 1000)) > 0)
			return true;
	return false;
}

static void let_go(struct thread_list *threads, struct freeze_report *report)
{
	const double since_s = threads->since_s;

	thread_list__release(threads);
	report->stopped_s = since_s ? clock__s() - since_s : 0;
}

static void say(int socket, const struct message *message)
{
	/* Nobody there: they know. */
	send(socket, message, sizeof(*message), MSG_NOSIGNAL);
}

static void guard(pid_t pid, int pidfd, double limit_s, int socket)
{
	struct thread_list threads = {.pid = pid};
	struct message message = {0};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	message.err = thread_list__stop(&threads, pidfd, clock__s() + limit_s * SHARE_TO_STOP);
	message.report.threads = threads.count;
	message.report.tracer = threads.tracer;
	if (message.err) {
		let_go(&threads, &message.report);
		say(socket, &message);
		return;
	}
	say(socket, &message);
	message.report.whole = wait_for_end(socket, threads.since_s + limit_s);
	let_go(&threads, &message.report);
	say(socket, &message);
}

/* ---- we ---- */

/* 0, or -EPIPE: the guard is gone. */
static int hear(int socket, struct message *message)
{
	ssize_t got;

	do
		got = recv(socket, message, sizeof(*message), 0);
	while (got < 0 && errno == EINTR);
	return got == sizeof(*message) ? 0 : -EPIPE;
}

static int start_guard(pid_t pid, int pidfd, double limit_s, struct freeze *freeze)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	freeze->guard = fork();
	if (!freeze->guard) {
		close(ends[0]);
		guard(pid, pidfd, limit_s, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	freeze->socket = ends[0];
	if (freeze->guard < 0) {
		int err = -errno;

		close(ends[0]);
		return err;
	}
	return 0;
}

/* Its threads have been let go when it is gone, all of them. */
static void end_guard(struct freeze *freeze)
{
	close(freeze->socket);
	while (waitpid(freeze->guard, NULL, 0) < 0 && errno == EINTR)
		;
}

int freeze__start(pid_t pid, int pidfd, double limit_s, struct freeze **result,
		  struct freeze_report *report)
{
	struct freeze *freeze = malloc(sizeof(*freeze));
	struct message message = {0};
	int err = freeze ? start_guard(pid, pidfd, limit_s, freeze) : -ENOMEM;

	*report = (struct freeze_report){0};
	if (err) {
		free(freeze);
		return err;
	}
	err = hear(freeze->socket, &message);
	if (!err)
		err = message.err;
	*report = message.report;
	if (err) {
		end_guard(freeze);
		free(freeze);
		return err;
	}
	*result = freeze;
	return 0;
}

void freeze__end(struct freeze *freeze, struct freeze_report *report)
{
	struct message message = {0};

	if (!freeze)
		return;
	shutdown(freeze->socket, SHUT_WR);
	if (!hear(freeze->socket, &message))
		*report = message.report;
	else
		report->whole = false; /* the guard was killed: the target ran on then */
	end_guard(freeze);
	free(freeze);
}
