// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_confidence.c - how sure a verdict is, 0..1
 *
 * A product. It begins with how often verdicts of this cause are right when everything speaks for them, and each piece of
 * evidence that is less than perfect takes a part away:
 *
 *	1 - weight * (1 - evidence)		evidence 0..1: 1 takes nothing, 0 takes the whole weight
 *
 * so that it rises with every single one of them and never beyond the cause's own. What was not measured counts as the table
 * says, less than good evidence and more than bad. To be calibrated: all figures stand in the two tables here.
 */
#include "analyze/verdicts.h"

static const double best[CAUSES] = {
	[CAUSE_OBJECT_RETENTION] = 0.99,
	[CAUSE_UNBOUNDED_CACHE] = 0.99,
	[CAUSE_UNCOLLECTED_CYCLE] = 0.97,
	[CAUSE_REFCOUNT_LEAK] = 0.97,
	[CAUSE_NATIVE_LEAK] = 0.97,
	[CAUSE_MMAP_LEAK] = 0.95,
	[CAUSE_THREAD_LEAK] = 0.98,
	[CAUSE_FRAGMENTATION] = 0.9,
	[CAUSE_ARENA_RETENTION] = 0.9,
	[CAUSE_BOUNDED_CACHE] = 0.97,
	[CAUSE_WARMUP] = 0.95,
	[CAUSE_LARGE_DATA] = 0.9,
	[CAUSE_UNKNOWN] = 0.9,
};

enum piece { INTERVAL, POINTS, STEADINESS, SURVIVAL, AGREEMENT, BACKING, PIECES };

static const struct {
	double weight, unknown;
} pieces[PIECES] = {
	[INTERVAL] = {0.15, 0},    /* lower bound of the slope / slope */
	[POINTS] = {0.6, 0},       /* 1 - exp(-(points - 3) / 4): 6 are half, 12 are nine tenths */
	[STEADINESS] = {0.2, 0.5}, /* see struct course */
	[SURVIVAL] = {0.4, 0.7},   /* of old blocks */
	[AGREEMENT] = {0.2, 0.5},  /* of the blocks that were looked at */
	[BACKING] = {0.15, 0.7},   /* by the growth of the process */
};

static double factor(enum piece piece, double evidence)
{
	if (isnan(evidence))
		evidence = pieces[piece].unknown;
	evidence = evidence > 1 ? 1 : evidence < 0 ? 0 : evidence;
	return 1 - pieces[piece].weight * (1 - evidence);
}

static double points_of(const struct course *course)
{
	return 1 - exp(-fmax(course->points - 3.0, 0) / 4);
}

/* A line that drops most of what it makes may keep the rest, or only seem to. */
static double survival_of(const struct growing *growing)
{
	return isnan(growing->kept) ? growing->survival
				    : (2 * growing->survival + growing->kept) / 3;
}

double confidence__leak(const struct growing *growing, const struct finding *finding)
{
	const struct course *course = &growing->course;
	const struct trend *trend = &course->trend;
	double confidence = best[finding->cause];

	confidence *= factor(INTERVAL, trend->slope > 0 ? trend->low / trend->slope : 0);
	confidence *= factor(POINTS, points_of(course));
	confidence *= factor(STEADINESS, course->steadiness);
	confidence *= factor(SURVIVAL, survival_of(growing));
	confidence *= factor(AGREEMENT, finding->agreement);
	return confidence * factor(BACKING, growing->backing);
}

/* Flat for half the run is all that can be asked for. */
double confidence__ended(const struct course *course)
{
	double flat = course->seconds > 0 ? fmin(2 * course->flat_s / course->seconds, 1) : 0;

	return best[CAUSE_WARMUP] * (0.5 + 0.5 * flat) * factor(POINTS, points_of(course));
}

double confidence__bounded(const struct course *course, const struct finding *finding)
{
	return best[CAUSE_BOUNDED_CACHE] * factor(POINTS, points_of(course)) *
	       factor(AGREEMENT, finding->agreement);
}
