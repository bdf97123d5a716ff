/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trend.h - how fast a figure grows, how sure that is, and what its course looks like
 *
 * Pure. Slopes are medians of the slopes between any two points (Theil-Sen), their intervals Sen's, by the variance of Kendall's S: no
 * assumption about how errors are distributed, and up to 29 % of outliers do no harm. The interval takes points for
 * independent; that a figure comes and goes in waves is therefore asked for apart, see struct course.
 */
#ifndef TREND_H
#define TREND_H

#include <stdbool.h>
#include <stddef.h>

#define TREND_POINTS 64 /* of longer series, so many are taken, evenly */

struct trend {
	double slope;     /* per second; NAN with fewer than two points */
	double low, high; /* 95 %; infinite with fewer than five */
	double seconds;   /* from the first point to the last */
	size_t points;
};

/* at_s ascending. Points whose value is NAN are left out. */
void trend__of(const double *at_s, const double *values, size_t count, struct trend *trend);

enum course_kind {
	COURSE_TOO_SHORT, /* too few points, or too little time, to say anything */
	COURSE_STILL,     /* neither grows nor did */
	COURSE_STOPPED,   /* has grown, and does not any more: warm-up */
	COURSE_WAVES,     /* what it gains it loses again */
	COURSE_UNSTEADY,  /* grows, but slows down, or not surely */
	COURSE_RISING,    /* grows, surely and steadily, to the end */
};

struct course {
	enum course_kind kind;
	struct trend trend;  /* without the first third of the run */
	double first, last;  /* values */
	double low, high;    /* smallest, largest */
	double steadiness;   /* pace of the last third / of the middle one, 0..1 */
	double floor_growth; /* how fast the lows rise / slope, 0..1 */
	double fall;         /* largest fall / (high - low) */
	double jump;         /* largest rise between two points / (high - low) */
	double flat_s;       /* how long it has been where it is now */
	double seconds;      /* of the whole run */
	size_t points;
};

void course__of(const double *at_s, const double *values, size_t count, struct course *course);

/* Multiplies all that are amounts. */
void course__scale(struct course *course, double factor);

#endif
