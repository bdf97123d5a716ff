// SPDX-License-Identifier: BSD-2-Clause
/*
 * census_take.c - one sweep over all blocks: what is an object is counted by type, with what it owns elsewhere
 *
 * What an object owns depends on what its type is, and types__settle() can tell that only when it has seen many. So objects of types
 * that came since the last time wait in a list; when it is full, or at the end, the types are settled and the list is worked off.
 * Nearly all types come among the first blocks, those of the program's imports: the list is filled once or twice.
 */
#include "objects/census_take.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/clock.h"
#include "objects/classify.h"

#define WAITING_MAX 65536
#define LARGEST_MAX 1000
#define POOL_BLOCK_MAX 512
#define POOL_ALIGNMENT 16
#define CHUNK_HEAD 8
#define LARGE_BLOCK 65536

struct tally {
	__u64 count, own, buffer;
};

/* An object whose type is not settled yet. */
struct waiting {
	__u64 address, own;
	const struct object_type *type;
};

struct large {
	__u64 address, bytes, length;
	const struct object_type *type;
};

struct taking {
	struct types *types;
	struct blocks *blocks;
	struct census *census;
	struct tally *tallies; /* by type id */
	__u32 settled;         /* types with smaller ids are */
	struct waiting *waiting;
	size_t waiting_count;
	struct large *large; /* a heap, the smallest first */
	size_t large_count, large_max;
	__u64 claims_left; /* bytes of buffers: more than are mapped, no process has */
};

/* ---- the largest ---- */

static void sink(struct large *heap, size_t count)
{
	size_t at = 0, child;

	while ((child = 2 * at + 1) < count) {
		struct large moved = heap[at];

		if (child + 1 < count && heap[child + 1].bytes < heap[child].bytes)
			child++;
		if (heap[at].bytes <= heap[child].bytes)
			return;
		heap[at] = heap[child];
		heap[child] = moved;
		at = child;
	}
}

static void rise(struct large *heap, size_t at)
{
	while (at && heap[at].bytes < heap[(at - 1) / 2].bytes) {
		struct large moved = heap[at];

		heap[at] = heap[(at - 1) / 2];
		heap[(at - 1) / 2] = moved;
		at = (at - 1) / 2;
	}
}

static void keep_large(struct taking *t, const struct large *object)
{
	if (t->large_count < t->large_max) {
		t->large[t->large_count] = *object;
		rise(t->large, t->large_count++);
	} else if (t->large_max && object->bytes > t->large[0].bytes) {
		t->large[0] = *object;
		sink(t->large, t->large_count);
	}
}

/* ---- counting ---- */

static __u64 usable_bytes(__u64 asked)
{
	return ((asked + CHUNK_HEAD + POOL_ALIGNMENT - 1) & ~(__u64)(POOL_ALIGNMENT - 1)) -
	       CHUNK_HEAD;
}

/* Of a buffer that malloc has handed out: the bytes of its blocks. Of a large one those that have been written to. */
static __u64 malloc_bytes(struct taking *t, const struct object_size *size)
{
	if (size->block_size)
		return size->buffer / size->block_size * usable_bytes(size->block_size);
	if (size->buffer >= LARGE_BLOCK)
		return image__resident(types__image(t->types), size->buffer_address, size->buffer);
	return usable_bytes(size->buffer);
}

/* Objects that share what each of them claims to own are forged. */
static void bound_claims(struct taking *t, struct object_size *size)
{
	if (size->buffer > t->claims_left)
		size->buffer = size->length = 0;
	t->claims_left -= size->buffer;
}

static void add_object(struct taking *t, __u64 address, const struct object_type *type, __u64 own,
		       struct object_size *size)
{
	struct tally *tally = &t->tallies[type->id];
	struct large large;

	bound_claims(t, size);
	large = (struct large){address, own + size->buffer, size->length, type};
	tally->count++;
	tally->own += own;
	tally->buffer += size->buffer;
	if (size->buffer > POOL_BLOCK_MAX ||
	    (size->buffer && !blocks__in_arena(t->blocks, size->buffer_address)))
		t->census->malloc_bytes += malloc_bytes(t, size);
	if (t->large_count < t->large_max || (t->large_max && large.bytes > t->large[0].bytes))
		keep_large(t, &large);
}

static void work_off(struct taking *t)
{
	struct object_size size;

	types__settle(t->types);
	t->settled = types__count(t->types);
	for (size_t i = 0; i < t->waiting_count; i++) {
		const struct waiting *w = &t->waiting[i];

		classify__size(t->types, w->address, w->type, &size);
		add_object(t, w->address, w->type, w->own, &size);
	}
	t->waiting_count = 0;
}

static void count_object(struct taking *t, const struct heap_block *block,
			 const struct block_object *object)
{
	struct census *census = t->census;
	struct object_size size;

	census->objects++;
	census->object_bytes += block->size;
	if (block->place != BLOCK_IN_POOL)
		census->malloc_bytes += block->resident;
	if (object->type->flags & TYPE_UNICODE_SUBCLASS && classify__is_interned(block, object)) {
		census->interned++;
		census->interned_bytes += block->size;
	}
	if (object->type->id >= t->settled) {
		t->waiting[t->waiting_count++] =
			(struct waiting){object->address, block->size, object->type};
		if (t->waiting_count == WAITING_MAX)
			work_off(t);
		return;
	}
	/* The short way, for most: it owns nothing, and is not among the largest. */
	if (block->size <= t->large[0].bytes && t->large_count == t->large_max &&
	    classify__owns_nothing(t->types, block, object)) {
		t->tallies[object->type->id].count++;
		t->tallies[object->type->id].own += block->size;
		return;
	}
	classify__block_size(t->types, block, object, &size);
	add_object(t, object->address, object->type, block->size, &size);
}

static void count_raw(struct taking *t, const struct heap_block *block,
		      const struct block_object *object)
{
	struct census *census = t->census;

	if (object->free_listed) {
		census->free_list_blocks++;
		census->pool_bytes -= block->size;
	} else {
		census->raw_blocks++;
		census->raw_bytes += block->size;
	}
}

static int sweep(struct taking *t)
{
	struct block_object object;
	struct heap_block block;
	int got;

	while ((got = blocks__next(t->blocks, &block)) > 0) {
		classify__block(t->types, t->blocks, &block, &object);
		if (block.place == BLOCK_IN_POOL)
			t->census->pool_bytes += block.size;
		if (object.type)
			count_object(t, &block, &object);
		else if (block.place == BLOCK_IN_POOL)
			count_raw(t, &block, &object);
	}
	work_off(t);
	return got;
}

/* ---- the result ---- */

static const char *name_of(struct taking *t, const struct object_type *type)
{
	const char *name = arena__intern(t->census->arena, types__name(t->types, type));

	return name ? name : "?";
}

static int by_name(const void *a, const void *b)
{
	const struct census_type *x = a, *y = b;

	return x->name < y->name ? -1 : x->name > y->name;
}

static int by_bytes(const void *a, const void *b)
{
	const struct census_type *x = a, *y = b;
	__u64 size_x = x->own_bytes + x->buffer_bytes, size_y = y->own_bytes + y->buffer_bytes;

	if (size_x != size_y)
		return size_x < size_y ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Types of one name, beside each other, into one row. */
static size_t merge(struct census_type *types, size_t count)
{
	size_t rows = 0;

	for (size_t i = 0; i < count; i++) {
		if (!rows || types[rows - 1].name != types[i].name) {
			types[rows++] = types[i];
			continue;
		}
		types[rows - 1].count += types[i].count;
		types[rows - 1].own_bytes += types[i].own_bytes;
		types[rows - 1].buffer_bytes += types[i].buffer_bytes;
	}
	return rows;
}

size_t census_types__sort(struct census_type *types, size_t count)
{
	if (!count)
		return 0;
	qsort(types, count, sizeof(*types), by_name);
	count = merge(types, count);
	qsort(types, count, sizeof(*types), by_bytes);
	return count;
}

static int list_types(struct taking *t)
{
	struct census *census = t->census;
	__u32 count = types__count(t->types);
	size_t n = 0;

	census->types = arena__alloc(census->arena, count + 1, sizeof(*census->types));
	if (!census->types)
		return -ENOMEM;
	for (__u32 i = 0; i < count; i++) {
		const struct tally *tally = &t->tallies[i];

		if (!tally->count)
			continue;
		census->types[n++] = (struct census_type){
			.name = name_of(t, types__get(t->types, i)),
			.count = tally->count,
			.own_bytes = tally->own,
			.buffer_bytes = tally->buffer,
		};
		census->buffer_bytes += tally->buffer;
	}
	census->type_count = census_types__sort(census->types, n);
	return 0;
}

static int by_large_bytes(const void *a, const void *b)
{
	const struct large *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->address < y->address ? -1 : x->address > y->address;
}

static int list_largest(struct taking *t)
{
	struct census *census = t->census;

	qsort(t->large, t->large_count, sizeof(*t->large), by_large_bytes);
	census->largest = arena__alloc(census->arena, t->large_count + 1, sizeof(*census->largest));
	if (!census->largest)
		return -ENOMEM;
	for (size_t i = 0; i < t->large_count; i++)
		census->largest[i] = (struct census_object){
			.address = t->large[i].address,
			.type = name_of(t, t->large[i].type),
			.bytes = t->large[i].bytes,
			.length = t->large[i].length,
		};
	census->largest_count = t->large_count;
	return 0;
}

int census__take(struct types *types, struct blocks *blocks, size_t largest, struct census *census)
{
	struct taking t = {
		.types = types,
		.blocks = blocks,
		.census = census,
		.large_max = largest < LARGEST_MAX ? largest : LARGEST_MAX,
	};
	double start_s = clock__s();
	int err = -ENOMEM;

	t.claims_left = image__mapped(types__image(types));
	*census = (struct census){.arena = arena__new()};
	t.tallies = calloc(TYPES_MAX, sizeof(*t.tallies));
	t.waiting = calloc(WAITING_MAX, sizeof(*t.waiting));
	t.large = calloc(t.large_max + 1, sizeof(*t.large));
	if (census->arena && t.tallies && t.waiting && t.large)
		err = sweep(&t);
	if (!err)
		err = list_types(&t);
	if (!err)
		err = list_largest(&t);
	census->types_left_out = types__left_out(types);
	census->took_s = clock__s() - start_s;
	free(t.tallies);
	free(t.waiting);
	free(t.large);
	return err;
}
