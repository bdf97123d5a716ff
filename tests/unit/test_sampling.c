// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_sampling.c - bpf/sample.h as host C: the distribution of gaps, the weights, and whole
 * samplings, whose estimates must be right on average and whose intervals must cover the truth as
 * often as they say
 *
 * All random numbers are from fixed seeds.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#include <cmocka.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

static __u64 seed;

/* splitmix64: a counter, well mixed (Steele, Lea and Flood 2014). */
static __u64 random_u64(void)
{
	__u64 x = seed += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static __u32 random_u32(void)
{
	return random_u64() >> 32;
}

/* [0, 1) */
static double uniform(void)
{
	return ldexp(random_u64() >> 11, -53);
}

#include "../../bpf/sample.h"

#include "lib/error.h"
#include "trace/sample_tables.h"

static struct sample_tables tables;

static int fill_tables(void **state)
{
	(void)state;
	sample_tables__fill(&tables);
	return 0;
}

static void tables_are_monotonic(void **state)
{
	(void)state;
	assert_int_equal(tables.gap[0], 0);
	assert_int_equal(tables.gap[SAMPLE_GAP_STEPS], LN2_Q32);
	for (int i = 0; i < SAMPLE_GAP_STEPS; i++)
		assert_true(tables.gap[i] < tables.gap[i + 1]);
	assert_int_equal(tables.weight[0], 1 << SAMPLE_WEIGHT_SHIFT);
	for (int i = 0; i < SAMPLE_WEIGHT_STEPS; i++)
		assert_true(tables.weight[i] < tables.weight[i + 1]);
}

static void counts_leading_zeros(void **state)
{
	(void)state;
	assert_int_equal(leading_zeros(0), 32);
	for (int i = 0; i < 32; i++) {
		assert_int_equal(leading_zeros(1U << i), 31 - i);
		assert_int_equal(leading_zeros((1U << i) | ((1U << i) - 1)), 31 - i);
	}
}

/*
 * Each quantile against libm: the deviation of the distribution, all of it but for what random
 * numbers do.
 */
static void gap_is_the_quantile(void **state)
{
	const __u64 mean = SAMPLE_MEAN_MAX; /* so that whole bytes are fine enough */
	double worst = 0, excess = 0;
	const int steps = 1 << 16;

	(void)state;
	for (int i = 0; i < steps; i++) {
		__u32 random2 = (__u32)i << 16 | 0x8000;

		for (int zeros = 0; zeros <= 32; zeros += 8) {
			__u32 random1 = zeros == 32 ? 0 : 0xffffffffU >> zeros;
			double want = zeros * M_LN2 - log1p(-ldexp(random2, -33));
			double off =
				(double)sample_gap(&tables, random1, random2, mean) / mean - want;

			worst = fmax(worst, fabs(off));
			if (!zeros)
				excess += off / steps;
		}
	}
	assert_true(worst < 1.92e-6);
	assert_true(fabs(excess) < 6.5e-7);
}

static int compare_u64(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

/* Mean, variance and Kolmogorov-Smirnov. */
static void gap_is_exponential(void **state)
{
	const int n = 1000000;
	const __u64 mean = 1 << 20;
	__u64 *gaps = malloc(n * sizeof(*gaps));
	double sum = 0, squares = 0, distance = 0;

	(void)state;
	assert_non_null(gaps);
	seed = 1;
	for (int i = 0; i < n; i++) {
		__u32 random1 = random_u32();
		double x;

		gaps[i] = sample_gap(&tables, random1, random_u32(), mean);
		x = (gaps[i] + 0.5) / mean; /* was rounded down */
		sum += x;
		squares += (x - 1) * (x - 1);
	}
	qsort(gaps, n, sizeof(*gaps), compare_u64);
	for (int i = 0; i < n; i++) {
		double below = -expm1(-(gaps[i] + 0.5) / mean);

		distance = fmax(distance, fmax(below - (double)i / n, (i + 1.0) / n - below));
	}
	free(gaps);
	assert_true(fabs(sum / n - 1) < 4 / sqrt(n));
	assert_true(fabs(squares / n - 1) < 4 * sqrt(8.0 / n));
	assert_true(distance * sqrt(n) < 1.63); /* exceeded once in a hundred */
}

/* bytes, within 2.1e-5 and half a byte. */
static void weights_match_libm(void **state)
{
	(void)state;
	for (__u64 mean = 1 << 10; mean <= 64 << 20; mean += mean / 3) {
		for (double at = 1; at <= 0x1p40; at *= 1.07) {
			__u64 size = at, got = sample_bytes_for(&tables, size, mean);
			double want = size / -expm1(-(double)size / mean);

			assert_true(got >= size);
			assert_true(fabs(got - want) <= 2.1e-5 * want + 0.5);
			if (mean >= 8 << 10)
				assert_true(fabs(got - want) < 1e-4 * want);
		}
	}
}

static void weights_at_the_limits(void **state)
{
	const __u64 top = ~0ULL, means[] = {1, 2, 3, 1000, SAMPLE_MEAN_MAX};

	(void)state;
	assert_int_equal(sample_bytes_for(&tables, 12345, 0), 12345);
	assert_int_equal(sample_bytes_for(&tables, 0, 1 << 20), 0);
	assert_int_equal(sample_bytes_for(&tables, top, 1 << 20), top);
	for (size_t i = 0; i < sizeof(means) / sizeof(*means); i++) {
		__u64 mean = means[i], size = mean * SAMPLE_CERTAIN;

		assert_int_equal(sample_bytes_for(&tables, size, mean), size);
		assert_in_range(sample_bytes_for(&tables, size - 1, mean), size - 1,
				size + size / 1000000);
		assert_in_range(sample_bytes_for(&tables, 1, mean), mean, mean + 1);
		assert_true(sample_gap(&tables, 0, ~0U, mean) <= 23 * mean);
	}
}

static void exact_mode_takes_all(void **state)
{
	struct sample_countdown countdown = {};

	(void)state;
	for (__u64 size = 0; size < 1000; size++)
		assert_int_equal(sample_take(&tables, &countdown, size, 0), 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sample_take(&tables, &countdown, 0, 100), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(sample_take(&tables, &countdown, 100 * 30, 100), 1);
}

/* How many standard deviations taken is from what a chance of p each gives. */
static double deviation(int taken, int n, double p)
{
	return (taken - n * p) / sqrt(n * p * (1 - p));
}

/* Each size is taken with its own probability, whatever comes before: three sizes in turn. */
static void takes_with_the_right_probability(void **state)
{
	const __u64 mean = 4096, sizes[] = {48, 1500, 6000};
	struct sample_countdown countdown = {};
	const int n = 1000000;
	int taken[3] = {};

	(void)state;
	seed = 2;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 3; k++)
			taken[k] += sample_take(&tables, &countdown, sizes[k], mean);
	for (int k = 0; k < 3; k++)
		assert_true(fabs(deviation(taken[k], n, -expm1(-(double)sizes[k] / mean))) < 4);
}

/* The mean changes every few blocks, as the governor would have it, only more often. */
static void mean_may_change(void **state)
{
	const __u64 size = 500, means[] = {1000, 8000};
	struct sample_countdown countdown = {};
	const int n = 1000000;
	int taken[2] = {};

	(void)state;
	seed = 3;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < 2; k++)
			for (int repeat = 0; repeat < 3; repeat++)
				taken[k] += sample_take(&tables, &countdown, size, means[k]);
	for (int k = 0; k < 2; k++)
		assert_true(fabs(deviation(taken[k], 3 * n, -expm1(-(double)size / means[k]))) < 4);
}

/*
 * A program that is preempted in the middle of its step undoes what others did meanwhile: still
 * right on average.
 */
static void lost_steps_do_no_harm(void **state)
{
	const __u64 size = 300, mean = 1000;
	struct sample_countdown countdown = {}, preempted;
	const int n = 1000000;
	int taken = 0;

	(void)state;
	seed = 4;
	for (int i = 0; i < n; i++) {
		preempted = countdown;
		taken += sample_take(&tables, &preempted, size, mean);
		for (int k = 0; k < 3; k++)
			taken += sample_take(&tables, &countdown, size, mean);
		countdown = preempted;
	}
	/* The blocks are not independent here: up to 4 times the variance. */
	assert_true(fabs(deviation(taken, 4 * n, -expm1(-0.3))) < 4 * 2);
}

/* --- whole samplings --- */

#define RUNS 2000
#define MEAN 65536
#define BLOCKS_MAX 20000

enum sizes { SMALL, ONE_MEAN, THREE_MEANS, MIXED, HEAVY_TAIL, LARGE_AND_SMALL };
static const char *const sizes_names[] = {"S/8",        "S",      "3 S",
					  "16..100 KB", "Pareto", "64 B or 20 S"};

static __u64 draw_size(enum sizes sizes)
{
	switch (sizes) {
	case SMALL:
		return MEAN / 8;
	case ONE_MEAN:
		return MEAN;
	case THREE_MEANS:
		return 3 * MEAN;
	case MIXED:
		return 16 * pow(6250, uniform());
	case HEAVY_TAIL:
		return fmin(4096 * pow(1 - uniform(), -1 / 1.1), 1e9);
	default:
		return uniform() < 0.7 ? 64 : 20 * MEAN;
	}
}

static __u64 blocks[BLOCKS_MAX];

/* One in two blocks will be freed: so many that expected samples are alive at the end. */
static int make_blocks(enum sizes sizes, double expected)
{
	int n = 0;

	for (double samples = 0; samples < 2 * expected && n < BLOCKS_MAX; n++) {
		blocks[n] = draw_size(sizes);
		samples -= expm1(-(double)blocks[n] / MEAN);
	}
	return n;
}

struct outcome {
	double off, off_squares; /* estimate - truth */
	double blocks_off, blocks_squares;
	int seen, below,
		above;     /* runs that recorded anything; of these, truth below low, above high */
	int within_unseen; /* of these, truth in [low, high + what cannot be seen] */
	double error_pct;
};

static void sample_once(int n, struct outcome *outcome)
{
	struct sample_countdown countdown = {};
	struct error_estimate estimate;
	__u64 truth = 0, live = 0, bytes = 0, coins = 0;
	struct error_sum sum = {};
	double off;

	for (int i = 0; i < n; i++) {
		int taken = sample_take(&tables, &countdown, blocks[i], MEAN);

		coins = i % 64 ? coins >> 1 : random_u64(); /* 0: freed */
		truth += blocks[i] & -(coins & 1);
		live += coins & 1;
		if (!(taken & coins))
			continue;
		error__add(&sum, blocks[i], MEAN);
		bytes += sample_bytes_for(&tables, blocks[i], MEAN);
	}
	error__estimate(&sum, &estimate);
	off = estimate.bytes - truth;
	outcome->off += off;
	outcome->off_squares += off * off;
	off = estimate.blocks - live;
	outcome->blocks_off += off;
	outcome->blocks_squares += off * off;
	if (!sum.samples)
		return;
	assert_true(fabs(bytes - estimate.bytes) <= 2.1e-5 * bytes + sum.samples);
	outcome->seen++;
	outcome->below += truth < estimate.low - 0.01;
	outcome->above += truth > estimate.high + 0.01;
	outcome->within_unseen +=
		truth >= estimate.low - 0.01 && truth <= estimate.high + error__unseen_bytes(MEAN);
	outcome->error_pct += estimate.error_pct;
}

/* Mean of the deviations within 4 of its standard errors. */
static int unbiased(double off, double squares)
{
	double mean = off / RUNS;

	return fabs(mean) <= 4 * sqrt((squares / RUNS - mean * mean) / RUNS);
}

static void sample_often(enum sizes sizes, int expected, struct outcome *outcome)
{
	int n = make_blocks(sizes, expected);

	memset(outcome, 0, sizeof(*outcome));
	for (int run = 0; run < RUNS; run++)
		sample_once(n, outcome);
	printf("%-12s %5d expected of %5d blocks: seen %4d, covered %6.2f %% (truth below %.2f, "
	       "above "
	       "%.2f); mean error %.1f %%\n",
	       sizes_names[sizes], expected, n / 2, outcome->seen,
	       100.0 * (outcome->seen - outcome->below - outcome->above) / outcome->seen,
	       100.0 * outcome->below / outcome->seen, 100.0 * outcome->above / outcome->seen,
	       outcome->error_pct / outcome->seen);
	assert_true(unbiased(outcome->off, outcome->off_squares));
	assert_true(unbiased(outcome->blocks_off, outcome->blocks_squares));
}

static const int expectations[] = {1, 3, 10, 30, 100, 1000};

/*
 * At least 94 % of 2000 runs (95 %, less two standard deviations). Not more than 99 % where there
 * is anything to be unsure of: with few samples, or few blocks of p near 1, whole numbers leave no
 * choice between 95 and 100 %.
 */
static void intervals_cover(void **state)
{
	(void)state;
	seed = 5;
	for (enum sizes sizes = SMALL; sizes <= HEAVY_TAIL; sizes++) {
		for (size_t i = 0; i < sizeof(expectations) / sizeof(*expectations); i++) {
			struct outcome outcome;
			int missed;

			sample_often(sizes, expectations[i], &outcome);
			missed = outcome.below + outcome.above;
			assert_true(missed <= 0.06 * outcome.seen);
			if (expectations[i] >= 10 && sizes != THREE_MEANS)
				assert_true(missed >= 0.01 * outcome.seen);
		}
	}
}

/* What an interval does not speak of: small blocks of a site whose recorded ones are all large. */
static void large_blocks_do_not_tell_of_small_ones(void **state)
{
	struct outcome outcome;

	(void)state;
	seed = 6;
	for (int expected = 3; expected <= 300; expected *= 10) {
		sample_often(LARGE_AND_SMALL, expected, &outcome);
		assert_true(outcome.within_unseen >= 0.95 * outcome.seen);
		assert_true(outcome.error_pct / outcome.seen < 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_are_monotonic),
		cmocka_unit_test(counts_leading_zeros),
		cmocka_unit_test(gap_is_the_quantile),
		cmocka_unit_test(gap_is_exponential),
		cmocka_unit_test(weights_match_libm),
		cmocka_unit_test(weights_at_the_limits),
		cmocka_unit_test(exact_mode_takes_all),
		cmocka_unit_test(takes_with_the_right_probability),
		cmocka_unit_test(mean_may_change),
		cmocka_unit_test(lost_steps_do_no_harm),
		cmocka_unit_test(intervals_cover),
		cmocka_unit_test(large_blocks_do_not_tell_of_small_ones),
	};

	return cmocka_run_group_tests(tests, fill_tables, NULL);
}
