/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/freeze.h - a short stop of another process, so that what is read of it is of one moment
 *
 *	freeze__start(pid, pidfd, 2.0, &freeze, &report)	every thread has stopped; not one user instruction runs
 *	...
 *	freeze__end(freeze, &report)				it runs on
 *
 * By ptrace(2), PTRACE_SEIZE and PTRACE_INTERRUPT, from a process of our own that does nothing else. The kernel lets the target go when
 * that one dies, by whatever signal; it lets the target go by itself when the time is up, or when we die, or close our end. No SIGSTOP is
 * sent: the parent of the target is not told, and a target that was stopped before (T) is so afterwards. Signals that arrive meanwhile
 * are delivered afterwards, none is lost. System calls that were interrupted are started again by the kernel, but for those that no
 * stop whatsoever leaves alone (epoll_wait(2), semop(2), sigtimedwait(2) and their like: signal(7)), which return EINTR; Python tries
 * these again itself (PEP 475).
 *
 * It takes what reading the memory takes: CAP_SYS_PTRACE, or the same user where Yama allows it. Of several processes, one after the other.
 */
#ifndef LIB_FREEZE_H
#define LIB_FREEZE_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>

struct freeze;

struct freeze_report {
	double stopped_s; /* from the first thread that was told to stop to the last that was let go */
	__u32 threads;    /* that were stopped */
	bool whole;       /* it was stopped all the time from freeze__start() to freeze__end() */
	pid_t tracer;     /* with -EBUSY: who traces it already, 0 = not known */
};

/*
 * limit_s: how long it may be stopped at most, at the longest a quarter of it until all threads have stopped. pidfd: of pid; what has got
 * its number since is not touched; -1 = pid is sure. 0, or
 * -ESRCH: it has ended. -ESTALE: it is becoming another program (exec). -EPERM. -EBUSY: it is being traced by another.
 * -EAGAIN: its threads did not all stop in time (report->stopped_s has what they were kept). -ENOMEM and others: we cannot.
 * With an error the target goes on as if nothing had been.
 */
int freeze__start(pid_t pid, int pidfd, double limit_s, struct freeze **freeze,
		  struct freeze_report *report);

/* Whether a process is stopped just now, by us, a debugger or a signal: what it is in the middle of, it does not go on with. */
bool freeze__stands(pid_t pid);

/* Lets it go, where the time was not up before. NULL: nothing, and report is as it was. */
void freeze__end(struct freeze *freeze, struct freeze_report *report);

#endif
