/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan/planner.h - from a target and its files to the probes that it gets
 */
#ifndef PLAN_PLANNER_H
#define PLAN_PLANNER_H

#include <linux/types.h>

#include "plan.h"
#include "target.h"
#include "wire.h"

/* In which modules a row is looked for. */
enum hook_group {
	HOOKS_MALLOC,    /* allocators' modules, plain and with the allocator's prefix */
	HOOKS_OPERATORS, /* allocators other than libc's */
	HOOKS_OWN_NAMES, /* allocators' modules */
	HOOKS_OBJECT,    /* the interpreter's module, where pymalloc's own paths are not found */
	HOOKS_MEM_RAW,   /* the interpreter's module, where no malloc is found */
};

struct hook_row {
	const char *function;
	enum hook_group group;
	struct hook hook;
};

/* All functions that we know how to probe; a row's index is its hook number in BPF. */
extern const struct hook_row hook_table[];
extern const size_t hook_count;

struct plan_options {
	__u32 kernel; /* (major << 16) | (minor << 8) | patch, patch at most 255; 0 = unknown */
	bool no_return_probes; /* one would kill the target */
};

/*
 * Looks for pymalloc's paths and for the allocator functions in the target's modules, and chooses the instruction
 * for each probe. 0, or -errno: -ENOENT where there is nothing to probe. The caller frees with plan__free().
 * Reads the module files through their descriptors, nothing else.
 */
int plan__make(const struct target *target, const struct plan_options *options, struct plan **plan);

/*
 * Adds probes for allocators in modules that the target has loaded since; those that the plan has keep their places. 0, also where there
 * is nothing to add, or -errno.
 */
int plan__extend(struct plan *plan, const struct target *target,
		 const struct plan_options *options);
void plan__free(struct plan *plan);

#endif
