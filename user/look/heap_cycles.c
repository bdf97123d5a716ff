// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_cycles.c - garbage that the collector has not come to, as part of a look at a heap
 */
#include <errno.h>

#include "lib/arena.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "look/heap_private.h"
#include "objects/census_take.h"
#include "objects/cycles.h"

static int list_types(struct heap_cycles *found, struct types *types, const struct cycles *cycles)
{
	found->types = arena__alloc(found->arena, cycles->type_count + 1, sizeof(*found->types));
	if (!found->types)
		return -ENOMEM;
	for (size_t i = 0; i < cycles->type_count; i++) {
		const struct cycle_type *type = &cycles->types[i];
		const char *name = arena__intern(found->arena,
						 types__name(types, types__get(types, type->type)));

		found->types[i] = (struct census_type){
			.name = name ? name : "?", .count = type->count, .own_bytes = type->bytes};
	}
	found->type_count = census_types__sort(found->types, cycles->type_count);
	return 0;
}

static int note(struct heap_cycles *found, struct types *types, const struct cycles *cycles)
{
	found->state = HEAP_CYCLES_READ;
	found->count = cycles->count;
	found->bytes = cycles->bytes;
	found->changed = cycles->changed;
	found->opaque = cycles->opaque;
	found->reason = cycles->reason;
	for (int i = 0; i <= GC_GENERATION_COUNT; i++)
		found->by_generation[i] = cycles->by_generation[i];
	found->arena = arena__new();
	return found->arena ? list_types(found, types, cycles) : -ENOMEM;
}

/* Lists that cannot be walked leave the garbage itself as it was found. */
static int find(struct heap_cycles *found, const struct graph *graph, const struct target *target)
{
	struct image *image = types__image(graph->types);
	struct gc_state gc;
	struct cycles cycles = {0};
	int err = gc_state__read(image, target, types__objects(graph->types), NULL, NULL, &gc);

	if (!err)
		err = cycles__find(graph, &gc, &cycles);
	if (!err && cycles.count && cycles__locate(&cycles, graph, target, &gc))
		log__debug("the collector's lists could not be walked again");
	if (!err)
		err = note(found, graph->types, &cycles);
	cycles__clear(&cycles);
	return err;
}

int heap_cycles__take(struct image *image, const struct target *target, struct pools *pools,
		      struct types *types, struct heap_cycles *found)
{
	double start_s = clock__s();
	struct graph *graph;
	int err = graph__read(image, target, pools, types, 0, &graph);

	*found = (struct heap_cycles){.state = HEAP_CYCLES_UNREAD};
	if (!err) {
		err = find(found, graph, target);
		graph__free(graph);
	}
	found->took_s = clock__s() - start_s;
	/* Of a collector that is not known the rest of the look says so. */
	if (err == -EFAULT || err == -ENOTSUP) {
		found->state = HEAP_CYCLES_UNREAD;
		err = 0;
	}
	return err;
}

void heap_cycles__free(struct heap_cycles *found)
{
	arena__free(found->arena);
	*found = (struct heap_cycles){0};
}
