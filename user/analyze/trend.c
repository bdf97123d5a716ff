// SPDX-License-Identifier: BSD-2-Clause
/*
 * trend.c - robust slopes, and the shape of a series
 */
#include "analyze/trend.h"

#include <math.h>
#include <string.h>

#define PAIRS (TREND_POINTS * (TREND_POINTS - 1) / 2)
#define INTERVAL_POINTS 5 /* with fewer, Sen's interval has no end at 95 % */

/* What a course is judged by. */
#define LEAST_POINTS 6
#define LEAST_SECONDS 4.0
#define STOPPED 0.1     /* pace at the end / mean pace: not more, and it has stopped */
#define STEADY 0.45     /* pace at the end / before: not less, and it goes on */
#define FLOOR_RISES 0.4 /* growth of the lows / slope */
#define WAVE 0.5        /* fall / range: it was let go */
#define SWING 0.3       /* the same, to be counted as one of several waves */
#define MANY_WAVES 3
#define LEVEL 0.1   /* of the range: the same level */
#define FLAT 0.2    /* of the run at one level: it stands still; a straight line is for a tenth */
#define SLOWER 0.75 /* pace of a third / the one before */
#define NET 0.6     /* first to last / range: more of it has stayed than not */

struct series {
	double at_s[TREND_POINTS], values[TREND_POINTS];
	size_t count;
};

static void series__fill(struct series *series, const double *at_s, const double *values,
			 size_t count)
{
	size_t step = count > TREND_POINTS ? TREND_POINTS : count;

	series->count = 0;
	for (size_t i = 0; i < step; i++) {
		size_t from = step > 1 ? i * (count - 1) / (step - 1) : 0;

		if (!isfinite(at_s[from]) || !isfinite(values[from]))
			continue;
		series->at_s[series->count] = at_s[from];
		series->values[series->count++] = values[from];
	}
}

/* The k-th smallest of count slopes (Hoare's selection); reorders them. */
static double select_kth(double *slopes, size_t count, size_t k)
{
	size_t low = 0, high = count - 1;

	while (low < high) {
		double pivot = slopes[low + (high - low) / 2];
		size_t i = low, j = high;

		for (;;) {
			while (slopes[i] < pivot)
				i++;
			while (slopes[j] > pivot)
				j--;
			if (i >= j)
				break;
			double swap = slopes[i];

			slopes[i++] = slopes[j];
			slopes[j--] = swap;
		}
		if (k <= j)
			high = j;
		else
			low = j + 1;
	}
	return slopes[k];
}

static double median(double *slopes, size_t count)
{
	double middle = select_kth(slopes, count, count / 2);

	return count % 2 ? middle : (middle + select_kth(slopes, count, count / 2 - 1)) / 2;
}

/*
 * Sen (1968): of N slopes, those of rank (N - C) / 2 and (N + C) / 2 + 1, where C is 1.96 standard deviations of Kendall's S. Ties would
 * make that smaller; without them the interval is a little too wide. Of five points it is the smallest and the largest slope: that all
 * five stand in order by chance is 1 in 120, though C is a little too large for that.
 */
static void find_interval(double *slopes, size_t count, size_t points, struct trend *trend)
{
	double n = points, c = 1.96 * sqrt(n * (n - 1) * (2 * n + 5) / 18);
	double low = floor((count - c) / 2 + 0.01), high = ceil((count + c) / 2 - 0.01);

	trend->low = low >= 1 ? select_kth(slopes, count, low - 1) : -INFINITY;
	trend->high = high < count ? select_kth(slopes, count, high) : INFINITY;
}

static void trend__of_part(const struct series *series, size_t from, size_t to, struct trend *trend)
{
	double slopes[PAIRS];
	size_t count = 0;

	*trend = (struct trend){NAN, -INFINITY, INFINITY, 0, to > from ? to - from : 0};
	for (size_t i = from; i < to; i++) {
		for (size_t j = i + 1; j < to; j++) {
			double gap = series->at_s[j] - series->at_s[i];

			if (gap > 0)
				slopes[count++] = (series->values[j] - series->values[i]) / gap;
		}
	}
	if (!count)
		return;
	trend->seconds = series->at_s[to - 1] - series->at_s[from];
	trend->slope = median(slopes, count);
	if (trend->points >= INTERVAL_POINTS)
		find_interval(slopes, count, trend->points, trend);
}

void trend__of(const double *at_s, const double *values, size_t count, struct trend *trend)
{
	struct series series;

	series__fill(&series, at_s, values, count);
	trend__of_part(&series, 0, series.count, trend);
}

/* First index at or after this share of the time. */
static size_t index_at(const struct series *series, double share)
{
	double first = series->at_s[0], last = series->at_s[series->count - 1];
	size_t i = 0;

	while (i + 1 < series->count && series->at_s[i] < first + share * (last - first))
		i++;
	return i;
}

/* The middle of three neighbours, so that one outlier does not move it. */
static double level(const struct series *series, size_t *index)
{
	double near[3];

	if (*index < 1)
		*index = 1;
	if (*index > series->count - 2)
		*index = series->count - 2;
	memcpy(near, &series->values[*index - 1], sizeof(near));
	return select_kth(near, 3, 1);
}

static double pace(const struct series *series, size_t from, size_t to)
{
	double before = level(series, &from), after = level(series, &to);
	double gap = series->at_s[to] - series->at_s[from];

	return gap > 0 ? (after - before) / gap : NAN;
}

static double clamp(double share)
{
	return share > 1 ? 1 : share > 0 ? share : 0; /* NAN counts as nothing */
}

static size_t lowest(const struct series *series, size_t from, size_t to)
{
	size_t low = from;

	for (size_t i = from; i < to; i++)
		if (series->values[i] < series->values[low])
			low = i;
	return low;
}

/* Lows of the three parts of what follows the warm-up: what a wave does not wash away. */
static double floor_growth(const struct series *series, size_t from, double slope)
{
	size_t third = (series->count - from) / 3, low[3];
	double gap;

	if (!third || !(slope > 0))
		return 0;
	for (size_t i = 0; i < 3; i++)
		low[i] = lowest(series, from + i * third,
				i < 2 ? from + (i + 1) * third : series->count);
	gap = series->at_s[low[2]] - series->at_s[low[0]];
	if (gap <= 0 || series->values[low[1]] < series->values[low[0]])
		return 0;
	return clamp((series->values[low[2]] - series->values[low[0]]) / gap / slope);
}

/* The largest fall from a height reached before; and how many falls of some size there were. */
static size_t count_waves(const struct series *series, struct course *course)
{
	double range = course->high - course->low, top = series->values[0], bottom = top;
	size_t waves = 0;

	for (size_t i = 1; range > 0 && i < series->count; i++) {
		double value = series->values[i];

		if (value < bottom)
			bottom = value;
		course->fall = fmax(course->fall, (top - bottom) / range);
		/* Up again after a fall, or higher than ever: the next wave begins. */
		if (value > top ||
		    (top - bottom > SWING * range && value - bottom > SWING / 2 * range)) {
			waves += top - bottom > SWING * range;
			top = bottom = value;
		}
		if (value > top)
			top = bottom = value;
	}
	return waves + (range > 0 && top - bottom > SWING * range);
}

static double flat_for(const struct series *series, double tolerance)
{
	size_t last = series->count - 1, i = last;

	while (i > 0 && fabs(series->values[i - 1] - series->values[last]) <= tolerance)
		i--;
	return series->at_s[last] - series->at_s[i];
}

static double largest_rise(const struct series *series)
{
	double rise = 0;

	for (size_t i = 1; i < series->count; i++)
		rise = fmax(rise, series->values[i] - series->values[i - 1]);
	return rise;
}

/* Of the thirds of the run, each two ways: by the levels at their ends, and by their medians. The ends may be those of a wave. */
struct paces {
	double level[3], slope[3], mean;
};

static void find_paces(const struct series *series, struct paces *paces)
{
	size_t last = series->count - 1;
	size_t ends[] = {0, index_at(series, 1.0 / 3), index_at(series, 2.0 / 3), last};

	paces->mean = pace(series, 0, last);
	for (size_t i = 0; i < 3; i++) {
		struct trend trend;

		paces->level[i] = pace(series, ends[i], ends[i + 1]);
		trend__of_part(series, ends[i], ends[i + 1] + 1, &trend);
		paces->slope[i] = trend.slope;
	}
}

static double ratio(double late, double before)
{
	return before > 0 ? clamp(late / before) : late > 0;
}

/* Each third slower than the one before: what fills up, and is about to be full. */
static bool slows_down(const double pace[3])
{
	return pace[1] < SLOWER * pace[0] && pace[2] < SLOWER * pace[1];
}

static bool has_stopped(const struct course *course, const struct paces *paces)
{
	return paces->mean > 0 && !(paces->level[2] > STOPPED * paces->mean) &&
	       !(paces->slope[2] > STOPPED * paces->mean) &&
	       course->flat_s >= FLAT * course->seconds;
}

static bool is_rising(const struct course *course, const struct paces *paces)
{
	return course->trend.low > 0 && course->steadiness >= STEADY &&
	       course->floor_growth >= FLOOR_RISES && course->flat_s < FLAT * course->seconds &&
	       course->last - course->first >= NET * (course->high - course->low) &&
	       !slows_down(paces->level) && !slows_down(paces->slope);
}

/* Surely more than before, or nearly as much as ever. */
static bool has_grown(const struct course *course)
{
	bool sure = course->trend.low > 0 || isinf(course->trend.low);

	return course->trend.slope > 0 &&
	       (sure || course->last - course->first >= NET * (course->high - course->low));
}

static enum course_kind kind_of(const struct course *course, const struct paces *paces,
				size_t waves)
{
	if (course->points < LEAST_POINTS || course->seconds < LEAST_SECONDS)
		return COURSE_TOO_SHORT;
	if (!(course->high > course->low))
		return COURSE_STILL;
	if (course->fall >= WAVE && (waves < MANY_WAVES || course->floor_growth < FLOOR_RISES))
		return COURSE_WAVES;
	if (has_stopped(course, paces))
		return COURSE_STOPPED;
	if (is_rising(course, paces))
		return COURSE_RISING;
	return has_grown(course) ? COURSE_UNSTEADY : COURSE_STILL;
}

static void measure(const struct series *series, struct course *course)
{
	size_t third = index_at(series, 1.0 / 3), waves;
	struct paces paces;

	trend__of_part(series, third, series->count, &course->trend);
	for (size_t i = 0; i < series->count; i++) {
		course->low = fmin(course->low, series->values[i]);
		course->high = fmax(course->high, series->values[i]);
	}
	find_paces(series, &paces);
	course->steadiness =
		fmax(ratio(paces.level[2], paces.level[1]), ratio(paces.slope[2], paces.slope[1]));
	course->floor_growth = floor_growth(series, third, course->trend.slope);
	course->flat_s = flat_for(series, LEVEL * (course->high - course->low));
	if (course->high > course->low)
		course->jump = largest_rise(series) / (course->high - course->low);
	waves = count_waves(series, course);
	course->kind = kind_of(course, &paces, waves);
}

void course__of(const double *at_s, const double *values, size_t count, struct course *course)
{
	struct series series;

	series__fill(&series, at_s, values, count);
	*course = (struct course){.trend = {NAN, -INFINITY, INFINITY, 0, series.count},
				  .first = NAN,
				  .last = NAN,
				  .points = series.count};
	if (!series.count)
		return;
	course->first = course->low = course->high = series.values[0];
	course->last = series.values[series.count - 1];
	course->seconds = series.at_s[series.count - 1] - series.at_s[0];
	if (series.count >= 3)
		measure(&series, course);
	else
		trend__of_part(&series, 0, series.count, &course->trend);
}

void course__scale(struct course *course, double factor)
{
	double *amounts[] = {&course->trend.slope, &course->trend.low, &course->trend.high,
			     &course->first,       &course->last,      &course->low,
			     &course->high};

	for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++)
		*amounts[i] *= factor;
}
