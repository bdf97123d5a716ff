/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan/pool_sites.h - every copy of pymalloc's paths in an executable or libpython, stripped or not
 *
 * Objects/obmalloc.c, CPython 3.8 - 3.15: pymalloc_alloc(), allocate_from_new_pool(),
 * pymalloc_free(), as compilers inline them. Found by the flow of data through decoded
 * instructions: what is loaded from where and stored to where; never by bytes of one compiler.
 * Pure.
 */
#ifndef PLAN_POOL_SITES_H
#define PLAN_POOL_SITES_H

#include <linux/types.h>
#include <stddef.h>

#include "plan.h"
#include "plan/decode.h"

enum pool_site_kind {
	POOL_SITE_ALLOC, /* block = pool->freeblock, from a pool with other blocks in use */
	POOL_SITE_FRESH, /* pool->ref.count = 1: first block of a pool that was free */
	POOL_SITE_FREE,  /* the block is its pool's freeblock again */
};

/*
 * An instruction that is executed once for each event of its kind, and what is in registers there:
 *
 * ALLOC  block_reg holds the block. Where block_reg is GPR_NONE, the compiler had moved the block
 *        out of all registers, and the place is the branch in front, on pool != pool->nextpool:
 *        class_reg holds the pool, it is an event only where the zero flag is clear, and the
 *        block is pool->freeblock.
 * FREE   block_reg holds the block. Where block_reg is GPR_NONE, class_reg holds the pool, and
 *        the block is pool->freeblock, which has been set already.
 * FRESH  block_reg holds the pool, class_reg its new size class (the lower 32 bits are valid).
 *        pool->szidx and pool->freeblock are still those of the pool's last use: where szidx is
 *        the class already, the block will be freeblock, else it is pool + 48. Compare them, for
 *        the zero flag does not always say: the place may be a plain jump, or a mov.
 *
 * ALLOC and FREE are at conditional jumps, which every kernel emulates. FRESH is at a jump where
 * there is one, else at a mov, which is stepped: once a pool, not once a block.
 */
struct pool_site {
	enum pool_site_kind kind;
	__u64 address;
	__u8 block_reg, class_reg; /* GPR_* */
	enum probe_cost cost;
};

struct pool_sites {
	struct pool_site *sites; /* by address */
	size_t count;
	size_t allocs, fresh, frees;
	/*
	 * Places that look like a path of pymalloc and are not among the sites. With any of them
	 * the sites do not add up: a release that is not seen looks like a leak.
	 */
	size_t incomplete;
};

/*
 * Looks through text, the executable part of the file. pool_size: of this Python. 0 (see
 * incomplete), -ENOENT where one of the three kinds was not found at all, -ENOMEM. *sites is valid
 * in each case; the caller frees with pool_sites__free(). A quarter of a second for 4 MB.
 */
int pool_sites__find(const struct code *text, __u32 pool_size, __u32 kernel,
		     struct pool_sites *sites);
void pool_sites__free(struct pool_sites *sites);

#endif
