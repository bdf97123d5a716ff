// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_edges.c - by what an object refers to another: the graph does not keep that, so it is looked up for the few edges of samples
 *
 * Samples of one type mostly come out of the same containers: edges are sorted by their source, and each source is read once.
 */
#include <errno.h>
#include <stdlib.h>

#include "objects/who_private.h"

#define WORDS_MORE (1ull << 20) /* than the graph has; what is not found until then has no name */
#define TRIES 4                 /* at an object that changes while it is read */
#define LATE_EDGES 64           /* that are looked for round about */
#define AGAIN_MAX 64            /* such tries in all */

static int by_nodes(const void *a, const void *b)
{
	const struct trail_edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return x->to < y->to ? -1 : x->to > y->to;
}

static void collect(const struct trail *trail, struct trail_edges *edges)
{
	for (__u32 i = 1; i < trail->count; i++)
		if (i != trail->gap)
			edges->list[edges->count++] = (struct trail_edge){
				.from = trail->nodes[i - 1],
				.to = trail->nodes[i],
				.ref = {.kind = REF_GUESS},
			};
}

static void drop_doubles(struct trail_edges *edges)
{
	size_t kept = 0;

	qsort(edges->list, edges->count, sizeof(*edges->list), by_nodes);
	for (size_t i = 0; i < edges->count; i++)
		if (!kept || by_nodes(&edges->list[kept - 1], &edges->list[i]))
			edges->list[kept++] = edges->list[i];
	edges->count = kept;
}

/* The one of [list, list + count), all of one source, that leads to address. */
static struct trail_edge *edge_to(const struct graph *graph, struct trail_edge *list, size_t count,
				  __u64 address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (graph->address[list[middle].to] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && graph->address[list[low].to] == address ? &list[low] : NULL;
}

/* How much a reference says of where the object is: as a key it may be by chance, as a value it was put there. */
static int telling(const struct ref *ref)
{
	switch (ref->kind) {
	case REF_GUESS:
		return ref->to ? 1 : 0;
	case REF_TYPE:
	case REF_KEY:
		return 2;
	default:
		return 3;
	}
}

/* Finds the references of count edges with one source; left: how many may still be looked at. */
static void look_up(const struct graph *graph, struct trail_edge *list, size_t count, __u64 *left)
{
	__u32 from = list->from;
	const struct object_type *type = types__get(graph->types, graph->type[from]);
	__u64 low = graph->address[list[0].to], high = graph->address[list[count - 1].to];
	size_t missing = count;
	struct ref_iter it;
	struct ref ref;

	if (!type)
		return;
	refs__start(&it, graph->types, graph->address[from], type);
	it.most = *left;
	while (missing && refs__next(&it, &ref)) {
		struct trail_edge *edge;

		if (ref.to < low || ref.to > high || ref.kind == REF_WEAK)
			continue;
		edge = edge_to(graph, list, count, ref.to);
		if (!edge || telling(&ref) <= telling(&edge->ref))
			continue;
		edge->ref = ref;
		missing -= telling(&ref) == 3;
	}
	*left -= it.visited;
}

static bool is_missing(const struct trail_edge *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!list[i].ref.to)
			return true;
	return false;
}

/* What leads round about is called as the search found it. */
static void name_others(const struct search *search, struct trail_edges *edges)
{
	for (size_t i = 0; search->more.count && i < edges->count; i++) {
		struct trail_edge *edge = &edges->list[i];
		const struct ref *ref =
			edge->ref.to ? NULL : search__name_of(search, edge->to, edge->from);

		if (ref)
			edge->ref = *ref;
	}
}

/* A chain that has a new head by now: by way of what was not there when the graph was read. */
static int name_late(struct search *search, struct types *types, struct trail_edges *edges)
{
	struct late *late = NULL;
	size_t left = LATE_EDGES;

	for (size_t i = 0; left && i < edges->count; i++) {
		struct trail_edge *edge = &edges->list[i];
		struct ref ref;

		if (edge->ref.to)
			continue;
		if (!late)
			late = late__new(search, types);
		if (!late)
			return -ENOMEM;
		left--;
		if (late__leads_to(late, edge->from, edge->to, &ref))
			edge->ref = ref;
	}
	late__free(late);
	return 0;
}

int edges__find(struct search *search, struct types *types, const struct trail *trails,
		size_t count, struct trail_edges *edges)
{
	const struct graph *graph = search->graph;
	__u64 left = graph->words + WORDS_MORE;
	size_t next, again = AGAIN_MAX;

	*edges = (struct trail_edges){
		.list = calloc(count * WHO_PATH_MAX + 1, sizeof(*edges->list))};
	if (!edges->list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		collect(&trails[i], edges);
	drop_doubles(edges);
	name_others(search, edges);
	for (size_t i = 0; i < edges->count; i = next) {
		for (next = i + 1; next < edges->count; next++)
			if (edges->list[next].from != edges->list[i].from)
				break;
		look_up(graph, &edges->list[i], next - i, &left);
		for (int try = 1;
		     try < TRIES && again && left && is_missing(&edges->list[i], next - i); try++) {
			image__forget(types__image(graph->types));
			look_up(graph, &edges->list[i], next - i, &left);
			again--;
		}
	}
	return name_late(search, types, edges);
}

bool edges__have_all(const struct trail_edges *edges, const struct trail *trail)
{
	for (__u32 i = 1; i < trail->count; i++)
		if (i != trail->gap &&
		    !edges__get(edges, trail->nodes[i - 1], trail->nodes[i])->ref.to)
			return false;
	return true;
}

const struct trail_edge *edges__get(const struct trail_edges *edges, __u32 from, __u32 to)
{
	struct trail_edge wanted = {.from = from, .to = to};

	return bsearch(&wanted, edges->list, edges->count, sizeof(*edges->list), by_nodes);
}

void edges__free(struct trail_edges *edges)
{
	free(edges->list);
	*edges = (struct trail_edges){0};
}
