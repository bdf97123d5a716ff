/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flame_layout.h - which frames of a tree a picture shows, and where
 *
 * What is too narrow to be seen, and what goes beyond a fixed number, is put together: one box for
 * each parent.
 */
#ifndef FLAME_LAYOUT_H
#define FLAME_LAYOUT_H

#include "export/flame_tree.h"

#define FLAME_MAX_DRAWN 16000 /* frames with a box of their own ... */
#define FLAME_MAX_RESTS 4000  /* ... and boxes that stand for many */

/* Frames that are not drawn, right of their parent's other children. */
struct flame_rest {
	size_t parent;
	size_t nodes; /* all above them, too */
	__u64 offset, bytes;
};

struct flame_layout {
	bool *drawn;   /* by node */
	__u64 *offset; /* by node: bytes to the left of it */
	struct flame_rest *rests;
	size_t rest_count;
	size_t not_drawn;
};

/*
 * narrowest: share of all bytes below which nothing gets a box. Nothing is drawn of an empty tree.
 * 0 or -errno.
 */
int flame_layout__make(const struct flame_tree *tree, double narrowest,
		       struct flame_layout *layout);

void flame_layout__free(struct flame_layout *layout);

#endif
