/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacks.h - where the stacks of a process's threads are, found without stopping any
 */
#ifndef STACKS_H
#define STACKS_H

#include "heap/image.h"
#include "target.h"

struct stack_range {
	__u64 start, end;
};

/*
 * Stacks that libc has mapped, by address, without overlaps; the first thread's is not among them (the kernel calls it [stack]).
 * The caller frees *stacks. 0 or -ENOMEM.
 */
int stacks__find(struct image *image, const struct target *target, const struct proc_maps *maps,
		 struct stack_range **stacks, size_t *count);

#endif
