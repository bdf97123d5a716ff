// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks_chunks.c - goes through malloc's heaps by the sizes of the chunks
 *
 * Chunks lie one behind the other, each says how long it is, and whether the one in front of it is in use (PREV_INUSE); if not, its
 * first word repeats that one's size. The heap changes while we go: chunks are merged and split anew between two copies, and the
 * chain leads into the inside of one. Where a size cannot be right, we go back to a place that was right a while ago and from
 * there once more over what is known; if that does not help, on from the next free chunk of the books, or from the top chunk. What lies in
 * between is counted as unread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/blocks_malloc.h"

#define PAGE 4096ull
#define COPY_FIRST (64u << 10)
#define COPY_MOST (1u << 20)
#define DATA 256       /* bytes of a block that are shown, if it has them */
#define MAX_BREAKS 256 /* in a heap */
#define MARKS 32
#define BACK_BUDGET (256u << 20) /* bytes of heap that are gone over again in a sweep */
#define POSTS                                                                                      \
	32 /* the last bytes of a heap that has been left, and 15 at most to keep chunks aligned */

struct chunk_walk {
	struct image *image;
	const struct glibc *glibc;
	struct pages *pages;
	struct glibc_books *books;
	const struct heap_list *heaps;
	struct block_totals *totals;
	struct tcaches *tcaches;
	size_t next_heap;
	struct malloc_heap heap; /* under way */
	__u64 at;                /* the next chunk; at the heap's end = done */
	unsigned breaks;
	bool broken;        /* some of this heap is left out */
	bool knows_free;    /* books->free has been filled */
	__u64 marks[MARKS]; /* chunks with which copies began, the last ones of this heap */
	size_t marked;
	bool going_back;
	__u64 back_budget;
	/* a copy of memory from base on */
	unsigned char *bytes;
	__u64 base;
	size_t have, ask;
};

int chunk_walk__open(struct image *image, const struct glibc *glibc, struct pages *pages,
		     struct glibc_books *books, const struct heap_list *heaps,
		     struct block_totals *totals, struct chunk_walk **result)
{
	struct chunk_walk *walk = calloc(1, sizeof(*walk));
	int err;

	if (!walk)
		return -ENOMEM;
	walk->image = image;
	walk->glibc = glibc;
	walk->pages = pages;
	walk->back_budget = BACK_BUDGET;
	walk->books = books;
	walk->heaps = heaps;
	walk->totals = totals;
	walk->bytes = malloc(COPY_MOST);
	err = walk->bytes ? tcaches__open(image, glibc, &walk->tcaches) : -ENOMEM;
	if (err) {
		chunk_walk__close(walk);
		return err;
	}
	*result = walk;
	return 0;
}

void chunk_walk__close(struct chunk_walk *walk)
{
	if (!walk)
		return;
	tcaches__close(walk->tcaches);
	free(walk->bytes);
	free(walk);
}

/* Copies from the page of an address on: more each time as long as it goes on and on. 0 or -errno. */
static int copy_from(struct chunk_walk *walk, __u64 address)
{
	__u64 base = address & ~(PAGE - 1), end = (walk->heap.end + PAGE - 1) & ~(PAGE - 1);
	long got;

	if (address - walk->base <= walk->have + PAGE && walk->have)
		walk->ask = walk->ask < COPY_MOST ? 2 * walk->ask : COPY_MOST;
	else
		walk->ask = COPY_FIRST;
	walk->base = base;
	walk->have = end - base < walk->ask ? end - base : walk->ask;
	got = image__copy(walk->image, base, walk->bytes, walk->have);
	return got < 0 ? got : 0;
}

/* Whether [address, address + size) is in the copy. */
static bool has(const struct chunk_walk *walk, __u64 address, __u64 size)
{
	return address - walk->base < walk->have && size <= walk->have - (address - walk->base);
}

static __u64 least(__u64 a, __u64 b)
{
	return a < b ? a : b;
}

struct chunk {
	__u64 at, size;
	__u64 words[4];
	bool in_use; /* or in a tcache, or a fastbin */
};

enum step { STEP_CHUNK, STEP_END, STEP_BROKEN };

/* Looks at the words of the next chunk and of the one behind it. */
static enum step understand(const struct chunk_walk *walk, struct chunk *chunk,
			    const __u64 behind[2])
{
	const struct malloc_heap *heap = &walk->heap;
	__u64 flags = heap->arena ? CHUNK_NON_MAIN : 0;

	chunk->in_use = behind[1] & CHUNK_PREV_INUSE;
	if (!chunk->in_use)
		return behind[0] == chunk->size ? STEP_CHUNK : STEP_BROKEN;
	/* Only what is handed out says whose it is. */
	return (chunk->words[1] & CHUNK_NON_MAIN) == flags ? STEP_CHUNK : STEP_BROKEN;
}

/* Whether the size can be one; END: there is nothing behind this. */
static enum step judge_size(const struct chunk_walk *walk, const struct chunk *chunk)
{
	const struct malloc_heap *heap = &walk->heap;
	__u64 rest = heap->end - chunk->at;

	/* Only the top chunk touches the end; it may have moved since the books were read. */
	if (chunk->at == heap->top || (chunk->size == rest && heap->top))
		return STEP_END;
	if (!heap->top && (rest < POSTS + CHUNK_MIN || chunk->size == CHUNK_HEAD))
		return STEP_END;
	if (chunk->size < CHUNK_MIN || chunk->size & 15 || chunk->size > rest - CHUNK_HEAD ||
	    chunk->words[1] & CHUNK_MMAPPED)
		return STEP_BROKEN;
	return STEP_CHUNK;
}

/* The first words of a chunk far behind the copy; zeros if they cannot be read. 0 or -errno. */
static int read_behind(struct chunk_walk *walk, __u64 address, __u64 words[2])
{
	unsigned char page[PAGE];
	long got = image__copy(walk->image, address & ~(PAGE - 1), page, PAGE);

	if (got < 0)
		return got;
	memcpy(words, page + (address & (PAGE - 1)), 2 * sizeof(*words));
	return 0;
}

/* The words of the chunk at walk->at. 0 or -errno, and *step. */
static int read_chunk(struct chunk_walk *walk, struct chunk *chunk, enum step *step)
{
	__u64 left = walk->heap.end - walk->at, behind[2] = {0};
	bool fresh = false;
	int err = 0;

	*chunk = (struct chunk){.at = walk->at};
	if (!has(walk, walk->at, least(left, CHUNK_HEAD + DATA))) {
		if (!walk->going_back)
			walk->marks[walk->marked++ % MARKS] = walk->at;
		err = copy_from(walk, walk->at);
		fresh = true;
	}
	for (; !err; fresh = true) {
		memcpy(chunk->words, walk->bytes + (walk->at - walk->base),
		       least(left, sizeof(chunk->words)));
		chunk->size = CHUNK_SIZE(chunk->words[1]);
		*step = judge_size(walk, chunk);
		if (*step != STEP_CHUNK)
			return 0;
		if (has(walk, walk->at, chunk->size + sizeof(behind))) {
			memcpy(behind, walk->bytes + (walk->at + chunk->size - walk->base),
			       sizeof(behind));
			break;
		}
		if (fresh || chunk->size > COPY_MOST / 4) {
			err = read_behind(walk, walk->at + chunk->size, behind);
			break;
		}
		err = copy_from(walk, walk->at);
	}
	if (!err)
		*step = understand(walk, chunk, behind);
	return err;
}

/* Where the chain may go on behind a break: the next free chunk, or the top. */
static __u64 next_known(const struct chunk_walk *walk)
{
	const struct glibc_books *books = walk->books;
	const struct glibc_range *free = books__free_below(books, walk->at);
	const struct malloc_heap *heap = &walk->heap;
	__u64 top = heap->top > walk->at ? heap->top : heap->end;

	free = free ? free + 1 : books->free;
	return free < books->free + books->free_count && free->start > walk->at && free->start < top
		       ? free->start
		       : top;
}

/* Once in a sweep the bins are read, when they are needed; if they cannot be, the top chunk is all that is known. */
static int know_free_chunks(struct chunk_walk *walk)
{
	struct glibc_books books;
	int err;

	if (walk->knows_free)
		return 0;
	walk->knows_free = true;
	err = books__read(walk->glibc, walk->pages, &books);
	if (err)
		return err == -ENOENT ? 0 : err;
	/* The arenas stay as they are: the heaps were listed by them. */
	free(walk->books->free);
	walk->books->free = books.free;
	walk->books->free_count = books.free_count;
	walk->books->free_room = books.free_room;
	books.free = NULL;
	books__clear(&books);
	return 0;
}

/* Goes from a mark as far as `until`, or a chunk behind it. True: the chain holds. 0 or -errno in *err. */
static bool go_over(struct chunk_walk *walk, __u64 mark, __u64 until, int *err)
{
	struct chunk chunk;
	enum step step = STEP_CHUNK;

	*err = 0;
	walk->at = mark;
	walk->have = 0;
	while (walk->at < until && step == STEP_CHUNK && !*err) {
		*err = read_chunk(walk, &chunk, &step);
		if (!*err && step == STEP_CHUNK)
			walk->at += chunk.size;
	}
	/* The next one must be good, too, or nothing is won. */
	if (!*err && step == STEP_CHUNK)
		*err = read_chunk(walk, &chunk, &step);
	return !*err && step != STEP_BROKEN;
}

/* Looks for the chunk that now is at, or follows, the place where the chain broke. 0 or -errno. */
static int go_back(struct chunk_walk *walk, bool *mended)
{
	size_t marks = walk->marked < MARKS ? walk->marked : MARKS, marked = walk->marked;
	__u64 broken = walk->at;
	int err = 0;

	*mended = false;
	walk->going_back = true;
	for (size_t i = 0; i <= marks && !err && !*mended; i++) {
		__u64 mark = i < marks ? walk->marks[(marked - 1 - i) % MARKS] : walk->heap.start;

		if (mark >= broken || broken - mark > walk->back_budget)
			continue;
		walk->back_budget -= broken - mark;
		*mended = go_over(walk, mark, broken, &err);
	}
	walk->going_back = false;
	if (!*mended)
		walk->at = broken;
	return err;
}

/* The chain broke: finds where to go on. 0 or -errno. */
static int mend(struct chunk_walk *walk)
{
	__u64 next;
	bool mended;
	int err = heap__find_top(walk->glibc, walk->books, &walk->heap);

	image__look_again(walk->image);
	walk->have = 0;
	if (!err && ++walk->breaks < MAX_BREAKS)
		err = go_back(walk, &mended);
	else
		mended = false;
	if (err || mended)
		return err;
	err = know_free_chunks(walk);
	next = walk->breaks < MAX_BREAKS ? next_known(walk) : walk->heap.end;
	if (!walk->broken)
		walk->totals->broken_heaps++;
	walk->broken = true;
	walk->totals->unread_bytes += next - walk->at;
	walk->totals->broken_resident += image__resident(walk->image, walk->at, next - walk->at);
	walk->at = next;
	walk->have = 0;
	return err;
}

/* A chunk that can be right; false in *found: the heap is at its end. 0 or -errno. */
static int next_chunk(struct chunk_walk *walk, struct chunk *chunk, bool *found)
{
	*found = false;
	while (walk->at < walk->heap.end) {
		enum step step = STEP_BROKEN;
		int err = read_chunk(walk, chunk, &step);

		if (!err && step == STEP_CHUNK) {
			walk->at += chunk->size;
			*found = true;
			return 0;
		}
		if (!err && step == STEP_END)
			break;
		if (!err)
			err = mend(walk);
		if (err)
			return err;
	}
	return 0;
}

/* Bytes of an area that are in memory; one that is smaller than a page has been written at its ends. */
static __u64 resident(const struct chunk_walk *walk, __u64 address, __u64 size)
{
	return size < PAGE ? size : image__resident(walk->image, address, size);
}

static void end_heap(struct chunk_walk *walk)
{
	struct malloc_arena_totals *arena = &walk->totals->malloc_arenas[walk->heap.arena];

	if (walk->at < walk->heap.end && walk->heap.top) {
		arena->top += walk->heap.end - walk->at;
		arena->free_resident +=
			image__resident(walk->image, walk->at, walk->heap.end - walk->at);
	}
	arena->bytes += walk->heap.end - walk->heap.start;
	walk->at = walk->heap.end = 0;
}

static void begin_heap(struct chunk_walk *walk)
{
	walk->heap = walk->heaps->list[walk->next_heap++];
	walk->at = walk->heap.start;
	walk->have = 0;
	walk->breaks = 0;
	walk->broken = false;
	walk->marked = 0;
}

/* Counts it; true: it is handed out. */
static bool count_chunk(struct chunk_walk *walk, const struct chunk *chunk)
{
	struct malloc_arena_totals *arena = &walk->totals->malloc_arenas[walk->heap.arena];
	bool cached = chunk->in_use &&
		      tcaches__holds(walk->tcaches, chunk->at + CHUNK_HEAD, chunk->words);

	if (chunk->in_use && !cached &&
	    !(chunk->size <= FAST_MAX && books__in_fastbin(walk->books, chunk->at))) {
		arena->in_use += chunk->size;
		arena->in_use_count++;
		return true;
	}
	arena->free += chunk->size;
	arena->free_count++;
	arena->cached += cached ? chunk->size : 0;
	arena->free_resident += resident(walk, chunk->at, chunk->size);
	return false;
}

int chunk_walk__next(struct chunk_walk *walk, struct heap_block *block)
{
	struct chunk chunk;
	bool found;
	int err;

	for (;;) {
		err = next_chunk(walk, &chunk, &found);
		if (err)
			return err;
		if (found && count_chunk(walk, &chunk))
			break;
		if (found)
			continue;
		if (walk->heap.end)
			end_heap(walk);
		if (walk->next_heap == walk->heaps->count)
			return 0;
		begin_heap(walk);
	}
	block->address = chunk.at + CHUNK_HEAD;
	block->size = chunk.size - 8;
	block->resident = resident(walk, block->address, block->size);
	block->place = BLOCK_IN_MALLOC;
	block->data = walk->bytes + (block->address - walk->base);
	block->have = least(block->size, walk->have - (block->address - walk->base));
	return 1;
}
