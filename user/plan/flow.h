/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan/flow.h - which instruction of a function follows which, and how deep the stack is there
 *
 * Built from the entry along every direct jump. Pure; bounded by FLOW_WINDOW and FLOW_NODES.
 */
#ifndef PLAN_FLOW_H
#define PLAN_FLOW_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plan.h"
#include "plan/decode.h"

#define FLOW_WINDOW (64 << 10) /* bytes of a function that are looked at */
#define FLOW_NODES 4096

#define FLOW_UNKNOWN INT32_MIN

struct flow_node {
	struct insn insn;
	enum probe_cost cost;
	bool possible; /* uprobe__possible() */
	__u16 next[2]; /* nodes; the one that falls through first */
	__u8 next_count;
	__u16 comes_from; /* number of edges that lead here, at most 65535 */
	__u16 before;     /* node of the first of these */
	bool returns;
	bool leaves; /* jumps out of the function, also one of two ways of a conditional jump */
	bool lost;   /* goes where we cannot see: a jump table, bytes that do not decode */
	/* Before the instruction; FLOW_UNKNOWN = not known, or it differs by the way that led here. */
	__s32 sp_delta; /* bytes that the stack pointer is below its value at the entry */
	__s32 bp_delta; /* the same of the frame pointer */
};

struct flow {
	struct code code; /* the window */
	struct flow_node
		*nodes; /* the entry is the first; those behind a call that ends come, too */
	size_t count;
	bool complete; /* not cut off by FLOW_NODES or FLOW_WINDOW */
	__u16 *index;  /* by offset of an instruction in the window: node + 1 */
	/*
	 * By offset: direct jumps that lead there, at most 255, from anywhere in the window: also from
	 * code that no direct jump leads to (the cases of a jump table), found by decoding from byte 0 on.
	 */
	__u8 *jumps_to;
};

/* 0 or -ENOMEM. The caller frees with flow__free(), also after an error. function must outlive it. */
int flow__build(const struct code *function, __u32 kernel, struct flow *flow);
void flow__free(struct flow *flow);

/* Whether another way of decoding, that some jump takes, has an instruction inside this one. */
bool flow__overlapped(const struct flow *flow, const struct flow_node *node);

#endif
