// SPDX-License-Identifier: BSD-2-Clause
/*
 * graph_nodes.c - which objects there are
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "objects/classify.h"
#include "objects/gc_state.h"
#include "objects/graph_private.h"

#define FIRST_ROOM 65536

static int make_room(struct found_list *found)
{
	size_t room = found->room ? found->room + found->room / 2 : FIRST_ROOM;
	struct found *list;

	if (found->count < found->room)
		return 0;
	if (room > found->max)
		room = found->max;
	list = realloc(found->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	found->list = list;
	found->room = room;
	return 0;
}

/* 0 or -ENOMEM. What is there already is left as it is. */
static int add(struct found_list *found, struct graph *graph, const struct found *object)
{
	int err;

	if (found->count == found->max) {
		found->left_out++;
		return 0;
	}
	err = graph_index__add(graph->index, object->address & ~7ull);
	if (err <= 0)
		return err;
	err = make_room(found);
	if (err)
		return err;
	found->list[found->count++] = *object;
	return 0;
}

/* An object is in one of the collector's lists if its head says what comes after it there. */
static bool is_tracked(const struct heap_block *block, const struct block_object *object)
{
	__u64 next, at = object->address - block->address - GC_HEAD_SIZE + GC_NEXT;

	if (!(object->type->flags & TYPE_HAVE_GC) || at + sizeof(next) > block->have)
		return false;
	memcpy(&next, block->data + at, sizeof(next));
	return next != 0;
}

static int add_blocks(struct found_list *found, struct graph *graph, struct blocks *blocks)
{
	struct heap_block block;
	int err;

	while ((err = blocks__next(blocks, &block)) > 0) {
		struct block_object object;

		classify__block(graph->types, blocks, &block, &object);
		err = object.type ? 0 : memory_blocks__add(graph->memory, &block);
		if (err)
			return err;
		if (!object.type)
			continue;
		err = add(found, graph,
			  &(struct found){.address = object.address | is_tracked(&block, &object),
					  .type = object.type->id,
					  .refcount = object.refcount});
		if (err)
			return err;
	}
	return err;
}

static __u32 saturated(const struct py_objects *objects, __u64 refcount)
{
	if (objects->immortal_from)
		return (__u32)refcount >= objects->immortal_from ? REFCOUNT_IMMORTAL
								 : (__u32)refcount;
	return refcount < REFCOUNT_IMMORTAL ? refcount : REFCOUNT_IMMORTAL - 1;
}

/* An object that is in none of the blocks, by its head. */
static int add_outside(struct found_list *found, struct graph *graph, __u64 address, bool tracked)
{
	struct image *image = types__image(graph->types);
	const struct object_type *type;
	__u64 head[2]; /* reference count, type */

	if (address & 7 || image__read(image, address, head, sizeof(head)) || !head[0])
		return 0;
	type = types__at(graph->types, head[1]);
	if (!type)
		return 0;
	return add(found, graph,
		   &(struct found){.address = address | tracked,
				   .type = type->id,
				   .refcount = saturated(types__objects(graph->types), head[0])});
}

struct visit {
	struct found_list *found;
	struct graph *graph;
};

static int add_tracked(void *context, __u64 object, int generation)
{
	struct visit *visit = context;

	(void)generation;
	return add_outside(visit->found, visit->graph, object, true);
}

/* Types are no blocks where they are static; each has one of its own in turn. */
static int add_types(struct found_list *found, struct graph *graph)
{
	int err = 0;

	for (__u32 i = 0; !err && i < types__count(graph->types); i++)
		err = add_outside(found, graph, types__get(graph->types, i)->address, false);
	return err;
}

int found_list__sweep(struct found_list *found, struct graph *graph, const struct target *target,
		      struct pools *pools)
{
	struct image *image = types__image(graph->types);
	const struct block_totals *totals;
	struct gc_state state;
	struct blocks *blocks;
	int err = blocks__open(image, target, pools, &blocks);

	if (err)
		return err;
	err = add_blocks(found, graph, blocks);
	totals = blocks__totals(blocks);
	if (!err)
		err = memory_blocks__cover(graph->memory, totals);
	graph->bad_pools = totals->bad_pools;
	graph->broken_heaps = totals->broken_heaps;
	if (!err && (!totals->has_malloc || totals->broken_heaps)) {
		err = gc_state__read(image, target, types__objects(graph->types), add_tracked,
				     &(struct visit){.found = found, .graph = graph}, &state);
		if (err != -ESRCH && err != -EPERM && err != -ENOMEM)
			err = 0; /* then it goes without these */
	}
	blocks__close(blocks);
	types__settle(graph->types); /* brings the types' bases */
	return err ? err : add_types(found, graph);
}
