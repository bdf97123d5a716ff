// SPDX-License-Identifier: BSD-2-Clause
/*
 * glibc_walk.c - where chunks really begin
 *
 * Chunks of a heap lie one behind the other, so from a known beginning (the first chunk, or the end of a chunk that a bin says is
 * free) the sizes lead from chunk to chunk. A header that the chain steps over is a leftover inside another chunk. Costs a read of
 * what lies between, so there is a budget; pages that are not resident end the walk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/glibc.h"
#include "lib/proc_mem.h"

/* Bytes read in one check; 1 GiB takes some 0.2 s. */
#define BUDGET_A_BLOCK (16u << 10)
#define BUDGET_MIN (64u << 20)
#define BUDGET_MAX (1u << 30)
#define PAGE 4096u
#define PIECE_MAX (64 * PAGE)

int walk__init(struct walk *walk, const struct glibc *glibc, struct pages *pages,
	       const struct glibc_books *books, size_t blocks)
{
	memset(walk, 0, sizeof(*walk));
	walk->glibc = glibc;
	walk->pages = pages;
	walk->books = books;
	walk->budget = blocks < BUDGET_MAX / BUDGET_A_BLOCK ? blocks * BUDGET_A_BLOCK : BUDGET_MAX;
	if (walk->budget < BUDGET_MIN)
		walk->budget = BUDGET_MIN;
	walk->piece = malloc(PIECE_MAX);
	return walk->piece ? 0 : -ENOMEM;
}

void walk__done(struct walk *walk)
{
	free(walk->piece);
}

/*
 * Copies memory from address on: a page, and more each time while the walk goes through small chunks, but no more than it takes to
 * get to the chunk in question.
 */
static bool read_piece(struct walk *walk, __u64 address, __u64 chunk)
{
	__u64 stop = chunk < address ? address : chunk + CHUNK_HEAD;
	__u64 end = address - address % PAGE + PAGE;
	bool near = address - walk->piece_start < walk->piece_bytes + PAGE;
	size_t pages;

	walk->piece_ask = near ? 2 * walk->piece_ask : PAGE;
	if (walk->piece_ask > PIECE_MAX - PAGE)
		walk->piece_ask = PIECE_MAX - PAGE;
	walk->piece_bytes = 0;
	if (pages__state(walk->pages, address) != PAGE_RESIDENT)
		return false;
	for (pages = 1; pages < walk->piece_ask / PAGE && end < stop; pages++, end += PAGE)
		if (pages__state(walk->pages, end) != PAGE_RESIDENT)
			break;
	if (end - address > walk->budget)
		return false;
	walk->budget -= end - address;
	if (proc_mem__read(walk->glibc->pid, address, walk->piece, end - address))
		return false;
	walk->piece_start = address;
	walk->piece_bytes = end - address;
	return true;
}

/* Size of the chunk at address; 0 = not readable, or not a size. 16 = one of the posts at the end of a heap that has been left. */
static __u64 size_at(struct walk *walk, __u64 address, __u64 chunk)
{
	__u64 size;

	if (address - walk->piece_start >= walk->piece_bytes && !read_piece(walk, address, chunk))
		return 0;
	size = CHUNK_SIZE(walk->piece[(address - walk->piece_start) / 8 + 1]);
	return size & 15 || size > walk->limit - address ? 0 : size;
}

/* The last known beginning at or below the chunk; 0 = none. */
static __u64 start_for(const struct walk *walk, __u64 chunk, __u64 first)
{
	const struct glibc_range *below = books__free_below(walk->books, chunk);
	__u64 start = first && first <= chunk ? first : 0;

	if (below && below->end <= chunk && below->end > start && below->end >= first)
		start = below->end;
	if (walk->at && walk->at <= chunk && walk->at > start)
		start = walk->at;
	return walk->broken && start <= walk->broken && walk->broken < chunk ? 0 : start;
}

enum walk_result walk__to(struct walk *walk, __u64 chunk, __u64 first, __u64 limit)
{
	__u64 at, size;

	if (limit != walk->limit)
		walk->at = walk->broken = 0;
	walk->limit = limit;
	at = start_for(walk, chunk, first);
	walk->at = 0;
	if (!at || chunk >= limit)
		return WALK_UNDECIDED;
	while (at < chunk) {
		size = size_at(walk, at, chunk);
		if (!size) {
			walk->broken = at;
			return WALK_UNDECIDED;
		}
		if (size > chunk - at) {
			walk->at = at;
			/* The chain must go on behind it, or it had gone astray before. */
			if (at + size < limit && !size_at(walk, at + size, chunk))
				return WALK_UNDECIDED;
			return WALK_INSIDE;
		}
		at += size;
	}
	walk->at = chunk;
	return WALK_BOUNDARY;
}
