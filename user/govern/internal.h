/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * govern/internal.h - what the governor remembers, for its two files: learn.c and governor.c
 */
#ifndef GOVERN_INTERNAL_H
#define GOVERN_INTERNAL_H

#include <math.h>

#include "govern/governor.h"

#define SAMPLE_MIN 16384.0
#define SAMPLE_MAX 16777216.0

/* A process that sleeps has no time of its own to compare with; a share of what passes stands in. */
#define CPU_FLOOR 0.01

struct layer_state {
	struct layer_decision now;
	bool known;   /* looked at once */
	bool decided; /* has had a mode */
	bool looking; /* now is a look, not a mode */
	bool fresh;   /* learned something in this step */
	double since_look_s;

	double exact, sampled; /* costs, were the layer in that mode */
	double density;        /* seconds of overhead in a second of window */
	double alloc_rate;     /* allocations in a second of window */
	double free_ratio;     /* releases for an allocation, when both were last seen */
	double recorded;       /* SAMPLED: part of the allocations that is recorded */
	double sample_bytes;

	double share;        /* what it may cost */
	double window_share; /* the same, in windows */
	double believed;     /* what the decision is believed to cost */
	size_t quiet, hold, steady;
};

struct governor {
	struct governor_options options;
	struct prices prices;
	struct layer_state layers[LAYERS];
	double edge_s;   /* of a window, in which half of the probes are there */
	double own_rate; /* CPU seconds of its own that the target takes in a second */
	double overhead_s, own_s;
	double worst_step;
};

static inline double at_least(double value, double low)
{
	return value > low ? value : low;
}

static inline double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

/* Figures come from counters that may be read a moment apart. */
static inline double sane(double value)
{
	return isfinite(value) && value > 0 ? value : 0;
}

/* What hits cost in a mode. recorded: part of the allocations that is. */
double cost__of(const struct prices *prices, enum layer layer, double allocs, double frees,
		double recorded);

/*
 * Takes in what happened in a layer. cpu_rate: CPU seconds that the target took in a second, ours included.
 * fresh says whether there was anything to learn from.
 */
void learn__step(struct governor *governor, enum layer layer, const struct layer_use *use,
		 double cpu_rate);

#endif
