/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/cycles.h - garbage in cycles that the collector has not reached yet, computed from outside
 *
 * As the collector does: from each tracked object's reference count the references inside the graph are subtracted; what has some left,
 * and all that is reachable from it, is alive. Only references of tracked objects whose references are known exactly are subtracted, so
 * that a mistake can only leave garbage unnoticed. Then each candidate is read once more: garbage does not change, so one whose count,
 * type or references have is none, nor is what it reaches.
 *
 * Counted is what a collection would free. That is more than gc.collect() returns where an instance's dict goes with it unseen (3.13).
 */
#ifndef OBJECTS_CYCLES_H
#define OBJECTS_CYCLES_H

#include "objects/gc_state.h"
#include "objects/graph.h"

struct cycle_type {
	__u32 type; /* object_type.id */
	__u64 count, bytes;
};

enum cycle_reason {
	CYCLES_NONE,          /* there is no garbage to speak of */
	CYCLES_DISABLED,      /* gc.disable() */
	CYCLES_THRESHOLD,     /* thresholds so high that it seldom runs */
	CYCLES_OLD,           /* in the oldest generation, which waits for a quarter more objects */
	CYCLES_INCREMENTAL,   /* in the old generation, which is collected bit by bit */
	CYCLES_FROZEN,        /* gc.freeze() */
	CYCLES_UNCOLLECTABLE, /* in gc.garbage */
	CYCLES_PENDING,       /* the collector is on its way */
	CYCLE_REASONS,
};

struct cycles {
	__u64 count, bytes;
	struct cycle_type *types; /* by bytes, largest first */
	size_t type_count;
	enum cycle_reason reason;
	/* How many of them each of the collector's lists has, 3 = permanent; see cycles__locate(). All 0: not known. */
	__u64 by_generation[4];
	__u64 changed; /* candidates that turned out to be in use when they were read again, and what these reach */
	__u64 opaque; /* tracked objects whose references are not all known: garbage that they refer to is not seen */
	__u32 *nodes; /* of the graph, ascending */
};

/*
 * Right after graph__read(). state: of about the same time, with its lists walked. 0 or -ENOMEM, -ESRCH, -EPERM. The caller clears
 * cycles, also after an error.
 */
int cycles__find(const struct graph *graph, const struct gc_state *state, struct cycles *cycles);
void cycles__clear(struct cycles *cycles);

/*
 * Walks the collector's lists once more, for by_generation, and gives the reason anew, which it makes more certain. state: what the walk
 * has found. 0, or what gc_state__read() says, or -ENOMEM: then cycles is as it was.
 */
int cycles__locate(struct cycles *cycles, const struct graph *graph, const struct target *target,
		   struct gc_state *state);

/* One line for a person; static text. */
const char *cycle_reason__text(enum cycle_reason reason);
/* One word for programs: "none", "disabled" ... */
const char *cycle_reason__name(enum cycle_reason reason);

/*
 * The part that needs no process: fills alive (a byte a node, 1 = no garbage) from the graph as it is. 0 or -ENOMEM.
 */
int cycles__mark_alive(const struct graph *graph, unsigned char *alive);

/* Why so much garbage is there. */
enum cycle_reason cycles__reason(const struct cycles *cycles, const struct gc_state *state);

#endif
