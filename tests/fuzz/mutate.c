// SPDX-License-Identifier: BSD-2-Clause
/*
 * mutate.c - which words, and what they become
 *
 * Places are drawn from what the readers follow: heads and fields of objects, type objects, heads of pools, malloc's books and chunks,
 * states of interpreters and threads, and any word of the writable memory. Values: what sizes, counts and pointers can be at their
 * worst. All chance comes from the seed.
 */
#include "mutate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap/blocks.h"
#include "heap/image.h"
#include "objects/classify.h"

#define OBJECTS_MAX 200000
#define UNDO_MAX (1u << 20)
#define CACHE (4u << 20)
#define FIELDS 20 /* words of an object that are spoilt, one of its collector's head included */
#define TYPE_WORDS 130
#define RUNTIME_WORDS 1024
#define BOOK_WORDS 280 /* malloc_state */
#define FORGED_KEYS                                                                                \
	0 /* in the sparse memory: a table of keys, a block of a deque, an interpreter frame */
#define FORGED_BLOCK 4096
#define TERABYTE (1ull << 40)
#define UNMAPPED 0x123456789000ull

struct spoiled {
	__u64 address, was;
};

struct living {
	__u64 address;
	enum object_kind kind;
};

struct mutator {
	const struct victim *victim;
	int memory; /* /proc/PID/mem */
	struct image *image;
	struct types *types;
	struct blocks *blocks;
	const struct block_totals *totals;
	struct living *objects;
	size_t object_count;
	struct spoiled *undo;
	size_t undo_count;
	__u64 chance;
};

/* ---- chance ---- */

static __u64 roll(struct mutator *m)
{
	__u64 x = m->chance += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static __u64 below(struct mutator *m, __u64 limit)
{
	return limit ? roll(m) % limit : 0;
}

/* ---- memory ---- */

static __u64 peek(const struct mutator *m, __u64 address)
{
	__u64 word = 0;

	return pread(m->memory, &word, sizeof(word), address) == sizeof(word) ? word : 0;
}

static void poke(struct mutator *m, __u64 address, __u64 word)
{
	__u64 was;

	if (m->undo_count == UNDO_MAX ||
	    pread(m->memory, &was, sizeof(was), address) != sizeof(was) ||
	    pwrite(m->memory, &word, sizeof(word), address) != sizeof(word))
		return;
	m->undo[m->undo_count++] = (struct spoiled){address, was};
}

void mutate__undo(struct mutator *m)
{
	while (m->undo_count) {
		const struct spoiled *word = &m->undo[--m->undo_count];

		if (pwrite(m->memory, &word->was, sizeof(word->was), word->address) < 0)
			perror("undo");
	}
}

/* ---- what there is ---- */

static int list_objects(struct mutator *m)
{
	struct block_object object;
	struct heap_block block;
	int got;

	while ((got = blocks__next(m->blocks, &block)) > 0) {
		classify__block(m->types, m->blocks, &block, &object);
		if (object.type && m->object_count < OBJECTS_MAX)
			m->objects[m->object_count++] =
				(struct living){object.address, object.type->id};
	}
	types__settle(m->types);
	for (size_t i = 0; i < m->object_count; i++)
		m->objects[i].kind = types__get(m->types, m->objects[i].kind)->kind;
	return got;
}

/* A table of keys for 2^28 of them, all absent; it is there to be pointed at. */
static void forge_keys(struct mutator *m)
{
	static const __u32 count = 1u << 27;
	const unsigned char logs[] = {28, 30, 1};
	const struct py_objects *objects = types__objects(m->types);
	__u64 at = m->victim->sparse + FORGED_KEYS, size = 1ull << 28;

	if (objects->keys_have_log2)
		poke(m, at + 8, logs[0] | logs[1] << 8 | logs[2] << 16);
	else
		poke(m, at + 8, size);
	poke(m, at + objects->keys_nentries, count);
}

/* A block of a deque that follows itself. */
static void forge_block(struct mutator *m)
{
	__u64 at = m->victim->sparse + FORGED_BLOCK;

	poke(m, at, at);
	poke(m, at + 520, at);
	for (int i = 1; i <= 64; i++)
		poke(m, at + 8 * i, at);
}

int mutate__open(const struct victim *victim, struct mutator **result)
{
	struct mutator *m = calloc(1, sizeof(*m));
	char path[64];
	int err;

	if (!m)
		return -ENOMEM;
	m->victim = victim;
	snprintf(path, sizeof(path), "/proc/%d/mem", victim->pid);
	m->memory = open(path, O_RDWR | O_CLOEXEC);
	m->objects = calloc(OBJECTS_MAX, sizeof(*m->objects));
	m->undo = calloc(UNDO_MAX, sizeof(*m->undo));
	err = m->memory < 0 ? -errno : !m->objects || !m->undo ? -ENOMEM : 0;
	if (!err)
		err = image__open(victim->pid, CACHE, &m->image);
	if (!err)
		err = types__open(m->image, py_objects__find(victim->target->python.layout.version),
				  &m->types);
	if (!err)
		err = blocks__open(m->image, victim->target, victim->pools, &m->blocks);
	if (!err)
		err = list_objects(m);
	if (err) {
		mutate__close(m);
		return err;
	}
	m->totals = blocks__totals(m->blocks);
	*result = m;
	return 0;
}

void mutate__close(struct mutator *m)
{
	if (!m)
		return;
	blocks__close(m->blocks);
	types__close(m->types);
	image__close(m->image);
	free(m->objects);
	free(m->undo);
	if (m->memory >= 0)
		close(m->memory);
	free(m);
}

/* ---- places ---- */

static __u64 any_object(struct mutator *m)
{
	return m->objects[below(m, m->object_count)].address;
}

/* An object of a kind, looked for from a place of chance on. */
static __u64 object_of(struct mutator *m, enum object_kind kind)
{
	size_t from = below(m, m->object_count);

	for (size_t i = 0; i < m->object_count; i++)
		if (m->objects[(from + i) % m->object_count].kind == kind)
			return m->objects[(from + i) % m->object_count].address;
	return any_object(m);
}

static __u64 interpreter(const struct mutator *m)
{
	const struct python *python = &m->victim->target->python;

	return peek(m, python->runtime + python->layout.runtime_interpreters_head);
}

static __u64 thread(const struct mutator *m)
{
	return peek(m, interpreter(m) + m->victim->target->python.layout.interp_threads_head);
}

static __u64 frame(const struct mutator *m)
{
	const struct py_layout *layout = &m->victim->target->python.layout;
	__u64 at = peek(m, thread(m) + layout->tstate_frame);

	return layout->tstate_frame_in_cframe ? peek(m, at + layout->cframe_current_frame) : at;
}

static __u64 any_mapping(struct mutator *m)
{
	const struct proc_maps *maps = image__maps(m->image);
	const struct mapping *found = &maps->mappings[below(m, maps->count)];

	return found->start + 8 * below(m, (found->end - found->start) / 8);
}

static __u64 place_in_arena(struct mutator *m)
{
	const struct arena_fill *arena;
	__u64 page;

	if (!m->totals->arena_count)
		return any_mapping(m);
	arena = &m->totals->arenas[below(m, m->totals->arena_count)];
	page = arena->address + 4096 * below(m, arena->bytes / 4096);
	return page + 8 * below(m, 6);
}

static __u64 place_in_malloc(struct mutator *m)
{
	const struct malloc_range *range;

	if (m->totals->malloc_arena_count && below(m, 3) == 0)
		return m->totals->malloc_arenas[below(m, m->totals->malloc_arena_count)].address +
		       8 * below(m, BOOK_WORDS);
	if (!m->totals->range_count)
		return any_mapping(m);
	range = &m->totals->ranges[below(m, m->totals->range_count)];
	return range->start + 8 * below(m, below(m, 2) ? 8 : (range->end - range->start) / 8);
}

static __u64 place_in_state(struct mutator *m)
{
	const __u64 states[] = {m->victim->target->python.runtime, interpreter(m), thread(m),
				frame(m)};

	return states[below(m, 4)] + 8 * below(m, RUNTIME_WORDS);
}

static __u64 place(struct mutator *m)
{
	switch (below(m, 10)) {
	case 0:
		return place_in_arena(m);
	case 1:
		return place_in_malloc(m);
	case 2:
		return place_in_state(m);
	case 3:
		return object_of(m, KIND_TYPE) + 8 * below(m, TYPE_WORDS);
	case 4:
		return any_mapping(m);
	case 5:
		return any_object(m) - 8 * below(m, 4);
	default:
		return object_of(m, below(m, OBJECT_KINDS)) + 8 * below(m, FIELDS);
	}
}

/* ---- values ---- */

static __u64 pointer(struct mutator *m, __u64 address)
{
	switch (below(m, 9)) {
	case 0:
		return any_object(m);
	case 1:
		return object_of(m, below(m, OBJECT_KINDS));
	case 2:
		return address;
	case 3:
		return any_mapping(m);
	case 4:
		return UNMAPPED;
	case 5:
		return m->victim->forbidden + 8 * below(m, TERABYTE / 8);
	case 6:
		return m->victim->sparse + 16 * below(m, TERABYTE / 16);
	case 7:
		return m->victim->sparse + (below(m, 2) ? FORGED_KEYS : FORGED_BLOCK);
	default:
		return peek(m, any_object(m) + 8 * below(m, FIELDS));
	}
}

static __u64 value(struct mutator *m, __u64 address)
{
	__u64 was = peek(m, address);

	switch (below(m, 10)) {
	case 0:
		return roll(m);
	case 1:
		return (1ull << below(m, 64)) - below(m, 3) + 1;
	case 2:
		return 1ull << (31 + below(m, 32));
	case 3:
		return below(m, 3) - 1;
	case 4:
		return was ^ 1ull << below(m, 64);
	case 5:
		return was + below(m, 64) - 32;
	case 6:
		return was << 32 | (__u32)roll(m);
	default:
		return pointer(m, address);
	}
}

/* ---- forgeries ---- */

static void poke_all(struct mutator *m, enum object_kind kind, __u32 offset, __u64 word)
{
	for (size_t i = 0; i < m->object_count; i++)
		if (m->objects[i].kind == kind)
			poke(m, m->objects[i].address + offset, word);
}

/* Endless deques, of a length that fits their indices. */
static void endless_deques(struct mutator *m)
{
	poke_all(m, KIND_DEQUE, VAR_SIZE, (1ull << 33) | 64);
	poke_all(m, KIND_DEQUE, 24, m->victim->sparse + FORGED_BLOCK);
	poke_all(m, KIND_DEQUE, 40, 0);
	poke_all(m, KIND_DEQUE, 48, 63);
}

static void shared_keys(struct mutator *m)
{
	poke_all(m, KIND_DICT, DICT_KEYS, m->victim->sparse + FORGED_KEYS);
	poke_all(m, KIND_DICT, DICT_VALUES, 0);
}

static void lists_of_nothing(struct mutator *m)
{
	poke_all(m, KIND_LIST, LIST_ITEMS, m->victim->sparse);
	poke_all(m, KIND_LIST, VAR_SIZE, (1ull << 36) - 8);
	poke_all(m, KIND_LIST, LIST_ALLOCATED, (1ull << 37) - 8);
}

static void short_lists_of_nothing(struct mutator *m)
{
	poke_all(m, KIND_LIST, LIST_ITEMS, m->victim->sparse);
	poke_all(m, KIND_LIST, VAR_SIZE, 1ull << 29);
	poke_all(m, KIND_LIST, LIST_ALLOCATED, 1ull << 29);
}

static void sets_of_nothing(struct mutator *m)
{
	poke_all(m, KIND_SET, SET_TABLE, m->victim->sparse);
	poke_all(m, KIND_SET, SET_MASK, (1ull << 28) - 1);
}

static void large_buffers(struct mutator *m)
{
	poke_all(m, KIND_BYTEARRAY, BYTEARRAY_BUFFER, m->victim->sparse);
	poke_all(m, KIND_BYTEARRAY, BYTEARRAY_ALLOCATED, TERABYTE - 4096);
}

static void endless_threads(struct mutator *m)
{
	const struct py_layout *layout = &m->victim->target->python.layout;

	poke(m, thread(m) + layout->tstate_next, thread(m));
	poke(m, interpreter(m) + layout->interp_next, interpreter(m));
}

static void endless_frames(struct mutator *m)
{
	poke(m, frame(m) + m->victim->target->python.layout.frame_previous, frame(m));
	endless_threads(m);
}

/* Each frame wider than any, and endlessly many: what is read a frame must be bounded in all. */
static void wide_frames(struct mutator *m)
{
	const struct py_objects *objects = types__objects(m->types);
	const struct py_layout *layout = &m->victim->target->python.layout;
	__u64 code = peek(m, frame(m) + layout->frame_code) & ~(__u64)layout->frame_code_tag_mask;
	__u32 at = objects->code_nlocalsplus ? objects->code_nlocalsplus : objects->code_nlocals;

	poke(m, code + (at & ~7u), 0xffff0000ffffull);
	poke(m, code + (objects->code_stacksize & ~7u), 0xffff0000ffffull);
	endless_frames(m);
}

static void types_of_themselves(struct mutator *m)
{
	for (size_t i = 0; i < m->object_count; i++)
		if (m->objects[i].kind == KIND_TYPE) {
			poke(m, m->objects[i].address + TYPE_BASE, m->objects[i].address);
			poke(m, m->objects[i].address + OBJECT_TYPE, m->objects[i].address);
		}
}

static void dicts_of_types(struct mutator *m)
{
	__u64 dict = object_of(m, KIND_DICT);

	poke(m, dict + DICT_KEYS, m->victim->sparse + FORGED_KEYS);
	poke(m, dict + DICT_VALUES, 0);
	poke_all(m, KIND_TYPE, TYPE_DICT, dict);
}

static void wide_types(struct mutator *m)
{
	poke_all(m, KIND_TYPE, TYPE_BASICSIZE, 1 << 20);
	poke_all(m, KIND_TYPE, TYPE_ITEMSIZE, 4096);
	poke_all(m, KIND_TYPE, TYPE_NAME, m->victim->sparse + FORGED_BLOCK);
}

static void endless_free_lists(struct mutator *m)
{
	for (size_t i = 0; i < m->totals->malloc_arena_count; i++) {
		__u64 state = m->totals->malloc_arenas[i].address;

		for (int bin = 0; bin < 20; bin++)
			poke(m, state + 16 + 8 * bin, any_object(m) - 16);
		poke(m, state + 2160, state);
	}
}

static void heap_without_end(struct mutator *m)
{
	for (size_t i = 0; i < m->totals->malloc_arena_count; i++)
		poke(m, m->totals->malloc_arenas[i].address + 96, m->victim->sparse + 4096);
	poke(m, m->victim->sparse + 4096 + 8, (TERABYTE - 4096) | 1);
}

static void ring_without_end(struct mutator *m)
{
	for (size_t i = 0; i < m->object_count; i++) {
		poke(m, m->objects[i].address - 16, m->objects[(i + 7) % 100].address - 16);
		poke(m, m->objects[i].address - 8, m->objects[(i + 13) % 100].address - 16);
	}
}

static void pools_of_nothing(struct mutator *m)
{
	for (size_t i = 0; i < m->totals->arena_count; i++)
		for (__u64 at = 0; at < m->totals->arenas[i].bytes; at += 4096)
			poke(m, m->totals->arenas[i].address + at, 0xff);
}

static void (*const forgeries[])(struct mutator *m) = {
	endless_deques,     shared_keys,         lists_of_nothing, short_lists_of_nothing,
	sets_of_nothing,    large_buffers,       endless_threads,  endless_frames,
	wide_frames,        types_of_themselves, dicts_of_types,   wide_types,
	endless_free_lists, heap_without_end,    ring_without_end, pools_of_nothing,
};

size_t mutate__forgeries(void)
{
	return sizeof(forgeries) / sizeof(forgeries[0]);
}

/* One word of all objects of a kind. */
static void spoil_kind(struct mutator *m)
{
	enum object_kind kind = below(m, OBJECT_KINDS);
	__u32 offset = 8 * below(m, kind == KIND_TYPE ? TYPE_WORDS : 10);
	__u64 example = object_of(m, kind) + offset;

	poke_all(m, kind, offset, value(m, example));
}

void mutate__round(struct mutator *m, __u64 seed)
{
	size_t words;

	m->chance = seed * 0x632be59bd9b4e019ull;
	if (m->victim->sparse) {
		forge_keys(m);
		forge_block(m);
	}
	if (seed < mutate__forgeries()) {
		forgeries[seed](m);
		return;
	}
	words = 1ull << below(m, 13);
	for (size_t i = 0; i < words; i++) {
		__u64 address = place(m) & ~7ull;

		poke(m, address, value(m, address));
	}
	for (__u64 kinds = below(m, 4); kinds; kinds--)
		spoil_kind(m);
}
