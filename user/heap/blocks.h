/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap/blocks.h - every block that pymalloc and glibc's malloc have handed out, in one sweep
 *
 *	blocks__open(image, target, pools, &blocks);
 *	while (blocks__next(blocks, &block) > 0) ...
 *	blocks__totals(blocks)
 *	blocks__close(blocks);
 *
 * The target goes on while it is swept: what does not parse (a pool that is being set up, a chain of sizes that breaks) is counted, skipped,
 * and never guessed. Pools whose free chain changed are read again, a few times.
 */
#ifndef HEAP_BLOCKS_H
#define HEAP_BLOCKS_H

#include <linux/types.h>
#include <stdbool.h>

#include "heap/image.h"
#include "heap/pools.h"
#include "target.h"

enum block_place {
	BLOCK_IN_POOL,   /* pymalloc; address and size are the block's */
	BLOCK_IN_MALLOC, /* glibc: address is what malloc returned, size is usable bytes */
	BLOCK_MAPPED,    /* glibc: a chunk that is a mapping of its own */
};

struct heap_block {
	__u64 address, size;
	__u64 resident; /* bytes of it in memory; what a split of the resident memory has to add up */
	enum block_place place;
	/* The first bytes of it, as many as `have`; valid until the next call. */
	const unsigned char *data;
	__u32 have;
};

struct pool_class_totals {
	__u64 pools, full, in_use, free; /* pools; blocks in use, free blocks in these pools */
};

struct arena_fill {
	__u64 address, bytes, in_use; /* bytes of blocks in use */
	__u64 resident;               /* bytes of it in memory */
};

struct malloc_arena_totals {
	__u64 address; /* its malloc_state */
	__u64 bytes;   /* of its heaps, up to the end of the top chunk */
	__u64 in_use, in_use_count, free, free_count,
		top;         /* bytes with chunk heads; tcaches and fastbins are free */
	__u64 cached;        /* of free: in tcaches, which mallinfo() counts as in use */
	__u64 free_resident; /* of free and top: in memory */
};

/* Memory that malloc has from the kernel, with what it has reserved to grow. */
struct malloc_range {
	__u64 start, end;
	bool mapped; /* a chunk of its own, not a heap */
};

struct block_totals {
	/* pymalloc */
	struct pool_class_totals classes[POOL_CLASSES];
	struct arena_fill *arenas; /* by address */
	size_t arena_count;
	__u64 free_pools, free_pool_bytes,
		virgin_bytes; /* given back to the arena, and never used */
	/* malloc */
	struct malloc_arena_totals *malloc_arenas; /* the main one first */
	size_t malloc_arena_count;
	__u64 mapped_bytes, mapped_count;
	struct malloc_range *ranges; /* by address, without overlaps */
	size_t range_count;
	bool has_malloc;          /* glibc's books were readable */
	const char *malloc_limit; /* why not, static; NULL */
	/* what did not parse */
	__u64 bad_pools, broken_heaps, unread_bytes;
	__u64 bad_pool_bytes, broken_resident; /* of these, in memory: no one knows whose */
};

struct blocks;

/* pools may be NULL: no pymalloc. 0, or -ESRCH, -EPERM, -ENOMEM. */
int blocks__open(struct image *image, const struct target *target, struct pools *pools,
		 struct blocks **blocks);
/* 1 = here is one, 0 = that was all, or -ESRCH, -EPERM, -ENOMEM. In order of addresses inside each place, pools first. */
int blocks__next(struct blocks *blocks, struct heap_block *block);
/* Complete when blocks__next() has returned 0; of the blocks. */
const struct block_totals *blocks__totals(const struct blocks *blocks);
/* Whether an address lies in one of pymalloc's arenas. */
bool blocks__in_arena(struct blocks *blocks, __u64 address);
void blocks__close(struct blocks *blocks);

#endif
