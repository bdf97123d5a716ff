// SPDX-License-Identifier: BSD-2-Clause
/*
 * pools.c - counts pymalloc's blocks by the headers of its pools
 *
 * Arena: one mapping, cut into pools. Pool: blocks of one size class behind a header that counts
 * those in use. The table of arenas tells where they are; one header a pool is all that has to be
 * read, 48 bytes in 16384 (4096 up to CPython 3.9). Pools from arena.pool_address on have never
 * been touched and reading them would make them resident: they are skipped.
 */
#include "heap/pools.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/in_use_private.h"
#include "heap/pools_private.h"
#include "lib/proc_mem.h"

#define OPEN_TRIES 3
#define BATCH 4096

/* Headers of many pools, read with few system calls. */
struct batch {
	pid_t pid;
	__u32 pool_size;
	struct proc_mem_part parts[BATCH];
	struct pool_header headers[BATCH];
	__u32 arena[BATCH];
	size_t count;
	struct pages *pages; /* NULL = everything is read */
	struct pools_count sum;
};

/*
 * Blocks in use by a header; 0 if it is not one (the pool is just being set up, or the arena is
 * gone).
 */
static __u32 blocks_of(const struct pool_header *header, __u32 arena, __u32 pool_size)
{
	if (header->szidx >= POOL_CLASSES || header->arenaindex != arena ||
	    header->count > (pool_size - sizeof(*header)) / POOL_BLOCK_SIZE(header->szidx))
		return 0;
	return header->count;
}

static int batch__flush(struct batch *batch)
{
	int err = proc_mem__read_many(batch->pid, batch->parts, batch->count);

	for (size_t i = 0; i < batch->count && !err; i++) {
		const struct pool_header *header = &batch->headers[i];
		__u32 blocks;

		if (batch->parts[i].result)
			continue;
		blocks = blocks_of(header, batch->arena[i], batch->pool_size);
		if (!blocks)
			continue;
		batch->sum.in_use.blocks += blocks;
		batch->sum.in_use.of_class[header->szidx] += blocks;
		batch->sum.object_bytes += (__u64)blocks * POOL_BLOCK_SIZE(header->szidx);
	}
	batch->count = 0;
	return err;
}

static int batch__add(struct batch *batch, __u64 pool, __u32 arena)
{
	batch->sum.bytes += batch->pool_size;
	if (batch->pages && pages__state(batch->pages, pool) == PAGE_SWAPPED) {
		batch->sum.swapped += batch->pool_size;
		return 0;
	}
	batch->arena[batch->count] = arena;
	batch->parts[batch->count] = (struct proc_mem_part){
		.address = pool,
		.buffer = &batch->headers[batch->count],
		.size = sizeof(struct pool_header),
	};
	return ++batch->count == BATCH ? batch__flush(batch) : 0;
}

static int count_blocks(const struct pools *pools, struct arena_list *arenas, struct pages *pages,
			struct pools_count *sum)
{
	struct batch *batch = malloc(sizeof(*batch));
	size_t total = 0;
	__u64 last = 0;
	int err = 0;

	if (!batch)
		return -ENOMEM;
	batch->pid = pools->pid;
	batch->pool_size = pools->layout.pool_size;
	batch->count = 0;
	batch->pages = pages;
	batch->sum = (struct pools_count){0};

	/* They come in order, so that no pool counts twice whatever the tables say. */
	for (size_t i = 0; i < arenas->count && !err; i++) {
		__u64 pool = arenas->list[i].first, end = arenas->list[i].end;

		if (pool < last)
			continue;
		for (; pool + batch->pool_size <= end && !err; pool += batch->pool_size) {
			last = pool + batch->pool_size;
			err = ++total > MAX_POOLS ? -E2BIG
						  : batch__add(batch, pool, arenas->list[i].index);
		}
	}
	if (!err)
		err = batch__flush(batch);
	*sum = batch->sum;
	free(batch);
	return err;
}

int pools__in_use(struct pools *pools, struct pools_in_use *in_use)
{
	struct arena_list arenas = {.list = NULL};
	struct pools_count count = {.bytes = 0};
	int err = pools__read_arenas(pools, &arenas);

	if (!err)
		err = count_blocks(pools, &arenas, NULL, &count);
	if (!err)
		*in_use = count.in_use;
	free(arenas.list);
	return err;
}

/* Where nothing is in swap there is no need to ask page by page. */
int pools__count(struct pools *pools, struct pools_count *count)
{
	struct arena_list arenas = {.list = NULL};
	struct pages *pages = NULL;
	int err = pages__open(pools->pid, &pages);

	if (!err)
		err = pools__read_arenas(pools, &arenas);
	if (!err)
		err = count_blocks(pools, &arenas, pages__any_swapped(pages) ? pages : NULL, count);
	free(arenas.list);
	pages__close(pages);
	return err;
}

int pools__open(const struct target *target, struct pools **result)
{
	const struct py_layout *layout = &target->python.layout;
	struct arena_list arenas = {.list = NULL};
	struct pools *pools;
	int err = -ENOENT;

	if (target->python.flavour != PYTHON_OK || target->python.module < 0 ||
	    (size_t)target->python.module >= target->module_count || layout->pool_size < 4096 ||
	    layout->pool_size & (layout->pool_size - 1) || layout->arena_size < layout->pool_size)
		return -ENOENT;
	pools = calloc(1, sizeof(*pools));
	if (!pools)
		return -ENOMEM;
	pools->pid = target->pid;
	pools->layout = *layout;
	pools->runtime = target->python.runtime;

	/* A busy target may change its lists while they are looked for. */
	for (int tries = 0; tries < OPEN_TRIES && err == -ENOENT; tries++) {
		err = layout->interp_obmalloc ? 0 : pools__find_variables(target, pools);
		if (!err)
			err = pools__read_arenas(pools, &arenas);
	}
	free(arenas.list);
	if (err) {
		pools__close(pools);
		return err;
	}
	*result = pools;
	return 0;
}

int pools__open_like(const struct pools *other, pid_t pid, __u64 shift, struct pools **result)
{
	struct arena_list arenas = {.list = NULL};
	struct pools *pools = malloc(sizeof(*pools));
	int err = -ENOENT;

	if (!pools)
		return -ENOMEM;
	*pools = *other;
	pools->pid = pid;
	pools->runtime += shift;
	for (size_t i = 0; i < pools->variable_count; i++)
		pools->variables[i] += shift;
	for (int tries = 0; tries < OPEN_TRIES && err == -ENOENT; tries++)
		err = pools__read_arenas(pools, &arenas);
	free(arenas.list);
	if (err)
		pools__close(pools);
	else
		*result = pools;
	return err;
}

void pools__close(struct pools *pools)
{
	free(pools);
}
