// SPDX-License-Identifier: BSD-2-Clause
/*
 * flame_layout.c - which frames of a tree a picture shows, and where
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/flame_layout.h"

/*
 * Largest first; a parent before a child of its size, so that a child is never chosen without it.
 */
static int compare_size(const void *a, const void *b, void *context)
{
	const struct flame_node *nodes = context;
	const struct flame_node *x = &nodes[*(const size_t *)a], *y = &nodes[*(const size_t *)b];

	if (x->bytes != y->bytes)
		return x->bytes > y->bytes ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int choose(const struct flame_tree *tree, double narrowest, struct flame_layout *layout)
{
	size_t *order = calloc(tree->node_count, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < tree->node_count; i++)
		order[i] = i;
	qsort_r(order, tree->node_count, sizeof(*order), compare_size, tree->nodes);
	for (size_t i = 0; i < tree->node_count && i < FLAME_MAX_DRAWN; i++) {
		if (tree->nodes[order[i]].bytes < narrowest * tree->nodes[0].bytes)
			break;
		layout->drawn[order[i]] = true;
	}
	free(order);
	return 0;
}

/* What is not drawn, by drawn parent. */
static void sum_rests(const struct flame_tree *tree, struct flame_layout *layout,
		      struct flame_rest *rests)
{
	for (size_t i = tree->node_count; i-- > 1;) {
		struct flame_rest *rest = &rests[tree->nodes[i].parent];

		if (layout->drawn[i])
			continue;
		layout->not_drawn++;
		rest->nodes += rests[i].nodes + 1;
		rest->bytes += tree->nodes[i].bytes;
	}
}

/* Children side by side from the left edge of their parent. */
static void place(const struct flame_tree *tree, struct flame_layout *layout,
		  struct flame_rest *rests)
{
	for (size_t i = 1; i < tree->node_count; i++) {
		struct flame_rest *rest = &rests[tree->nodes[i].parent];

		if (!layout->drawn[i])
			continue;
		layout->offset[i] = rests[i].offset = rest->offset;
		rest->offset += tree->nodes[i].bytes;
	}
}

int flame_layout__make(const struct flame_tree *tree, double narrowest, struct flame_layout *layout)
{
	size_t count = tree->node_count;
	int err;

	memset(layout, 0, sizeof(*layout));
	layout->drawn = calloc(count, sizeof(*layout->drawn));
	layout->offset = calloc(count, sizeof(*layout->offset));
	layout->rests = calloc(count, sizeof(*layout->rests));
	if (!layout->drawn || !layout->offset || !layout->rests) {
		flame_layout__free(layout);
		return -ENOMEM;
	}
	if (!tree->nodes[0].bytes)
		return 0;
	err = choose(tree, narrowest, layout);
	if (err) {
		flame_layout__free(layout);
		return err;
	}
	sum_rests(tree, layout, layout->rests);
	place(tree, layout, layout->rests);
	for (size_t i = 0; i < count && layout->rest_count < FLAME_MAX_RESTS; i++) {
		struct flame_rest rest = layout->rests[i];

		rest.parent = i;
		if (layout->drawn[i] && rest.nodes &&
		    rest.bytes >= narrowest * tree->nodes[0].bytes)
			layout->rests[layout->rest_count++] = rest;
	}
	return 0;
}

void flame_layout__free(struct flame_layout *layout)
{
	free(layout->drawn);
	free(layout->offset);
	free(layout->rests);
	memset(layout, 0, sizeof(*layout));
}
