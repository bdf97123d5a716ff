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
#include "lib/freeze.h"
#include "objects/cycles.h"
#include "target.h"

enum heap_cycles_state {
	HEAP_CYCLES_TOO_MANY, /* objects to ask each of them, without --cycles */
	HEAP_CYCLES_UNREAD,   /* the collector's lists could not be read */
	HEAP_CYCLES_READ,
};

/* Garbage in cycles; what objects/cycles.h says, with names. */
struct heap_cycles {
	enum heap_cycles_state state;
	__u64 count, bytes, changed, opaque;
	__u64 by_generation[GC_GENERATION_COUNT + 1];
	enum cycle_reason reason;
	struct census_type *types; /* largest first; own_bytes has all */
	size_t type_count;
	double took_s;
	void *arena; /* of the texts */
};

struct heap_look {
	const struct target *target;
	struct blocks *blocks;
	const struct block_totals *totals; /* of the blocks */
	bool has_pools;
	struct census census;
	struct rss_bridge bridge;
	struct gc_state gc;
	int gc_status; /* 0, or -errno: gc is not known */
	struct heap_cycles cycles;
	bool frozen;                 /* it was to be stopped */
	struct freeze_report freeze; /* stopped_s: of all stops */
	unsigned int stops;
	double took_s, at_s; /* monotonic */
	size_t top;          /* rows to show */
};

/* heap_text.c. since: NULL, or the first look, from which growth is counted. */
void heap_look__print(const struct heap_look *look, const struct heap_look *since, FILE *out,
		      const struct terminal_options *options);

/* heap_cycles.c: the objects once more, with what they refer to. 0, or -ESRCH, -EPERM, -ENOMEM. To be freed in any case. */
int heap_cycles__take(struct image *image, const struct target *target, struct pools *pools,
		      struct types *types, struct heap_cycles *cycles);
void heap_cycles__free(struct heap_cycles *cycles);

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
