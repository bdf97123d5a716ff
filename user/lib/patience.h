/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * patience.h - calls that may never return, and whoever waits for them no longer than he wants
 *
 * Who reads another process's memory waits for whatever that memory is made of: of a file system in user space, or of a userfaultfd, for
 * a program that need not answer. No signal but a deadly one ends that. So the call is made by a thread of its own, which is left behind
 * where it takes too long, with all that it works on.
 */
#ifndef PATIENCE_H
#define PATIENCE_H

#include <stddef.h>

struct patience;

/* NULL: no memory. most: threads that may be left behind at the same time. */
struct patience *patience__new(size_t most);

/*
 * Calls call(job) and waits for it. 0: it has returned. -ETIMEDOUT: it has not, after so many seconds; job is not the caller's any
 * more, and drop(job) is called when it does return. -EBUSY: as many as may be are left behind; -ENOMEM, -EAGAIN: no thread can be
 * had; then job was not touched. For one thread.
 */
int patience__call(struct patience *patience, void (*call)(void *job), void *job,
		   void (*drop)(void *job), double seconds);

/* Threads that are left behind now. */
size_t patience__left_behind(const struct patience *patience);

/* What is left behind stays, and ends with the process. NULL is fine. */
void patience__free(struct patience *patience);

#endif
