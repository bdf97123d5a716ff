// SPDX-License-Identifier: BSD-2-Clause
/*
 * flame_labels.c - each distinct frame's text once, and the order of the texts
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export/flame_labels.h"

/*
 * Strings of a profile are interned, but those of two processes are not: equal texts meet again
 * when ranked.
 */
static size_t frame_hash(const struct named_frame *frame)
{
	__u64 hash = frame->kind;

	hash = (hash ^ (uintptr_t)frame->function) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ (uintptr_t)frame->path) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ (uintptr_t)frame->module) * 0x9e3779b97f4a7c15ULL;
	hash = (hash ^ (__u64)frame->line) * 0x9e3779b97f4a7c15ULL;
	if (!frame->function)
		hash = (hash ^ frame->offset) * 0x9e3779b97f4a7c15ULL;
	return hash >> 32;
}

static bool frame_equal(const struct named_frame *a, const struct named_frame *b)
{
	return a->kind == b->kind && a->function == b->function && a->path == b->path &&
	       a->file == b->file && a->module == b->module && a->line == b->line &&
	       (a->function || a->offset == b->offset);
}

static int add(struct flame_labels *labels, const struct named_frame *frame, char *text,
	       __u32 *label)
{
	if (labels->count == labels->room) {
		size_t room = labels->room ? 2 * labels->room : 256;
		void *rows = reallocarray(labels->rows, room, sizeof(*labels->rows));

		if (!rows)
			return -ENOMEM;
		labels->rows = rows;
		labels->room = room;
	}
	if (labels->fix)
		labels->fix(text);
	text = strdup(text);
	if (!text)
		return -ENOMEM;
	*label = labels->count++;
	labels->rows[*label] = (struct flame_label){.frame = frame, .text = text};
	return 0;
}

static int grow_table(struct flame_labels *labels)
{
	size_t size = labels->table_size ? 2 * labels->table_size : 1024;
	__u32 *table = calloc(size, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < labels->table_size; i++) {
		size_t slot;

		if (!labels->table[i])
			continue;
		slot = frame_hash(labels->rows[labels->table[i] - 1].frame);
		while (table[slot & (size - 1)])
			slot++;
		table[slot & (size - 1)] = labels->table[i];
	}
	free(labels->table);
	labels->table = table;
	labels->table_size = size;
	return 0;
}

int flame_labels__frame(struct flame_labels *labels, const struct named_frame *frame, __u32 *label)
{
	char text[LABEL_MAX];
	size_t slot;
	int err;

	if (2 * labels->count >= labels->table_size) {
		err = grow_table(labels);
		if (err)
			return err;
	}
	for (slot = frame_hash(frame);; slot++) {
		__u32 found = labels->table[slot & (labels->table_size - 1)];

		if (!found)
			break;
		*label = found - 1;
		if (frame_equal(labels->rows[*label].frame, frame))
			return 0;
	}
	err = add(labels, frame, label__frame(frame, text), label);
	if (!err)
		labels->table[slot & (labels->table_size - 1)] = *label + 1;
	return err;
}

int flame_labels__process(struct flame_labels *labels, const struct report_process *process,
			  __u32 *label)
{
	char text[LABEL_MAX];

	return add(labels, NULL, label__process(process, text), label);
}

static const char *origin(const struct flame_label *label)
{
	return label->frame && label->frame->path ? label->frame->path : "";
}

/*
 * A process before a frame, then by text; files of one name in two folders stay apart unless texts
 * were fixed.
 */
static int compare(const void *a, const void *b, void *context)
{
	const struct flame_labels *labels = context;
	const struct flame_label *x = &labels->rows[*(const __u32 *)a];
	const struct flame_label *y = &labels->rows[*(const __u32 *)b];
	int order = !!x->frame - !!y->frame;

	if (!order)
		order = strcmp(x->text, y->text);
	if (!order && !labels->fix)
		order = strcmp(origin(x), origin(y));
	return order;
}

int flame_labels__rank(struct flame_labels *labels)
{
	__u32 rank = 0;

	labels->by_rank = calloc(labels->count + 1, sizeof(*labels->by_rank));
	if (!labels->by_rank)
		return -ENOMEM;
	for (__u32 i = 0; i < labels->count; i++)
		labels->by_rank[i] = i;
	qsort_r(labels->by_rank, labels->count, sizeof(*labels->by_rank), compare, labels);
	for (__u32 i = 0; i < labels->count; i++) {
		if (i && compare(&labels->by_rank[i - 1], &labels->by_rank[i], labels))
			rank = i;
		labels->rows[labels->by_rank[i]].rank = rank;
	}
	return 0;
}

void flame_labels__free(struct flame_labels *labels)
{
	for (size_t i = 0; i < labels->count; i++)
		free(labels->rows[i].text);
	free(labels->rows);
	free(labels->table);
	free(labels->by_rank);
	memset(labels, 0, sizeof(*labels));
}
