/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph_private.h - what the parts of graph.c share
 */
#ifndef GRAPH_PRIVATE_H
#define GRAPH_PRIVATE_H

#include "objects/graph.h"
#include "objects/graph_index.h"

/* An object as the sweep found it, in the order of the sweep. */
struct found {
	__u64 address; /* bit 0: it is tracked */
	__u32 type, refcount;
};

struct found_list {
	struct found *list;
	size_t count, room, max;
	__u64 left_out;
};

/* Fills in the list and graph->index. 0, or -ESRCH, -EPERM, -ENOMEM. */
int found_list__sweep(struct found_list *found, struct graph *graph, const struct target *target,
		      struct pools *pools);

/* Fills in the edges; the nodes are there. 0 or -ENOMEM. */
int graph__read_edges(struct graph *graph);

#endif
