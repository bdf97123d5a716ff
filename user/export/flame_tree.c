// SPDX-License-Identifier: BSD-2-Clause
/*
 * flame_tree.c - the live stacks of a report, merged into one tree
 *
 * Every distinct frame gets a label once, labels are sorted, and a stack becomes the list of its
 * labels' ranks, root first. With the stacks in order, each one shares a prefix with the one before
 * it, and the rest of it is new nodes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/flame_tree.h"

struct path {
	__u32 *steps; /* labels when collected, their ranks later; root first */
	size_t length;
	__u64 bytes, blocks;
};

struct builder {
	struct flame_tree *tree;
	struct path *paths;
	size_t path_count;
};

/* One stack; process is the label of its process, or none where there is but one. */
static int add_path(struct builder *b, const struct profile_stack *stack, const __u32 *process)
{
	struct path *path = &b->paths[b->path_count];
	static const struct named_frame unknown = {.kind = FRAME_NOTE, .function = "[no stack]"};
	size_t frames = stack->frame_count ? stack->frame_count : 1;

	path->steps = calloc(frames + 1, sizeof(*path->steps));
	if (!path->steps)
		return -ENOMEM;
	b->path_count++;
	path->bytes = stack->live_bytes;
	path->blocks = stack->live_count;
	if (process)
		path->steps[path->length++] = *process;
	for (size_t i = frames; i-- > 0;) {
		const struct named_frame *frame = stack->frame_count ? &stack->frames[i] : &unknown;
		int err =
			flame_labels__frame(&b->tree->labels, frame, &path->steps[path->length++]);

		if (err)
			return err;
	}
	return 0;
}

static bool has_live(const struct report *report, enum label_layer layer)
{
	for (size_t i = 0; i < report->process_count; i++) {
		const struct profile *profile = &report->processes[i].profile;

		for (size_t j = 0; j < profile->stack_count; j++) {
			if (profile->stacks[j].live_bytes &&
			    label__layer(profile->stacks[j].domain) == layer)
				return true;
		}
	}
	return false;
}

static int collect_process(struct builder *b, const struct report_process *process)
{
	const struct profile *profile = &process->profile;
	struct flame_tree *tree = b->tree;
	__u32 root;
	int err = 0;

	if (tree->by_process)
		err = flame_labels__process(&tree->labels, process, &root);
	for (size_t i = 0; i < profile->stack_count && !err; i++) {
		const struct profile_stack *stack = &profile->stacks[i];

		enum label_layer layer = label__layer(stack->domain);

		if (layer == tree->layer && stack->live_bytes)
			err = add_path(b, stack, tree->by_process ? &root : NULL);
		else if (layer == LABEL_SPACE)
			tree->left_out_bytes += stack->live_bytes;
	}
	return err;
}

static int rank_paths(struct builder *b)
{
	struct flame_labels *labels = &b->tree->labels;
	int err = flame_labels__rank(labels);

	if (err)
		return err;
	for (size_t i = 0; i < b->path_count; i++) {
		for (size_t j = 0; j < b->paths[i].length; j++)
			b->paths[i].steps[j] = labels->rows[b->paths[i].steps[j]].rank;
	}
	return 0;
}

static size_t shared_steps(const struct path *a, const struct path *b)
{
	size_t shared = 0;

	while (shared < a->length && shared < b->length && a->steps[shared] == b->steps[shared])
		shared++;
	return shared;
}

static int compare_paths(const void *a, const void *b)
{
	const struct path *x = a, *y = b;
	size_t shared = shared_steps(x, y);

	if (shared == x->length || shared == y->length)
		return (x->length > y->length) - (x->length < y->length);
	return x->steps[shared] < y->steps[shared] ? -1 : 1;
}

static int make_nodes(struct builder *b)
{
	static const struct path none;
	struct flame_tree *tree = b->tree;
	const struct flame_labels *labels = &tree->labels;
	size_t room = 1, node = 0;

	qsort(b->paths, b->path_count, sizeof(*b->paths), compare_paths);
	for (size_t i = 0; i < b->path_count; i++)
		room += b->paths[i].length -
			shared_steps(i ? &b->paths[i - 1] : &none, &b->paths[i]);
	tree->nodes = calloc(room, sizeof(*tree->nodes));
	if (!tree->nodes)
		return -ENOMEM;
	tree->nodes[0].label = "all";
	tree->node_count = 1;

	for (size_t i = 0; i < b->path_count; i++) {
		const struct path *path = &b->paths[i];
		size_t shared = shared_steps(i ? path - 1 : &none, path);

		while (tree->nodes[node].depth > shared)
			node = tree->nodes[node].parent;
		for (; shared < path->length; shared++) {
			struct flame_node *new = &tree->nodes[tree->node_count];
			const struct flame_label *label =
				&labels->rows[labels->by_rank[path->steps[shared]]];

			new->label = label->text;
			new->frame = label->frame;
			new->parent = node;
			new->depth = shared + 1;
			if (new->depth > tree->depth)
				tree->depth = new->depth;
			node = tree->node_count++;
		}
		tree->nodes[node].self_bytes += path->bytes;
		tree->nodes[node].blocks += path->blocks;
	}
	return 0;
}

static void add_up(struct flame_tree *tree)
{
	for (size_t i = tree->node_count; i-- > 0;) {
		struct flame_node *node = &tree->nodes[i];

		node->bytes += node->self_bytes;
		if (i) {
			tree->nodes[node->parent].bytes += node->bytes;
			tree->nodes[node->parent].blocks += node->blocks;
		}
	}
}

int flame_tree__build(const struct report *report, flame_label_fn fix, struct flame_tree *tree)
{
	struct builder b = {.tree = tree};
	size_t stacks = 0;
	int err = -ENOMEM;

	memset(tree, 0, sizeof(*tree));
	tree->labels.fix = fix;
	tree->by_process = report->process_count > 1;
	while (tree->layer < LABEL_SPACE && !has_live(report, tree->layer))
		tree->layer++;
	for (size_t i = 0; i < report->process_count; i++)
		stacks += report->processes[i].profile.stack_count;
	b.paths = calloc(stacks + 1, sizeof(*b.paths));
	if (!b.paths)
		goto out;
	err = 0;
	for (size_t i = 0; i < report->process_count && !err; i++)
		err = collect_process(&b, &report->processes[i]);
	if (!err)
		err = rank_paths(&b);
	if (!err)
		err = make_nodes(&b);
	if (!err)
		add_up(tree);
out:
	for (size_t i = 0; i < b.path_count; i++)
		free(b.paths[i].steps);
	free(b.paths);
	if (err)
		flame_tree__free(tree);
	return err;
}

void flame_tree__free(struct flame_tree *tree)
{
	flame_labels__free(&tree->labels);
	free(tree->nodes);
	memset(tree, 0, sizeof(*tree));
}
