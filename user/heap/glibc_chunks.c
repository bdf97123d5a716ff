// SPDX-License-Identifier: BSD-2-Clause
/*
 * glibc_chunks.c - judges malloc blocks by their chunks; see glibc.h for what is asked
 *
 * The books are read before the chunks. A block that was free when the books were read has been released, whatever became of its
 * memory since; one that was handed out all the time is never in a list that was read. So the order of reading costs nothing
 * but a release that came too late to be seen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/glibc.h"
#include "lib/proc_mem.h"

#define BATCH 512
#define PAGE 4096
#define SLACK                                                                                      \
	64 /* bytes that a chunk may be larger than needed: remainders too small to be chunks, alignment */
#define MMAP_HUGE 1 /* in prev_size of a mapped chunk, since 2.43 */

/* tcache_perthread_struct of 2.30 - 2.41 */
#define TCACHE_BINS 64
#define TCACHE_CHUNK 0x290
#define TCACHE_LONGEST 1024
struct tcache {
	__u16 counts[TCACHE_BINS];
	__u64 entries[TCACHE_BINS];
};
_Static_assert(sizeof(struct tcache) == 640, "tcache_perthread_struct");

/* heap_info, from 2.31 on */
struct heap_info {
	__u64 arena, previous, size;
};

struct chunk {
	__u64 words[4];  /* prev_size, size and flags, first two words of the block */
	__u64 next_size; /* of the chunk behind it */
	const struct glibc_arena *arena;
	__u64 first, limit; /* of the heap that it is in */
	bool open;          /* not judged yet */
};

struct judge {
	const struct glibc *glibc;
	struct pages *pages;
	struct glibc_books books;
	struct walk walk;
	__u64 heap; /* of a thread's arena, last looked at */
	struct heap_info heap_info;
	__u64 main_top_end; /* 0 = not read */
	struct chunk chunks[BATCH];
	struct proc_mem_part parts[BATCH];
	size_t of[BATCH]; /* chunk of each part */
};

static __u64 request_to_size(__u64 bytes)
{
	__u64 size = (bytes + 8 + 15) & ~15ull;

	return size < CHUNK_MIN ? CHUNK_MIN : size;
}

/* Whether malloc gives a chunk of that size for a request; pvalloc() has rounded it to pages. */
static bool size_fits(__u64 size, __u64 asked)
{
	__u64 need = request_to_size(asked), paged;

	paged = request_to_size((asked + PAGE - 1) & ~(__u64)(PAGE - 1));
	return size - need <= SLACK || size - paged <= SLACK;
}

/* A chunk that is a mapping of its own. */
static bool is_mapped_chunk(__u64 chunk, const __u64 words[4], __u64 asked)
{
	__u64 offset = words[0] & ~(__u64)MMAP_HUGE, size = CHUNK_SIZE(words[1]);
	__u64 end = offset + size;

	/* Since 2.43 the size is that of the user data. */
	return !((chunk - offset) & (PAGE - 1)) && asked <= size &&
	       (!(end & (PAGE - 1)) || !((end + CHUNK_HEAD) & (PAGE - 1)));
}

/* 1: the chunk may be in use, and its heap is known; 0: it is not; -errno. */
static int place_in_main(struct judge *judge, __u64 address, struct chunk *chunk)
{
	const struct glibc_arena *arena = &judge->books.arenas[0];
	__u64 start = judge->glibc->heap_start, word;
	int err;

	chunk->arena = arena;
	if (!(arena->flags & ARENA_NONCONTIGUOUS) && start) {
		chunk->first = start;
		chunk->limit = arena->top;
		return address >= start && address < arena->top;
	}
	/* Several pieces of memory, and their limits not known. */
	chunk->first = 0;
	chunk->limit = GLIBC_MAX_ADDRESS;
	if (!judge->main_top_end) {
		err = proc_mem__read(judge->glibc->pid, arena->top + 8, &word, sizeof(word));
		if (err == -ESRCH || err == -EPERM)
			return err;
		judge->main_top_end = arena->top + (err ? 0 : CHUNK_SIZE(word));
	}
	return address < arena->top || address >= judge->main_top_end;
}

static int place_in_thread_heap(struct judge *judge, __u64 address, struct chunk *chunk)
{
	__u64 heap = address & ~(GLIBC_HEAP_SIZE - 1), head, state_size;
	const struct glibc_arena *arena;
	int err;

	if (heap != judge->heap) {
		err = proc_mem__read(judge->glibc->pid, heap, &judge->heap_info,
				     sizeof(judge->heap_info));
		if (err == -ESRCH || err == -EPERM)
			return err;
		if (err)
			memset(&judge->heap_info, 0, sizeof(judge->heap_info));
		judge->heap = heap;
	}
	arena = books__arena(&judge->books, judge->heap_info.arena);
	if (!arena || arena == judge->books.arenas || judge->heap_info.size > GLIBC_HEAP_SIZE)
		return 0;
	chunk->arena = arena;
	/* Behind heap_info come the chunks; in an arena's first heap its malloc_state lies between. */
	head = arena->address & (GLIBC_HEAP_SIZE - 1);
	state_size = judge->glibc->bins + 16 * GLIBC_BINS + 56;
	chunk->first = heap + head;
	if (chunk->first == arena->address)
		chunk->first = (chunk->first + state_size + 15) & ~15ull;
	chunk->limit = heap + judge->heap_info.size;
	if (arena->top >= heap && arena->top < chunk->limit)
		chunk->limit = arena->top;
	return address >= chunk->first && address < chunk->limit;
}

/*
 * Whether the block is in the tcache whose address it carries (2.31 - 2.33). 1, 0 or -errno.
 */
static int in_that_tcache(struct judge *judge, __u64 block, const __u64 words[4])
{
	pid_t pid = judge->glibc->pid;
	size_t bin = (CHUNK_SIZE(words[1]) - CHUNK_MIN) / 16;
	struct tcache tcache;
	__u64 head, at;
	int err;

	if (bin >= TCACHE_BINS || words[3] & 15 || words[3] >= GLIBC_MAX_ADDRESS)
		return 0;
	err = proc_mem__read(pid, words[3] - 8, &head, sizeof(head));
	if (!err && CHUNK_SIZE(head) == TCACHE_CHUNK)
		err = proc_mem__read(pid, words[3], &tcache, sizeof(tcache));
	if (err || CHUNK_SIZE(head) != TCACHE_CHUNK)
		return err == -ESRCH || err == -EPERM ? err : 0;
	at = tcache.entries[bin];
	for (int i = 0; i < tcache.counts[bin] && i < TCACHE_LONGEST && at; i++) {
		if (at == block)
			return 1;
		err = proc_mem__read(pid, at, &head, sizeof(head));
		if (err)
			return err == -ESRCH || err == -EPERM ? err : 0;
		if (judge->glibc->minor >= GLIBC_SAFE_LINKING)
			head ^= at >> 12;
		at = head;
	}
	return 0;
}

static int in_tcache(struct judge *judge, __u64 block, const __u64 words[4])
{
	const struct glibc *glibc = judge->glibc;

	if (glibc->minor < GLIBC_RANDOM_KEY)
		return in_that_tcache(judge, block, words);
	for (size_t i = 0; i < glibc->key_count; i++) {
		__u64 next = words[2] ^ block >> 12;

		if (words[3] == glibc->keys[i] && !(next & 15) && next < GLIBC_MAX_ADDRESS)
			return 1;
	}
	return 0;
}

/* Judges a block by its own chunk as far as that goes. 0 or -errno. */
static int judge_head(struct judge *judge, struct block_query *block, struct chunk *chunk)
{
	__u64 address = block->address - CHUNK_HEAD, size = CHUNK_SIZE(chunk->words[1]);
	const struct glibc_range *range = books__free_below(&judge->books, address);
	int in_heap, err;

	chunk->open = false;
	block->state = BLOCK_FREE;
	if ((range && address < range->end) || books__in_fastbin(&judge->books, address))
		return 0;
	if (chunk->words[1] & CHUNK_MMAPPED) {
		if (is_mapped_chunk(address, chunk->words, block->size))
			block->state = BLOCK_IN_USE;
		return 0;
	}
	if (size < CHUNK_MIN || size & 15 || !size_fits(size, block->size))
		return 0;
	in_heap = chunk->words[1] & CHUNK_NON_MAIN ? place_in_thread_heap(judge, address, chunk)
						   : place_in_main(judge, address, chunk);
	if (in_heap <= 0)
		return in_heap;
	if (size > chunk->limit - address)
		return 0;
	err = in_tcache(judge, block->address, chunk->words);
	if (err)
		return err < 0 ? err : 0;
	chunk->open = true;
	return 0;
}

/* What the chunk behind it says, and where chunks really begin. */
static void judge_rest(struct judge *judge, struct block_query *block, struct chunk *chunk)
{
	__u64 address = block->address - CHUNK_HEAD;
	size_t fastbin = (CHUNK_SIZE(chunk->words[1]) - CHUNK_MIN) / 16;

	if (!(chunk->next_size & CHUNK_PREV_INUSE) || chunk->next_size & 8 ||
	    CHUNK_SIZE(chunk->next_size) < CHUNK_HEAD) {
		block->state = BLOCK_FREE;
		return;
	}
	switch (walk__to(&judge->walk, address, chunk->first, chunk->limit)) {
	case WALK_INSIDE:
		block->state = BLOCK_FREE;
		return;
	case WALK_UNDECIDED:
		block->state = chunk->arena->bins_complete ? BLOCK_IN_USE : BLOCK_UNKNOWN;
		break;
	case WALK_BOUNDARY:
		block->state = BLOCK_IN_USE;
		break;
	}
	/* A fastbin leaves no trace in the chunk. */
	if (fastbin < GLIBC_FASTBINS && chunk->arena->fast_broken[fastbin])
		block->state = BLOCK_UNKNOWN;
}

/* Whether the word at address can be read without a fault; if not, the block's state is set. */
static bool is_readable(struct judge *judge, struct block_query *block, __u64 address)
{
	enum page_state page = pages__state(judge->pages, address);

	block->state = page == PAGE_SWAPPED ? BLOCK_UNKNOWN : BLOCK_FREE;
	return page == PAGE_RESIDENT;
}

/*
 * How much of the chunk's first 32 bytes to read; 0 = nothing, the block's state is set. The page of the header has been written
 * while there was a chunk; that of the block, where it begins a page, need not have been, but then the block is in no list.
 */
static size_t readable_head(struct judge *judge, struct block_query *block)
{
	__u64 address = block->address - CHUNK_HEAD;

	block->state = BLOCK_FREE;
	if (address & 15 || address < PAGE || address >= GLIBC_MAX_ADDRESS ||
	    !is_readable(judge, block, address))
		return 0;
	if (block->address & (PAGE - 1) || is_readable(judge, block, block->address))
		return CHUNK_HEAD + 16;
	return block->state == BLOCK_UNKNOWN ? 0 : CHUNK_HEAD;
}

static int read_heads(struct judge *judge, struct block_query *blocks, size_t count)
{
	size_t parts = 0;
	int err;

	for (size_t i = 0; i < count; i++) {
		struct chunk *chunk = &judge->chunks[i];
		size_t size = readable_head(judge, &blocks[i]);

		memset(chunk, 0, sizeof(*chunk));
		if (!size)
			continue;
		judge->of[parts] = i;
		judge->parts[parts++] =
			(struct proc_mem_part){.address = blocks[i].address - CHUNK_HEAD,
					       .buffer = chunk->words,
					       .size = size};
	}
	err = proc_mem__read_many(judge->glibc->pid, judge->parts, parts);
	for (size_t i = 0; i < parts && !err; i++)
		if (!judge->parts[i].result)
			err = judge_head(judge, &blocks[judge->of[i]],
					 &judge->chunks[judge->of[i]]);
	return err;
}

static int read_next(struct judge *judge, struct block_query *blocks, size_t count)
{
	size_t parts = 0;
	int err;

	for (size_t i = 0; i < count; i++) {
		struct chunk *chunk = &judge->chunks[i];
		__u64 next = blocks[i].address - CHUNK_HEAD + CHUNK_SIZE(chunk->words[1]) + 8;

		if (!chunk->open || !is_readable(judge, &blocks[i], next))
			continue;
		judge->of[parts] = i;
		judge->parts[parts++] = (struct proc_mem_part){
			.address = next, .buffer = &chunk->next_size, .size = sizeof(__u64)};
	}
	err = proc_mem__read_many(judge->glibc->pid, judge->parts, parts);
	for (size_t i = 0; i < parts && !err; i++)
		if (!judge->parts[i].result)
			judge_rest(judge, &blocks[judge->of[i]], &judge->chunks[judge->of[i]]);
	return err;
}

int glibc__check(const struct glibc *glibc, struct pages *pages, struct block_query *blocks,
		 size_t count)
{
	struct judge *judge = calloc(1, sizeof(*judge));
	int err;

	if (!judge)
		return -ENOMEM;
	judge->glibc = glibc;
	judge->pages = pages;
	err = books__read(glibc, pages, &judge->books);
	if (!err)
		err = walk__init(&judge->walk, glibc, pages, &judge->books, count);
	for (size_t done = 0, n; done < count && !err; done += n) {
		n = count - done < BATCH ? count - done : BATCH;
		err = read_heads(judge, blocks + done, n);
		if (!err)
			err = read_next(judge, blocks + done, n);
	}
	walk__done(&judge->walk);
	books__clear(&judge->books);
	free(judge);
	return err;
}
