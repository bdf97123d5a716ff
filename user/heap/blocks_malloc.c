// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks_malloc.c - glibc's blocks: the books, then the heaps, then the mapped chunks
 *
 * The books are read when the first block is asked for, as late as can be: pymalloc's sweep may have taken a while.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "heap/blocks_malloc.h"
#include "heap/in_use.h"

struct malloc_sweep {
	struct image *image;
	struct block_totals *totals;
	struct glibc glibc;
	struct pages *pages;
	struct glibc_books books;
	struct heap_list heaps;
	bool begun;
	struct chunk_walk *in_heaps;
	struct mapped_walk *in_mappings;
};

static const char no_arena[] = "main_arena was not recognized in libc's data: malloc's blocks are "
			       "not counted";
static const char no_books[] = "malloc's arenas were changing at each look: its blocks are not "
			       "counted";

int totals__add_range(struct block_totals *totals, __u64 start, __u64 end, bool mapped)
{
	size_t count = totals->range_count;

	/* A power of two, or nothing yet: the list is full. */
	if (!(count & (count - 1))) {
		struct malloc_range *more =
			realloc(totals->ranges, (count ? 2 * count : 1) * sizeof(*more));

		if (!more)
			return -ENOMEM;
		totals->ranges = more;
	}
	totals->ranges[totals->range_count++] =
		(struct malloc_range){.start = start, .end = end, .mapped = mapped};
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct malloc_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

void totals__sort_ranges(struct block_totals *totals)
{
	if (totals->range_count)
		qsort(totals->ranges, totals->range_count, sizeof(*totals->ranges), by_start);
}

/* Why the malloc in charge cannot be read; NULL and its version if it can. 0 or -ENOMEM. */
static int find_limit(const struct target *target, const char **limit, unsigned *minor)
{
	struct in_use *reader;
	int err = in_use__open(target, NULL, &reader);

	if (err)
		return err;
	*limit = in_use__raw_limit(reader);
	in_use__close(reader);
	if (!*limit && sscanf(target->allocators[0].name, "glibc 2.%3u", minor) != 1)
		*limit = no_arena;
	return 0;
}

int malloc_sweep__open(struct image *image, const struct target *target,
		       struct block_totals *totals, struct malloc_sweep **result)
{
	struct malloc_sweep *sweep;
	unsigned minor = 0;
	int err;

	*result = NULL;
	err = find_limit(target, &totals->malloc_limit, &minor);
	if (err || totals->malloc_limit)
		return err;
	sweep = calloc(1, sizeof(*sweep));
	if (!sweep)
		return -ENOMEM;
	sweep->image = image;
	sweep->totals = totals;
	err = pages__open(target->pid, &sweep->pages);
	if (!err)
		err = glibc__find(target, target->allocators[0].module, minor, &sweep->glibc);
	if (err) {
		malloc_sweep__close(sweep);
		if (err == -ENOENT)
			totals->malloc_limit = no_arena;
		return err == -ENOENT ? 0 : err;
	}
	*result = sweep;
	return 0;
}

static int list_arenas(struct malloc_sweep *sweep)
{
	struct block_totals *totals = sweep->totals;
	int err = 0;

	totals->malloc_arenas = calloc(sweep->books.arena_count, sizeof(*totals->malloc_arenas));
	if (!totals->malloc_arenas)
		return -ENOMEM;
	totals->malloc_arena_count = sweep->books.arena_count;
	for (size_t i = 0; i < sweep->books.arena_count; i++)
		totals->malloc_arenas[i].address = sweep->books.arenas[i].address;
	for (size_t i = 0; i < sweep->heaps.count && !err; i++) {
		const struct malloc_heap *heap = &sweep->heaps.list[i];

		/* A thread's heap has room reserved to grow. */
		err = totals__add_range(totals, heap->base,
					heap->arena ? heap->base + GLIBC_HEAP_SIZE : heap->end,
					false);
	}
	totals__sort_ranges(totals);
	return err;
}

static int begin(struct malloc_sweep *sweep)
{
	struct block_totals *totals = sweep->totals;
	int err;

	sweep->begun = true;
	pages__forget(sweep->pages);
	err = books__read_fast(&sweep->glibc, sweep->pages, &sweep->books);
	if (err == -ENOENT) {
		totals->malloc_limit = no_books;
		return 0;
	}
	if (!err)
		err = heaps__list(sweep->image, &sweep->glibc, &sweep->books, totals,
				  &sweep->heaps);
	if (!err)
		err = list_arenas(sweep);
	if (!err)
		err = chunk_walk__open(sweep->image, &sweep->glibc, sweep->pages, &sweep->books,
				       &sweep->heaps, totals, &sweep->in_heaps);
	totals->has_malloc = !err;
	return err;
}

int malloc_sweep__next(struct malloc_sweep *sweep, struct heap_block *block)
{
	int got = sweep->begun ? 0 : begin(sweep);

	if (got)
		return got;
	if (sweep->in_heaps) {
		got = chunk_walk__next(sweep->in_heaps, block);
		if (got)
			return got;
		chunk_walk__close(sweep->in_heaps);
		sweep->in_heaps = NULL;
		got = mapped_walk__open(sweep->image, sweep->totals, &sweep->in_mappings);
		if (got)
			return got;
	}
	return sweep->in_mappings ? mapped_walk__next(sweep->in_mappings, block) : 0;
}

void malloc_sweep__close(struct malloc_sweep *sweep)
{
	if (!sweep)
		return;
	chunk_walk__close(sweep->in_heaps);
	mapped_walk__close(sweep->in_mappings);
	books__clear(&sweep->books);
	pages__close(sweep->pages);
	free(sweep->heaps.list);
	free(sweep);
}
