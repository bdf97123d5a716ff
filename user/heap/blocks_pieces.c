// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks_pieces.c - the main arena in pieces
 *
 * Once sbrk() has failed (something lies in its way, or a limit), sysmalloc() takes mappings of 1 MB and more, and nothing lists them. What is left
 * behind ends with two posts, chunks of 16 bytes, at the end of a page. So a piece begins with a page and a chunk, whose
 * chain of sizes leads to such posts, or to the top chunk; nothing else does.
 */
#include <errno.h>
#include <string.h>

#include "heap/blocks_malloc.h"

#define PAGE 4096ull
#define BUDGET (4ull << 30)  /* bytes of chains that are followed to nowhere */
#define MAX_PAGES (1u << 20) /* that are looked at */

struct pieces {
	struct image *image;
	const struct block_totals *totals;
	__u64 top, top_end;
	__u64 budget;
	size_t pages;
	struct heap_list *heaps;
};

/* Anonymous memory that malloc could have got by mmap() or sbrk(). */
static bool is_malloc_like(const struct mapping *m)
{
	return m->read && m->write && !m->shared && !m->ino &&
	       (!m->path[0] || !strcmp(m->path, "[heap]"));
}

static bool is_post(struct image *image, __u64 address)
{
	return CHUNK_SIZE(image__word(image, address + 8)) == CHUNK_HEAD;
}

/* End of the piece that begins at start; 0 = none does. */
static __u64 end_of_piece(struct pieces *pieces, __u64 start, __u64 limit)
{
	__u64 at = start, size;

	while (at + CHUNK_HEAD < limit) {
		if (at == pieces->top)
			return pieces->top_end;
		size = image__word(pieces->image, at + 8);
		if (size & (CHUNK_MMAPPED | CHUNK_NON_MAIN))
			break;
		size = CHUNK_SIZE(size);
		if (size == CHUNK_HEAD && at > start && !((at + 2 * CHUNK_HEAD) & (PAGE - 1)) &&
		    is_post(pieces->image, at + CHUNK_HEAD))
			return at + 2 * CHUNK_HEAD;
		if (size < CHUNK_MIN || size & 15 || size > limit - at)
			break;
		at += size;
	}
	pieces->budget -= at - start < pieces->budget ? at - start : pieces->budget;
	return 0;
}

/* Whether the page may begin a piece: by its first chunk, in front of which is nothing. */
static bool may_begin(struct pieces *pieces, __u64 page)
{
	__u64 words[2];

	pieces->pages++;
	return image__resident(pieces->image, page, PAGE) &&
	       !image__read(pieces->image, page, words, sizeof(words)) && !words[0] &&
	       (words[1] & 7) == CHUNK_PREV_INUSE;
}

/* The pieces of a mapping. 0 or -ENOMEM. */
static int add_pieces(struct pieces *pieces, const struct mapping *m)
{
	int err = 0;

	for (__u64 at = m->start; at < m->end && !err;) {
		const struct arena_fill *arena = totals__arena_from(pieces->totals, at);
		struct malloc_heap heap = {.base = at, .start = at};

		if (arena && arena->address <= at) {
			at = arena->address + arena->bytes;
			continue;
		}
		if (!pieces->budget || pieces->pages >= MAX_PAGES ||
		    pieces->heaps->count >= MAX_HEAPS)
			break;
		if (may_begin(pieces, at))
			heap.end = end_of_piece(pieces, at, m->end);
		if (!heap.end) {
			at += PAGE;
			continue;
		}
		heap.top = heap.end == pieces->top_end ? pieces->top : 0;
		err = heaps__add(pieces->heaps, &heap);
		at = heap.end;
	}
	return err;
}

int heaps__add_pieces(struct image *image, const struct block_totals *totals, __u64 top,
		      __u64 top_end, struct heap_list *heaps)
{
	struct pieces pieces = {
		.image = image,
		.totals = totals,
		.top = top,
		.top_end = top_end,
		.budget = BUDGET,
		.heaps = heaps,
	};
	const struct mapping *m;
	int err = 0;

	proc_maps__for_each (image__maps(image), m) {
		if (is_malloc_like(m))
			err = add_pieces(&pieces, m);
		if (err)
			break;
	}
	return err;
}
