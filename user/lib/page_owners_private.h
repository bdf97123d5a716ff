/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_owners_private.h - chunks of 512 pages, ascending by address
 */
#ifndef PAGE_OWNERS_PRIVATE_H
#define PAGE_OWNERS_PRIVATE_H

#include <uthash.h>

#include "lib/page_owners.h"

/* A page's owner: index in stacks[], 0 = none, and two marks. */
#define OWNER_INFERRED (1U << 31)
#define OWNER_SWAPPED (1U << 30)
#define OWNER_INDEX (OWNER_SWAPPED - 1)

struct chunk {
	__u64 base;                    /* address of the first page */
	__u32 *owner;                  /* OWNERS_CHUNK of them; NULL = nothing is owned */
	__u64 old[OWNERS_CHUNK / 64];  /* pages that were there at the beginning and still are */
	__u64 seen[OWNERS_CHUNK / 64]; /* ... that the present look has come to */
};

struct stack {
	__u64 hash;
	__u32 index;
	struct page_sums sums;
	UT_hash_handle hh;
};

struct page_owners {
	__u64 page_size, chunk_bytes;
	struct chunk **chunks;
	size_t chunk_count, chunk_capacity;
	struct stack **stacks; /* [0] unused */
	size_t stack_count, stack_capacity;
	struct stack *by_hash;
	__u64 resident, inferred, orphans;
	bool looked; /* once: what comes from now on is new */
	/* where the last page_owners__read() ended, and the owner of the last page there that had one */
	__u64 carry_end;
	__u32 carry;
};

static inline bool bit(const __u64 *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static inline void set_bit(__u64 *bits, size_t i)
{
	bits[i / 64] |= 1ULL << (i % 64);
}

static inline void clear_bit(__u64 *bits, size_t i)
{
	bits[i / 64] &= ~(1ULL << (i % 64));
}

/* The chunk that holds address, or NULL. */
struct chunk *chunk__at(const struct page_owners *owners, __u64 address);

/* The same, made where there is none. 0 or -ENOMEM, -ENOSPC. */
int chunk__make(struct page_owners *owners, __u64 address, struct chunk **result);

/* Room for owners. 0 or -ENOMEM. */
int chunk__make_room(struct chunk *chunk);

/* Owner of page i of a chunk, 0 = none. */
static inline __u32 chunk__owner(const struct chunk *chunk, size_t i)
{
	return chunk->owner ? chunk->owner[i] : 0;
}

/* Sets it, and keeps the sums right: nothing else does. There is room, unless owner is 0. */
void chunk__set_owner(struct page_owners *owners, struct chunk *chunk, size_t i, __u32 owner);

/* Forgets page i. */
void chunk__drop(struct page_owners *owners, struct chunk *chunk, size_t i);

/* Calls visit for every page of a known chunk in [start, end). */
void chunk__for_each_page(struct page_owners *owners, __u64 start, __u64 end,
			  void (*visit)(struct page_owners *, struct chunk *, size_t));

#endif
