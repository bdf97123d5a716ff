// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_shapes.c - paths that are alike, as one
 */
#include <errno.h>
#include <stdlib.h>

#include "objects/who_private.h"

/* Paths of one shape: numbers into the list of paths. */
struct group {
	size_t *members;
	size_t count;
};

static bool same_node_type(const struct graph *graph, __u32 a, __u32 b)
{
	if (a == NO_NODE || b == NO_NODE)
		return a == b;
	return graph->type[a] == graph->type[b];
}

static bool same_shape(const struct graph *graph, const struct path *a, const struct path *b)
{
	if (a->root != b->root || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->steps[i].shape != b->steps[i].shape ||
		    !same_node_type(graph, a->steps[i].node, b->steps[i].node))
			return false;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The node that most have, and how many have it; sorts nodes. */
static __u32 most_frequent(__u32 *nodes, size_t count, __u64 *times)
{
	__u32 best = NO_NODE;
	size_t run = 0;

	*times = 0;
	qsort(nodes, count, sizeof(*nodes), by_number);
	for (size_t i = 0; i < count; i++) {
		run = i && nodes[i] == nodes[i - 1] ? run + 1 : 1;
		if (run > *times) {
			*times = run;
			best = nodes[i];
		}
	}
	return best;
}

static void fill_step(const struct path *paths, const struct group *group, size_t at,
		      const struct graph *graph, __u32 *scratch, struct who_step *step)
{
	const struct path_step *first = &paths[group->members[0]].steps[at];
	bool same = true;
	__u32 node;

	for (size_t i = 0; i < group->count; i++) {
		const struct path_step *one = &paths[group->members[i]].steps[at];

		scratch[i] = one->node;
		same &= one->label == first->label;
		step->guessed |= one->guessed;
		step->repeated |= one->repeated;
	}
	step->label = same ? first->label : first->shape;
	node = most_frequent(scratch, group->count, &step->shared);
	if (node != NO_NODE)
		step->address = graph->address[node];
}

static int fill_shape(const struct path *paths, const struct group *group,
		      const struct graph *graph, struct arena *arena, struct who_shape *shape)
{
	const struct path *first = &paths[group->members[0]];
	__u32 *scratch = malloc(group->count * sizeof(*scratch));

	shape->root = first->root;
	shape->samples = group->count;
	shape->step_count = shape->dominating = first->count;
	shape->steps = arena__alloc(arena, first->count, sizeof(*shape->steps));
	if (!scratch || !shape->steps) {
		free(scratch);
		return -ENOMEM;
	}
	for (size_t i = 0; i < first->count; i++)
		fill_step(paths, group, i, graph, scratch, &shape->steps[i]);
	if (first->steps[first->count - 1].node != NO_NODE)
		shape->example = graph->address[first->steps[first->count - 1].node];
	free(scratch);
	return 0;
}

/* groups: room for count, members: for count numbers, one group after the other. */
static size_t group_paths(const struct path *paths, size_t count, const struct graph *graph,
			  struct group *groups, size_t *members)
{
	size_t group_count = 0, at = 0;
	bool *taken = calloc(count, sizeof(*taken));

	for (size_t i = 0; taken && i < count; i++) {
		struct group *group = &groups[group_count];

		if (taken[i] || !paths[i].count)
			continue;
		*group = (struct group){.members = members + at};
		for (size_t k = i; k < count; k++) {
			if (taken[k] || !same_shape(graph, &paths[i], &paths[k]))
				continue;
			taken[k] = true;
			group->members[group->count++] = k;
		}
		at += group->count;
		group_count++;
	}
	free(taken);
	return group_count;
}

/* Of as many, what has a name first. */
static int by_samples(const void *a, const void *b)
{
	const struct who_shape *x = a, *y = b;

	if (x->samples != y->samples)
		return x->samples < y->samples ? 1 : -1;
	if ((x->root == ROOT_NATIVE) != (y->root == ROOT_NATIVE))
		return x->root == ROOT_NATIVE ? 1 : -1;
	return x->step_count < y->step_count ? -1 : x->step_count > y->step_count;
}

int shapes__make(const struct path *paths, size_t count, const struct graph *graph, struct who *who)
{
	struct group *groups = calloc(count + 1, sizeof(*groups));
	size_t *members = calloc(count + 1, sizeof(*members));
	int err = groups && members ? 0 : -ENOMEM;

	if (!err)
		who->shape_count = group_paths(paths, count, graph, groups, members);
	who->shapes = arena__alloc(who->arena, who->shape_count + 1, sizeof(*who->shapes));
	if (!who->shapes)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < who->shape_count; i++)
		err = fill_shape(paths, &groups[i], graph, who->arena, &who->shapes[i]);
	if (!err)
		qsort(who->shapes, who->shape_count, sizeof(*who->shapes), by_samples);
	else
		who->shape_count = 0;
	free(groups);
	free(members);
	return err;
}

/* Containers of one kind, such as a list for each of some threads, are common while so few of them have all samples. */
#define COMMON_KINDS 8

/*
 * The largest container that many samples have in common, by its length and their share; where they have none in common, the largest.
 * The object itself is none: it is what is held.
 */
void shape__dominate(struct who_shape *shape)
{
	bool best_common = false;
	double most = 0;

	shape->dominating = shape->step_count;
	for (size_t i = 0; i + 1 < shape->step_count; i++) {
		const struct who_step *step = &shape->steps[i];
		bool common = COMMON_KINDS * step->shared > shape->samples;
		double entries = (double)step->length * (common ? step->shared : 1);

		if (!step->container || !step->length || common < best_common ||
		    (common == best_common && entries <= most))
			continue;
		best_common = common;
		most = entries;
		shape->dominating = i;
	}
}
