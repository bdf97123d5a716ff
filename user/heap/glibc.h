/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc.h - glibc's malloc, read from outside: which chunks are handed out
 *
 *	glibc__find()		once: main_arena and the tcache key in the data of libc
 *	books__read()		at each check: arenas, free chunks
 *	glibc__check()		what to say about each block; reads the books itself
 *
 * A chunk is {prev_size, size and flags, user data ...}; a block's address is its chunk's plus 16. The word that says whether a
 * chunk is in use is in the chunk behind it (PREV_INUSE), and three things make it lie: chunks in a tcache or a fastbin are free and
 * keep it set; headers inside a chunk that was merged, or merged and handed out again, stay as they were. So also looked at are the tcache
 * key in the block's second word, the fastbins' lists, the bins' lists (every other free chunk is in one), and the chain of sizes from
 * the nearest known boundary below the block.
 * malloc/malloc.c and arena.c of glibc 2.31 - 2.43, 64-bit.
 */
#ifndef GLIBC_H
#define GLIBC_H

#include "heap/in_use_private.h"

#define GLIBC_OLDEST 31 /* 2.31 */
#define GLIBC_SAFE_LINKING 32
#define GLIBC_RANDOM_KEY 34

#define CHUNK_HEAD 16
#define CHUNK_MIN 32
#define CHUNK_PREV_INUSE 1
#define CHUNK_MMAPPED 2
#define CHUNK_NON_MAIN 4
#define CHUNK_SIZE(word) ((word) & ~7ull)
#define FAST_MAX 176 /* largest chunk that mallopt(M_MXFAST) lets into a fastbin */

#define GLIBC_BINS 127
#define GLIBC_FASTBINS 10
#define GLIBC_HEAP_SIZE (64ull << 20) /* of the arenas of threads: mapped at multiples of it */
#define GLIBC_KEYS 64
#define GLIBC_MAX_ADDRESS (1ull << 47)

/* What does not change as long as the process lives. */
struct glibc {
	pid_t pid;
	unsigned minor; /* 36 = 2.36 */
	__u64 main_arena;
	__u32 bins; /* offset of bins[] in malloc_state: 112, and 24 since 2.43, which has no fastbins */
	__u64 heap_start; /* first byte of [heap]; 0 = the process has none */
	/* 2.34 and later: one of these is tcache_key, the others are not found in heap blocks */
	__u64 keys[GLIBC_KEYS];
	size_t key_count;
};

/*
 * module: index of libc in target->modules. 0, or -ENOENT: no main_arena recognized; -ESRCH, -EPERM, -ENOMEM.
 */
int glibc__find(const struct target *target, int module, unsigned minor, struct glibc *glibc);

/* A malloc_state, without what is of no interest. */
struct glibc_arena {
	__u64 address, top;
	__u32 flags;
	__u64 fast[GLIBC_FASTBINS];
	__u64 bins[2 * GLIBC_BINS]; /* fd, bk of each */
	/* lists that could not be followed to their end; index: that of the bin */
	bool bin_broken[GLIBC_BINS], fast_broken[GLIBC_FASTBINS];
	bool bins_complete; /* no bin_broken */
};

#define ARENA_NONCONTIGUOUS 2

/* A chunk in a bin. */
struct glibc_range {
	__u64 start, end;
};

/* The free chunks of a moment. */
struct glibc_books {
	struct glibc_arena *arenas; /* the main one first, the others by address */
	size_t arena_count;
	struct glibc_range *free; /* by address; what is in tcaches and fastbins is not here */
	size_t free_count, free_room;
	__u64 *fast; /* chunks in fastbins, by address */
	size_t fast_count, fast_room;
};

/* Reads one malloc_state; 0, -EFAULT, -ENOENT (does not look like one), -ESRCH, -EPERM. */
int glibc__read_arena(const struct glibc *glibc, __u64 address, struct glibc_arena *arena,
		      __u64 *next);

/* glibc_arenas.c. 0, -ENOENT (the ring of arenas is broken), -ESRCH, -EPERM, -ENOMEM. */
int books__read(const struct glibc *glibc, struct pages *pages, struct glibc_books *books);
/* Without the bins, which may be long: free[] stays empty. */
int books__read_fast(const struct glibc *glibc, struct pages *pages, struct glibc_books *books);
void books__clear(struct glibc_books *books);

/* glibc_bins.c: follows the lists of the arenas read. 0, -ESRCH, -EPERM, -ENOMEM. */
int books__read_lists(const struct glibc *glibc, struct pages *pages, struct glibc_books *books,
		      bool fast_only);

/* The arena whose malloc_state is at address, or NULL. */
const struct glibc_arena *books__arena(const struct glibc_books *books, __u64 address);

/* The last free chunk that starts at or below address, or NULL. */
const struct glibc_range *books__free_below(const struct glibc_books *books, __u64 address);
bool books__in_fastbin(const struct glibc_books *books, __u64 chunk);

/* glibc_walk.c: whether a chunk starts at an address, by the chain of sizes that leads there. */
struct walk {
	const struct glibc *glibc;
	struct pages *pages;
	const struct glibc_books *books;
	__u64 at;          /* a chunk starts here; 0 = no walk under way */
	__u64 broken;      /* where the chain broke, in the heap that ends at limit; 0 = nowhere */
	__u64 limit;       /* end of its heap */
	size_t budget;     /* bytes that may still be read */
	__u64 piece_start; /* a copy of the target's memory, in words */
	size_t piece_bytes, piece_ask;
	__u64 *piece;
};

enum walk_result {
	WALK_UNDECIDED, /* no boundary known, the chain broke, the budget is used up */
	WALK_BOUNDARY,
	WALK_INSIDE, /* of a chunk that starts below */
};

/* blocks: how many questions there will be. 0 or -ENOMEM. */
int walk__init(struct walk *walk, const struct glibc *glibc, struct pages *pages,
	       const struct glibc_books *books, size_t blocks);
void walk__done(struct walk *walk);

/* Chunks in order of addresses; first, limit: the first chunk and the end of the heap that chunk is in. */
enum walk_result walk__to(struct walk *walk, __u64 chunk, __u64 first, __u64 limit);

/* glibc_chunks.c: blocks sorted by address. 0, -ENOENT (the books were not readable), -ESRCH, -EPERM, -ENOMEM. */
int glibc__check(const struct glibc *glibc, struct pages *pages, struct block_query *blocks,
		 size_t count);

#endif
