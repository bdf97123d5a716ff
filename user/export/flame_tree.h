/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flame_tree.h - the live stacks of a report, merged into one tree from the root frames outwards
 *
 * Heap bytes (domains raw and object) and address space (mmap, brk, file) are two measures of
 * partly the same memory and must not be added up: the tree holds heap stacks, and address space
 * only where no heap stack lives.
 */
#ifndef FLAME_TREE_H
#define FLAME_TREE_H

#include "export/flame_labels.h"

struct flame_node {
	const char *label;
	const struct named_frame
		*frame; /* one of those merged here; NULL = a process or the root */
	size_t parent;
	unsigned depth;      /* 0 = the root */
	__u64 self_bytes;    /* of stacks that end here */
	__u64 bytes, blocks; /* with all that grows out of it */
};

struct flame_tree {
	struct flame_node *nodes; /* parents before children, siblings by label; [0] is the root */
	size_t node_count;
	unsigned depth;         /* of the deepest node */
	enum label_layer layer; /* the first of which something lives: what this is a tree of */
	bool by_process;        /* several processes: their nodes have depth 1 */
	__u64 left_out_bytes; /* live address space that is not in the tree; resident memory is part of it */
	struct flame_labels labels; /* own the text */
};

/* Empty when nothing lives: node_count is 1. fix may be NULL. 0 or -errno. */
int flame_tree__build(const struct report *report, flame_label_fn fix, struct flame_tree *tree);

void flame_tree__free(struct flame_tree *tree);

#endif
