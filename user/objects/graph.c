// SPDX-License-Identifier: BSD-2-Clause
/*
 * graph.c - nodes in the order of their addresses, and the edges between them
 */
#include "objects/graph.h"

#include <errno.h>
#include <stdlib.h>

#include "heap/rss.h"
#include "objects/classify.h"
#include "objects/graph_private.h"
#include "objects/refs.h"

#define NODES_MAX 20000000u
#define EDGES_FIRST 65536
/* Words that all objects' references may take beyond twice what is in memory. */
#define WORDS_EXTRA (1u << 20)
#define WORDS_A_NODE 16

/* ---- nodes ---- */

static int allocate_nodes(struct graph *graph, size_t count)
{
	graph->address = malloc((count + 1) * sizeof(*graph->address));
	graph->type = malloc((count + 1) * sizeof(*graph->type));
	graph->refcount = malloc((count + 1) * sizeof(*graph->refcount));
	graph->flags = malloc(count + 1);
	graph->first = malloc((count + 1) * sizeof(*graph->first));
	if (!graph->address || !graph->type || !graph->refcount || !graph->flags || !graph->first)
		return -ENOMEM;
	graph->count = count;
	return 0;
}

/* The index knows the order: each object goes where it belongs. */
static void place_nodes(struct graph *graph, const struct found_list *found)
{
	for (size_t i = 0; i < found->count; i++) {
		const struct found *object = &found->list[i];
		__u32 node = graph__find(graph, object->address & ~7ull);

		graph->address[node] = object->address & ~7ull;
		graph->type[node] = object->type;
		graph->refcount[node] = object->refcount;
		graph->flags[node] = (object->address & 1 ? NODE_TRACKED : 0) |
				     (object->refcount == REFCOUNT_IMMORTAL ? NODE_IMMORTAL : 0);
	}
}

static int read_nodes(struct graph *graph, const struct target *target, struct pools *pools,
		      __u32 max)
{
	struct found_list found = {.max = max && max < NODES_MAX ? max : NODES_MAX};
	int err;

	graph->index = graph_index__new();
	graph->memory = memory_blocks__new();
	if (!graph->index || !graph->memory)
		return -ENOMEM;
	err = found_list__sweep(&found, graph, target, pools);
	if (!err)
		err = graph_index__order(graph->index);
	if (!err)
		err = allocate_nodes(graph, found.count);
	if (!err)
		place_nodes(graph, &found);
	graph->left_out = found.left_out;
	free(found.list);
	return err;
}

/* ---- edges ---- */

static int append(struct graph *graph, __u64 *room, __u32 to)
{
	__u64 more = *room ? *room + *room / 2 : EDGES_FIRST;
	__u32 *list;

	if (graph->edge_count == *room) {
		list = realloc(graph->to, more * sizeof(*list));
		if (!list)
			return -ENOMEM;
		graph->to = list;
		*room = more;
	}
	graph->to[graph->edge_count++] = to;
	return 0;
}

/* Objects of these kinds refer to nothing, unless a class adds something. */
static bool has_no_references(const struct object_type *type)
{
	switch (type->kind) {
	case KIND_STR:
	case KIND_BYTES:
	case KIND_BYTEARRAY:
	case KIND_INT:
	case KIND_FLOAT:
		return !type->is_class;
	default:
		return false;
	}
}

static int read_node(struct graph *graph, struct ref_iter *it, __u32 node, __u64 most, __u64 *room)
{
	struct ref ref;
	int err = 0;

	it->want_labels = false;
	it->most = most;
	while (!err && refs__next(it, &ref)) {
		__u32 to = ref.kind != REF_WEAK ? graph__find(graph, ref.to) : NO_NODE;

		if (to != NO_NODE)
			err = append(graph, room, to);
	}
	graph->flags[node] |= (it->exact ? NODE_EXACT : 0) | (it->broken ? NODE_BROKEN : 0);
	return err;
}

int graph__read_edges(struct graph *graph)
{
	__u64 room = 0, words = 0, words_max = 0;
	struct ref_iter it;
	int err = rss__read(image__pid(types__image(graph->types)), &words_max);

	/* Each word of memory is of one object; what says otherwise is a forged heap, and would take forever. */
	words_max = words_max / 4 + WORDS_EXTRA + (__u64)graph->count * WORDS_A_NODE;
	for (__u32 i = 0; !err && i < graph->count; i++) {
		const struct object_type *type = types__get(graph->types, graph->type[i]);

		graph->first[i] = graph->edge_count;
		if (has_no_references(type)) {
			graph->flags[i] |= NODE_EXACT;
		} else if (words > words_max) {
			graph->flags[i] |= NODE_BROKEN;
			graph->unread++;
		} else {
			refs__start(&it, graph->types, graph->address[i], type);
			err = read_node(graph, &it, i, words_max - words + 1, &room);
			words += it.visited;
		}
	}
	graph->first[graph->count] = graph->edge_count;
	graph->words = words;
	return err;
}

int graph__read(struct image *image, const struct target *target, struct pools *pools,
		struct types *types, __u32 nodes, struct graph **result)
{
	struct graph *graph;
	int err = image__refresh(image);

	if (err)
		return err;
	graph = calloc(1, sizeof(*graph));
	if (!graph)
		return -ENOMEM;
	graph->types = types;
	err = read_nodes(graph, target, pools, nodes);
	if (!err) {
		types__settle(types);
		err = graph__read_edges(graph);
	}
	if (err) {
		graph__free(graph);
		return err;
	}
	*result = graph;
	return 0;
}

void graph__free(struct graph *graph)
{
	if (!graph)
		return;
	graph_index__free(graph->index);
	memory_blocks__free(graph->memory);
	free(graph->address);
	free(graph->type);
	free(graph->refcount);
	free(graph->flags);
	free(graph->first);
	free(graph->to);
	free(graph);
}

__u32 graph__find(const struct graph *graph, __u64 address)
{
	return graph_index__rank(graph->index, address);
}
