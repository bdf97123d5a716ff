/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/memory_blocks.h - the blocks that are no objects: where each begins, and its size
 *
 * Eight bytes a block. Blocks that the sweep does not give in ascending order of addresses (a heap that changed meanwhile) are left out.
 */
#ifndef OBJECTS_MEMORY_BLOCKS_H
#define OBJECTS_MEMORY_BLOCKS_H

#include <linux/types.h>
#include <stdbool.h>

#include "heap/blocks.h"

struct memory_blocks;

/* NULL: out of memory. */
struct memory_blocks *memory_blocks__new(void);
void memory_blocks__free(struct memory_blocks *memory);

/* A block of the sweep. 0 or -ENOMEM. */
int memory_blocks__add(struct memory_blocks *memory, const struct heap_block *block);
/* After the last block: which memory the sweep went through. 0 or -ENOMEM. */
int memory_blocks__cover(struct memory_blocks *memory, const struct block_totals *totals);

/* Usable bytes of the block that begins at address, at most MEMORY_BLOCK_MOST; 0 = there is none. */
__u64 memory_blocks__size(const struct memory_blocks *memory, __u64 address);
/* Whether address is in memory that the sweep went through: if so, what is in no block is free. */
bool memory_blocks__covers(const struct memory_blocks *memory, __u64 address);

#define MEMORY_BLOCK_MOST (((1u << 20) - 1) * 8ull)

#endif
