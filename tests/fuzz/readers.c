// SPDX-License-Identifier: BSD-2-Clause
/*
 * readers.c - what `heap`, `who` and --mode census do, without the command line
 */
#include "readers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/bridge.h"
#include "inspect/inspect.h"
#include "look/heap_private.h"
#include "look/who_private.h"
#include "objects/census_take.h"
#include "objects/cycles.h"
#include "objects/gc_state.h"
#include "objects/refs.h"
#include "objects/who.h"

#define CACHE (16u << 20)
#define LABELS 2000
#define LABELS_EACH 64
#define LABEL_WORDS 4096
#define ASKED 2

struct reading {
	const struct victim *victim;
	const struct py_objects *objects;
	struct image *image;
	struct types *types;
	FILE *out; /* for what nobody reads */
	const char *fault;
};

static void must(struct reading *r, bool holds, const char *fault)
{
	if (!holds && !r->fault)
		r->fault = fault;
}

static __u64 mapped_bytes(const struct image *image)
{
	const struct mapping *m;
	__u64 sum = 0;

	proc_maps__for_each (image__maps(image), m)
		sum += m->end - m->start;
	return sum;
}

/* ---- heap ---- */

static void check_bridge(struct reading *r, const struct rss_bridge *b)
{
	must(r,
	     b->rss == b->python_objects + b->pymalloc_free + b->malloc_in_use + b->malloc_free +
			       b->mmap_anon + b->stacks + b->file_backed + b->unexplained,
	     "the parts of the resident memory do not add up");
	must(r, b->python_objects <= b->rss, "more Python objects than memory");
}

static void check_census(struct reading *r, const struct census *c)
{
	__u64 count = 0, bytes = 0, limit = mapped_bytes(r->image);

	for (size_t i = 0; i < c->type_count; i++) {
		count += c->types[i].count;
		bytes += c->types[i].own_bytes;
	}
	must(r, count == c->objects && bytes == c->object_bytes,
	     "the types do not add up to the objects");
	must(r, c->object_bytes <= limit, "objects larger than the address space");
	must(r, c->buffer_bytes <= limit, "buffers larger than the address space");
}

static void write_heap(struct reading *r, struct heap_look *look)
{
	const struct terminal_options options = {.width = 100};

	heap_look__print(look, NULL, r->out, &options);
	heap_look__print(look, look, r->out, &options);
	heap_look__write_json(look, r->out);
	heap_look__write_svg(look, r->out);
}

static void read_heap(struct reading *r)
{
	struct heap_look look = {
		.target = r->victim->target, .has_pools = r->victim->pools, .top = 30};

	if (!blocks__open(r->image, r->victim->target, r->victim->pools, &look.blocks) &&
	    !census__take(r->types, look.blocks, look.top, &look.census)) {
		look.totals = blocks__totals(look.blocks);
		check_census(r, &look.census);
		look.gc_status = gc_state__read(r->image, r->victim->target, r->objects, NULL, NULL,
						&look.gc);
		if (!bridge__compute(r->image, r->victim->target, look.totals,
				     look.census.pool_bytes, look.census.malloc_bytes,
				     &look.bridge)) {
			check_bridge(r, &look.bridge);
			write_heap(r, &look);
		}
	}
	census__free(&look.census);
	blocks__close(look.blocks);
}

/* ---- who ---- */

static void write_labels(struct reading *r, const struct graph *graph)
{
	struct ref_iter it;
	struct ref ref;
	char text[200];

	for (__u32 i = 0; i < LABELS && i < graph->count; i++) {
		__u32 node = (__u64)i * graph->count / LABELS;

		if (graph->count < LABELS)
			node = i;
		refs__start(&it, r->types, graph->address[node],
			    types__get(r->types, graph->type[node]));
		it.most = LABEL_WORDS;
		for (int k = 0; k < LABELS_EACH && refs__next(&it, &ref); k++)
			refs__label(r->types, &ref, text, sizeof(text));
	}
}

static void ask(struct reading *r, struct graph *graph, const struct who_query *query)
{
	const struct terminal_options options = {.width = 100};
	struct who who;

	if (!who__holds(graph, r->victim->target, query, &who)) {
		struct who_answer answer = {&who, r->victim->target, NULL};

		who__look_again(&who, r->types);
		who__print(&who, r->victim->target, 10, r->out, &options);
		who__write_json(&answer, r->out);
	}
	who__free(&who);
}

static void read_graph(struct reading *r, int asked_count)
{
	static const char *const asked[ASKED] = {"Plain", "list"};
	struct gc_state gc = {0};
	struct cycles cycles;
	struct graph *graph;
	const char *names[5];

	if (graph__read(r->image, r->victim->target, r->victim->pools, r->types, 0, &graph))
		return;
	for (__u64 i = 0; i < graph->edge_count; i++)
		must(r, graph->to[i] < graph->count, "an edge to nowhere");
	gc_state__read(r->image, r->victim->target, r->objects, NULL, NULL, &gc);
	if (!cycles__find(graph, &gc, &cycles))
		cycles__clear(&cycles);
	write_labels(r, graph);
	for (int i = 0; i < asked_count; i++)
		ask(r, graph, &(struct who_query){.type = asked[i], .samples = 16});
	who__similar(graph, "Plane", names, 5);
	graph__free(graph);
}

/* ---- --mode census ---- */

static void inspect(const struct victim *victim)
{
	struct pools *const pools = victim->pools;
	struct inspector *inspector;

	if (inspector__open(victim->target, &pools, &inspector))
		return;
	inspector__glance(inspector, 1);
	inspector__look(inspector, 2, NULL, 0);
	inspector__close(inspector);
}

/* ---- all ---- */

static int open_types(struct reading *r)
{
	types__close(r->types);
	r->types = NULL;
	return types__open(r->image, r->objects, &r->types);
}

const char *readers__run(const struct victim *victim, __u64 seed)
{
	struct reading r = {
		.victim = victim,
		.objects = py_objects__find(victim->target->python.layout.version),
		.out = fopen("/dev/null", "we"),
	};

	if (!r.out || image__open(victim->pid, CACHE, &r.image))
		return "cannot begin";
	if (!open_types(&r))
		read_heap(&r);
	if ((seed < mutate__forgeries() || seed % 2) && !open_types(&r))
		read_graph(&r, seed < mutate__forgeries() ? 1 : ASKED);
	types__close(r.types);
	image__close(r.image);
	if (seed % 2 == 0)
		inspect(victim);
	fclose(r.out);
	return r.fault;
}
