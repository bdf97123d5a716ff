/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * evidence.h - what looks at a process's heap from outside have found, over time: gathered by inspect/, judged by analyze/
 *
 * Plain data. What was not looked at is NAN, or a count of 0 where the header says so. Strings belong to whoever made the evidence.
 */
#ifndef EVIDENCE_H
#define EVIDENCE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "census.h"

#define EVIDENCE_POINTS 64 /* looks that are kept; older ones are thinned out */
#define EVIDENCE_PATH 16   /* steps of a holder's path that are kept */

/* One look. Bytes; NAN = not looked at. */
struct evidence_point {
	double at_s; /* since tracing began */
	double rss;
	double python_bytes;  /* live objects and what they own */
	double arena_bytes;   /* pymalloc's arenas, resident */
	double malloc_in_use; /* handed out by malloc, whoever has it */
	double malloc_free;   /* resident and free in malloc's heaps */
	double malloc_arenas; /* number of malloc's arenas */
	double mmap_anon;     /* other anonymous memory */
	double threads;       /* number of threads */
	double garbage_bytes; /* cycles that were not collected */
	double tracked;       /* objects in the collector's lists */
};

/* Who holds the live blocks of a site, or the objects of a type. */
struct evidence_holder {
	const char *path[EVIDENCE_PATH]; /* from the root; see objects/who.h */
	size_t path_count;
	const char *container; /* the dominating one: "app.CACHE", NULL = none */
	const char *
		container_type; /* "dict", "list", "collections.deque", "functools._lru_cache_wrapper" */
	double first_length, last_length,
		seconds; /* its entries at two looks, and the time between them */
	double bound; /* most entries that it can have (maxlen, maxsize), NAN = unknown or none */
	double share; /* of the samples of the site: 0..1 */
	bool is_native_root; /* no Python object refers to it */
};

/* A type, between the first look that had it and the last. */
struct evidence_type {
	const char *name;
	double first_s, last_s;
	double first_count, last_count, first_bytes, last_bytes;
	double peak_count;
	/* its bytes at the looks that counted types: arrays of the same length; 0 = the figures above are all */
	const double *at_s, *bytes;
	size_t point_count;
	/* of a sample of the live ones; sampled 0 = not looked at, and the shares mean nothing */
	double sampled, garbage_share, refcount_excess_share;
	const struct evidence_holder *holders; /* by share */
	size_t holder_count;
};

/* What is known of one site beside its figures in the report. */
struct evidence_site {
	size_t site; /* index in report_process.sites */
	/* types of live blocks, by bytes, largest first; of a sample where the site has very many */
	const struct census_type *types;
	size_t type_count;
	/* blocks looked at (0 = none was, and the shares mean nothing), those that are objects or owned by one */
	double sampled_blocks, object_blocks;
	double garbage_share; /* of the objects: unreachable cycles */
	double refcount_excess_share; /* of the objects: reachable from nowhere, count above what the graph explains */
	const struct evidence_holder *holders; /* by share */
	size_t holder_count;
	/*
	 * Live blocks by age when last looked at: bounds in seconds, ascending, even, from near 0 to near the length of the run at that look
	 * (half a step away from both); bytes older than each, of all or of an even sample.
	 */
	double age_bounds[8];
	double older_bytes[8];
	size_t age_count;
	/* live bytes at the looks of the history: arrays of the same length; 0 = assemble__judge() takes its own */
	const double *at_s, *live_bytes;
	size_t point_count;
	double survivors,
		recorded; /* of what was allocated before the last half of the run: still alive; recorded 0 = unknown */
};

struct evidence {
	struct evidence_point points[EVIDENCE_POINTS];
	size_t point_count;
	const struct evidence_type *types; /* by growth in bytes */
	size_t type_count;
	const struct evidence_site
		*sites; /* those that were looked into: the largest and the fastest growing */
	size_t site_count;
	bool gc_enabled;
	bool gc_known;
	const char *cycle_reason; /* static text, NULL = no garbage */
	bool cycles_stay; /* as things are, the collector will not reach them: disabled, frozen, gc.garbage, thresholds */
	const struct census_type *cycle_types; /* by bytes */
	size_t cycle_type_count;
	double largest_block_bytes; /* of a single live object; NAN */
	const char *largest_block_type;
	double rss_peak;                 /* VmHWM, bytes */
	double limit;                    /* of rss, bytes; NAN = none */
	const struct rss_bridge *bridge; /* of the last look, NULL = none */
};

#endif
