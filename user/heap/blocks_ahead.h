/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocks_ahead.h - copies of one arena after the other, the next one being made while the caller looks at the last
 *
 * Copying is a third of what a sweep takes, and is the kernel's work: a thread of its own does it, with an image of its own.
 */
#ifndef BLOCKS_AHEAD_H
#define BLOCKS_AHEAD_H

#include "heap/image.h"
#include "heap/pools_private.h"

struct ahead;

struct arena_copy {
	unsigned char
		*bytes; /* of the arena, from its first pool on; the caller's until the next call */
	__u64 size;     /* whole pools */
	long got;       /* as image__copy() */
	__u64 resident; /* bytes of the whole arena in memory */
};

/* arenas: as they are until the end. 0, or what image__open() says. */
int ahead__open(pid_t pid, const struct arena_list *arenas, __u32 pool_size, __u32 arena_size,
		struct ahead **ahead);
/* The next arena; there must be one. */
void ahead__next(struct ahead *ahead, struct arena_copy *copy);
void ahead__close(struct ahead *ahead);

#endif
