/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect/private.h - what the files of inspect/ share
 */
#ifndef INSPECT_PRIVATE_H
#define INSPECT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "heap/image.h"
#include "inspect/inspect.h"
#include "lib/arena.h"
#include "objects/cycles.h"
#include "objects/graph.h"
#include "objects/who.h"

#define IMAGE_CACHE (64u << 20)
#define TYPE_POINTS 32
#define TYPES_FOLLOWED 2048 /* types whose counts are kept */
#define TYPES_SHOWN 64      /* of those, the ones that have grown most */
#define TYPES_HELD 4        /* of those, the ones whose holders are looked for */
#define HOLDERS_SHOWN 3
#define HOLDER_SAMPLES 64
#define MARKS 16
#define MARKS_FOLLOWED 256

/* Of a type, at the glances. */
struct type_series {
	const char *name;
	double at_s[TYPE_POINTS], count[TYPE_POINTS], bytes[TYPE_POINTS], peak_count;
	__u32 points;
};

/* A figure of something that key stands for, at the looks since it was first seen. */
struct marks {
	__u64 key;
	double at_s[MARKS], value[MARKS];
	__u32 count;
};

struct marks_table {
	struct marks list[MARKS_FOLLOWED];
	size_t count;
};

struct inspector {
	const struct target *target;
	struct pools *const *pools;
	const struct py_objects *objects;
	struct image *image;
	struct arena *names; /* of types; as long as the inspector */
	struct arena *found; /* of the last look */

	struct type_series *types; /* TYPES_FOLLOWED */
	size_t type_count;
	/* By site: blocks that it had allocated. What survives of those is told by the ages of its live blocks. */
	struct marks_table allocated;
	struct marks_table
		lengths; /* of containers that were found to hold something, by address */

	struct evidence evidence;
	struct rss_bridge bridge;
	double glance_at_s, glance_took_s, look_at_s, look_took_s;

	/* worker.c */
	pthread_t thread;
	bool started;         /* and not joined yet */
	atomic_bool finished; /* by the thread */
	struct inspect_site *task_sites;
	size_t task_site_count;
	double task_at_s;
	bool task_look;
};

/* What one look reads. */
struct scene {
	struct inspector *inspector;
	double at_s;
	struct types *types;
	struct graph *graph;
	struct gc_state gc;
	struct cycles cycles;
	__u8 *garbage; /* a bit a node */
};

/* marks.c: what is remembered for this key, NULL = there is no room for one more. */
struct marks *marks__of(struct marks_table *table, __u64 key);
/* The first MARKS are kept; a look adds one. */
void marks__add(struct marks *marks, double at_s, double value);

/* join.c: fills in types, shares and ages of the sites; nodes of their objects go to holders. 0 or -ENOMEM, -ESRCH, -EPERM. */
int join__sites(struct scene *scene, struct inspect_site *sites, size_t count);

/*
 * holders.c: who holds these objects, and whether their containers have grown since they were first seen. holders and what
 * they point to are of the scene's inspector (found). 0, or -ENOMEM, -ESRCH, -EPERM.
 */
int holders__find(struct scene *scene, const struct who_query *query,
		  const struct evidence_holder **holders, size_t *count,
		  double *refcount_excess_share);

/* types_seen.c: takes in the counts of a census; the types that have grown most, as evidence. 0 or -ENOMEM. */
int types_seen__add(struct inspector *inspector, const struct census *census, double at_s);
int types_seen__list(struct inspector *inspector);

#endif
