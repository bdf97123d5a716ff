/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/growth.h - does a process that is only watched grow? pure
 *
 * Two series of a process's own memory: the last minutes, and the last hours in as many points. Of the latter each point is the lowest of
 * its time: what a collector lets go now and then does not hide what stays.
 */
#ifndef AGENT_GROWTH_H
#define AGENT_GROWTH_H

#include <stdbool.h>
#include <stddef.h>

#include "analyze/trend.h"

#define GROWTH_POINTS 48
#define GROWTH_FAR_EVERY 24 /* readings that become one point of the hours */

struct growth_series {
	double at_s[GROWTH_POINTS], bytes[GROWTH_POINTS]; /* in order of time */
	size_t count;
};

struct growth {
	struct growth_series near, far;
	size_t since_far; /* readings since its last point */
	double low;       /* the lowest of these */
};

/* at_s not decreasing. */
void growth__add(struct growth *growth, double at_s, double bytes);

/* The pace of the last minutes. */
void growth__trend(const struct growth *growth, struct trend *trend);

/*
 * How fast it grows for sure, in bytes a second: the lower end of the interval, where the course is that of something that grows on and
 * on. 0 = there is no evidence for that.
 */
double growth__suspicion(const struct growth *growth);

#endif
