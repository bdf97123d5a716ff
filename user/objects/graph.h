/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/graph.h - all objects of a process and the references between them, in arrays
 *
 *	graph__read(image, target, pools, types, limits, &graph)
 *
 * Nodes are sorted by address. Edges are strong references between nodes (weak ones are left out), by source; labels are not kept: they
 * are found again by objects/refs.h for the few that are shown. About 30 bytes a node and 4 an edge; some 20 more a node while it is made.
 *
 * The nodes are what a sweep of the blocks finds, all types, and (where the blocks of malloc could not be swept) what else is in the
 * collector's lists. The target goes on meanwhile: counts are of the sweep, edges are some time younger.
 */
#ifndef OBJECTS_GRAPH_H
#define OBJECTS_GRAPH_H

#include "heap/blocks.h"
#include "objects/memory_blocks.h"
#include "objects/types.h"

#define NODE_EXACT 1   /* its edges are all its strong references */
#define NODE_TRACKED 2 /* it is in one of the collector's lists */
#define NODE_IMMORTAL 4
#define NODE_BROKEN 8 /* part of its references could not be read, or are not here */

#define NO_NODE (~0u)

struct graph_index;

struct graph {
	__u32 count;
	__u64 *address;  /* of the object, ascending */
	__u32 *type;     /* object_type.id */
	__u32 *refcount; /* saturated */
	__u8 *flags;
	__u64 edge_count;
	__u64 *first; /* count + 1 entries: edges of node i are to[first[i]] .. to[first[i + 1]] */
	__u32 *to;
	__u64 left_out; /* objects beyond the limit */
	__u64 words;    /* that were looked at for the edges */
	__u64 unread; /* objects without edges, because those before claimed more than there can be */
	__u64 bad_pools, broken_heaps; /* of the sweep */
	__u32 mended;                  /* how often who.c has read parts of it again */
	struct types *types;           /* not owned */
	struct graph_index *index;
	struct memory_blocks *memory; /* what was no object */
};

/* nodes: at most that many (0 = 20 million). 0, or -ESRCH, -EPERM, -ENOMEM. */
int graph__read(struct image *image, const struct target *target, struct pools *pools,
		struct types *types, __u32 nodes, struct graph **graph);
void graph__free(struct graph *graph);

/* The node of the object at address, NO_NODE = there is none. */
__u32 graph__find(const struct graph *graph, __u64 address);

#endif
