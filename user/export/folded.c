// SPDX-License-Identifier: BSD-2-Clause
/*
 * folded.c - collapsed stacks: "frame;frame;frame BYTES", root first, one line a stack, live bytes
 *
 * What is in it: flame_tree.h. Several processes get a first frame "comm (pid)" each. A ';' inside
 * a name becomes ':'; control characters, newlines with them, are shown as escapes, so that no name
 * can break a line or a stack.
 */
#include <errno.h>
#include <stdlib.h>

#include "export/export.h"
#include "export/flame_tree.h"

static void fix_label(char *label)
{
	for (; *label; label++) {
		if (*label == ';')
			*label = ':';
	}
}

int folded__write(const struct report *report, FILE *out)
{
	const struct flame_node **path;
	struct flame_tree tree;
	int err;

	err = flame_tree__build(report, fix_label, &tree);
	if (err)
		return err;
	path = calloc(tree.depth + 1, sizeof(*path));
	if (!path) {
		err = -ENOMEM;
		goto out;
	}
	for (size_t i = 1; i < tree.node_count; i++) {
		const struct flame_node *node = &tree.nodes[i];

		path[node->depth] = node;
		if (!node->self_bytes)
			continue;
		for (unsigned depth = 1; depth <= node->depth; depth++)
			fprintf(out, "%s%s", path[depth]->label, depth < node->depth ? ";" : "");
		fprintf(out, " %llu\n", (unsigned long long)node->self_bytes);
	}
	err = export__finish(out);
	free(path);
out:
	flame_tree__free(&tree);
	return err;
}
