// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks_mapped.c - large blocks, for which malloc makes a mapping each
 *
 * No book lists them. Such a chunk begins its mapping with {0, size | IS_MMAPPED}, size being that of the mapping (since 2.43 less the
 * head). The kernel merges neighbours, so what looks like one mapping may be several chunks, arenas of pymalloc and others'
 * memory in between: behind what is known the first words of each page are looked at, and there only sizes of 128 KB and more count,
 * malloc's own threshold.
 */
#include <errno.h>
#include <stdlib.h>

#include "heap/blocks_malloc.h"
#include "lib/proc_mem.h"

#define PAGE 4096ull
#define THRESHOLD (128u << 10)
#define HEADS 256
#define DATA 256
#define MAX_PAGES (1u << 22) /* that are looked at: 16 GB of others' memory */

struct mapped_walk {
	struct image *image;
	struct block_totals *totals;
	size_t mapping, range, heaps; /* next; of totals->ranges, the first are the heaps */
	__u64 at, end;                /* rest of a piece of unknown memory */
	bool fresh;                   /* something begins at `at` */
	size_t pages;
	/* first words of pages from `first` on */
	__u64 first;
	size_t count, ask;
	__u64 heads[HEADS][2];
	struct proc_mem_part parts[HEADS];
	unsigned char data[DATA];
};

int mapped_walk__open(struct image *image, struct block_totals *totals, struct mapped_walk **result)
{
	struct mapped_walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		return -ENOMEM;
	walk->image = image;
	walk->totals = totals;
	walk->heaps = totals->range_count;
	*result = walk;
	return 0;
}

void mapped_walk__close(struct mapped_walk *walk)
{
	free(walk);
}

/* The kernel's names for anonymous memory that a program may have named are no obstacle. */
static bool is_anonymous(const struct mapping *m)
{
	return m->read && m->write && !m->shared && !m->ino &&
	       (!m->path[0] || !__builtin_strncmp(m->path, "[anon:", 6));
}

/* Moves `at` behind a heap or arena that holds it; the end of the unknown piece that begins there. */
static __u64 pass_known(struct mapped_walk *walk, __u64 *at, __u64 end)
{
	for (;;) {
		const struct arena_fill *arena = totals__arena_from(walk->totals, *at);
		const struct malloc_range *heap;

		while (walk->range < walk->heaps && walk->totals->ranges[walk->range].end <= *at)
			walk->range++;
		heap = walk->range < walk->heaps ? &walk->totals->ranges[walk->range] : NULL;
		if (arena && arena->address <= *at) {
			*at = arena->address + arena->bytes;
		} else if (heap && heap->start <= *at) {
			*at = (heap->end + PAGE - 1) & ~(PAGE - 1);
		} else {
			if (arena && arena->address < end)
				end = arena->address;
			if (heap && heap->start < end)
				end = heap->start;
			return end;
		}
	}
}

/* The next piece of memory that could be chunks; false: that was all. */
static bool next_piece(struct mapped_walk *walk)
{
	const struct proc_maps *maps = image__maps(walk->image);

	for (; walk->mapping < maps->count; walk->mapping++) {
		const struct mapping *m = &maps->mappings[walk->mapping];

		if (!is_anonymous(m))
			continue;
		if (walk->at < m->start)
			walk->at = m->start;
		walk->end = pass_known(walk, &walk->at, m->end);
		if (walk->at < m->end) {
			walk->fresh = true;
			walk->count = 0;
			walk->ask = 1;
			return true;
		}
	}
	return false;
}

/* Reads the first words of the next pages; of those that are not in memory, zeros. 0 or -errno. */
static int read_heads(struct mapped_walk *walk)
{
	size_t parts = 0;
	int err;

	walk->first = walk->at;
	for (walk->count = 0; walk->count < walk->ask; walk->count++) {
		__u64 page = walk->first + walk->count * PAGE;

		if (page >= walk->end)
			break;
		walk->heads[walk->count][0] = walk->heads[walk->count][1] = 0;
		if (!image__resident(walk->image, page, PAGE))
			continue;
		walk->parts[parts++] = (struct proc_mem_part){.address = page,
							      .buffer = walk->heads[walk->count],
							      .size = sizeof(walk->heads[0])};
	}
	walk->ask = walk->ask < HEADS / 4 ? 4 * walk->ask : HEADS;
	walk->pages += walk->count;
	err = parts ? proc_mem__read_many(image__pid(walk->image), walk->parts, parts) : 0;
	for (size_t i = 0; i < parts && !err; i++)
		if (walk->parts[i].result)
			((__u64 *)walk->parts[i].buffer)[1] = 0;
	return err;
}

/* Bytes of the mapped chunk that begins at `at`; 0 = none does. */
static __u64 chunk_bytes(const struct mapped_walk *walk, const __u64 head[2])
{
	__u64 size = CHUNK_SIZE(head[1]);

	/* The first word: bytes in front, for aligned blocks; since 2.43 bit 0 says whether pages are huge. */
	if (head[0] > 1 || (head[1] & 7) != CHUNK_MMAPPED || !size)
		return 0;
	if ((size + CHUNK_HEAD) % PAGE == 0)
		size += CHUNK_HEAD;
	if (size % PAGE || size > walk->end - walk->at || (!walk->fresh && size < THRESHOLD))
		return 0;
	return size;
}

static int give(struct mapped_walk *walk, __u64 bytes, struct heap_block *block)
{
	__u64 have = bytes - CHUNK_HEAD < DATA ? bytes - CHUNK_HEAD : DATA;
	int err = totals__add_range(walk->totals, walk->at, walk->at + bytes, true);

	if (err)
		return err;
	walk->totals->mapped_bytes += bytes;
	walk->totals->mapped_count++;
	block->address = walk->at + CHUNK_HEAD;
	block->size = bytes - CHUNK_HEAD;
	block->resident = image__resident(walk->image, block->address, block->size);
	block->place = BLOCK_MAPPED;
	block->data = walk->data;
	block->have = image__read(walk->image, block->address, walk->data, have) ? 0 : have;
	walk->at += bytes;
	walk->fresh = true;
	walk->ask = 1;
	return 1;
}

int mapped_walk__next(struct mapped_walk *walk, struct heap_block *block)
{
	for (;;) {
		__u64 bytes;
		int err = 0;

		if (walk->at >= walk->end && !next_piece(walk))
			break;
		if (walk->pages > MAX_PAGES) {
			walk->totals->unread_bytes += walk->end - walk->at;
			walk->at = walk->end;
			continue;
		}
		if ((walk->at - walk->first) / PAGE >= walk->count)
			err = read_heads(walk);
		if (err)
			return err;
		bytes = chunk_bytes(walk, walk->heads[(walk->at - walk->first) / PAGE]);
		if (bytes)
			return give(walk, bytes, block);
		walk->at += PAGE;
		walk->fresh = false;
	}
	totals__sort_ranges(walk->totals);
	return 0;
}
