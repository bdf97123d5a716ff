// SPDX-License-Identifier: BSD-2-Clause
/*
 * in_use_pools.c - is a pymalloc block handed out? By its pool, read once for all its blocks
 *
 * A pool counts what it has handed out (ref.count). What it has not is on the chain that starts at freeblock, or
 * lies at or behind nextoffset, where it has never been. So the length of the chain is known beforehand, and a chain of
 * another length, or one that leaves the pool or runs over a block twice, was caught while it changed: the pool is read again.
 * Objects/obmalloc.c, the same in CPython 3.8 - 3.14.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/in_use_private.h"
#include "heap/pools_private.h"
#include "lib/proc_mem.h"

#define POOL_TRIES 6
#define MAX_POOL_SIZE 65536
#define POOL_HEAD sizeof(struct pool_header)
#define READ_PAGE 4096
#define DEBUG_HEAD 16 /* PYTHONMALLOC=debug: in front of what the caller gets ... */
#define DEBUG_MORE 24 /* ... and in all, or 8 bytes more (PYMEM_DEBUG_SERIALNO) */

/* A pool, as read at one time. */
struct pool_copy {
	__u64 address;
	__u32 size;
	__u32 block; /* bytes of a block; 0 = the header is none */
	__u8 bytes[MAX_POOL_SIZE];
	__u8 is_free[MAX_POOL_SIZE / 16];
};

struct reader {
	pid_t pid;
	bool debug;
	struct pages *pages;
	struct arena_list arenas;
	struct pool_copy pool;
};

/* The arena that has a pool at this address which was in use, or NULL. */
static const struct arena_range *find_arena(const struct arena_list *arenas, __u64 pool, __u32 size)
{
	size_t low = 0, high = arenas->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (arenas->list[middle].first <= pool)
			low = middle + 1;
		else
			high = middle;
	}
	return low && pool + size <= arenas->list[low - 1].end ? &arenas->list[low - 1] : NULL;
}

/*
 * The pool's bytes; zero where a page has never been written. A page that is swapped out is left alone, and the
 * chain, should it lead there, breaks.
 */
static int copy__read(struct reader *reader)
{
	struct pool_copy *pool = &reader->pool;
	struct proc_mem_part parts[MAX_POOL_SIZE / READ_PAGE];
	size_t count = 0;
	int err;

	memset(pool->bytes, 0, pool->size);
	for (__u32 at = 0; at < pool->size; at += READ_PAGE) {
		if (pages__state(reader->pages, pool->address + at) != PAGE_RESIDENT)
			continue;
		if (count && parts[count - 1].address + parts[count - 1].size == pool->address + at)
			parts[count - 1].size += READ_PAGE;
		else
			parts[count++] = (struct proc_mem_part){
				.address = pool->address + at,
				.buffer = pool->bytes + at,
				.size = READ_PAGE,
			};
	}
	err = proc_mem__read_many(reader->pid, parts, count);
	for (size_t i = 0; i < count && !err; i++)
		err = parts[i].result;
	return err;
}

/* Fills is_free[] from the bytes. False: they do not fit together. */
static bool copy__understand(struct pool_copy *pool, const __u32 *arena_index)
{
	struct pool_header header;
	__u32 total, begun, listed = 0;
	__u64 next;

	memcpy(&header, pool->bytes, sizeof(header));
	if (header.szidx >= POOL_CLASSES || (arena_index && header.arenaindex != *arena_index))
		return false;
	pool->block = POOL_BLOCK_SIZE(header.szidx);
	total = (pool->size - POOL_HEAD) / pool->block;
	if (header.nextoffset < POOL_HEAD || (header.nextoffset - POOL_HEAD) % pool->block)
		return false;
	begun = (header.nextoffset - POOL_HEAD) / pool->block;
	if (begun > total || header.count > begun)
		return false;
	memset(pool->is_free, 0, begun);
	memset(pool->is_free + begun, 1, total - begun);
	for (next = header.freeblock; next && listed <= begun; listed++) {
		__u64 offset = next - pool->address - POOL_HEAD, block = offset / pool->block;

		if (next - pool->address < POOL_HEAD || offset % pool->block || block >= begun ||
		    pool->is_free[block])
			return false;
		pool->is_free[block] = 1;
		memcpy(&next, pool->bytes + POOL_HEAD + offset, sizeof(next));
	}
	if (!header.count) /* the pool itself is free, its chain means nothing until it is taken */
		memset(pool->is_free, 1, total);
	return !header.count || header.count + listed == begun;
}

/*
 * Whether a request for size bytes may be in a block of this size: the size class of just that, or a larger one that realloc()
 * left in place, which it does while more than three quarters stay in use.
 */
static bool class_fits(__u32 block, __u64 size)
{
	return size <= block && (size + 16 > block || 4 * size > 3ull * block);
}

static enum block_state state_in(const struct reader *reader, const struct block_query *query)
{
	const struct pool_copy *pool = &reader->pool;
	__u64 offset = query->address - pool->address - POOL_HEAD, block;

	if (query->address - pool->address < POOL_HEAD)
		return BLOCK_FREE;
	block = offset / pool->block;
	if (reader->debug && offset % pool->block == DEBUG_HEAD) {
		/* What was recorded is what the debug allocator made of the block. */
		if (!class_fits(pool->block, query->size + DEBUG_MORE) &&
		    !class_fits(pool->block, query->size + DEBUG_MORE + 8))
			return BLOCK_FREE;
	} else if (offset % pool->block || !class_fits(pool->block, query->size)) {
		return BLOCK_FREE; /* the pool has changed hands */
	}
	if (block >= (pool->size - POOL_HEAD) / pool->block)
		return BLOCK_FREE;
	return pool->is_free[block] ? BLOCK_FREE : BLOCK_IN_USE;
}

/* Blocks of one pool of an arena. 0 or -ESRCH, -EPERM. */
static int check_pool(struct reader *reader, const struct arena_range *arena,
		      struct block_query *blocks, size_t count)
{
	enum page_state head = pages__state(reader->pages, reader->pool.address);
	bool understood = false;
	int err = 0;

	for (int tries = 0; head == PAGE_RESIDENT && tries < POOL_TRIES && !understood; tries++) {
		if (tries)
			pages__forget(reader->pages);
		err = copy__read(reader);
		if (err == -ESRCH || err == -EPERM)
			return err;
		if (!err)
			understood = copy__understand(&reader->pool, &arena->index);
		else
			head = PAGE_EMPTY; /* unmapped since the table was read */
	}
	for (size_t i = 0; i < count; i++)
		blocks[i].state = head == PAGE_EMPTY ? BLOCK_FREE
				  : understood       ? state_in(reader, &blocks[i])
						     : BLOCK_UNKNOWN;
	return 0;
}

/*
 * Blocks whose arena is not in the table, twice read. The arena has been given back; but the table may have been misread
 * (its interpreter's lists were just changing), and then there still is a pool that says that the block is in use.
 */
static int check_outside(struct reader *reader, struct block_query *blocks, size_t count)
{
	enum page_state head = pages__state(reader->pages, reader->pool.address);
	bool is_pool = false;
	int err;

	if (head == PAGE_RESIDENT) {
		err = copy__read(reader);
		if (err == -ESRCH || err == -EPERM)
			return err;
		is_pool = !err && copy__understand(&reader->pool, NULL);
	}
	for (size_t i = 0; i < count; i++) {
		blocks[i].state = BLOCK_FREE;
		if (head == PAGE_SWAPPED ||
		    (is_pool && state_in(reader, &blocks[i]) == BLOCK_IN_USE))
			blocks[i].state = BLOCK_UNKNOWN;
	}
	return 0;
}

static size_t same_pool(const struct block_query *blocks, size_t count, __u64 pool, __u32 size)
{
	size_t n = 0;

	while (n < count && (blocks[n].address & ~(__u64)(size - 1)) == pool)
		n++;
	return n;
}

/* One pass over the pools; blocks outside all arenas are judged if outside is set, else only counted. */
static int check_all(struct reader *reader, struct block_query *blocks, size_t count, bool outside,
		     size_t *missing)
{
	int err = 0;

	*missing = 0;
	for (size_t i = 0, n; i < count && !err; i += n) {
		struct pool_copy *pool = &reader->pool;
		const struct arena_range *arena;

		pool->address = blocks[i].address & ~(__u64)(pool->size - 1);
		n = same_pool(blocks + i, count - i, pool->address, pool->size);
		arena = find_arena(&reader->arenas, pool->address, pool->size);
		if (!arena && !outside)
			*missing += n;
		else if (!arena)
			err = check_outside(reader, blocks + i, n);
		else if (!outside || blocks[i].state == BLOCK_UNKNOWN)
			err = check_pool(reader, arena, blocks + i, n);
	}
	return err;
}

int in_use__check_pools(const struct target *target, struct pools *pools, struct pages *pages,
			struct block_query *blocks, size_t count)
{
	struct reader *reader;
	size_t missing = 0;
	int err;

	for (size_t i = 0; i < count; i++)
		blocks[i].state = BLOCK_UNKNOWN;
	if (!count || !pools || pools->layout.pool_size > MAX_POOL_SIZE)
		return 0;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	reader->pid = target->pid;
	reader->debug = !strcmp(target->python.allocator, "pymalloc_debug");
	reader->pages = pages;
	reader->pool.size = pools->layout.pool_size;
	err = pools__read_arenas(pools, &reader->arenas);
	if (!err)
		err = check_all(reader, blocks, count, false, &missing);
	if (!err && missing) {
		reader->arenas.count = 0;
		err = pools__read_arenas(pools, &reader->arenas);
		if (!err)
			err = check_all(reader, blocks, count, true, &missing);
	}
	free(reader->arenas.list);
	free(reader);
	/* No table to be had (no arena any more, or it never stood still): then nothing is known. */
	return err == -ENOENT || err == -EAGAIN || err == -E2BIG ? 0 : err;
}
