/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look/heap_private.h - one look at a heap, as data: heap.c takes it, the others write it
 */
#ifndef LOOK_HEAP_PRIVATE_H
#define LOOK_HEAP_PRIVATE_H

#include <stdio.h>

#include "census.h"
#include "export/export.h"
#include "heap/blocks.h"
#include "heap/bridge.h"
#include "objects/gc_state.h"
#include "target.h"

struct heap_look {
	const struct target *target;
	struct blocks *blocks;
	const struct block_totals *totals; /* of the blocks */
	bool has_pools;
	struct census census;
	struct rss_bridge bridge;
	struct gc_state gc;
	int gc_status;       /* 0, or -errno: gc is not known */
	double took_s, at_s; /* monotonic */
	size_t top;          /* rows to show */
};

/* heap_text.c. since: NULL, or the first look, from which growth is counted. */
void heap_look__print(const struct heap_look *look, const struct heap_look *since, FILE *out,
		      const struct terminal_options *options);

/* heap_json.c: schema pyleak.heap/1; what: a struct heap_look. 0 or -errno. */
int heap_look__write_json(const void *what, FILE *out);

/* heap_svg.c: the arenas of pymalloc, by fill. 0 or -errno. */
int heap_look__write_svg(const void *what, FILE *out);

/* heap_growth.c: what has become more of one type since another look. */
struct type_growth {
	const char *name;
	__u64 count;           /* now */
	long long more, bytes; /* than then: objects, and bytes with what they own */
};

/* By growth in bytes, most first; *count rows. The caller frees them. NULL: no memory. */
struct type_growth *heap_look__growth(const struct census *now, const struct census *then,
				      size_t *count);

#endif
