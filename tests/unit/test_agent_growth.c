// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_agent_growth.c - who is suspected of growing, by readings of resident memory
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/growth.h"

#define MIB (1024.0 * 1024)
#define EVERY_S 5.0

typedef double shape_fn(double at_s);

static double noise(double range)
{
	static unsigned int seed = 1;

	seed = seed * 1103515245 + 12345;
	return range * ((seed >> 8 & 0xffff) / 65536.0 - 0.5);
}

static double still(double at_s)
{
	(void)at_s;
	return 50 * MIB;
}

static double leak(double at_s)
{
	return 50 * MIB + 20e3 * at_s;
}

static double noisy_leak(double at_s)
{
	return leak(at_s) + noise(0.3 * MIB);
}

static double warm_up(double at_s)
{
	return 50 * MIB + 20 * MIB * (1 - exp(-at_s / 15));
}

static double busy(double at_s)
{
	(void)at_s;
	return 200 * MIB + noise(20 * MIB);
}

static double sawtooth(double at_s)
{
	return 50 * MIB + fmod(at_s, 60) * 0.1 * MIB;
}

/* What a collector lets go every two minutes, of which an eighth stays. */
static double leaking_sawtooth(double at_s)
{
	return 50 * MIB + fmod(at_s, 120) * 40e3 + floor(at_s / 120) * 120 * 5e3;
}

/* When it was first suspected, in seconds; INFINITY = never. */
static double suspected(shape_fn *shape, double until_s)
{
	struct growth growth = {0};

	for (double at_s = 0; at_s < until_s; at_s += EVERY_S) {
		growth__add(&growth, at_s, shape(at_s));
		if (growth__suspicion(&growth) > 0)
			return at_s;
	}
	return INFINITY;
}

/* Of the readings of four hours, the first ten minutes left out. */
static double share_suspected(shape_fn *shape)
{
	struct growth growth = {0};
	double suspicious = 0, readings = 0;

	for (double at_s = 0; at_s < 4 * 3600; at_s += EVERY_S) {
		growth__add(&growth, at_s, shape(at_s));
		readings += at_s > 600;
		suspicious += at_s > 600 && growth__suspicion(&growth) > 0;
	}
	print_message("suspected at %.2f %% of the readings\n", 100 * suspicious / readings);
	return suspicious / readings;
}

static void test_leaks(void **state)
{
	struct growth growth = {0};
	struct trend trend;

	(void)state;
	assert_true(suspected(leak, 600) <= 90);
	assert_true(suspected(noisy_leak, 600) <= 180);
	assert_true(suspected(leaking_sawtooth, 4 * 3600) < INFINITY);
	for (double at_s = 0; at_s < 120; at_s += EVERY_S)
		growth__add(&growth, at_s, leak(at_s));
	growth__trend(&growth, &trend);
	assert_float_equal(trend.slope, 20e3, 1);
	assert_true(growth__suspicion(&growth) <= trend.slope + 1);
}

static void test_others(void **state)
{
	(void)state;
	assert_true(isinf(suspected(still, 4 * 3600)));
	assert_true(share_suspected(busy) < 0.02); /* by chance */
	/* The first minute of a warm-up is not to be told from a leak; afterwards it is over. */
	assert_true(suspected(warm_up, 4 * 3600) > 40);
}

/* Not over hours; of a tooth that is longer than what is seen of it so far there is no telling. */
static void test_sawtooth(void **state)
{
	(void)state;
	assert_true(share_suspected(sawtooth) < 0.02);
}

static void test_little(void **state)
{
	struct growth growth = {0};
	struct trend trend;

	(void)state;
	growth__trend(&growth, &trend);
	assert_true(isnan(trend.slope));
	assert_true(growth__suspicion(&growth) == 0);
	growth__add(&growth, 0, 1);
	growth__add(&growth, 0, 1);
	growth__trend(&growth, &trend);
	assert_true(growth__suspicion(&growth) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaks),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_sawtooth),
		cmocka_unit_test(test_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
