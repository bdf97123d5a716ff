// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_more.c - references that do not lead from one object of the graph straight to another
 *
 * Late objects: a chain that grows at its head (a linked list, exceptions that are raised from one another) is held by an object that
 * was made after the graph was read. What is not in the graph is followed until that leads back into it.
 *
 * Memory: objects of C code keep others in memory of their own (a pickler's memo, a vector of an extension module). What such an object
 * points to, and what that points to, is looked through for addresses of objects that nothing else reaches.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "objects/who_private.h"

#define LATE_MAX 16384            /* objects that are followed, all together */
#define LATE_WORDS (1ull << 20)   /* that are looked at in them */
#define MEMORY_WORDS (1ull << 23) /* looked at in memory of opaque objects: 64 MB */
#define UNKNOWN_WORDS 64          /* of a block whose size is not known */
#define OPAQUE_WORDS 128          /* of the object itself */
#define OBJECT_HEAD 16            /* bytes: reference count and type */
#define ALIGNMENT 16              /* of what malloc and pymalloc hand out */
#define LINE_WORDS 512
#define DEPTH 2 /* blocks behind one another */
#define SEEN 4096

/* ---- the edges that are found so ---- */

void search__reach_by(struct search *search, __u32 node, __u32 parent, const struct ref *ref)
{
	struct trail_edges *more = &search->more;
	struct trail_edge *grown;

	if (search->parent[node] != NO_NODE)
		return;
	/* A power of two: full. */
	if (!(more->count & (more->count - 1))) {
		grown = realloc(more->list, (more->count ? 2 * more->count : 1) * sizeof(*grown));
		if (!grown)
			return; /* then it is not reached */
		more->list = grown;
	}
	more->list[more->count] = (struct trail_edge){.from = parent, .to = node, .ref = *ref};
	more->list[more->count++].ref.to = search->graph->address[node];
	search__reach(search, node, parent);
}

const struct ref *search__name_of(const struct search *search, __u32 node, __u32 parent)
{
	for (size_t i = 0; i < search->more.count; i++)
		if (search->more.list[i].to == node && search->more.list[i].from == parent)
			return &search->more.list[i].ref;
	return NULL;
}

/* ---- late objects ---- */

struct late {
	struct search *search;
	struct types *types;
	__u64 words_left;
	__u32 count; /* of seen */
	__u64 *seen; /* addresses: a hash table of 2 * LATE_MAX */
	__u64 *queue;
};

struct late *late__new(struct search *search, struct types *types)
{
	struct late *late = calloc(1, sizeof(*late));

	if (!late)
		return NULL;
	*late = (struct late){.search = search, .types = types, .words_left = LATE_WORDS};
	late->seen = calloc(2 * LATE_MAX, sizeof(*late->seen));
	late->queue = calloc(LATE_MAX, sizeof(*late->queue));
	if (!late->seen || !late->queue) {
		late__free(late);
		return NULL;
	}
	return late;
}

void late__free(struct late *late)
{
	if (!late)
		return;
	free(late->seen);
	free(late->queue);
	free(late);
}

/* False: seen before, or there is no room. */
static bool add_seen(struct late *late, __u64 address)
{
	__u32 at = (address >> 4) * 0x9e3779b97f4a7c15ull >> 32;

	if (late->count == LATE_MAX)
		return false;
	for (;; at++) {
		__u64 *slot = &late->seen[at % (2 * LATE_MAX)];

		if (*slot == address)
			return false;
		if (*slot)
			continue;
		*slot = address;
		late->queue[late->count++] = address;
		return true;
	}
}

/* What static memory is full of leads everywhere and was not made late. */
static const struct object_type *type_of_late(const struct late *late, __u64 address)
{
	const struct object_type *type = types__at(
		late->types, image__word(types__image(late->types), address + OBJECT_TYPE));

	return type && type->kind != KIND_TYPE && type->kind != KIND_MODULE ? type : NULL;
}

/* Attributes are read without their names, as long as nothing comes of it. */
static void find_name(const struct late *late, __u32 from, struct ref *by)
{
	const struct graph *graph = late->search->graph;
	struct ref_iter it;
	struct ref ref;

	refs__start(&it, late->types, graph->address[from],
		    types__get(graph->types, graph->type[from]));
	it.most = LATE_WORDS;
	while (refs__next(&it, &ref))
		if (ref.to == by->to && ref.kind == by->kind && ref.label) {
			*by = ref;
			return;
		}
}

static bool leads_on(const struct ref *ref)
{
	return ref->kind != REF_WEAK && ref->kind != REF_TYPE && ref->kind != REF_GUESS;
}

static bool is_dict(const struct ref *ref)
{
	return ref->kind == REF_FIELD && ref->field && !strcmp(ref->field, "__dict__");
}

/*
 * Goes on from the object that by leads to, through what is not in the graph. Takes what is, and was not reached; or, where a node is
 * wanted, returns true when it is met.
 */
static bool walk(struct late *late, __u32 from, struct ref *by, __u32 wanted)
{
	const struct graph *graph = late->search->graph;
	__u32 head = late->count;

	if (by->to % sizeof(__u64) || !add_seen(late, by->to))
		return false;
	for (; head < late->count && late->words_left; head++) {
		const struct object_type *type = type_of_late(late, late->queue[head]);
		struct ref_iter it;
		struct ref ref;

		if (!type)
			continue;
		refs__start(&it, late->types, late->queue[head], type);
		it.want_labels = false;
		it.most = late->words_left;
		while (refs__next(&it, &ref)) {
			__u32 to = leads_on(&ref) ? graph__find(graph, ref.to) : NO_NODE;

			if (!leads_on(&ref))
				continue;
			if (to != NO_NODE && to == wanted)
				return true;
			/* An instance's dict, though it is in the graph, is what is gone through. */
			if (to == NO_NODE || is_dict(&ref)) {
				add_seen(late, ref.to);
			} else if (wanted == NO_NODE && late->search->parent[to] == NO_NODE) {
				if (!by->label)
					find_name(late, from, by);
				search__reach_by(late->search, to, from, by);
			}
		}
		late->words_left -= it.visited < late->words_left ? it.visited : late->words_left;
	}
	return false;
}

/* The same from a node's own reference. Where that is its dict, each attribute is one. */
static bool set_out(struct late *late, __u32 from, struct ref *by, __u32 wanted)
{
	const struct object_type *type;
	struct ref_iter it;
	struct ref ref;

	type = is_dict(by) && by->to % sizeof(__u64) == 0 ? type_of_late(late, by->to) : NULL;
	if (!type)
		return walk(late, from, by, wanted);
	refs__start(&it, late->types, by->to, type);
	it.most = late->words_left;
	while (refs__next(&it, &ref)) {
		__u32 to = leads_on(&ref) ? graph__find(late->search->graph, ref.to) : NO_NODE;

		if (!leads_on(&ref) || ref.kind == REF_KEY)
			continue;
		*by = ref;
		by->kind = REF_ATTRIBUTE;
		if (to == NO_NODE ? walk(late, from, by, wanted) : to == wanted)
			return true;
		if (to != NO_NODE && wanted == NO_NODE)
			search__reach_by(late->search, to, from, by);
	}
	return false;
}

void late__follow(struct late *late, __u32 from, const struct ref *by)
{
	struct ref first = *by;

	set_out(late, from, &first, NO_NODE);
}

bool late__leads_to(struct late *late, __u32 from, __u32 to, struct ref *by)
{
	const struct graph *graph = late->search->graph;
	struct ref_iter it;
	struct ref ref;

	refs__start(&it, late->types, graph->address[from],
		    types__get(graph->types, graph->type[from]));
	it.most = LATE_WORDS;
	while (late->words_left && refs__next(&it, by)) {
		if (!leads_on(by) || graph__find(graph, by->to) != NO_NODE)
			continue;
		memset(late->seen, 0, 2 * LATE_MAX * sizeof(*late->seen));
		late->count = 0;
		ref = *by;
		if (set_out(late, from, &ref, to)) {
			*by = ref;
			by->to = graph->address[to];
			return true;
		}
	}
	return false;
}

/* ---- memory of objects of C code ---- */

struct memory {
	struct search *search;
	struct root_reader *reader;
	__u32 node;        /* whose memory it is */
	__u32 *references; /* of each node, by other objects */
	__u64 words_left;
	__u64 seen
		[SEEN]; /* blocks that were looked through last: many objects share what they point to */
};

/* Words that may be read of the block; 0 where the sweep found none. Memory that it did not go through is of an allocator we do not know. */
static __u64 block_words(const struct memory *memory, const struct mapping *mapping, __u64 address)
{
	const struct memory_blocks *blocks = memory->search->graph->memory;
	__u64 most = (mapping->end - address) / sizeof(__u64);
	__u64 words = memory_blocks__size(blocks, address) / sizeof(__u64);

	if (!words && !memory_blocks__covers(blocks, address))
		words = UNKNOWN_WORDS;
	return words < most ? words : most;
}

static void look_through(struct memory *memory, __u64 address, int depth);

static void look_at_word(struct memory *memory, __u64 word, int depth)
{
	static const struct ref by = {.kind = REF_FIELD, .field = "(memory)"};
	__u32 to;

	if (!word || word % sizeof(__u64))
		return;
	to = graph__find(memory->search->graph, word);
	/* What has a reference that no object explains: else it is a trace of what was there once. */
	if (to != NO_NODE && memory->search->graph->refcount[to] > memory->references[to])
		search__reach_by(memory->search, to, memory->node, &by);
	else if (to == NO_NODE && depth && word % ALIGNMENT == 0)
		look_through(memory, word, depth - 1);
}

static void look_through(struct memory *memory, __u64 address, int depth)
{
	const struct mapping *mapping =
		proc_maps__find(image__maps(memory->reader->image), address);
	__u64 *seen = &memory->seen[(address >> 4) % SEEN], words, line[LINE_WORDS];

	if (!mapping || !mapping->write || mapping->ino || *seen == address)
		return;
	*seen = address;
	words = block_words(memory, mapping, address);
	for (__u64 at = 0, n; at < words && memory->words_left; at += n) {
		n = words - at < LINE_WORDS ? words - at : LINE_WORDS;
		if (image__read(memory->reader->image, address + at * sizeof(*line), line,
				n * sizeof(*line)))
			return;
		memory->words_left -= n < memory->words_left ? n : memory->words_left;
		for (__u64 i = 0; i < n; i++)
			look_at_word(memory, line[i], depth);
	}
}

static void look_into(struct memory *memory, const struct object_type *type)
{
	__u64 words[OPAQUE_WORDS], count = type->native_basicsize / sizeof(*words);
	__u64 address = memory->search->graph->address[memory->node];

	if (count > OPAQUE_WORDS)
		count = OPAQUE_WORDS;
	if (image__read(memory->reader->image, address, words, count * sizeof(*words)))
		return;
	for (__u64 i = OBJECT_HEAD / sizeof(*words); i < count; i++)
		look_at_word(memory, words[i], DEPTH);
}

int search__through_memory(struct search *search, struct root_reader *reader)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	const struct graph *graph = search->graph;

	if (!memory)
		return -ENOMEM;
	*memory = (struct memory){
		.search = search,
		.reader = reader,
		.references = search__count_references(search),
		.words_left = MEMORY_WORDS,
	};
	if (!memory->references) {
		free(memory);
		return -ENOMEM;
	}
	for (__u32 i = 0; i < search->reached && memory->words_left; i++) {
		const struct object_type *type;
		__u32 reached = search->reached;

		memory->node = search->queue[i];
		type = types__get(graph->types, graph->type[memory->node]);
		if (type && type->kind == KIND_OPAQUE && !type->fields)
			look_into(memory, type);
		if (search->reached > reached)
			search__spread(search, reached);
	}
	free(memory->references);
	free(memory);
	return 0;
}
