/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flame_labels.h - each distinct frame's text once, and the order of the texts
 */
#ifndef FLAME_LABELS_H
#define FLAME_LABELS_H

#include "export/label.h"

/* Makes a label's text fit a format; equal results are merged. */
typedef void (*flame_label_fn)(char *label);

struct flame_label {
	const struct named_frame *frame; /* NULL = a process */
	char *text;
	__u32 rank; /* in the order of the texts; equal labels have the same */
};

struct flame_labels {
	struct flame_label *rows;
	size_t count, room;
	flame_label_fn fix; /* may be NULL: then frames of different paths are never equal */
	__u32 *table;       /* rows by frame, open addressing; row + 1, 0 = free */
	size_t table_size;
	__u32 *by_rank; /* row by rank, once ranked */
};

/* The row of a frame, made if it is new. 0 or -errno. */
int flame_labels__frame(struct flame_labels *labels, const struct named_frame *frame, __u32 *label);

/* A new row for a process. 0 or -errno. */
int flame_labels__process(struct flame_labels *labels, const struct report_process *process,
			  __u32 *label);

/* Gives all rows their ranks; no rows can be added after that. 0 or -errno. */
int flame_labels__rank(struct flame_labels *labels);

void flame_labels__free(struct flame_labels *labels);

#endif
