// SPDX-License-Identifier: BSD-2-Clause
/*
 * limit.c - when will memory reach the limit?
 */
#include "analyze/analyze.h"
#include "analyze/trend.h"

static double time_to(double room, double pace)
{
	return pace > 0 && isfinite(pace) ? fmax(room, 0) / pace : NAN;
}

void analyze__limit(const struct evidence *evidence, struct report_memory *memory)
{
	double at_s[EVIDENCE_POINTS], rss[EVIDENCE_POINTS];
	struct course course;
	double room;

	memory->limit = REPORT_UNMEASURED;
	memory->seconds_to_limit = NAN;
	memory->seconds_to_limit_low = memory->seconds_to_limit_high = NAN;
	if (!(evidence->limit > 0) || !(evidence->limit < 0x1p62))
		return;
	memory->limit = evidence->limit;
	for (size_t i = 0; i < evidence->point_count; i++) {
		at_s[i] = evidence->points[i].at_s;
		rss[i] = evidence->points[i].rss;
	}
	course__of(at_s, rss, evidence->point_count, &course);
	/* Growth that has stopped, or that may as well be none, reaches nothing. */
	if (course.kind < COURSE_UNSTEADY || !(course.trend.low > 0))
		return;
	room = evidence->limit - course.last;
	memory->seconds_to_limit = time_to(room, course.trend.slope);
	memory->seconds_to_limit_low = time_to(room, course.trend.high);
	memory->seconds_to_limit_high = time_to(room, course.trend.low);
}
