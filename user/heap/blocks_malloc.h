/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocks_malloc.h - what the files of the malloc sweep share
 */
#ifndef BLOCKS_MALLOC_H
#define BLOCKS_MALLOC_H

#include "heap/blocks_private.h"
#include "heap/glibc.h"

/* A piece of memory that is chunks from end to end. */
struct malloc_heap {
	__u64 base;       /* with what lies in front of the first chunk */
	__u64 start, end; /* first chunk, end of the top chunk or of the piece */
	__u64 top;        /* 0 = the top chunk is elsewhere */
	size_t arena;     /* of books and of totals */
};

struct heap_list {
	struct malloc_heap *list; /* by address */
	size_t count, room;
};

/* blocks_heaps.c: the heaps of the arenas in the books; totals have pymalloc's arenas. 0, -ESRCH, -EPERM, -ENOMEM. */
int heaps__list(struct image *image, const struct glibc *glibc, const struct glibc_books *books,
		const struct block_totals *totals, struct heap_list *heaps);
/* Where the top chunk of a heap is now; nothing changes if that cannot be told. 0, -ESRCH, -EPERM. */
int heap__find_top(const struct glibc *glibc, const struct glibc_books *books,
		   struct malloc_heap *heap);

/* blocks_pieces.c: what the main arena has where sbrk() failed it. top_end: end of its top chunk. 0 or -ENOMEM. */
int heaps__add_pieces(struct image *image, const struct block_totals *totals, __u64 top,
		      __u64 top_end, struct heap_list *heaps);
int heaps__add(struct heap_list *heaps, const struct malloc_heap *heap);
#define MAX_HEAPS (1u << 16) /* 4 TB */

/* blocks_tcache.c: whether a block that looks used lies in a tcache. */
struct tcaches;

/* Of the image and of what glibc__find() found. 0 or -ENOMEM. */
int tcaches__open(struct image *image, const struct glibc *glibc, struct tcaches **tcaches);
/* words: the chunk's first four. */
bool tcaches__holds(struct tcaches *tcaches, __u64 block, const __u64 words[4]);
void tcaches__close(struct tcaches *tcaches);

/* blocks_chunks.c: one heap after the other. */
struct chunk_walk;

int chunk_walk__open(struct image *image, const struct glibc *glibc, struct pages *pages,
		     struct glibc_books *books, const struct heap_list *heaps,
		     struct block_totals *totals, struct chunk_walk **walk);
/* As blocks__next(). */
int chunk_walk__next(struct chunk_walk *walk, struct heap_block *block);
void chunk_walk__close(struct chunk_walk *walk);

/* blocks_mapped.c: chunks that are mappings of their own; totals->ranges has the heaps, and gets the chunks. */
struct mapped_walk;

int mapped_walk__open(struct image *image, struct block_totals *totals, struct mapped_walk **walk);
int mapped_walk__next(struct mapped_walk *walk, struct heap_block *block);
void mapped_walk__close(struct mapped_walk *walk);

/* Appends a range. 0 or -ENOMEM. */
int totals__add_range(struct block_totals *totals, __u64 start, __u64 end, bool mapped);
/* Puts them in order. */
void totals__sort_ranges(struct block_totals *totals);

#endif
