// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_search.c - one search over the graph, breadth first from all roots at once
 *
 * The queue keeps the order of the roots at every distance, so that a node that two roots are equally far from belongs to the earlier one.
 */
#include <errno.h>
#include <stdlib.h>

#include "objects/who_private.h"

/* Of a long path, so many nodes next to its root are kept, the rest next to its end. */
#define HEAD (WHO_PATH_MAX / 2)

void search__reach(struct search *search, __u32 node, __u32 parent)
{
	if (search->parent[node] != NO_NODE)
		return;
	search->parent[node] = parent;
	search->queue[search->reached++] = node;
}

void search__spread(struct search *search, __u32 from)
{
	const struct graph *graph = search->graph;

	for (__u32 i = from; i < search->reached; i++) {
		__u32 node = search->queue[i];

		for (__u64 e = graph->first[node]; e < graph->first[node + 1]; e++)
			search__reach(search, graph->to[e], node);
	}
}

static void spread_roots(struct search *search, const struct roots *roots, size_t from, size_t to)
{
	__u32 reached = search->reached;

	for (size_t i = from; i < to; i++)
		search__reach(search, roots->list[i].node, PARENT_ROOT | i);
	search__spread(search, reached);
}

void search__add_roots(struct search *search, const struct roots *roots, size_t from)
{
	spread_roots(search, roots, from, roots->late);
	spread_roots(search, roots, roots->late, roots->count);
}

int search__run(struct search *search, const struct graph *graph, const struct roots *roots)
{
	*search = (struct search){.graph = graph};
	search->parent = malloc((graph->count + 1ull) * sizeof(*search->parent));
	search->queue = malloc((graph->count + 1ull) * sizeof(*search->queue));
	if (!search->parent || !search->queue)
		return -ENOMEM;
	for (__u32 i = 0; i < graph->count; i++)
		search->parent[i] = NO_NODE;
	search__add_roots(search, roots, 0);
	return 0;
}

__u32 *search__count_references(const struct search *search)
{
	const struct graph *graph = search->graph;
	__u32 *count = calloc(graph->count + 1ull, sizeof(*count));

	for (__u64 e = 0; count && e < graph->edge_count; e++)
		if (search->parent[graph->to[e]] == NO_NODE && count[graph->to[e]] != NO_NODE)
			count[graph->to[e]]++;
	return count;
}

int search__run_native(struct search *search)
{
	const struct graph *graph = search->graph;
	__u32 from = search->reached, *count = search__count_references(search);

	if (!count)
		return -ENOMEM;
	for (__u32 i = 0; i < graph->count; i++)
		if (search->parent[i] == NO_NODE && graph->refcount[i] > count[i])
			search__reach(search, i, PARENT_NATIVE);
	free(count);
	search__spread(search, from);
	return 0;
}

void search__end(struct search *search)
{
	free(search->parent);
	free(search->queue);
	free(search->more.list);
	*search = (struct search){0};
}

static bool is_root(__u32 parent)
{
	return parent & PARENT_ROOT;
}

void search__trail(const struct search *search, __u32 node, struct trail *trail)
{
	__u32 length = 0, position, at;

	*trail = (struct trail){0};
	if (search->parent[node] == NO_NODE)
		return;
	for (at = node; !is_root(search->parent[at]); at = search->parent[at])
		length++;
	trail->root = search->parent[at];
	trail->count = ++length < WHO_PATH_MAX ? length : WHO_PATH_MAX;
	trail->gap = length > WHO_PATH_MAX ? HEAD : 0;
	position = length;
	for (at = node; position--; at = search->parent[at]) {
		if (position < HEAD || length <= WHO_PATH_MAX)
			trail->nodes[position] = at;
		else if (length - position <= WHO_PATH_MAX - HEAD)
			trail->nodes[WHO_PATH_MAX - (length - position)] = at;
	}
}
