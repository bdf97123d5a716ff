/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * growth_event.h - memory that watched processes take: what bpf/growth.bpf.c and its loader share
 *
 * Besides struct growth_fault the ring has the code objects that its frames name, as wire.h defines them (MESSAGE_CODE,
 * MESSAGE_CODE_MORE), each before the first frame that needs it. Their target is the process's PID.
 *
 * Include vmlinux.h (BPF) or <linux/types.h> (user space) first.
 */
#ifndef GROWTH_EVENT_H
#define GROWTH_EVENT_H

#include "wire.h"

/*
 * How often a process's faults are recorded: once in GROWTH_GAP_NS in the long run; of one that has been quiet, GROWTH_SAVED at once and
 * all. Each fault is recorded with a probability of 2^-(level / GROWTH_LEVELS) and stands for its inverse, whatever was before it:
 * sums are right on average for bursts as for a trickle. The level goes up with each record too many, and down with the time.
 */
#define GROWTH_GAP_NS 125000000ULL
#define GROWTH_SAVED 32
#define GROWTH_LEVELS 4 /* steps in which the probability is halved */
#define GROWTH_LEVEL_MAX (16 * GROWTH_LEVELS)

/*
 * Pages that were recorded, by a tag each in the slot of their hash: whoever faults there again has given the page back in between, which
 * is told (MESSAGE_RETAKEN) whether this fault is recorded or not. The last one recorded has the slot; the one before is not told of.
 */
#define GROWTH_KNOWN 1024 /* a power of two */

/* Last bits of a PID by which faults of other processes are told at once; a power of two. */
#define GROWTH_PIDS (1 << 16)

/* A process whose faults are recorded. Key: PID. Written by user space; the programs keep the pace. */
struct growth_target {
	struct target_config config;
	__u64 due_ns;  /* CLOCK_MONOTONIC: when the next record would be one in time */
	__u64 last_ns; /* when there was one, or the level went down */
	__u32 level;
	__u32 _pad;
	__u32 known[GROWTH_KNOWN]; /* 0 = none */
};

/* A page that was recorded has been given back since, and was taken again. */
struct growth_retaken {
	__u32 kind; /* MESSAGE_RETAKEN */
	__u32 pid;
	__u64 address;
};
_Static_assert(sizeof(struct growth_retaken) == 16, "growth_retaken");

/* A page that the process has touched first. Only stack.frame_count of the frames are sent. */
struct growth_fault {
	__u32 kind;                 /* MESSAGE_FAULT */
	__u32 weight;               /* faults that this one stands for, itself included */
	__u64 address;              /* that was written to */
	struct stack_message stack; /* key.target: the PID; caller is 0 */
};
#define GROWTH_FAULT_HEAD (sizeof(struct growth_fault) - sizeof(struct frame) * MAX_FRAMES)
_Static_assert(GROWTH_FAULT_HEAD == 16 + STACK_MESSAGE_HEAD, "growth_fault");

#endif
