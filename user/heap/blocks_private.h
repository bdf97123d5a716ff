/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocks_private.h - what the files behind blocks.h share: one sweep for each place
 */
#ifndef BLOCKS_PRIVATE_H
#define BLOCKS_PRIVATE_H

#include "heap/blocks.h"

/* blocks_pools.c: pymalloc, arena by arena. */
struct pool_sweep;

/* Reads the table of arenas; totals keep what is found, from now on. 0, -ESRCH, -EPERM, -ENOMEM. */
int pool_sweep__open(struct image *image, const struct pools *pools, struct block_totals *totals,
		     struct pool_sweep **sweep);
/* As blocks__next(). */
int pool_sweep__next(struct pool_sweep *sweep, struct heap_block *block);
void pool_sweep__close(struct pool_sweep *sweep);

/* blocks_malloc.c: glibc's heaps, chunk by chunk, then the chunks that are mappings of their own. */
struct malloc_sweep;

/* Where malloc's books cannot be read, totals say why and nothing comes. 0, -ESRCH, -EPERM, -ENOMEM. */
int malloc_sweep__open(struct image *image, const struct target *target,
		       struct block_totals *totals, struct malloc_sweep **sweep);
int malloc_sweep__next(struct malloc_sweep *sweep, struct heap_block *block);
void malloc_sweep__close(struct malloc_sweep *sweep);

/* The arena of pymalloc that holds the address or, with none, the first behind it; NULL: none there either. */
const struct arena_fill *totals__arena_from(const struct block_totals *totals, __u64 address);

#endif
