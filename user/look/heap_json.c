// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_json.c - a look at a heap for programs, schema pyleak.heap/1
 *
 * Sizes in bytes, times in seconds. What could not be read is null. `types` has all of them, `largest` as many as -t says.
 */
#include "lib/json_build.h"
#include "look/heap_private.h"
#include "look/still.h"

typedef struct json_object json;

static json *python_object(struct builder *b, const struct python *python)
{
	json *to = json_object_new_object();

	build__text(b, to, "version", python->version);
	build__text(b, to, "allocator", python->allocator[0] ? python->allocator : NULL);
	return to;
}

static json *bridge_object(struct builder *b, const struct rss_bridge *bridge)
{
	json *to = json_object_new_object();

	build__count(b, to, "python_objects", bridge->python_objects);
	build__count(b, to, "pymalloc_free", bridge->pymalloc_free);
	build__count(b, to, "malloc_in_use", bridge->malloc_in_use);
	build__count(b, to, "malloc_free", bridge->malloc_free);
	build__count(b, to, "mmap_anon", bridge->mmap_anon);
	build__count(b, to, "stacks", bridge->stacks);
	build__count(b, to, "file_backed", bridge->file_backed);
	build__count(b, to, "unexplained", bridge->unexplained);
	return to;
}

static json *objects_object(struct builder *b, const struct census *census)
{
	json *to = json_object_new_object();

	build__count(b, to, "count", census->objects);
	build__count(b, to, "own_bytes", census->object_bytes);
	build__count(b, to, "buffer_bytes", census->buffer_bytes);
	build__count(b, to, "raw_blocks", census->raw_blocks);
	build__count(b, to, "raw_bytes", census->raw_bytes);
	build__count(b, to, "free_list_blocks", census->free_list_blocks);
	build__count(b, to, "interned", census->interned);
	build__count(b, to, "interned_bytes", census->interned_bytes);
	build__count(b, to, "types_left_out", census->types_left_out);
	return to;
}

static json *type_object(struct builder *b, const struct census_type *type)
{
	json *to = json_object_new_object();

	build__text(b, to, "name", type->name);
	build__count(b, to, "count", type->count);
	build__count(b, to, "bytes", type->own_bytes + type->buffer_bytes);
	build__count(b, to, "own_bytes", type->own_bytes);
	build__count(b, to, "buffer_bytes", type->buffer_bytes);
	return to;
}

static json *largest_object(struct builder *b, const struct census_object *object)
{
	json *to = json_object_new_object();

	build__address(b, to, "address", object->address);
	build__text(b, to, "type", object->type);
	build__count(b, to, "bytes", object->bytes);
	build__count(b, to, "length", object->length);
	return to;
}

static json *class_object(struct builder *b, size_t index, const struct pool_class_totals *class)
{
	json *to = json_object_new_object();

	build__count(b, to, "size", POOL_BLOCK_SIZE(index));
	build__count(b, to, "pools", class->pools);
	build__count(b, to, "full_pools", class->full);
	build__count(b, to, "in_use", class->in_use);
	build__count(b, to, "free", class->free);
	return to;
}

static json *arena_object(struct builder *b, const struct arena_fill *arena)
{
	json *to = json_object_new_object();

	build__address(b, to, "address", arena->address);
	build__count(b, to, "bytes", arena->bytes);
	build__count(b, to, "in_use", arena->in_use);
	build__count(b, to, "resident", arena->resident);
	return to;
}

static json *pymalloc_object(struct builder *b, const struct block_totals *totals)
{
	json *to = json_object_new_object(), *classes = json_object_new_array();
	json *arenas = json_object_new_array();

	build__count(b, to, "free_pools", totals->free_pools);
	build__count(b, to, "free_pool_bytes", totals->free_pool_bytes);
	build__count(b, to, "virgin_bytes", totals->virgin_bytes);
	for (size_t i = 0; i < POOL_CLASSES; i++)
		if (totals->classes[i].pools)
			build__append(b, classes, class_object(b, i, &totals->classes[i]));
	build__put(b, to, "classes", classes);
	for (size_t i = 0; i < totals->arena_count; i++)
		build__append(b, arenas, arena_object(b, &totals->arenas[i]));
	build__put(b, to, "arenas", arenas);
	return to;
}

static json *malloc_arena_object(struct builder *b, const struct malloc_arena_totals *arena)
{
	json *to = json_object_new_object();

	build__address(b, to, "address", arena->address);
	build__count(b, to, "bytes", arena->bytes);
	build__count(b, to, "in_use", arena->in_use);
	build__count(b, to, "in_use_count", arena->in_use_count);
	build__count(b, to, "free", arena->free);
	build__count(b, to, "free_count", arena->free_count);
	build__count(b, to, "top", arena->top);
	return to;
}

static json *malloc_object(struct builder *b, const struct block_totals *totals)
{
	json *to = json_object_new_object(), *arenas = json_object_new_array();

	build__text(b, to, "limit", totals->malloc_limit);
	build__count(b, to, "mapped_bytes", totals->mapped_bytes);
	build__count(b, to, "mapped_count", totals->mapped_count);
	for (size_t i = 0; i < totals->malloc_arena_count; i++)
		build__append(b, arenas, malloc_arena_object(b, &totals->malloc_arenas[i]));
	build__put(b, to, "arenas", arenas);
	return to;
}

static json *generation_object(struct builder *b, const struct gc_generation *generation)
{
	json *to = json_object_new_object();

	build__count(b, to, "threshold", generation->threshold);
	build__count(b, to, "count", generation->count);
	build__count(b, to, "objects", generation->objects);
	build__count(b, to, "collections", generation->collections);
	build__count(b, to, "collected", generation->collected);
	build__count(b, to, "uncollectable", generation->uncollectable);
	return to;
}

static json *gc_object(struct builder *b, const struct gc_state *gc)
{
	json *to = json_object_new_object(), *generations = json_object_new_array();

	build__bool(b, to, "enabled", gc->enabled);
	build__bool(b, to, "collecting", gc->collecting);
	build__bool(b, to, "incremental", gc->incremental);
	build__bool(b, to, "complete", !gc->incomplete);
	build__count(b, to, "tracked", gc->tracked);
	build__count(b, to, "frozen", gc->frozen);
	build__count(b, to, "garbage", gc->garbage);
	build__count(b, to, "long_lived_total", gc->long_lived_total);
	build__count(b, to, "long_lived_pending", gc->long_lived_pending);
	for (size_t i = 0; i < sizeof(gc->generations) / sizeof(gc->generations[0]); i++)
		build__append(b, generations, generation_object(b, &gc->generations[i]));
	build__put(b, to, "generations", generations);
	return to;
}

static json *cycles_object(struct builder *b, const struct heap_cycles *cycles)
{
	json *to = json_object_new_object(), *types = json_object_new_array();
	json *generations = json_object_new_array();

	build__count(b, to, "count", cycles->count);
	build__count(b, to, "bytes", cycles->bytes);
	build__text(b, to, "reason", cycle_reason__name(cycles->reason));
	for (size_t i = 0; i < cycles->type_count; i++) {
		json *type = json_object_new_object();

		build__text(b, type, "name", cycles->types[i].name);
		build__count(b, type, "count", cycles->types[i].count);
		build__count(b, type, "bytes", cycles->types[i].own_bytes);
		build__append(b, types, type);
	}
	build__put(b, to, "types", types);
	for (int i = 0; i < GC_GENERATION_COUNT; i++)
		build__append(b, generations, json_object_new_uint64(cycles->by_generation[i]));
	build__put(b, to, "generations", generations);
	build__count(b, to, "frozen", cycles->by_generation[GC_GENERATION_COUNT]);
	build__count(b, to, "changed", cycles->changed);
	build__count(b, to, "opaque", cycles->opaque);
	return to;
}

static json *unparsed_object(struct builder *b, const struct block_totals *totals)
{
	json *to = json_object_new_object();

	build__count(b, to, "bad_pools", totals->bad_pools);
	build__count(b, to, "broken_heaps", totals->broken_heaps);
	build__count(b, to, "unread_bytes", totals->unread_bytes);
	return to;
}

static void put_lists(struct builder *b, json *top, const struct heap_look *look)
{
	json *types = json_object_new_array(), *largest = json_object_new_array();

	for (size_t i = 0; i < look->census.type_count; i++)
		build__append(b, types, type_object(b, &look->census.types[i]));
	for (size_t i = 0; i < look->census.largest_count; i++)
		build__append(b, largest, largest_object(b, &look->census.largest[i]));
	build__put(b, top, "types", types);
	build__put(b, top, "largest", largest);
}

int heap_look__write_json(const void *what, FILE *out)
{
	const struct heap_look *look = what;
	json *top = json_object_new_object();
	struct builder builder = {0}, *b = &builder;

	build__text(b, top, "schema", "pyleak.heap/1");
	build__text(b, top, "version", PYLEAK_VERSION);
	build__count(b, top, "pid", look->target->pid);
	build__text(b, top, "comm", look->target->comm);
	build__put(b, top, "python", python_object(b, &look->target->python));
	build__real(b, top, "took_s", look->took_s);
	if (look->frozen)
		still__build(b, top, &look->freeze, look->stops);
	else
		build__null(b, top, "freeze");
	build__count(b, top, "rss", look->bridge.rss);
	build__put(b, top, "bridge", bridge_object(b, &look->bridge));
	build__put(b, top, "objects", objects_object(b, &look->census));
	put_lists(b, top, look);
	if (look->has_pools)
		build__put(b, top, "pymalloc", pymalloc_object(b, look->totals));
	else
		build__null(b, top, "pymalloc");
	if (look->totals->has_malloc)
		build__put(b, top, "malloc", malloc_object(b, look->totals));
	else
		build__null(b, top, "malloc");
	if (look->gc_status)
		build__null(b, top, "gc");
	else
		build__put(b, top, "gc", gc_object(b, &look->gc));
	if (look->cycles.state == HEAP_CYCLES_READ)
		build__put(b, top, "cycles", cycles_object(b, &look->cycles));
	else
		build__null(b, top, "cycles");
	build__put(b, top, "unparsed", unparsed_object(b, look->totals));
	return build__write(b, top, true, out);
}
