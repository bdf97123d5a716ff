// SPDX-License-Identifier: BSD-2-Clause
/*
 * error.c - estimates and their bounds; the why is in error.h
 */
#include <math.h>
#include <stdbool.h>

#include "lib/error.h"
#include "sample_tables.h"

#define TAIL 0.025 /* chance of missing the truth at either end */
#define Z 1.959963984540054

/* From this shape on the gamma distribution's quantiles are taken from an approximation. */
#define SHAPE_LARGE 100
#define TERMS_MAX 1000
#define HALVINGS 40

/* --- the gamma distribution, shape a, scale 1 --- */

/*
 * Chance to be below x: the power series left of the mean, else 1 - the continued fraction
 * (modified Lentz). Abramowitz and Stegun 6.5.29 and 6.5.31; good to 1e-10 for shapes up to
 * SHAPE_LARGE.
 */
static double gamma_below(double a, double x)
{
	double front, sum, term;
	int sign;

	if (x <= 0)
		return 0;
	front = exp(a * log(x) - x - lgamma_r(a, &sign));
	if (x < a + 1) {
		sum = term = 1 / a;
		for (int n = 1; n < TERMS_MAX && term > sum * 1e-11; n++) {
			term *= x / (a + n);
			sum += term;
		}
		return fmin(front * sum, 1);
	}
	double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;

	for (int n = 1; n < TERMS_MAX; n++) {
		double an = -n * (n - a), step;

		b += 2;
		d = 1 / (an * d + b);
		c = b + an / c;
		step = c * d;
		h *= step;
		if (fabs(step - 1) < 1e-11)
			break;
	}
	return 1 - front * h;
}

/*
 * Cube of a normal variable (Wilson and Hilferty); from shape 100 on within 2e-4 standard
 * deviations.
 */
static double gamma_quantile_large(double a, double z)
{
	double root = 1 - 1 / (9 * a) + z / (3 * sqrt(a));

	return a * root * root * root;
}

/* x with that chance to be below it: 1 - TAIL, or TAIL where !upper. 0 for shape 0. */
static double gamma_quantile(double a, bool upper)
{
	double low = 0, high, chance = upper ? 1 - TAIL : TAIL;

	if (!(a > 0))
		return 0;
	if (a > SHAPE_LARGE)
		return gamma_quantile_large(a, upper ? Z : -Z);
	high = a + 4 * sqrt(a) + 8; /* beyond either quantile of any shape */
	for (int i = 0; i < HALVINGS; i++) {
		double middle = (low + high) / 2;

		if (gamma_below(a, middle) < chance)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* --- sums --- */

static void add(struct error_sum *sum, double size, double weight, double unseen_blocks,
		double marks)
{
	double unseen_bytes = size * unseen_blocks, variance = size * weight * unseen_bytes;

	sum->samples += 1;
	sum->bytes += size;
	sum->unseen_bytes += unseen_bytes;
	sum->unseen_blocks += unseen_blocks;
	sum->variance += variance;
	sum->marks += marks;
	sum->widest_bytes = fmax(sum->widest_bytes, unseen_bytes);
	sum->widest_variance = fmax(sum->widest_variance, variance);
}

/* Recorded for certain. Any number of marks that makes it so will do. */
#define CERTAIN_MARKS 40

void error__add(struct error_sum *sum, __u64 size, __u64 mean)
{
	double x, weight;

	if (!size || !mean) {
		add(sum, size, 1, 0, CERTAIN_MARKS);
		return;
	}
	x = (double)size / mean;
	weight = -1 / expm1(-x);
	add(sum, size, weight, 1 / expm1(x), x * weight);
}

void error__add_scaled(struct error_sum *sum, __u64 size, double scale)
{
	if (!(scale > 1)) {
		add(sum, size, 1, 0, CERTAIN_MARKS);
		return;
	}
	add(sum, size, scale, scale - 1, fmin(-log1p(-1 / scale) * scale, CERTAIN_MARKS));
}

void error__merge(struct error_sum *sum, const struct error_sum *other)
{
	sum->samples += other->samples;
	sum->bytes += other->bytes;
	sum->unseen_bytes += other->unseen_bytes;
	sum->unseen_blocks += other->unseen_blocks;
	sum->variance += other->variance;
	sum->marks += other->marks;
	sum->widest_bytes = fmax(sum->widest_bytes, other->widest_bytes);
	sum->widest_variance = fmax(sum->widest_variance, other->widest_variance);
}

/* --- bounds --- */

/*
 * Unrecorded blocks come in whole ones, of this size on average, the gamma distribution in anything
 * between: the bounds are moved by a part of one, LOW_STEP and HIGH_STEP. The least that makes the
 * exact coverage for blocks of one size 95 % for each p (tests/unit/test_error.c adds it up). Too
 * small to matter where p is.
 */
static double unseen_block(const struct error_sum *sum)
{
	return sum->unseen_blocks > 0 ? sum->unseen_bytes / sum->unseen_blocks : 0;
}

#define LOW_STEP 0.75
#define HIGH_STEP 0.5

/*
 * Unrecorded bytes that leave a chance of TAIL to record as little as this: one more block is on
 * its way.
 */
static double most_unseen(const struct error_sum *sum)
{
	double mean = sum->unseen_bytes + sum->widest_bytes;
	double variance = sum->variance + sum->widest_variance, most;

	if (!(variance > 0))
		return 0;
	most = gamma_quantile(mean * mean / variance, true) * variance / mean;
	return fmax(most + fmin(most, HIGH_STEP * unseen_block(sum)), sum->unseen_bytes);
}

/*
 * Unrecorded bytes that leave a chance of TAIL to record as much as this, among the sites of which
 * anything is recorded.
 */
static double least_unseen(const struct error_sum *sum)
{
	double total = sum->bytes + sum->unseen_bytes, step = LOW_STEP * unseen_block(sum);
	double scale, shape, low = 0, high;

	if (!(sum->variance > 0) || !(sum->unseen_bytes > 0))
		return 0;
	scale = sum->variance / sum->unseen_bytes;
	shape = sum->unseen_bytes / scale;
	high = fmax(gamma_quantile(shape, false) * scale - step, 0);
	if (shape > SHAPE_LARGE) /* of so many blocks one is seen */
		return high;
	for (int i = 0; i < HALVINGS; i++) {
		double unseen = (low + high) / 2;
		double seen = -expm1(-sum->marks * (sum->bytes + unseen) / total);

		if (gamma_below(shape, (unseen + step) / scale) < TAIL * seen)
			low = unseen;
		else
			high = unseen;
	}
	return low;
}

static double error_pct(double estimate, double low, double high)
{
	return estimate > 0 ? fmax(estimate - low, high - estimate) / estimate * 100 : NAN;
}

void error__estimate(const struct error_sum *sum, struct error_estimate *estimate)
{
	estimate->bytes = sum->bytes + sum->unseen_bytes;
	estimate->blocks = sum->samples + sum->unseen_blocks;
	estimate->low = sum->bytes + least_unseen(sum);
	estimate->high = sum->samples > 0 ? sum->bytes + most_unseen(sum) : NAN;
	estimate->error_pct = error_pct(estimate->bytes, estimate->low, estimate->high);
}

void error__widen(struct error_estimate *estimate, double relative_error, double at_least)
{
	double more = Z * relative_error * estimate->bytes;

	estimate->low = estimate->bytes - hypot(estimate->bytes - estimate->low, more);
	estimate->low = fmax(estimate->low, at_least);
	estimate->high = estimate->bytes + hypot(estimate->high - estimate->bytes, more);
	estimate->error_pct = error_pct(estimate->bytes, estimate->low, estimate->high);
}

double error__unseen_bytes(__u64 mean)
{
	return -log(TAIL) * mean;
}

/* --- windows --- */

/* Bounds of what is expected where count were seen (Garwood). */
static double poisson_low(double count)
{
	return gamma_quantile(count, false);
}

static double poisson_high(double count)
{
	return gamma_quantile(count + 1, true);
}

/*
 * A share is bounded through those who have it and through those who do not, whichever is narrower.
 * Both are wider than the exact bounds of the binomial distribution, for Poisson's tails lie above
 * its: cautious for shares in the middle.
 */
static void bound_rate(double with, double all, struct error_window *window)
{
	window->rate = window->rate_low = window->rate_high = NAN;
	if (!(all > 0))
		return;
	window->rate = with / all;
	window->rate_low = fmax(poisson_low(with), all - poisson_high(all - with)) / all;
	window->rate_high = fmin(poisson_high(with), all - poisson_low(all - with)) / all;
}

void error__window(__u64 survivors, __u64 recorded, double scale, double scale_error,
		   struct error_window *window)
{
	double seen = survivors < recorded ? survivors : recorded;
	double unseen = scale > 1 ? scale - 1 : 0;
	struct error_sum sum = {
		.samples = seen,
		.bytes = seen, /* a byte a block */
		.unseen_bytes = seen * unseen,
		.unseen_blocks = seen * unseen,
		.variance = seen * unseen * (unseen + 1),
		.marks = CERTAIN_MARKS, /* sites without survivors are shown as well */
		.widest_bytes = unseen,
		.widest_variance = unseen * (unseen + 1),
	};
	struct error_estimate estimate;

	error__estimate(&sum, &estimate);
	estimate.high = seen + most_unseen(&sum);
	error__widen(&estimate, scale_error, seen);
	if (!seen)
		estimate.high *= 1 + Z * scale_error;
	window->blocks = estimate.bytes;
	window->low = estimate.low;
	window->high = estimate.high;
	window->error_pct = estimate.error_pct;
	bound_rate(seen, recorded, window);
}
