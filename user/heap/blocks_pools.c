// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks_pools.c - pymalloc's blocks, by a copy of each arena
 *
 * A pool says how many of its blocks are in use (ref.count). Which, follows from what is free: the chain from freeblock, and
 * all from nextoffset on, where no block has been yet. The numbers must agree, or the pool was caught while it changed: it is read
 * again. A target that is stopped in the middle of such a change is so at every try, so at the last one a difference of one block is
 * accepted, that which is being taken or given back; it counts as free.
 * Objects/obmalloc.c, the same in CPython 3.8 - 3.14.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/blocks_ahead.h"
#include "heap/blocks_private.h"
#include "heap/pools_private.h"

#define POOL_TRIES 3
#define MAX_POOL_SIZE 65536u
#define MAX_ARENA_SIZE (16u << 20)
#define POOL_HEAD ((__u32)sizeof(struct pool_header))
#define PAGE 4096u

/* The pool under way. */
struct pool_map {
	__u64 address;
	const unsigned char *bytes;
	__u32 class, block; /* block: bytes of one */
	__u32 used;         /* blocks in use */
	__u32 words, word;  /* of in_use: how many, which is next */
	__u64 rest;         /* bits of the word before that, still to come */
	__u64 in_use[MAX_POOL_SIZE / 16 / 64];
};

struct pool_sweep {
	struct image *image;
	struct block_totals *totals;
	__u32 pool_size, arena_size;
	struct arena_list arenas; /* as many as in totals, in the same order */
	size_t arena;             /* the next one */
	struct ahead *ahead;
	unsigned char *bytes;   /* the arena under way, from its first pool on */
	__u64 first, next, end; /* its pools, and the next of them */
	struct pool_map pool;
};

/* Whether there is memory at all that the arena could be; a table may say anything. */
static bool is_mapped(struct image *image, const struct arena_range *arena, __u32 size)
{
	const struct mapping *m = proc_maps__find(image__maps(image), arena->address);

	return m && m->read && m->write && arena->first <= arena->end &&
	       arena->end <= arena->address + size && image__resident(image, arena->address, size);
}

/*
 * Of arenas in order, drops those that overlap or are nowhere; true if any of the latter has something to read.
 * CPython clears an arena's entry after munmap() has returned (Objects/obmalloc.c, insert_to_freepool() and
 * before it pymalloc_free()), and a system call's end is where a process stops.
 */
static bool drop_impossible(struct pool_sweep *sweep, struct arena_list *arenas)
{
	size_t kept = 0, nowhere = 0;
	__u64 end = 0;

	for (size_t i = 0; i < arenas->count; i++) {
		const struct arena_range *arena = &arenas->list[i];

		if (arena->address < end)
			continue;
		if (!is_mapped(sweep->image, arena, sweep->arena_size)) {
			nowhere += arena->used > 0;
			continue;
		}
		end = arena->address + sweep->arena_size;
		arenas->list[kept++] = *arena;
	}
	arenas->count = kept;
	sweep->totals->unread_bytes = nowhere * sweep->arena_size;
	return nowhere > 0;
}

static int read_arenas(struct pool_sweep *sweep, const struct pools *pools)
{
	struct arena_list *arenas = &sweep->arenas;
	int err = pools__read_arenas(pools, arenas);

	if (err || !drop_impossible(sweep, arenas))
		return err;
	/* Made since the mappings were read, most likely. */
	err = image__refresh(sweep->image);
	arenas->count = 0;
	if (!err)
		err = pools__read_arenas(pools, arenas);
	if (!err)
		drop_impossible(sweep, arenas);
	return err;
}

static int list_arenas(struct pool_sweep *sweep)
{
	struct block_totals *totals = sweep->totals;

	totals->arenas = calloc(sweep->arenas.count + 1, sizeof(*totals->arenas));
	if (!totals->arenas)
		return -ENOMEM;
	totals->arena_count = sweep->arenas.count;
	for (size_t i = 0; i < sweep->arenas.count; i++)
		totals->arenas[i] = (struct arena_fill){
			.address = sweep->arenas.list[i].address,
			.bytes = sweep->arena_size,
		};
	return 0;
}

int pool_sweep__open(struct image *image, const struct pools *pools, struct block_totals *totals,
		     struct pool_sweep **result)
{
	struct pool_sweep *sweep;
	int err;

	*result = NULL;
	if (!pools || pools->layout.pool_size > MAX_POOL_SIZE ||
	    pools->layout.arena_size > MAX_ARENA_SIZE)
		return 0;
	sweep = calloc(1, sizeof(*sweep));
	if (!sweep)
		return -ENOMEM;
	sweep->image = image;
	sweep->totals = totals;
	sweep->pool_size = pools->layout.pool_size;
	sweep->arena_size = pools->layout.arena_size;
	err = read_arenas(sweep, pools);
	/* No arena any more, or a table that never stood still: no block that could be told. */
	if (err == -ENOENT || err == -EAGAIN)
		sweep->arenas.count = err = 0;
	if (!err)
		err = list_arenas(sweep);
	if (!err)
		err = ahead__open(image__pid(image), &sweep->arenas, sweep->pool_size,
				  sweep->arena_size, &sweep->ahead);
	if (err) {
		pool_sweep__close(sweep);
		return err;
	}
	*result = sweep;
	return 0;
}

void pool_sweep__close(struct pool_sweep *sweep)
{
	if (!sweep)
		return;
	image__lend(sweep->image, 0, NULL, 0);
	ahead__close(sweep->ahead);
	free(sweep->arenas.list);
	free(sweep);
}

/*
 * Sets the bits of the blocks up to `begun`, then takes out those of the chain. False: the chain is none. changing: the block that is
 * being taken from the chain, or has just been put into it, is counted (both happen one before the other); and the chain may end at a
 * block that nextoffset is about to step over.
 */
static bool map_blocks(struct pool_map *pool, const struct pool_header *header, __u32 begun,
		       bool changing)
{
	__u32 listed = 0;
	__u64 next;

	pool->words = (begun + 63) / 64;
	memset(pool->in_use, 0xff, pool->words * sizeof(pool->in_use[0]));
	if (begun % 64)
		pool->in_use[pool->words - 1] = (1ull << begun % 64) - 1;
	for (next = header->freeblock; next; listed++) {
		__u64 offset = next - pool->address - POOL_HEAD;
		__u32 block = (__u32)offset / pool->block;

		if (changing && offset == (__u64)begun * pool->block)
			break;
		if (next - pool->address < POOL_HEAD || offset >= (__u64)begun * pool->block ||
		    block * pool->block != offset ||
		    !(pool->in_use[block / 64] & 1ull << block % 64))
			return false;
		pool->in_use[block / 64] &= ~(1ull << block % 64);
		memcpy(&next, pool->bytes + POOL_HEAD + offset, sizeof(next));
	}
	pool->used = begun - listed;
	return header->count == pool->used || (changing && header->count == pool->used + 1);
}

enum pool_state { POOL_BAD, POOL_FREE, POOL_IN_USE };

static enum pool_state map_pool(struct pool_map *pool, const struct pool_header *header,
				__u32 pool_size, __u32 arena_index, bool changing)
{
	__u32 begun;

	if (header->szidx >= POOL_CLASSES || header->arenaindex != arena_index)
		return POOL_BAD;
	/* A free pool's chain means nothing until it is taken again. */
	if (!header->count)
		return POOL_FREE;
	pool->class = header->szidx;
	pool->block = POOL_BLOCK_SIZE(header->szidx);
	begun = (header->nextoffset - POOL_HEAD) / pool->block;
	if (header->nextoffset < POOL_HEAD || (header->nextoffset - POOL_HEAD) % pool->block ||
	    begun > (pool_size - POOL_HEAD) / pool->block || header->count > begun)
		return POOL_BAD;
	return map_blocks(pool, header, begun, changing) ? POOL_IN_USE : POOL_BAD;
}

static void add_pool(struct pool_sweep *sweep)
{
	struct pool_map *pool = &sweep->pool;
	struct pool_class_totals *class = &sweep->totals->classes[pool->class];
	__u32 total = (sweep->pool_size - POOL_HEAD) / pool->block;

	class->pools++;
	class->full += pool->used == total;
	class->in_use += pool->used;
	class->free += total - pool->used;
	sweep->totals->arenas[sweep->arena - 1].in_use += (__u64)pool->used * pool->block;
	pool->word = 0;
	pool->rest = 0;
}

/* The next pool of the arena under way. 1: it has blocks, 0: it has none to be told, or -errno. */
static int next_pool(struct pool_sweep *sweep)
{
	const struct arena_range *arena = &sweep->arenas.list[sweep->arena - 1];
	struct pool_map *pool = &sweep->pool;
	enum pool_state state = POOL_BAD;
	struct pool_header header;
	unsigned char *bytes;

	pool->address = sweep->next;
	pool->bytes = bytes = sweep->bytes + (sweep->next - sweep->first);
	sweep->next += sweep->pool_size;
	for (int tries = 0; tries < POOL_TRIES && state == POOL_BAD; tries++) {
		long got = 0;

		if (tries) {
			image__look_again(sweep->image);
			got = image__copy(sweep->image, pool->address, bytes, sweep->pool_size);
		}
		if (got < 0)
			return got;
		memcpy(&header, bytes, sizeof(header));
		state = map_pool(pool, &header, sweep->pool_size, arena->index,
				 tries == POOL_TRIES - 1);
	}
	if (state == POOL_IN_USE) {
		add_pool(sweep);
		return 1;
	}
	if (state == POOL_FREE) {
		sweep->totals->free_pools++;
		sweep->totals->free_pool_bytes += sweep->pool_size;
	} else {
		sweep->totals->bad_pools++;
		sweep->totals->bad_pool_bytes +=
			image__resident(sweep->image, pool->address, sweep->pool_size);
	}
	return 0;
}

/* Copies the next arena. 0 or -errno. */
static int next_arena(struct pool_sweep *sweep)
{
	const struct arena_range *arena = &sweep->arenas.list[sweep->arena++];
	struct arena_copy copy;

	image__lend(sweep->image, 0, NULL, 0);
	ahead__next(sweep->ahead, &copy);
	sweep->totals->virgin_bytes += arena->address + sweep->arena_size - arena->end;
	sweep->bytes = copy.bytes;
	sweep->first = sweep->next = arena->first;
	sweep->end = arena->first + copy.size;
	sweep->totals->arenas[sweep->arena - 1].resident = copy.resident;
	if (copy.got < 0)
		return copy.got;
	sweep->totals->unread_bytes += copy.size - copy.got;
	/* Tables are near the objects that own them, as a rule. */
	if (copy.got == (long)copy.size)
		image__lend(sweep->image, arena->first, copy.bytes, copy.size);
	return 0;
}

/* A block of the pool under way; false: there is none left. */
static inline bool next_block(struct pool_map *pool, struct heap_block *block)
{
	__u32 number;

	while (!pool->rest) {
		if (pool->word == pool->words)
			return false;
		pool->rest = pool->in_use[pool->word++];
	}
	number = (pool->word - 1) * 64 + __builtin_ctzll(pool->rest);
	pool->rest &= pool->rest - 1;
	block->address = pool->address + POOL_HEAD + number * pool->block;
	block->size = block->resident = block->have = pool->block;
	block->place = BLOCK_IN_POOL;
	block->data = pool->bytes + POOL_HEAD + number * pool->block;
	return true;
}

int pool_sweep__next(struct pool_sweep *sweep, struct heap_block *block)
{
	int err;

	while (!next_block(&sweep->pool, block)) {
		sweep->pool.words = sweep->pool.word = 0;
		if (sweep->next < sweep->end)
			err = next_pool(sweep);
		else if (sweep->arena < sweep->arenas.count)
			err = next_arena(sweep);
		else
			return 0;
		if (err < 0)
			return err;
		if (!err)
			sweep->pool.words = sweep->pool.word = 0;
	}
	return 1;
}
