// SPDX-License-Identifier: BSD-2-Clause
/*
 * glibc_bins.c - follows the lists of free chunks of all arenas, side by side
 *
 * One step of every list is one scattered read, so that the number of system calls is the length of the longest list, not of all.
 * The lists change while they are followed: a chunk that does not point back to where we come from breaks its list off there, and
 * it is followed again from its head, a few times. At the end each chunk's footer (the size, again, in the chunk behind it) is asked whether it still is free.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/glibc.h"
#include "lib/proc_mem.h"

#define MAX_STEPS (1u << 20) /* free chunks of all arenas that are looked at, a second or so */
#define FOOTERS 4096
#define TRIES 6

/* Where a list is being followed. */
struct chain {
	__u64 head; /* of a bin; 0 = a fastbin */
	__u64 at, previous;
	bool done;
	bool *broken;   /* in its arena */
	__u64 words[4]; /* prev_size, size, fd, bk */
};

struct chains {
	struct chain *list;
	struct proc_mem_part *parts;
	size_t *of; /* chain of each part */
	size_t count, room;
	size_t steps;
};

static int chains__add(struct chains *chains, __u64 head, __u64 at, bool *broken)
{
	if (chains->count == chains->room) {
		size_t room = chains->room ? 2 * chains->room : 256;
		struct chain *more = realloc(chains->list, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		chains->list = more;
		chains->room = room;
	}
	*broken = true; /* until its end has been seen */
	chains->list[chains->count++] =
		(struct chain){.head = head, .at = at, .previous = head, .broken = broken};
	return 0;
}

/* The lists of an arena, or only those that broke. */
static int chains__add_arena(struct chains *chains, struct glibc_arena *arena, __u32 bins_offset,
			     bool again, bool fast_only)
{
	int err = 0;

	for (size_t i = 0; i < GLIBC_BINS && !err && !fast_only; i++) {
		__u64 head = arena->address + bins_offset + 16 * i - 16, first = arena->bins[2 * i];
		bool wanted = !again || arena->bin_broken[i];

		arena->bin_broken[i] = false;
		/* Zero: an arena that is just being made. */
		if (wanted && first && first != head)
			err = chains__add(chains, head, first, &arena->bin_broken[i]);
	}
	for (size_t i = 0; i < GLIBC_FASTBINS && !err; i++) {
		bool wanted = !again || arena->fast_broken[i];

		arena->fast_broken[i] = false;
		if (wanted && arena->fast[i])
			err = chains__add(chains, 0, arena->fast[i], &arena->fast_broken[i]);
	}
	return err;
}

static bool arena__is_broken(const struct glibc_arena *arena)
{
	return memchr(arena->bin_broken, 1, sizeof(arena->bin_broken)) ||
	       memchr(arena->fast_broken, 1, sizeof(arena->fast_broken));
}

/* Reads the heads again, keeps what is known of the lists. */
static int refresh(const struct glibc *glibc, struct glibc_arena *arena)
{
	struct glibc_arena now;
	__u64 next;
	int err = glibc__read_arena(glibc, arena->address, &now, &next);

	if (err)
		return err == -ESRCH || err == -EPERM ? err : 0;
	memcpy(now.bin_broken, arena->bin_broken, sizeof(now.bin_broken));
	memcpy(now.fast_broken, arena->fast_broken, sizeof(now.fast_broken));
	*arena = now;
	return 0;
}

static int chains__begin(const struct glibc *glibc, const struct glibc_books *books,
			 struct chains *chains, bool again, bool fast_only)
{
	int err = 0;

	chains->count = 0;
	for (size_t i = 0; i < books->arena_count && !err; i++) {
		if (again && !arena__is_broken(&books->arenas[i]))
			continue;
		if (again)
			err = refresh(glibc, &books->arenas[i]);
		if (!err)
			err = chains__add_arena(chains, &books->arenas[i], glibc->bins, again,
						fast_only);
	}
	free(chains->parts);
	free(chains->of);
	chains->parts = malloc((chains->count + 1) * sizeof(*chains->parts));
	chains->of = malloc((chains->count + 1) * sizeof(*chains->of));
	return err ? err : chains->parts && chains->of ? 0 : -ENOMEM;
}

/* Makes room for one more element. */
static int grow(void **list, size_t count, size_t *room, size_t size)
{
	void *more;

	if (count < *room)
		return 0;
	more = realloc(*list, (*room ? 2 * *room : 256) * size);
	if (!more)
		return -ENOMEM;
	*room = *room ? 2 * *room : 256;
	*list = more;
	return 0;
}

static int keep_fast(const struct glibc *glibc, struct glibc_books *books, struct chain *chain)
{
	__u64 next = chain->words[2];
	int err = grow((void **)&books->fast, books->fast_count, &books->fast_room,
		       sizeof(*books->fast));

	if (err)
		return err;
	books->fast[books->fast_count++] = chain->at;
	if (glibc->minor >= GLIBC_SAFE_LINKING)
		next ^= (chain->at + CHUNK_HEAD) >> 12;
	chain->at = next;
	chain->done = !next;
	*chain->broken = !chain->done;
	return 0;
}

static int keep_free(struct glibc_books *books, struct chain *chain)
{
	int err = grow((void **)&books->free, books->free_count, &books->free_room,
		       sizeof(*books->free));

	if (err)
		return err;
	books->free[books->free_count++] = (struct glibc_range){
		.start = chain->at, .end = chain->at + CHUNK_SIZE(chain->words[1])};
	chain->previous = chain->at;
	chain->at = chain->words[2];
	chain->done = chain->at == chain->head;
	*chain->broken = !chain->done;
	return 0;
}

/* A chunk has been read: keeps it, if it is a free one, and goes on. */
static int chain__step(const struct glibc *glibc, struct glibc_books *books, struct chain *chain,
		       bool read)
{
	__u64 size = CHUNK_SIZE(chain->words[1]);

	if (read && size >= CHUNK_MIN && !(size & 15) && size < GLIBC_MAX_ADDRESS) {
		if (!chain->head && size <= FAST_MAX)
			return keep_fast(glibc, books, chain);
		if (chain->head && chain->words[3] == chain->previous)
			return keep_free(books, chain);
	}
	chain->done = true;
	return 0;
}

/* Lists up the next chunk of each chain that goes on; their number. */
static size_t chains__ask(struct chains *chains, struct pages *pages)
{
	bool swapped = pages__any_swapped(pages);
	size_t count = 0;

	for (size_t i = 0; i < chains->count; i++) {
		struct chain *chain = &chains->list[i];

		if (chain->done)
			continue;
		if (chain->at & 15 || chain->at >= GLIBC_MAX_ADDRESS ||
		    (swapped && pages__state(pages, chain->at) != PAGE_RESIDENT)) {
			chain->done = true;
			continue;
		}
		chains->of[count] = i;
		chains->parts[count++] = (struct proc_mem_part){
			.address = chain->at, .buffer = chain->words, .size = sizeof(chain->words)};
	}
	return count;
}

static int chains__follow(const struct glibc *glibc, struct pages *pages, struct glibc_books *books,
			  struct chains *chains)
{
	size_t count;

	while ((count = chains__ask(chains, pages))) {
		int err;

		chains->steps += count;
		if (chains->steps > MAX_STEPS)
			return 0;
		err = proc_mem__read_many(glibc->pid, chains->parts, count);
		for (size_t i = 0; i < count && !err; i++)
			err = chain__step(glibc, books, &chains->list[chains->of[i]],
					  !chains->parts[i].result);
		if (err)
			return err;
	}
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct glibc_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int by_value(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Drops what is not free any more. */
static int check_footers(const struct glibc *glibc, struct glibc_books *books)
{
	struct proc_mem_part *parts = malloc(FOOTERS * sizeof(*parts));
	__u64(*words)[2] = malloc(FOOTERS * sizeof(*words));
	size_t kept = 0;
	int err = parts && words ? 0 : -ENOMEM;

	for (size_t done = 0, n; done < books->free_count && !err; done += n) {
		n = books->free_count - done < FOOTERS ? books->free_count - done : FOOTERS;
		for (size_t i = 0; i < n; i++)
			parts[i] = (struct proc_mem_part){.address = books->free[done + i].end,
							  .buffer = words[i],
							  .size = sizeof(words[i])};
		err = proc_mem__read_many(glibc->pid, parts, n);
		for (size_t i = 0; i < n && !err; i++) {
			struct glibc_range range = books->free[done + i];

			if (!parts[i].result && words[i][0] == range.end - range.start &&
			    !(words[i][1] & CHUNK_PREV_INUSE))
				books->free[kept++] = range;
		}
	}
	if (!err)
		books->free_count = kept;
	free(parts);
	free(words);
	return err;
}

int books__read_lists(const struct glibc *glibc, struct pages *pages, struct glibc_books *books,
		      bool fast_only)
{
	struct chains chains = {.list = NULL};
	int err = 0;

	for (int tries = 0; tries < TRIES && !err; tries++) {
		err = chains__begin(glibc, books, &chains, tries > 0, fast_only);
		if (!err && !chains.count)
			break;
		if (!err)
			err = chains__follow(glibc, pages, books, &chains);
	}
	if (!err && books->free_count) {
		qsort(books->free, books->free_count, sizeof(*books->free), by_start);
		err = check_footers(glibc, books);
	}
	if (books->fast_count)
		qsort(books->fast, books->fast_count, sizeof(*books->fast), by_value);
	for (size_t i = 0; i < books->arena_count; i++)
		books->arenas[i].bins_complete =
			!fast_only && !memchr(books->arenas[i].bin_broken, 1, GLIBC_BINS);
	free(chains.list);
	free(chains.parts);
	free(chains.of);
	return err;
}
