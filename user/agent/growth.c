// SPDX-License-Identifier: BSD-2-Clause
#include "agent/growth.h"

#include <math.h>
#include <string.h>

/* Less of either is not worth a trace. */
#define LEAST_GROWN (192.0 * 1024)
#define LEAST_SHARE 0.002 /* of what it has */
#define LEAST_PACE 256.0  /* bytes a second */
#define LEAST_POINTS 12

static void append(struct growth_series *series, double at_s, double bytes)
{
	if (series->count == GROWTH_POINTS) {
		series->count--;
		memmove(series->at_s, series->at_s + 1, series->count * sizeof(*series->at_s));
		memmove(series->bytes, series->bytes + 1, series->count * sizeof(*series->bytes));
	}
	series->at_s[series->count] = at_s;
	series->bytes[series->count++] = bytes;
}

void growth__add(struct growth *growth, double at_s, double bytes)
{
	append(&growth->near, at_s, bytes);
	growth->low = growth->since_far ? fmin(growth->low, bytes) : bytes;
	if (++growth->since_far == GROWTH_FAR_EVERY) {
		append(&growth->far, at_s, growth->low);
		growth->since_far = 0;
	}
}

void growth__trend(const struct growth *growth, struct trend *trend)
{
	trend__of(growth->near.at_s, growth->near.bytes, growth->near.count, trend);
}

static double suspicion_of(const struct growth_series *series)
{
	struct course course;
	double grown;

	if (series->count < LEAST_POINTS)
		return 0;
	course__of(series->at_s, series->bytes, series->count, &course);
	grown = course.trend.slope * course.seconds;
	if (course.kind < COURSE_RISING || grown < LEAST_GROWN ||
	    grown < LEAST_SHARE * course.last || !(course.trend.low > LEAST_PACE))
		return 0;
	return course.trend.low;
}

double growth__suspicion(const struct growth *growth)
{
	return fmax(suspicion_of(&growth->near), suspicion_of(&growth->far));
}
