/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracing.h - how closely a process has been traced, and what that is believed to have cost it
 */
#ifndef TRACING_H
#define TRACING_H

#include <linux/types.h>
#include <stdbool.h>

#include "wire.h"

struct tracing {
	char mode[64];   /* "exact", "auto (objects windows, malloc exact)" */
	double overhead; /* share of the target's own time, over the run so far; NAN = not known */
	double worst_step; /* the same, of the worst second */
	double scale
		[HEAP_LAYERS]; /* what a block that a window recorded stands for; 1 = all was seen */
	double watched
		[HEAP_LAYERS]; /* share of the work during which the layer's probes recorded; NAN = none done */
	double scale_error[HEAP_LAYERS]; /* relative standard error of that */
	bool probes_used;                /* some were in place, at some time */
	/* what windows recorded until then (CLOCK_MONOTONIC) is known to be alive or gone; 0 = nothing yet */
	__u64 judged_ns[HEAP_LAYERS];
	__u64 windows;
	__u64 followed,
		unknown; /* blocks looked up in the heap from outside, those that could not be judged */
	const char *reason; /* why so, for a person; static, NULL = nothing to say */
	const char
		*raw_limit; /* why malloc's blocks cannot be followed up; static, NULL = they can */
	/* ns a hit of an empty program, by enum probe_cost; and enter and return together. NAN = not measured */
	double price_ns[3], return_ns;
	double attach_s, detach_s; /* spent on putting probes in and taking them out so far */
	bool multi;                /* one link carries many probes */
};

#endif
