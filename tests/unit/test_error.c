// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_error.c - bounds against published ones and against the binomial distribution, added up
 * exactly
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/error.h"

#define MEAN (1 << 20)
#define LEN(array) (sizeof(array) / sizeof(*(array)))

static int near(double a, double b, double relative)
{
	return fabs(a - b) <= relative * fabs(b);
}

/*
 * Bounds of the mean of a Poisson distribution of which n was seen: Garwood 1936, as in any table
 * of them.
 */
static void many_tiny_blocks_are_poisson(void **state)
{
	static const struct {
		int n;
		double low, high;
	} table[] = {{0, 0, 3.6889},         {1, 0.02532, 5.5716},    {2, 0.24221, 7.2247},
		     {3, 0.61867, 8.7673},   {5, 1.6235, 11.6683},    {10, 4.7954, 18.3904},
		     {50, 37.1110, 65.9183}, {99, 80.4629, 120.5267}, {100, 81.3640, 121.6270},
		     {1000, 938.97, 1063.94}};

	(void)state;
	for (size_t i = 0; i < LEN(table); i++) {
		struct error_estimate estimate;
		struct error_window window;
		struct error_sum sum = {};

		/* rates of things so rare that they are Poisson's, too */
		error__window(table[i].n, 1000000000, 1, 0, &window);
		assert_true(near(window.rate_low * 1e9, table[i].low, 1e-4));
		assert_true(near(window.rate_high * 1e9, table[i].high, 1e-4));

		for (int k = 0; k < table[i].n; k++)
			error__add(&sum, 1, MEAN);
		error__estimate(&sum, &estimate);
		if (!table[i].n)
			continue;
		assert_true(near(estimate.bytes, (double)table[i].n * MEAN, 1e-6));
		assert_true(near(estimate.high, table[i].high * MEAN, 1e-4));
		/* Lower than Poisson's where it may have been seen by luck. */
		assert_true(estimate.low <= table[i].low * MEAN * 1.0001);
		if (table[i].n >= 10)
			assert_true(near(estimate.low, table[i].low * MEAN, 2e-3));
		if (table[i].n == 1)
			assert_true(estimate.low == 1);
		assert_true(
			near(estimate.error_pct, (estimate.high / estimate.bytes - 1) * 100, 1e-9));
	}
	assert_true(near(error__unseen_bytes(MEAN), 3.6889 * MEAN, 1e-4));
}

/* ln of the chance to record n of blocks */
static double log_binomial(double blocks, double n, double p)
{
	return lgamma(blocks + 1) - lgamma(n + 1) - lgamma(blocks - n + 1) + n * log(p) +
	       (blocks - n) * log1p(-p);
}

#define SEEN_MAX 700

/*
 * Chance that the interval covers blocks * size, given that any was recorded; bounds by number
 * recorded.
 */
static double coverage(double blocks, double size, double p, const struct error_estimate *by_seen)
{
	double covered = 0, truth = blocks * size;

	for (int n = 1; n <= blocks && n < SEEN_MAX; n++)
		if (truth >= by_seen[n].low - 1e-6 * size && truth <= by_seen[n].high + 1e-6 * size)
			covered += exp(log_binomial(blocks, n, p));
	return covered / -expm1(blocks * log1p(-p));
}

static void one_size_is_covered_exactly(void **state)
{
	static const double chances[] = {1e-4, 0.001, 0.01,  0.05,  0.1,   0.15, 0.2,  0.25,
					 0.3,  0.35,  0.4,   0.45,  0.5,   0.55, 0.6,  0.65,
					 0.7,  0.75,  0.8,   0.85,  0.9,   0.93, 0.95, 0.97,
					 0.98, 0.99,  0.995, 0.999, 0.9999};
	static struct error_estimate by_seen[SEEN_MAX];

	(void)state;
	for (size_t i = 0; i < LEN(chances); i++) {
		__u64 size = llrint(-log1p(-chances[i]) * MEAN);
		double p = -expm1(-(double)size / MEAN), worst = 1, worst_at = 0;
		struct error_sum sum = {};

		for (int n = 1; n < SEEN_MAX; n++) {
			error__add(&sum, size, MEAN);
			error__estimate(&sum, &by_seen[n]);
			assert_true(by_seen[n].low <= by_seen[n].bytes &&
				    by_seen[n].bytes <= by_seen[n].high);
			assert_true(near(by_seen[n].bytes, n * size / p, 1e-9));
			assert_true(near(by_seen[n].blocks, n / p, 1e-9));
		}
		for (double blocks = 1; blocks * p <= 400; blocks = floor(blocks * 1.04) + 1) {
			double chance = coverage(blocks, size, p, by_seen);

			if (chance < worst) {
				worst = chance;
				worst_at = blocks;
			}
		}
		printf("p %-7g worst coverage %.2f %%, at %g blocks\n", p, worst * 100, worst_at);
		assert_true(worst >= 0.95);
	}
}

static void certain_is_certain(void **state)
{
	struct error_estimate estimate;
	struct error_sum sum = {};

	(void)state;
	for (int i = 1; i <= 1000; i++)
		error__add(&sum, i, 0); /* exact mode */
	error__add(&sum, 0, 0);
	error__add(&sum, 0, MEAN);
	error__estimate(&sum, &estimate);
	assert_true(estimate.bytes == 500500 && estimate.low == 500500 && estimate.high == 500500);
	assert_true(estimate.blocks == 1002 && estimate.error_pct == 0);

	for (int i = 0; i < 10; i++)
		error__add(&sum, 30ULL * MEAN, MEAN);
	error__estimate(&sum, &estimate);
	assert_true(estimate.high - estimate.low < 1);
	assert_true(near(estimate.bytes, 500500 + 300.0 * MEAN, 1e-9));
	assert_true(near(estimate.blocks, 1012, 1e-9));
}

static void nothing_is_not_zero(void **state)
{
	struct error_estimate estimate;
	struct error_sum sum = {};

	(void)state;
	error__estimate(&sum, &estimate);
	assert_true(estimate.bytes == 0 && estimate.blocks == 0 && estimate.low == 0);
	assert_true(isnan(estimate.high) && isnan(estimate.error_pct));
}

/* One large block and one tiny: neither hides the other's uncertainty. */
static void sizes_mix(void **state)
{
	struct error_estimate large, both, tiny;
	struct error_sum a = {}, b = {};

	(void)state;
	error__add(&a, 50ULL * MEAN, MEAN);
	error__add(&b, 100, MEAN);
	error__estimate(&a, &large);
	error__estimate(&b, &tiny);
	error__merge(&a, &b);
	error__estimate(&a, &both);
	assert_true(near(both.bytes, large.bytes + tiny.bytes, 1e-12));
	assert_true(near(both.high - large.high, tiny.high, 0.01));
	assert_true(both.low >= 50.0 * MEAN + 100);
	assert_true(both.low < 50.03 * MEAN + 100);
}

static void merged_is_added(void **state)
{
	struct error_estimate whole_estimate, merged_estimate;
	struct error_sum whole = {}, parts[3] = {};

	(void)state;
	for (int i = 0; i < 300; i++) {
		__u64 size = (i * 7919) % 50000 + 1, mean = i % 2 ? 4096 : 65536;

		error__add(&whole, size, mean);
		error__add(&parts[i % 3], size, mean);
	}
	error__merge(&parts[0], &parts[1]);
	error__merge(&parts[0], &parts[2]);
	error__estimate(&whole, &whole_estimate);
	error__estimate(&parts[0], &merged_estimate);
	assert_true(near(merged_estimate.bytes, whole_estimate.bytes, 1e-12));
	assert_true(near(merged_estimate.low, whole_estimate.low, 1e-9));
	assert_true(near(merged_estimate.high, whole_estimate.high, 1e-9));
}

static void extremes_stay_finite(void **state)
{
	const __u64 values[] = {1, 2, MEAN, 1ULL << 40, ~0ULL};

	(void)state;
	for (size_t i = 0; i < LEN(values); i++) {
		for (size_t k = 0; k < LEN(values); k++) {
			struct error_estimate estimate;
			struct error_sum sum = {};

			for (int n = 0; n < 150; n++) {
				error__add(&sum, values[i], values[k]);
				error__estimate(&sum, &estimate);
				assert_true(isfinite(estimate.bytes) && isfinite(estimate.blocks));
				assert_true(isfinite(estimate.error_pct));
				assert_true(estimate.low >= 0 && estimate.low <= estimate.bytes);
				assert_true(estimate.high >= estimate.bytes &&
					    isfinite(estimate.high));
			}
		}
	}
}

/* A survivor of windows is a block sampled with p = 1 / scale. */
static void windows_are_samples(void **state)
{
	struct error_estimate estimate;
	struct error_sum scaled = {}, sampled = {};
	struct error_window window;

	(void)state;
	for (int n = 1; n < 50; n++) {
		error__add_scaled(&scaled, MEAN, 1 / -expm1(-1));
		error__add(&sampled, MEAN, MEAN);
	}
	assert_true(near(scaled.unseen_bytes, sampled.unseen_bytes, 1e-12));
	assert_true(near(scaled.unseen_blocks, sampled.unseen_blocks, 1e-12));
	assert_true(near(scaled.variance, sampled.variance, 1e-12));
	assert_true(near(scaled.marks, sampled.marks, 1e-12));

	/* 20 of 40 in 1 % of the work: 20 is between 12.2 and 30.9 */
	error__window(20, 40, 100, 0, &window);
	assert_true(window.blocks == 2000);
	assert_true(near(window.low, 1221.7, 0.01) && near(window.high, 3088.8, 0.01));
	assert_true(near(window.error_pct, 54.4, 0.02));
	assert_true(window.rate == 0.5);

	/* All of the work: counted, not estimated. */
	error__window(20, 40, 1, 0, &window);
	assert_true(window.blocks == 20 && window.low == 20 && window.high == 20);
	assert_true(window.error_pct == 0);
	memset(&scaled, 0, sizeof(scaled));
	error__add_scaled(&scaled, 1000, 0.5);
	error__add_scaled(&scaled, 1000, NAN);
	error__estimate(&scaled, &estimate);
	assert_true(estimate.bytes == 2000 && estimate.high == 2000);

	/* Nothing survived; nothing recorded; more survivors than there can be. */
	error__window(0, 40, 100, 0, &window);
	assert_true(window.blocks == 0 && window.low == 0 && isnan(window.error_pct));
	assert_true(near(window.high, 368.9, 0.01) && window.rate == 0);
	error__window(0, 0, 100, 0, &window);
	assert_true(isnan(window.rate) && isnan(window.rate_low) && isnan(window.rate_high));
	error__window(7, 5, 10, 0, &window);
	assert_true(window.blocks == 50 && window.rate == 1 && window.rate_high == 1);
}

/* A scale that is itself uncertain: with many survivors, its error is all there is. */
static void uncertain_scale_widens(void **state)
{
	struct error_window sure, unsure;

	(void)state;
	error__window(1000000, 2000000, 100, 0.05, &unsure);
	assert_true(near(unsure.high / unsure.blocks, 1.098, 1e-3));
	assert_true(near(unsure.low / unsure.blocks, 0.902, 1e-3));
	error__window(10, 20, 100, 0, &sure);
	error__window(10, 20, 100, 0.05, &unsure);
	assert_true(unsure.low < sure.low && unsure.high > sure.high);
	assert_true(near(unsure.high, sure.high, 0.01));
	error__window(10, 20, 100, 5, &unsure);
	assert_true(unsure.low == 10); /* these have been seen */
	error__window(0, 20, 100, 0.1, &unsure);
	assert_true(near(unsure.high, 368.9 * 1.196, 0.01));
}

/* Rates: exact, for each number recorded and each true rate of a grid. */
static void rates_are_covered(void **state)
{
	static const int recorded[] = {1, 2, 5, 20, 75, 500};
	double worst = 1;

	(void)state;
	for (size_t i = 0; i < LEN(recorded); i++) {
		struct error_window windows[501];
		int n = recorded[i];

		for (int k = 0; k <= n; k++) {
			error__window(k, n, 50, 0, &windows[k]);
			assert_true(windows[k].rate_low >= 0 && windows[k].rate_high <= 1);
			assert_true(windows[k].rate_low <= windows[k].rate &&
				    windows[k].rate <= windows[k].rate_high);
		}
		for (double rate = 0.001; rate < 1; rate += 0.00731) {
			double covered = 0;

			for (int k = 0; k <= n; k++)
				if (rate >= windows[k].rate_low && rate <= windows[k].rate_high)
					covered += exp(log_binomial(n, k, rate));
			worst = fmin(worst, covered);
		}
	}
	printf("rates: worst coverage %.2f %%\n", worst * 100);
	assert_true(worst >= 0.95);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_tiny_blocks_are_poisson),
		cmocka_unit_test(one_size_is_covered_exactly),
		cmocka_unit_test(certain_is_certain),
		cmocka_unit_test(nothing_is_not_zero),
		cmocka_unit_test(sizes_mix),
		cmocka_unit_test(merged_is_added),
		cmocka_unit_test(extremes_stay_finite),
		cmocka_unit_test(windows_are_samples),
		cmocka_unit_test(uncertain_scale_widens),
		cmocka_unit_test(rates_are_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
