/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freeze_private.h - the threads of a process that is being stopped, for the one process that may: their tracer
 */
#ifndef LIB_FREEZE_PRIVATE_H
#define LIB_FREEZE_PRIVATE_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>

struct stopping_thread;

struct thread_list {
	pid_t pid;
	struct stopping_thread *list; /* by number */
	size_t count, room;
	size_t idle; /* that are not in the list and need not be: they run nothing any more, or never do */
	double since_s; /* when the first was told to stop; 0 = none was */
	pid_t tracer;
};

/* Stops all threads, those that are made meanwhile as well. until_s: of clock__s(). As freeze__start(); to be released in any case. */
int thread_list__stop(struct thread_list *threads, int pidfd, double until_s);

/* Lets go whatever has stopped; what has not will be let go by the end of the calling process. */
void thread_list__release(struct thread_list *threads);

#endif
