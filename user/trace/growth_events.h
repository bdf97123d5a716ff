/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/growth_events.h - who takes memory, of all processes that are watched, without a probe in any: see bpf/growth.bpf.c
 *
 *	growth_events__open(capacity, &events);
 *	growth_events__watch(events, pid, &python);
 *	growth_events__read(events, &receiver);		now and then: nobody is woken for them
 *	growth_events__leave(events, pid);
 *	growth_events__close(events);
 *
 * What comes is a hostile process's: sizes are checked here, what the numbers and strings say is not.
 */
#ifndef TRACE_GROWTH_EVENTS_H
#define TRACE_GROWTH_EVENTS_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>

#include "growth_event.h"
#include "target.h"

struct growth_events;

/* What is called for each record; records are good until the call returns. */
struct growth_receiver {
	void (*code)(void *context, const struct code_message *code);
	void (*more)(void *context, const struct code_more_message *more);
	/* frame_count of the frames are there. */
	void (*fault)(void *context, const struct growth_fault *fault);
	void (*retaken)(void *context, const struct growth_retaken *retaken);
	void *context;
};

/*
 * Loads and attaches the programs; capacity: processes at once. 0, -ENOENT: this kernel has no tracepoint of page faults (they
 * are x86's), or -errno.
 */
int growth_events__open(size_t capacity, struct growth_events **events);

/*
 * Follows a process that runs this Python, from now on and until it executes another program. Of python the layout and the
 * addresses are used. 0, -E2BIG: as many as there is room for are followed, or -errno.
 */
int growth_events__watch(struct growth_events *events, pid_t pid, const struct python *python);

/* It is no more, or of no interest. NULL events, or a process that is not followed, are fine. */
void growth_events__leave(struct growth_events *events, pid_t pid);

/* Takes in what has come, as much as the ring holds at most. 0 or -errno. */
int growth_events__read(struct growth_events *events, const struct growth_receiver *receiver);

/* A code object that was not kept: it is sent again when it is met again. */
void growth_events__forget_code(struct growth_events *events, pid_t pid, __u64 code_key);

/* Records that found the ring full. */
__u64 growth_events__lost(const struct growth_events *events);

/* NULL is fine. */
void growth_events__close(struct growth_events *events);

#endif
