/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regime/private.h - what the files of regime/ share
 */
#ifndef REGIME_PRIVATE_H
#define REGIME_PRIVATE_H

#include "govern/governor.h"
#include "heap/in_use.h"
#include "regime/regime.h"

#define FOLLOW_UP_S 0.1 /* after a window: what is only passing through is gone by then */

/*
 * For so long after a window releases are seen still. What churns is gone by then, and known to be: its address may be
 * taken by something that stays, and a look at the heap would find the block in use.
 */
#define TAIL_S 0.01

#define LOOKS 3 /* at the heap, before the last window is believed */

_Static_assert((int)LAYER_OBJECT == (int)HEAP_LAYER_OBJECT && (int)LAYER_RAW == (int)HEAP_LAYER_RAW,
	       "the governor's layers are the tracer's");

/* Hits of one layer, since the beginning. idle: while it was switched off, counted with the objects' layer. */
struct tally {
	double allocs, frees, idle;
	double returns; /* of malloc's calls */
};

struct layer_regime {
	struct layer_decision now;
	bool stopped; /* taken out at once since the last step */
	bool blind;   /* it holds blocks whose release may have been missed */
	double next_window_s;
	double attached_s;           /* for how long probes were in place, since the last step */
	double since_s;              /* when they were put in, where they still are */
	size_t windows, all_windows; /* since the last step, and ever */
	struct tally at_step;
	__u64 window_end_ns;   /* of the last one ... */
	__u64 previous_end_ns; /* ... and of the one before */
	__u64 judged_ns;       /* windows that ended until then are judged: see regime__judge() */
	double judged_work_s;  /* window_work_s of these */
	double last_work_s;    /* of the last window */
	size_t looks;          /* at the heap since the last window */
	double window_work_s;  /* the target's own time in windows ... */
	double window_cost_s;  /* ... what tracing has cost there ... */
	double densities,
		densities_squared; /* ... sums over windows of allocations in a second of it ... */
	double all_work_s;         /* ... and while windows were the mode, in them or not */
	double seen_work_s;        /* with every event seen */
};

struct regime {
	struct tracer *tracer;
	__u32 index;
	const struct target *target;
	const struct plan *plan;
	struct pools **pools;
	struct regime_options options;
	struct prices prices;
	/* malloc: the trap at its begin; on top, a hit of either program where it records; of free, as free_record_s */
	double raw_enter_s, raw_hit_s, raw_release_s;
	struct governor *governor; /* TRACE_AUTO */
	struct in_use *in_use;     /* opened when first needed */
	struct layer_regime layers[HEAP_LAYERS];
	struct governor_decision decision;
	double step_at_s, checked_at_s; /* when it last stepped, last looked at the costs */
	double cpu_at_step_s, cpu_at_check_s;
	struct tally at_check[HEAP_LAYERS];
	double work_s;                     /* the target's own time since the beginning */
	double follow_up_at_s;             /* when to ask the heap next, 0 = not asked for */
	double faults_s, faults_at_step_s; /* that recording page faults has taken */
	double overhead_s, worst_step;
	__u64 followed, unknown, windows;
	bool decide_now; /* a layer had to be taken out */
	bool applied;    /* the governor's first decision */
	bool started, ended, finishing;
};

/* --- costs.c --- */

/* What probes are believed to cost before any has been hit. */
void regime__first_prices(struct regime *r);

/* Hits so far, from the programs' counters; what a record costs is looked at as well. 0, or -1. */
int regime__take_tally(struct regime *r, struct tally tallies[HEAP_LAYERS]);

/* What the hits between two tallies of a layer have cost the target, seconds. */
double regime__cost_between(const struct regime *r, enum heap_layer layer,
			    const struct tally *before, const struct tally *after);

/* --- regime.c --- */

/* Whether the plan has any probe for the layer. */
bool regime__has_probes(const struct regime *r, enum heap_layer layer);

/* Whether every allocation and release hits a probe in this mode. */
bool regime__is_always_on(enum layer_mode mode);

/* From one mode of a layer to another. 0, or -exit_status: the layer is off then. */
int regime__change(struct regime *r, enum heap_layer layer, const struct layer_decision *to);

/* --- window.c --- */

void regime__sleep(double duration_s);

/* Records every allocation of the layer for as long as a window is, and then takes the probes out again. */
void regime__run_window(struct regime *r, enum heap_layer layer);

/* --- follow_up.c --- */

/* Asks the heap which blocks of blind layers are in use still, and forgets the others. */
void regime__follow_up(struct regime *r);

/* Which windows' blocks are to be believed by now. final: nothing more will come. */
void regime__judge(struct regime *r, bool final);

/* --- steps.c --- */

/* Does what the governor has decided. */
void regime__apply(struct regime *r);

/* About once a second: tells the governor what happened, and does what it says. */
void regime__step(struct regime *r, double now_s);

/* own_rate: CPU seconds of the target's own in a second. */
void regime__pace_faults(struct regime *r, double own_rate);

/* Between two steps: a layer that has become too expensive goes at once. */
void regime__check_costs(struct regime *r, double now_s);

#endif
