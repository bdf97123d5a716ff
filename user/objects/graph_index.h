/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph_index.h - a set of addresses that knows how many of them are smaller than a given one
 *
 *	graph_index__add()	for each, in any order
 *	graph_index__order()	once
 *	graph_index__rank()
 *
 * A bit for each possible address (multiples of 8) in those pages that have any: the number of bits before one is its rank. So nodes
 * need not be sorted, and one look-up takes a slot of a hash table and one page's bits.
 */
#ifndef GRAPH_INDEX_H
#define GRAPH_INDEX_H

#include <linux/types.h>
#include <stdbool.h>

struct graph_index;

struct graph_index *graph_index__new(void);
void graph_index__free(struct graph_index *index);

/* 1 = it is new, 0 = it was there, or no possible address, -ENOMEM. */
int graph_index__add(struct graph_index *index, __u64 address);

/* From now on ranks can be asked for, and nothing added. 0 or -ENOMEM. */
int graph_index__order(struct graph_index *index);

/* The position of address among all; ~0u = it is none of them. */
__u32 graph_index__rank(const struct graph_index *index, __u64 address);

#endif
