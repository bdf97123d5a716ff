/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap/in_use.h - is this block still handed out? Asked from outside, of the allocator's own books
 *
 * pymalloc: a block is free when its pool is (ref.count 0, or given back, or of another size class now), when it lies at or behind
 * pool.nextoffset, or when it is on the pool's freeblock chain. glibc: when it is in a tcache, in a fastbin, or the chunk behind it
 * says so (PREV_INUSE), when it is part of the top chunk or of a free chunk, when its chunk has another size now, or when it is no
 * chunk any more but the inside of one. Nothing is written, nothing stopped.
 *
 * What this cannot tell: a block that was released and handed out again, with a fitting size, is IN_USE. Pages that are swapped out
 * are not brought back; blocks whose books lie there are UNKNOWN, and so are those whose lists changed at each of several tries.
 * Pages that were never written, or dropped (MADV_DONTNEED), hold no book of a block in use: FREE.
 * A target that writes nonsense into its heap costs bounded time and gets wrong answers about its own blocks only.
 */
#ifndef HEAP_IN_USE_H
#define HEAP_IN_USE_H

#include <linux/types.h>
#include <stddef.h>

#include "heap/pools.h"
#include "target.h"
#include "wire.h"

enum block_state {
	BLOCK_UNKNOWN, /* could not be told: the allocator's books were not readable or not consistent */
	BLOCK_IN_USE,
	BLOCK_FREE,
};

struct block_query {
	__u64 address;
	__u64 size;   /* bytes last asked for (malloc, realloc), or of the size class */
	__u32 domain; /* DOMAIN_OBJECT or DOMAIN_RAW */
	__u32 state;  /* enum block_state, filled in */
	void *of;     /* the caller's */
};

struct in_use;

/*
 * What is needed is found out at the first question. pools may be NULL (then every object block is UNKNOWN); it and
 * target must outlive the reader. 0 or -ENOMEM.
 */
int in_use__open(const struct target *target, struct pools *pools, struct in_use **reader);
void in_use__close(struct in_use *reader);

/*
 * Why DOMAIN_RAW blocks cannot be judged (another malloc than glibc's, glibc before 2.31, main_arena not recognized), or NULL where
 * they can, as far as known by now. Static text.
 */
const char *in_use__raw_limit(const struct in_use *reader);

/*
 * Judges count blocks; sorts them by domain and address; other domains are UNKNOWN. Blocks of a pool are judged from one read of it,
 * those of malloc from one read of its lists and, within a budget of 16 KB a block (64 MB at least, 1 GB at most), of the memory
 * between its free chunks.
 * 0, or -ESRCH, -EPERM, -ENOMEM (then the states are UNKNOWN).
 */
int in_use__check(struct in_use *reader, struct block_query *blocks, size_t count);

#endif
