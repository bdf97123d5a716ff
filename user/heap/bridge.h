/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap/bridge.h - resident memory, split by who has it; see struct rss_bridge
 *
 * Page by page: each resident page of each mapping belongs to a kind (file, stack, pymalloc arena, malloc heap, chunk of its own,
 * other anonymous memory); what is inside arenas and heaps is split by the sums of a sweep. A block in use whose pages are not all
 * resident counts by what is.
 */
#ifndef HEAP_BRIDGE_H
#define HEAP_BRIDGE_H

#include "census.h"
#include "heap/blocks.h"

/*
 * python_pool: bytes of pymalloc blocks that hold objects or what they own; python_malloc: bytes in malloc's blocks that do.
 * totals: of a finished sweep. 0, or -ESRCH, -EPERM, -ENOMEM.
 */
int bridge__compute(struct image *image, const struct target *target,
		    const struct block_totals *totals, __u64 python_pool, __u64 python_malloc,
		    struct rss_bridge *bridge);

#endif
