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
	HOOKS_PYTHON,    /* the interpreter's module */
};

struct hook_row {
	const char *function;
	enum hook_group group;
	struct hook hook;
};

/* All functions that we know how to probe; a row's index is its hook number in BPF. */
extern const struct hook_row hook_table[];
extern const size_t hook_count;

/*
 * Looks the functions up in the target's modules. 0, or -errno: -ENOENT where no allocator function was found.
 * The caller frees with plan__free(). Reads the module files through their descriptors, nothing else.
 */
int plan__make(const struct target *target, struct plan **plan);
void plan__free(struct plan *plan);

#endif
