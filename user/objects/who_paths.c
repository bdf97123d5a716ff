// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_paths.c - a trail of nodes, as a person would write the path
 *
 * What is in between by the way Python is made is left out: the __dict__ of an instance, a class or a module, the cell of a
 * closure's variable, the tuple of defaults, a generator's frame.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/text.h"
#include "objects/c_fields.h"
#include "objects/who_private.h"

#define PERIOD_MAX 3 /* steps that a chain of objects goes round in */
#define CONTEXT_VARIABLE_NAME 16

struct maker {
	struct root_reader *reader;
	const struct trail_edges *edges;
	const struct trail *trail;
	struct arena *arena;
	struct path *path;
	char prefix[WHO_LABEL_MAX]; /* of attributes of the root, a module: its name */
	bool no_memory;
};

static bool same_step(const struct graph *graph, const struct path_step *a,
		      const struct path_step *b)
{
	if (a->shape != b->shape || (a->node == NO_NODE) != (b->node == NO_NODE))
		return false;
	return a->node == NO_NODE || graph->type[a->node] == graph->type[b->node];
}

/* Whether the last `period` steps are the same as those before them, and these as those before. The root's is no part of it. */
static bool is_third(const struct path *path, const struct graph *graph, size_t period)
{
	if (path->count < 3 * period + 1)
		return false;
	for (size_t i = path->count - 2 * period; i < path->count; i++)
		if (!same_step(graph, &path->steps[i], &path->steps[i - period]))
			return false;
	return true;
}

void path__add(struct path *path, const struct graph *graph, const struct path_step *step)
{
	if (path->count == sizeof(path->steps) / sizeof(path->steps[0]))
		return;
	path->steps[path->count++] = *step;
	for (size_t period = 1; period <= PERIOD_MAX; period++) {
		if (!is_third(path, graph, period))
			continue;
		path->count -= period;
		for (size_t i = path->count - period; i < path->count; i++) {
			path->steps[i] = path->steps[i + period];
			path->steps[i].repeated = true;
		}
		return;
	}
}

static const char *intern(struct maker *maker, const char *text)
{
	char printable[4 * WHO_LABEL_MAX];
	const char *interned =
		arena__intern(maker->arena, text__printable(text, printable, sizeof(printable)));

	maker->no_memory |= !interned;
	return interned ? interned : "";
}

static void add(struct maker *maker, __u32 node, const char *label, const char *shape, bool guessed)
{
	struct path_step step = {.node = node, .guessed = guessed};

	step.label = intern(maker, label);
	step.shape = intern(maker, shape);
	path__add(maker->path, maker->reader->graph, &step);
}

static const struct object_type *type_of(const struct maker *maker, __u32 node)
{
	const struct graph *graph = maker->reader->graph;

	return types__get(graph->types, graph->type[node]);
}

static enum object_kind kind_of(const struct maker *maker, __u32 node)
{
	const struct object_type *type = type_of(maker, node);

	return type ? type->kind : KIND_OPAQUE;
}

static void edge_text(const struct maker *maker, const struct trail_edge *edge, char *text,
		      size_t max)
{
	ref__text(maker->reader, type_of(maker, edge->from), &edge->ref, text, max);
}

/* The edge from node i of the trail to the next; NULL: there is none, or the path has a gap there. */
static const struct trail_edge *edge_at(const struct maker *maker, __u32 i)
{
	const struct trail *trail = maker->trail;

	if (i + 1 >= trail->count || i + 1 == trail->gap)
		return NULL;
	return edges__get(maker->edges, trail->nodes[i], trail->nodes[i + 1]);
}

static bool is_field(const struct trail_edge *edge, const char *name)
{
	return edge && edge->ref.kind == REF_FIELD && edge->ref.field &&
	       !strcmp(edge->ref.field, name);
}

static bool is_name(const char *text)
{
	if (!*text || (*text >= '0' && *text <= '9'))
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < 0x80 && *text != '_' &&
		    !((*text | 32) >= 'a' && (*text | 32) <= 'z') &&
		    !(*text >= '0' && *text <= '9'))
			return false;
	return true;
}

/* An attribute, by way of a __dict__: two edges. */
static __u32 try_attribute(struct maker *maker, __u32 i)
{
	const struct trail_edge *value = edge_at(maker, i + 1);
	char name[WHO_LABEL_MAX], label[2 * WHO_LABEL_MAX];

	if (!is_field(edge_at(maker, i), "__dict__") || !value ||
	    (value->ref.kind != REF_VALUE && value->ref.kind != REF_ATTRIBUTE) ||
	    types__text(maker->reader->types, value->ref.label, name, sizeof(name)) <= 0 ||
	    !is_name(name))
		return 0;
	snprintf(label, sizeof(label), "%s.%s", maker->prefix, name);
	add(maker, maker->trail->nodes[i + 2], label, label, false);
	return 2;
}

static __u64 function_code(const struct maker *maker, __u32 node)
{
	return image__word(maker->reader->image, maker->reader->graph->address[node] +
							 maker->reader->objects->function_code);
}

/* A variable of a closure: function, tuple, cell, object. */
static __u32 try_closure(struct maker *maker, __u32 i)
{
	const struct trail_edge *item = edge_at(maker, i + 1);
	const __u32 *nodes = maker->trail->nodes;
	char name[WHO_LABEL_MAX], label[2 * WHO_LABEL_MAX];

	if (!is_field(edge_at(maker, i), "__closure__") || !item || item->ref.kind != REF_ITEM ||
	    !edge_at(maker, i + 2) || kind_of(maker, nodes[i]) != KIND_FUNCTION ||
	    kind_of(maker, nodes[i + 2]) != KIND_CELL)
		return 0;
	code__free_name(maker->reader, function_code(maker, nodes[i]), item->ref.index,
			image__word32(maker->reader->image,
				      maker->reader->graph->address[nodes[i + 1]] + VAR_SIZE),
			name, sizeof(name));
	snprintf(label, sizeof(label), "closure variable %s", name);
	add(maker, nodes[i + 3], label, label, false);
	return 3;
}

static __u32 try_defaults(struct maker *maker, __u32 i)
{
	const struct trail_edge *item = edge_at(maker, i + 1);
	char label[64];

	if (!is_field(edge_at(maker, i), "__defaults__") || !item || item->ref.kind != REF_ITEM)
		return 0;
	snprintf(label, sizeof(label), ".__defaults__[%llu]", item->ref.index);
	add(maker, maker->trail->nodes[i + 2], label, label, false);
	return 2;
}

/* What is known of the C type of a node, NULL = nothing. */
static const struct c_fields *row_of(const struct maker *maker, __u32 node)
{
	const struct object_type *type = type_of(maker, node);

	return type ? type->fields : NULL;
}

static bool is_key(const struct trail_edge *edge)
{
	return is_field(edge, "(key)") || (edge && edge->ref.kind == REF_KEY);
}

/* What functools.lru_cache() keeps: a dict, and links where it has a maxsize; arguments are mostly in a tuple. */
static __u32 try_cached(struct maker *maker, __u32 i)
{
	const struct c_fields *row = row_of(maker, maker->trail->nodes[i]);
	__u32 at = i + is_field(edge_at(maker, i), "(cache)");
	const struct trail_edge *edge = edge_at(maker, at), *item = edge_at(maker, at + 1);
	char label[64] = "cached result";

	if (!row || !row->shown || strcmp(row->shown, "lru_cache") || !edge ||
	    (at == i && !is_key(edge) && !is_field(edge, "(result)")))
		return 0;
	at++;
	if (is_key(edge) && item && item->ref.kind == REF_ITEM &&
	    kind_of(maker, maker->trail->nodes[at]) == KIND_TUPLE) {
		snprintf(label, sizeof(label), "cached argument %llu", item->ref.index);
		at++;
	} else if (is_key(edge)) {
		snprintf(label, sizeof(label), "cached argument");
	}
	add(maker, maker->trail->nodes[at], label, label, false);
	return at - i;
}

static bool is_hamt(const struct maker *maker, __u32 node)
{
	const struct c_fields *row = row_of(maker, node);

	return row && !strncmp(row->type, "hamt", 4);
}

/* A context variable: its key is before the value in the node of the tree. */
static __u32 try_variable(struct maker *maker, __u32 i)
{
	const __u32 *nodes = maker->trail->nodes;
	char name[WHO_LABEL_MAX] = "", label[2 * WHO_LABEL_MAX];
	const struct trail_edge *edge;
	__u32 at = i + 1;
	__u64 key = 0;

	if (!is_field(edge_at(maker, i), "(variables)"))
		return 0;
	while (edge_at(maker, at) && is_hamt(maker, nodes[at]) && is_hamt(maker, nodes[at + 1]))
		at++;
	edge = edge_at(maker, at);
	if (!edge || !is_hamt(maker, nodes[at]))
		return 0;
	if (edge->ref.kind == REF_ITEM && edge->ref.index % 2)
		key = image__word(maker->reader->image,
				  maker->reader->graph->address[nodes[at]] +
					  row_of(maker, nodes[at])->parts[0].place.at +
					  (edge->ref.index - 1) * 8);
	types__text(maker->reader->types,
		    key ? image__word(maker->reader->image, key + CONTEXT_VARIABLE_NAME) : 0, name,
		    sizeof(name));
	snprintf(label, sizeof(label), "context variable%s%s", name[0] ? " " : "", name);
	add(maker, nodes[at + 1], label, label, false);
	return at + 1 - i;
}

/* What the local variable of a suspended generator or a frame is, where it is in a cell. */
static __u32 try_cell(struct maker *maker, __u32 i)
{
	const struct trail_edge *local = edge_at(maker, i);
	char label[WHO_LABEL_MAX];

	if (!local || local->ref.kind != REF_LOCAL || !edge_at(maker, i + 1) ||
	    kind_of(maker, maker->trail->nodes[i + 1]) != KIND_CELL)
		return 0;
	edge_text(maker, local, label, sizeof(label));
	add(maker, maker->trail->nodes[i + 2], label, label, false);
	return 2;
}

/* Behind the gap of a long path: whether a chain goes on there that has been seen to repeat; then path ends in it, with this node. */
static bool continue_chain(struct maker *maker, __u32 node)
{
	struct path *path = maker->path;
	const struct graph *graph = maker->reader->graph;

	for (size_t i = path->count; i-- > 0 && path->steps[i].repeated;) {
		if (graph->type[path->steps[i].node] != graph->type[node])
			continue;
		path->steps[i].node = node;
		path->count = i + 1;
		return true;
	}
	return false;
}

static __u32 add_plain(struct maker *maker, __u32 i)
{
	const struct trail_edge *edge = edge_at(maker, i);
	__u32 node = maker->trail->nodes[i + 1];
	char label[WHO_LABEL_MAX], dotted[2 * WHO_LABEL_MAX];

	if (!edge) {
		if (!continue_chain(maker, node))
			add(maker, node, "…", "…", false);
		return 1;
	}
	edge_text(maker, edge, label, sizeof(label));
	snprintf(dotted, sizeof(dotted), "%s%s", label[0] == '.' ? maker->prefix : "", label);
	if (edge->ref.kind == REF_ITEM || edge->ref.kind == REF_VALUE)
		add(maker, node, label, "[…]", false);
	else
		add(maker, node, dotted, dotted, edge->ref.kind == REF_GUESS);
	return 1;
}

/* Up to 3.10 a generator has its locals in a frame object of its own. */
static bool is_own_frame(const struct maker *maker, __u32 i)
{
	const __u32 *nodes = maker->trail->nodes;
	const struct trail_edge *local = edge_at(maker, i + 1);

	return local && local->ref.kind == REF_LOCAL && edge_at(maker, i) &&
	       kind_of(maker, nodes[i]) == KIND_GENERATOR &&
	       kind_of(maker, nodes[i + 1]) == KIND_FRAME;
}

static void add_edges(struct maker *maker, __u32 i)
{
	__u32 (*const forms[])(struct maker *, __u32) = {
		try_attribute, try_closure,  try_defaults, try_cell,
		try_cached,    try_variable, add_plain,
	};

	while (i + 1 < maker->trail->count) {
		__u32 taken = 0;

		i += is_own_frame(maker, i);
		for (size_t k = 0; !taken; k++)
			taken = forms[k](maker, i);
		i += taken;
		maker->prefix[0] = '\0';
	}
}

/* A path that begins with an object that only C code refers to: perhaps a call that is going on. */
static bool find_root(struct maker *maker, struct root *root)
{
	const struct graph *graph = maker->reader->graph;

	if (maker->trail->root != PARENT_NATIVE) {
		*root = maker->reader->roots->list[maker->trail->root & ~PARENT_ROOT];
		return true;
	}
	return root__of_value(maker->reader, graph->address[maker->trail->nodes[0]], root);
}

/* The first steps; the number of the trail's node that they end with. */
static __u32 add_root(struct maker *maker)
{
	const __u32 *nodes = maker->trail->nodes;
	char label[4 * WHO_LABEL_MAX], shape[4 * WHO_LABEL_MAX];
	struct root root;
	__u32 at = 0;

	if (!find_root(maker, &root)) {
		maker->path->root = ROOT_NATIVE;
		add(maker, NO_NODE, "unknown native root", "unknown native root", false);
		add(maker, nodes[0], "", "", false);
		return 0;
	}
	maker->path->root = root.kind;
	root__text(maker->reader, &root, true, label, sizeof(label));
	root__text(maker->reader, &root, false, shape, sizeof(shape));
	if (root.source == FROM_MODULES) {
		snprintf(maker->prefix, sizeof(maker->prefix), "%.*s",
			 (int)strcspn(label + strlen("module "), " "), label + strlen("module "));
		add(maker, nodes[0], label, shape, false);
		return 0;
	}
	add(maker, NO_NODE, label, shape, false);
	root__object_text(maker->reader, &root, label, sizeof(label));
	if (root.source == FROM_LOCAL && kind_of(maker, nodes[0]) == KIND_CELL && edge_at(maker, 0))
		at = 1;
	add(maker, nodes[at], label, label, false);
	return at;
}

int path__make(struct root_reader *reader, const struct trail_edges *edges,
	       const struct trail *trail, struct arena *arena, struct path *path)
{
	struct maker maker = {
		.reader = reader, .edges = edges, .trail = trail, .arena = arena, .path = path};

	path->count = 0;
	if (!trail->count)
		return 0;
	add_edges(&maker, add_root(&maker));
	return maker.no_memory ? -ENOMEM : 0;
}
