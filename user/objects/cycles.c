// SPDX-License-Identifier: BSD-2-Clause
/*
 * cycles.c - trial deletion over a graph, and the second look
 */
#include "objects/cycles.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "objects/classify.h"
#include "objects/refs.h"

#define LOOKS 3
#define LOOKS_AT_FEW 8
#define FEW 100000

#define WORDS_AN_EDGE 16 /* of an object that is read again; most tables are fuller */
#define WORDS_MORE (1u << 20)

/* A first threshold above this lets a program grow for long: the default is 700, or 2000 since 3.13; the others are 10. */
#define THRESHOLD_HIGH 100000
#define THRESHOLD_HIGH_RUNS 1000

#define OLDEST (GC_GENERATION_COUNT - 1)
#define PERMANENT GC_GENERATION_COUNT

/* ---- trial deletion ---- */

/* Nodes whose references to others are taken off. */
static bool is_subtracted(const struct graph *graph, __u32 node)
{
	return (graph->flags[node] & (NODE_EXACT | NODE_TRACKED | NODE_BROKEN)) ==
	       (NODE_EXACT | NODE_TRACKED);
}

static void subtract(const struct graph *graph, __s32 *left)
{
	for (__u32 i = 0; i < graph->count; i++) {
		if (!is_subtracted(graph, i))
			continue;
		for (__u64 e = graph->first[i]; e < graph->first[i + 1]; e++)
			left[graph->to[e]]--;
	}
}

struct stack {
	__u32 *nodes;
	size_t count;
};

static void mark(struct stack *stack, unsigned char *alive, __u32 node)
{
	if (alive[node])
		return;
	alive[node] = 1;
	stack->nodes[stack->count++] = node;
}

/* Marks all that the nodes on the stack reach. Each node is pushed once at most. */
static void spread(const struct graph *graph, struct stack *stack, unsigned char *alive)
{
	while (stack->count) {
		__u32 node = stack->nodes[--stack->count];

		for (__u64 e = graph->first[node]; e < graph->first[node + 1]; e++)
			mark(stack, alive, graph->to[e]);
	}
}

/*
 * Roots are what has references that are not explained, and what must not be judged: objects that are not tracked, immortal ones, and
 * those of which more references were found than they count (the target changed them between two reads).
 */
int cycles__mark_alive(const struct graph *graph, unsigned char *alive)
{
	size_t count = graph->count + 1ull;
	struct stack stack = {.nodes = malloc(count * sizeof(*stack.nodes))};
	__s32 *left = malloc(count * sizeof(*left));

	if (!left || !stack.nodes) {
		free(left);
		free(stack.nodes);
		return -ENOMEM;
	}
	memset(alive, 0, graph->count);
	for (__u32 i = 0; i < graph->count; i++)
		left[i] = graph->refcount[i] < INT_MAX ? (__s32)graph->refcount[i] : INT_MAX;
	subtract(graph, left);
	for (__u32 i = 0; i < graph->count; i++)
		if (left[i] || !(graph->flags[i] & NODE_TRACKED) ||
		    graph->flags[i] & (NODE_IMMORTAL | NODE_BROKEN))
			mark(&stack, alive, i);
	free(left);
	spread(graph, &stack, alive);
	free(stack.nodes);
	return 0;
}

/* ---- the second look ---- */

/* Whether the references of an object are those that the graph has. */
static bool same_edges(const struct graph *graph, __u32 node, const struct object_type *type)
{
	__u64 e = graph->first[node], end = graph->first[node + 1];
	struct ref_iter it;
	struct ref ref;

	refs__start(&it, graph->types, graph->address[node], type);
	it.want_labels = false;
	it.most = (end - e) * WORDS_AN_EDGE + WORDS_MORE; /* it may claim more than it did */
	while (refs__next(&it, &ref)) {
		__u32 to = ref.kind != REF_WEAK ? graph__find(graph, ref.to) : NO_NODE;

		if (to == NO_NODE)
			continue;
		if (e == end || graph->to[e++] != to)
			return false;
	}
	return e == end && !it.broken;
}

static bool is_unchanged(const struct graph *graph, __u32 node)
{
	const struct object_type *type = types__get(graph->types, graph->type[node]);
	struct {
		__u64 next, previous, refcount, type;
	} now;

	if (image__read(types__image(graph->types), graph->address[node] - GC_HEAD_SIZE, &now,
			sizeof(now)))
		return false;
	/* The upper half of the count has flags since 3.14. */
	return now.next && (__u32)now.refcount == graph->refcount[node] &&
	       now.type == type->address && same_edges(graph, node, type);
}

/* Leaves out the candidates that are not garbage. Returns how many there are still. */
static size_t look(const struct graph *graph, unsigned char *alive, struct stack *stack,
		   __u32 *candidates, size_t count)
{
	size_t left = 0;

	for (size_t i = 0; i < count; i++)
		if (!alive[candidates[i]] && !is_unchanged(graph, candidates[i]))
			mark(stack, alive, candidates[i]);
	spread(graph, stack, alive);
	for (size_t i = 0; i < count; i++)
		if (!alive[candidates[i]])
			candidates[left++] = candidates[i];
	return left;
}

static size_t list_candidates(const struct graph *graph, const unsigned char *alive,
			      __u32 *candidates)
{
	size_t count = 0;

	for (__u32 i = 0; i < graph->count; i++)
		if (!alive[i])
			candidates[count++] = i;
	return count;
}

/*
 * A program that makes and dissolves cycles all the time has the same objects at the same addresses again and again, in the state that
 * was seen at first: one look in ten or so is deceived. Where there are few candidates, looking more often is cheap.
 */
static int look_again(const struct graph *graph, unsigned char *alive, struct cycles *cycles)
{
	size_t all = graph->count + 1ull;
	struct stack stack = {.nodes = malloc(all * sizeof(*stack.nodes))};
	__u32 *candidates = malloc(all * sizeof(*candidates));
	int err = stack.nodes && candidates ? 0 : -ENOMEM;
	size_t before = 0, left = 0;

	if (!err)
		before = left = list_candidates(graph, alive, candidates);
	for (int i = 0; !err && left && i < (left <= FEW ? LOOKS_AT_FEW : LOOKS); i++) {
		err = image__refresh(types__image(graph->types));
		if (!err)
			left = look(graph, alive, &stack, candidates, left);
	}
	cycles->count = left;
	cycles->changed = before - left;
	free(stack.nodes);
	free(candidates);
	return err;
}

/* ---- what it is ---- */

static int by_bytes(const void *a, const void *b)
{
	const struct cycle_type *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

/* One entry a type, in the order of their numbers; then those that are there, largest first. */
static void sort_types(struct cycles *cycles, size_t all)
{
	for (size_t i = 0; i < all; i++)
		if (cycles->types[i].count)
			cycles->types[cycles->type_count++] = cycles->types[i];
	qsort(cycles->types, cycles->type_count, sizeof(*cycles->types), by_bytes);
}

static int list_garbage(const struct graph *graph, const unsigned char *alive,
			struct cycles *cycles)
{
	size_t types = types__count(graph->types), at = 0;

	cycles->nodes = malloc((cycles->count + 1) * sizeof(*cycles->nodes));
	cycles->types = calloc(types + 1, sizeof(*cycles->types));
	if (!cycles->nodes || !cycles->types)
		return -ENOMEM;
	for (__u32 i = 0; i < graph->count; i++) {
		__u32 id = graph->type[i];
		struct object_size size;

		if (alive[i])
			continue;
		classify__size(graph->types, graph->address[i], types__get(graph->types, id),
			       &size);
		cycles->nodes[at++] = i;
		cycles->types[id].type = id;
		cycles->types[id].count++;
		cycles->types[id].bytes += size.own + size.buffer;
		cycles->bytes += size.own + size.buffer;
	}
	sort_types(cycles, types);
	return 0;
}

/* ---- why it is there ---- */

/* How many of them are not in lists of this size, at least. */
static __u64 not_in(const struct cycles *cycles, __u64 objects)
{
	return cycles->count > objects ? cycles->count - objects : 0;
}

/* The list that most of them are in; for want of better knowledge the oldest one that has to have so many. */
static int where_most_are(const struct cycles *cycles, const struct gc_state *state)
{
	__u64 half = cycles->count / 2, objects = 0;
	int at = 0;

	for (int i = 0; i <= PERMANENT; i++)
		if (cycles->by_generation[i] > half)
			return i;
	for (int i = 0; i < PERMANENT; i++) {
		objects += state->generations[i].objects;
		if (not_in(cycles, objects) > half)
			at = i + 1;
	}
	return at < PERMANENT || state->frozen ? at : PERMANENT - 1;
}

/* Whether the collector seldom comes to the lists up to this one. */
static bool seldom(const struct gc_state *state, int list)
{
	__u32 first = state->generations[0].threshold;

	if (!first || first > THRESHOLD_HIGH)
		return true;
	/* These count collections of the list before. The incremental collector has a use of its own for them. */
	for (int i = 1; i <= list && !state->incremental; i++)
		if (state->generations[i].threshold > THRESHOLD_HIGH_RUNS)
			return true;
	return false;
}

enum cycle_reason cycles__reason(const struct cycles *cycles, const struct gc_state *state)
{
	int list;

	if (!cycles->count)
		return state->garbage ? CYCLES_UNCOLLECTABLE : CYCLES_NONE;
	list = where_most_are(cycles, state);
	if (list == PERMANENT)
		return CYCLES_FROZEN;
	if (!state->enabled)
		return CYCLES_DISABLED;
	if (seldom(state, list))
		return CYCLES_THRESHOLD;
	if (state->incremental)
		return list ? CYCLES_INCREMENTAL : CYCLES_PENDING;
	return list == OLDEST ? CYCLES_OLD : CYCLES_PENDING;
}

static const struct {
	const char *name, *text;
} reasons[CYCLE_REASONS] = {
	[CYCLES_NONE] = {"none", "no garbage"},
	[CYCLES_DISABLED] = {"disabled", "the garbage collector is disabled"},
	[CYCLES_THRESHOLD] = {"threshold",
			      "the garbage collector's thresholds are so high that it seldom runs"},
	[CYCLES_OLD] = {"old", "it is in the oldest generation, which is collected only when a "
			       "quarter more objects are alive"},
	[CYCLES_INCREMENTAL] = {"incremental",
				"it is in the old generation, which is collected bit by bit"},
	[CYCLES_FROZEN] = {"frozen", "gc.freeze() took it out of the collector's sight"},
	[CYCLES_UNCOLLECTABLE] = {"uncollectable",
				  "the collector could not free it and put it into gc.garbage"},
	[CYCLES_PENDING] = {"pending", "the collector has not run since"},
};

const char *cycle_reason__text(enum cycle_reason reason)
{
	return reason < CYCLE_REASONS ? reasons[reason].text : "unknown";
}

const char *cycle_reason__name(enum cycle_reason reason)
{
	return reason < CYCLE_REASONS ? reasons[reason].name : "unknown";
}

/* ---- where it is ---- */

struct locating {
	const struct graph *graph;
	const struct cycles *cycles;
	unsigned char *seen; /* a bit for each of cycles->nodes */
	__u64 by_generation[PERMANENT + 1];
};

static int by_node(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int locate(void *context, __u64 object, int generation)
{
	struct locating *l = context;
	const __u32 node = graph__find(l->graph, object), *found;
	size_t at;

	if (node == NO_NODE)
		return 0;
	found = bsearch(&node, l->cycles->nodes, l->cycles->count, sizeof(node), by_node);
	if (!found)
		return 0;
	at = found - l->cycles->nodes;
	if (!(l->seen[at / 8] & 1u << at % 8))
		l->by_generation[generation]++;
	l->seen[at / 8] |= 1u << at % 8;
	return 0;
}

int cycles__locate(struct cycles *cycles, const struct graph *graph, const struct target *target,
		   struct gc_state *state)
{
	struct locating l = {
		.graph = graph, .cycles = cycles, .seen = calloc(cycles->count / 8 + 1, 1)};
	int err = -ENOMEM;

	if (l.seen)
		err = gc_state__read(types__image(graph->types), target,
				     types__objects(graph->types), locate, &l, state);
	free(l.seen);
	if (err)
		return err;
	memcpy(cycles->by_generation, l.by_generation, sizeof(l.by_generation));
	cycles->reason = cycles__reason(cycles, state);
	return 0;
}

/* ---- all of it ---- */

static void count_opaque(const struct graph *graph, struct cycles *cycles)
{
	for (__u32 i = 0; i < graph->count; i++)
		cycles->opaque += graph->flags[i] & NODE_TRACKED && !is_subtracted(graph, i);
}

int cycles__find(const struct graph *graph, const struct gc_state *state, struct cycles *cycles)
{
	unsigned char *alive = malloc(graph->count + 1ull);
	int err = -ENOMEM;

	memset(cycles, 0, sizeof(*cycles));
	if (alive)
		err = cycles__mark_alive(graph, alive);
	if (!err)
		err = look_again(graph, alive, cycles);
	if (!err)
		err = list_garbage(graph, alive, cycles);
	free(alive);
	if (err)
		return err;
	count_opaque(graph, cycles);
	cycles->reason = cycles__reason(cycles, state);
	return 0;
}

void cycles__clear(struct cycles *cycles)
{
	free(cycles->types);
	free(cycles->nodes);
	memset(cycles, 0, sizeof(*cycles));
}
