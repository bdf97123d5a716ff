// SPDX-License-Identifier: BSD-2-Clause
/*
 * glibc_arenas.c - the ring of arenas, copied
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/glibc.h"
#include "lib/proc_mem.h"

#define MAX_ARENAS 8192 /* eight for each CPU by default */

/* malloc_state from the end of the fastbins: the same in all versions */
struct arena_tail {
	__u64 top, last_remainder;
	__u64 bins[2 * GLIBC_BINS];
	__u32 binmap[4];
	__u64 next, next_free, attached_threads, system_mem, max_system_mem;
};
_Static_assert(sizeof(struct arena_tail) == 16 + 2032 + 16 + 40, "arena_tail");

/* ... and up to there; fast[] is not there since 2.43 */
struct arena_head {
	__u32 mutex, flags, have_fastchunks, _pad;
	__u64 fast[GLIBC_FASTBINS];
};
_Static_assert(sizeof(struct arena_head) == 96, "arena_head");

int glibc__read_arena(const struct glibc *glibc, __u64 address, struct glibc_arena *arena,
		      __u64 *next)
{
	size_t head_size = glibc->bins - 16;
	struct arena_head head = {.mutex = 0};
	struct arena_tail tail;
	struct proc_mem_part parts[] = {
		{.address = address, .buffer = &head, .size = head_size},
		{.address = address + head_size, .buffer = &tail, .size = sizeof(tail)},
	};
	int err;

	if (!address || address & 7 || address >= GLIBC_MAX_ADDRESS || head_size > sizeof(head))
		return -ENOENT;
	err = proc_mem__read_many(glibc->pid, parts, 2);
	if (err || parts[0].result || parts[1].result)
		return err ? err : -EFAULT;
	if (tail.top & 15 || tail.top >= GLIBC_MAX_ADDRESS || head.flags & ~3u ||
	    tail.system_mem & 4095 || tail.system_mem > GLIBC_MAX_ADDRESS)
		return -ENOENT;
	/* A head that is not empty points out at both ends; one caught in between is not worth a word. */
	for (size_t i = 0; i < 2 * GLIBC_BINS; i++)
		if (tail.bins[i] & 7 || tail.bins[i] >= GLIBC_MAX_ADDRESS)
			return -ENOENT;
	memset(arena, 0, sizeof(*arena));
	arena->address = address;
	arena->top = tail.top;
	arena->flags = head.flags;
	memcpy(arena->fast, head.fast, sizeof(arena->fast));
	memcpy(arena->bins, tail.bins, sizeof(arena->bins));
	*next = tail.next;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct glibc_arena *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int read_ring(const struct glibc *glibc, struct glibc_books *books)
{
	__u64 at = glibc->main_arena;
	size_t room = 0;

	do {
		int err;

		if (books->arena_count == MAX_ARENAS)
			return -ENOENT;
		if (books->arena_count == room) {
			struct glibc_arena *more;

			room = room ? 2 * room : 8;
			more = realloc(books->arenas, room * sizeof(*more));
			if (!more)
				return -ENOMEM;
			books->arenas = more;
		}
		err = glibc__read_arena(glibc, at, &books->arenas[books->arena_count], &at);
		if (err)
			return err == -EFAULT ? -ENOENT : err;
		books->arena_count++;
	} while (at != glibc->main_arena);
	qsort(books->arenas + 1, books->arena_count - 1, sizeof(*books->arenas), by_address);
	return 0;
}

static int read_books(const struct glibc *glibc, struct pages *pages, struct glibc_books *books,
		      bool fast_only)
{
	int err;

	memset(books, 0, sizeof(*books));
	err = read_ring(glibc, books);
	if (!err)
		err = books__read_lists(glibc, pages, books, fast_only);
	if (err)
		books__clear(books);
	return err;
}

int books__read(const struct glibc *glibc, struct pages *pages, struct glibc_books *books)
{
	return read_books(glibc, pages, books, false);
}

int books__read_fast(const struct glibc *glibc, struct pages *pages, struct glibc_books *books)
{
	return read_books(glibc, pages, books, true);
}

void books__clear(struct glibc_books *books)
{
	free(books->arenas);
	free(books->free);
	free(books->fast);
	memset(books, 0, sizeof(*books));
}

const struct glibc_arena *books__arena(const struct glibc_books *books, __u64 address)
{
	struct glibc_arena key = {.address = address};

	if (!books->arena_count)
		return NULL;
	if (books->arenas[0].address == address)
		return &books->arenas[0];
	return bsearch(&key, books->arenas + 1, books->arena_count - 1, sizeof(key), by_address);
}

const struct glibc_range *books__free_below(const struct glibc_books *books, __u64 address)
{
	size_t low = 0, high = books->free_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (books->free[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &books->free[low - 1] : NULL;
}

bool books__in_fastbin(const struct glibc_books *books, __u64 chunk)
{
	size_t low = 0, high = books->fast_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (books->fast[middle] == chunk)
			return true;
		if (books->fast[middle] < chunk)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
