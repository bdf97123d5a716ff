/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * govern/governor.h - how much to trace so that the target's slowdown stays under the budget
 *
 * Pure policy: figures in, a decision out; no clock, no /proc, no BPF. One governor a target. Its two layers
 * (pymalloc's blocks, the malloc heap) are decided upon apart: a service may allocate a million objects
 * a second and call malloc a thousand times.
 */
#ifndef GOVERN_GOVERNOR_H
#define GOVERN_GOVERNOR_H

#include <stdbool.h>
#include <stddef.h>

enum layer { LAYER_OBJECT, LAYER_RAW, LAYERS };

/* What a layer's probes do. */
enum layer_mode {
	LAYER_OFF,     /* no probe */
	LAYER_EXACT,   /* every allocation and release, all the time */
	LAYER_SAMPLED, /* every trap is paid, a sample is recorded: cheaper by the recording */
	LAYER_WINDOW, /* allocations, inside short windows only; releases are found out from outside */
};

/* Seconds that one event costs the target, as calibrated on this machine. */
struct prices {
	double trap_s;         /* a hit whose program does nothing, emulated */
	double alloc_record_s; /* on top: an allocation recorded, stack walk included */
	double free_record_s;  /* on top: a release looked up */
	double raw_call_s;     /* malloc: enter and return trap together, nothing recorded */
	/*
	 * How long attaching and detaching all probes of a layer takes as far as the target notices: traps
	 * are paid meanwhile, from nothing to all, so half of them. Waiting before the first probe is in
	 * or after the last is out does not count.
	 */
	double attach_s, detach_s;
};

/* What happened in one layer since the last step. */
struct layer_use {
	bool attached;        /* probes were in place during the step, or during windows in it */
	bool stopped;         /* taken out meanwhile, since governor__must_stop() said so */
	double attached_s;    /* for how long hits were counted */
	double allocs, frees; /* hits counted meanwhile */
	double overhead_s; /* what probes have cost, by the prices, at the edges of windows too */
	double bytes;      /* allocated meanwhile, 0 = not known */
	size_t windows; /* ended in this step: a window counts, with all its hits, when it ends */
};

struct governor_input {
	double elapsed_s; /* since the last step */
	double cpu_s;     /* CPU time of the target meanwhile, what the probes cost included */
	struct layer_use layers[LAYERS];
};

struct layer_decision {
	enum layer_mode mode;
	double sample_bytes; /* SAMPLED: mean bytes between samples */
	/* WINDOW: length, and from one's begin to the next's; the first at once when a layer comes into it. */
	double window_s, period_s;
	bool look; /* WINDOW: one is enough, the next step decides */
};

struct governor_decision {
	struct layer_decision layers[LAYERS];
	bool growth_only; /* nothing fits: the target is told so */
	double overhead; /* share of the target's own time that all of this is believed to cost from now on */
	const char *reason; /* one line for a person, static */
};

struct governor_options {
	double budget;           /* 0.02 = 2 % */
	double sample_bytes;     /* asked for by the user, 0 = the governor's choice */
	bool can_window[LAYERS]; /* releases can be found out from outside */
};

struct governor;

/* NULL: no memory. Begins with a short look at each layer (a window), for nothing is known yet. */
struct governor *governor__new(const struct governor_options *options, const struct prices *prices);
void governor__free(struct governor *governor);

/* What to do until the next step. Called with zeros in *input at first, then about once a second. */
void governor__step(struct governor *governor, const struct governor_input *input,
		    struct governor_decision *decision);

/*
 * Whether what a layer costs at this moment exceeds its share of the budget, so that it must be taken out at once:
 * asked every 100 ms while a layer is EXACT or SAMPLED. hits: in the last elapsed_s.
 */
bool governor__must_stop(const struct governor *governor, enum layer layer, double allocs,
			 double frees, double elapsed_s, double cpu_s);

/*
 * Overhead so far, as believed: share of the target's own time, over the whole run and over the worst step. A target that
 * sleeps counts as if it ran for 1 % of the time.
 */
double governor__overhead(const struct governor *governor);
double governor__worst_step(const struct governor *governor);

#endif
