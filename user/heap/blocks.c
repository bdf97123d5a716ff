// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks.c - one sweep after the other, under one roof
 */
#include "heap/blocks.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/blocks_private.h"

struct blocks {
	struct block_totals totals;
	struct pool_sweep *in_pools; /* NULL: done, or nothing of the kind */
	struct malloc_sweep *in_malloc;
	const struct arena_fill *last; /* that was asked for */
};

int blocks__open(struct image *image, const struct target *target, struct pools *pools,
		 struct blocks **result)
{
	struct blocks *blocks = calloc(1, sizeof(*blocks));
	int err;

	if (!blocks)
		return -ENOMEM;
	err = pool_sweep__open(image, pools, &blocks->totals, &blocks->in_pools);
	if (!err)
		err = malloc_sweep__open(image, target, &blocks->totals, &blocks->in_malloc);
	if (err) {
		blocks__close(blocks);
		return err;
	}
	*result = blocks;
	return 0;
}

int blocks__next(struct blocks *blocks, struct heap_block *block)
{
	int got;

	if (blocks->in_pools) {
		got = pool_sweep__next(blocks->in_pools, block);
		if (got)
			return got;
		pool_sweep__close(blocks->in_pools);
		blocks->in_pools = NULL;
	}
	return blocks->in_malloc ? malloc_sweep__next(blocks->in_malloc, block) : 0;
}

const struct block_totals *blocks__totals(const struct blocks *blocks)
{
	return &blocks->totals;
}

const struct arena_fill *totals__arena_from(const struct block_totals *totals, __u64 address)
{
	size_t low = 0, high = totals->arena_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (totals->arenas[middle].address + totals->arenas[middle].bytes <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < totals->arena_count ? &totals->arenas[low] : NULL;
}

bool blocks__in_arena(struct blocks *blocks, __u64 address)
{
	const struct arena_fill *arena = blocks->last;

	if (arena && address - arena->address < arena->bytes)
		return true;
	arena = totals__arena_from(&blocks->totals, address);
	if (!arena || arena->address > address)
		return false;
	blocks->last = arena;
	return true;
}

void blocks__close(struct blocks *blocks)
{
	if (!blocks)
		return;
	pool_sweep__close(blocks->in_pools);
	malloc_sweep__close(blocks->in_malloc);
	free(blocks->totals.arenas);
	free(blocks->totals.malloc_arenas);
	free(blocks->totals.ranges);
	free(blocks);
}
