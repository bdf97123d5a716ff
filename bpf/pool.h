/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * pool.h - what happens at pymalloc's own paths, wherever the compiler has put a copy of them
 *
 * A probe sits on a conditional jump inside the path. The block, or its pool, is in a register that the cookie
 * names; the pool is known from the block, for it is aligned, and its header says how large its blocks are. One trap an event, nothing
 * to be matched with anything else. All of it happens under the GIL: nobody else changes the pool meanwhile.
 *
 * struct pool_header and the order of events: Objects/obmalloc.c, pymalloc_alloc(), allocate_from_new_pool() and
 * pymalloc_free(), the same in CPython 3.8 - 3.14.
 */
#ifndef POOL_H
#define POOL_H

#include "account.h"

#define POOL_HEADER 48
#define POOL_FREEBLOCK 8
#define POOL_NEXTPOOL 16
#define POOL_SZIDX 36
#define POOL_CLASSES 32
#define CLASS_SIZE(szidx) (((szidx) + 1) * 16ULL)

static __always_inline int record_pool_block(__u32 target, __u64 block, __u32 class, __u32 mean)
{
	struct thread_state *thread;

	if (class >= POOL_CLASSES) {
		count(LOST_UNREADABLE_ARGUMENT, target, 1);
		return 0;
	}
	if (!is_sampled(target, HEAP_LAYER_OBJECT, mean, CLASS_SIZE(class)))
		return 0;
	thread = thread_state(target);
	if (thread)
		record_block(thread, DOMAIN_OBJECT, block, CLASS_SIZE(class), 0, mean);
	return 0;
}

/* A block of a pool that has others in use. */
static __always_inline void pool_alloc(__u32 target, __u64 block, __u32 mean)
{
	struct target_config *config = target_config(target);
	__u32 class;

	if (!config)
		return;
	if (read_user(&class, sizeof(class),
		      (block & ~(__u64)(config->layout.pool_size - 1)) + POOL_SZIDX))
		class = POOL_CLASSES;
	record_pool_block(target, block, class, mean);
}

/*
 * The first block of a pool. Its header says the class that the pool had before; where that is the new one, the
 * block is the head of the free list that the pool still has, else the first behind the header.
 */
static __always_inline void pool_fresh(__u32 target, __u64 pool, __u32 class, __u32 mean)
{
	__u64 block = pool + POOL_HEADER;
	__u32 before;

	if (read_user(&before, sizeof(before), pool + POOL_SZIDX) ||
	    (before == class && read_user(&block, sizeof(block), pool + POOL_FREEBLOCK)))
		class = POOL_CLASSES;
	record_pool_block(target, block, class, mean);
}

/* The head of a pool's free list; 0 = it could not be read. */
static __always_inline __u64 pool_head(__u64 pool)
{
	__u64 block = 0;

	read_user(&block, sizeof(block), pool + POOL_FREEBLOCK);
	return block;
}

static __always_inline void pool_free(__u32 target, __u64 addr, __u32 mean)
{
	struct target_config *config = target_config(target);
	struct live_block block;

	if (config)
		forget_code(target, addr + config->debug_header);
	if (take_block(target, addr, &block))
		add_free(&block, target);
	else if (!mean)
		count(COUNT_UNMATCHED_FREES, target, 1);
}

#endif
