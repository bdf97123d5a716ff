// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks_heaps.c - where malloc's heaps are
 *
 * The main arena's is [heap], from the first sbrk() to the end of its top chunk. Those of other arenas are mapped at multiples of
 * 64 MB; the newest has the top chunk, and each names the one before it (struct heap_info, malloc/arena.c).
 * Where sbrk() failed once, the main arena goes on in mappings that nothing lists: blocks_pieces.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "heap/blocks_malloc.h"
#include "lib/proc_mem.h"

#define PAGE 4096ull

/* The first words of heap_info: 2.31 - 2.43. */
struct heap_info {
	__u64 arena, previous, size;
};

int heaps__add(struct heap_list *heaps, const struct malloc_heap *heap)
{
	if (heaps->count == heaps->room) {
		size_t room = heaps->room ? 2 * heaps->room : 16;
		struct malloc_heap *more = realloc(heaps->list, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		heaps->list = more;
		heaps->room = room;
	}
	heaps->list[heaps->count++] = *heap;
	return 0;
}

static bool is_fatal(int err)
{
	return err == -ESRCH || err == -EPERM || err == -ENOMEM;
}

/* End of an arena's top chunk; 0 = cannot be told. */
static int top_end(const struct glibc *glibc, __u64 top, __u64 *end)
{
	__u64 word = 0, size;
	int err = proc_mem__read(glibc->pid, top + 8, &word, sizeof(word));

	*end = 0;
	if (err)
		return is_fatal(err) ? err : 0;
	size = CHUNK_SIZE(word);
	/* The top chunk ends with the page; a heap without any has an empty one inside malloc_state. */
	if (size >= CHUNK_HEAD && size < GLIBC_MAX_ADDRESS && !((top + size) & (PAGE - 1)))
		*end = top + size;
	return 0;
}

/* Whether the heap, which may have grown, has this top chunk. */
static bool is_in_heap(const struct malloc_heap *heap, __u64 top)
{
	if (heap->arena)
		return top >= heap->start && top < heap->base + GLIBC_HEAP_SIZE;
	return top >= heap->start && (heap->top || top < heap->end);
}

int heap__find_top(const struct glibc *glibc, const struct glibc_books *books,
		   struct malloc_heap *heap)
{
	struct glibc_arena arena;
	__u64 next, end;
	int err = glibc__read_arena(glibc, books->arenas[heap->arena].address, &arena, &next);

	if (!err)
		err = top_end(glibc, arena.top, &end);
	if (err)
		return is_fatal(err) ? err : 0;
	if (end && is_in_heap(heap, arena.top)) {
		heap->top = arena.top;
		heap->end = end;
	} else if (heap->arena) {
		heap->top = 0; /* the arena has a newer heap */
	}
	return 0;
}

static int add_main(struct image *image, const struct glibc *glibc, const struct glibc_books *books,
		    const struct block_totals *totals, struct heap_list *heaps)
{
	const struct glibc_arena *arena = &books->arenas[0];
	struct malloc_heap heap = {
		.base = glibc->heap_start & ~(PAGE - 1),
		.start = glibc->heap_start,
		.top = arena->top,
	};
	int err = top_end(glibc, arena->top, &heap.end);

	if (err || !heap.end)
		return err;
	if (!heap.start || arena->flags & ARENA_NONCONTIGUOUS || heap.start > heap.top)
		return heaps__add_pieces(image, totals, heap.top, heap.end, heaps);
	return heaps__add(heaps, &heap);
}

/* The heaps of a thread's arena, from that with the top chunk back. */
static int add_thread_heaps(const struct glibc *glibc, const struct glibc_books *books,
			    size_t number, struct heap_list *heaps)
{
	const struct glibc_arena *arena = &books->arenas[number];
	__u64 state = glibc->bins + 16 * GLIBC_BINS + 56, at = arena->top & ~(GLIBC_HEAP_SIZE - 1);
	struct heap_info info;

	for (__u64 top = arena->top; at && heaps->count < MAX_HEAPS; at = info.previous, top = 0) {
		struct malloc_heap heap = {.base = at, .arena = number};
		int err = proc_mem__read(glibc->pid, at, &info, sizeof(info));

		if (err)
			return is_fatal(err) ? err : 0;
		if (info.arena != arena->address || info.size > GLIBC_HEAP_SIZE ||
		    info.size & (PAGE - 1) || info.previous & (GLIBC_HEAP_SIZE - 1))
			return 0;
		heap.start = at + (arena->address & (GLIBC_HEAP_SIZE - 1));
		if (heap.start == arena->address)
			heap.start = (heap.start + state + 15) & ~15ull;
		heap.end = at + info.size;
		heap.top = top < heap.end ? top : 0;
		if (heap.start < heap.end)
			err = heaps__add(heaps, &heap);
		if (err)
			return err;
	}
	return 0;
}

static int by_base(const void *a, const void *b)
{
	const struct malloc_heap *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

/* Heaps that overlap come from books that changed, or lie: the first one counts. */
static void drop_overlaps(struct heap_list *heaps)
{
	size_t kept = 0;
	__u64 end = 0;

	for (size_t i = 0; i < heaps->count; i++) {
		if (heaps->list[i].base < end)
			continue;
		end = heaps->list[i].arena ? heaps->list[i].base + GLIBC_HEAP_SIZE
					   : heaps->list[i].end;
		heaps->list[kept++] = heaps->list[i];
	}
	heaps->count = kept;
}

int heaps__list(struct image *image, const struct glibc *glibc, const struct glibc_books *books,
		const struct block_totals *totals, struct heap_list *heaps)
{
	int err = add_main(image, glibc, books, totals, heaps);

	for (size_t i = 1; i < books->arena_count && !err; i++)
		err = add_thread_heaps(glibc, books, i, heaps);
	if (heaps->count)
		qsort(heaps->list, heaps->count, sizeof(*heaps->list), by_base);
	drop_overlaps(heaps);
	return err;
}
