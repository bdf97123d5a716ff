// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_governor.c - the governor drives simulated targets; what it is believed to cost and to see is compared with
 * what the simulation charged
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "govern/governor.h"
#include "simulated_target.h"

/* Each target, one function. */
static struct load quiet(double time_s)
{
	(void)time_s;
	return (struct load){0.3, {3000, 300}, {3000, 300}, 100};
}

static struct load busy(double time_s)
{
	(void)time_s;
	return (struct load){1, {1e6, 1000}, {1e6, 1000}, 64};
}

static struct load both_busy(double time_s)
{
	(void)time_s;
	return (struct load){0.9, {2e6, 3e5}, {2e6, 3e5}, 64};
}

static struct load burst(double time_s)
{
	return time_s >= 30 && time_s < 60 ? (struct load){1, {2e6, 1e5}, {2e6, 1e5}, 64}
					   : quiet(time_s);
}

static struct load oscillating(double time_s)
{
	return fmod(time_s, 7) < 2 ? busy(time_s) : quiet(time_s);
}

static struct load flickering(double time_s)
{
	return fmod(time_s, 2) < 1 ? busy(time_s) : quiet(time_s);
}

static struct load idle(double time_s)
{
	(void)time_s;
	return (struct load){0.0002, {20000, 2000}, {20000, 2000}, 100};
}

static struct load asleep(double time_s)
{
	(void)time_s;
	return (struct load){0};
}

static struct load many_frees(double time_s)
{
	(void)time_s;
	return (struct load){0.5, {1000, 1000}, {2e5, 1000}, 100};
}

static struct load only_malloc(double time_s)
{
	(void)time_s;
	return (struct load){0.5, {0, 1500}, {0, 0}, 4000};
}

/* Allocations that are too many to record and not too many to count. */
static struct load middling(double time_s)
{
	(void)time_s;
	return (struct load){1, {0, 5000}, {0, 5000}, 2000};
}

static struct load near_the_line(double time_s)
{
	double wobble = 1 + 0.35 * sin(time_s * 0.9) + 0.2 * sin(time_s * 2.3);

	return (struct load){0.8, {6000 * wobble, 500}, {6000 * wobble, 500}, 100};
}

static struct load growing(double time_s)
{
	double rate = 1000 * exp(time_s / 30);

	return (struct load){0.9, {rate, rate / 10}, {rate, rate / 10}, 100};
}

static void within_budget(const struct outcome *outcome)
{
	assert_true(outcome->overhead <= BUDGET);
	assert_true(outcome->worst_30s <= BUDGET * 1.1);
	assert_true(outcome->above_in_a_row <= 1);
}

static void quiet_target_is_exact(void **state)
{
	const double factors[] = {0.3, 1};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct scenario scenario = {quiet, scaled(factors[i]), .steps = 300};
		struct outcome outcome = simulate(&scenario);

		within_budget(&outcome);
		assert_true(outcome.worst <= BUDGET);
		assert_int_equal(outcome.exact[LAYER_OBJECT], 299);
		assert_int_equal(outcome.exact[LAYER_RAW], 299);
		assert_int_equal(outcome.changes, 2);
	}
}

/* A million objects a second, a thousand mallocs: on a fast machine, this one, a slow one. */
static void busy_layer_gets_windows_and_quiet_one_all(void **state)
{
	const double factors[] = {0.3, 1, 5};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scenario scenario = {busy, scaled(factors[i]), .steps = 300};
		struct outcome outcome = simulate(&scenario);

		within_budget(&outcome);
		assert_int_equal(outcome.windows[LAYER_OBJECT], 299);
		assert_int_equal(outcome.exact[LAYER_RAW], 299);
		assert_true(outcome.records[LAYER_OBJECT] >= 1000 * 300 / 60);
		assert_true(outcome.records[LAYER_RAW] >= 0.95 * 1000 * 300);
		assert_int_equal(outcome.changes, 2);
		assert_true(outcome.shortest >= 0.002 && outcome.longest <= 0.020);
	}
}

static void two_busy_layers_share(void **state)
{
	const double factors[] = {0.3, 1, 5};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scenario scenario = {both_busy, scaled(factors[i]), .steps = 300};
		struct outcome outcome = simulate(&scenario);

		within_budget(&outcome);
		assert_int_equal(outcome.windows[LAYER_OBJECT], 299);
		assert_int_equal(outcome.windows[LAYER_RAW], 299);
		assert_true(outcome.records[LAYER_OBJECT] >= 1000 * 300 / 60);
		assert_true(outcome.records[LAYER_RAW] >= 1000 * 300 / 60);
		assert_int_equal(outcome.growth_only, 0);
	}
}

/* Thirty quiet seconds, thirty with two million objects a second, quiet again. */
static void burst_is_survived_and_forgotten(void **state)
{
	struct outcome outcome = simulate(&(struct scenario){burst, here, .steps = 300});

	(void)state;
	within_budget(&outcome);
	/* A tenth of a second of everything, before it is taken out. */
	assert_true(outcome.worst <= 0.1);
	assert_int_equal(outcome.last[LAYER_OBJECT], LAYER_EXACT);
	assert_int_equal(outcome.last[LAYER_RAW], LAYER_EXACT);
	assert_true(outcome.last_change <= 60 + 20);
	assert_true(outcome.windows[LAYER_OBJECT] >= 30);
	/* From the look to exact, to windows, back: for two layers. */
	assert_int_equal(outcome.changes, 6);
}

static void burst_where_windows_are_no_use(void **state)
{
	struct outcome outcome =
		simulate(&(struct scenario){burst, here, .cannot_window = true, .steps = 300});

	(void)state;
	within_budget(&outcome);
	assert_int_equal(outcome.windows[LAYER_OBJECT] + outcome.windows[LAYER_RAW], 0);
	assert_true(outcome.growth_only >= 25);
	assert_int_equal(outcome.last[LAYER_OBJECT], LAYER_EXACT);
	assert_int_equal(outcome.last[LAYER_RAW], LAYER_EXACT);
}

static void nothing_fits(void **state)
{
	struct outcome outcome =
		simulate(&(struct scenario){both_busy, here, .cannot_window = true, .steps = 300});

	(void)state;
	within_budget(&outcome);
	assert_int_equal(outcome.exact[LAYER_OBJECT] + outcome.sampled[LAYER_OBJECT], 0);
	assert_int_equal(outcome.exact[LAYER_RAW] + outcome.sampled[LAYER_RAW], 0);
	assert_int_equal(outcome.growth_only, 299);
}

static void decisions_do_not_flap(void **state)
{
	struct load (*const loads[])(double) = {oscillating, flickering, near_the_line, many_frees};

	(void)state;
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		struct outcome outcome =
			simulate(&(struct scenario){loads[i], here, .steps = 1200});

		within_budget(&outcome);
		assert_true(outcome.changes <= 16);
		assert_int_equal(outcome.exact[LAYER_RAW], 1199);
	}
}

/* Rates double every 20 s, over three orders of magnitude. */
static void growing_target(void **state)
{
	struct outcome outcome = simulate(&(struct scenario){growing, here, .steps = 300});

	(void)state;
	within_budget(&outcome);
	assert_true(outcome.exact[LAYER_OBJECT] > 30);
	assert_true(outcome.exact[LAYER_RAW] > outcome.exact[LAYER_OBJECT]);
	assert_int_equal(outcome.last[LAYER_OBJECT], LAYER_WINDOW);
	assert_int_equal(outcome.last[LAYER_RAW], LAYER_WINDOW);
	assert_true(outcome.changes <= 8);
}

static void sleeping_targets_are_exact(void **state)
{
	struct load (*const loads[])(double) = {idle, asleep, only_malloc};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct outcome outcome = simulate(&(struct scenario){loads[i], here, .steps = 300});

		within_budget(&outcome);
		assert_int_equal(outcome.exact[LAYER_OBJECT], 299);
		assert_int_equal(outcome.exact[LAYER_RAW], 299);
	}
}

/* Counting fits, recording does not. */
static void dear_records_are_sampled(void **state)
{
	struct scenario scenario = {middling, here, .steps = 300};
	struct outcome outcome;

	(void)state;
	scenario.prices.alloc_record_s = 3e-6;
	outcome = simulate(&scenario);
	within_budget(&outcome);
	assert_int_equal(outcome.sampled[LAYER_RAW], 299);
	assert_true(outcome.records[LAYER_RAW] / 300 <= 2000);
	assert_true(outcome.records[LAYER_RAW] / 300 >= 300);
	assert_true(outcome.sample_bytes >= 16384);

	scenario.sample_bytes = 100000;
	outcome = simulate(&scenario);
	assert_true(outcome.sample_bytes == 100000);
}

/* What is said about the overhead is what was charged; where an event costs more than its price, in proportion. */
static void overhead_is_told(void **state)
{
	struct load (*const loads[])(double) = {quiet, busy, burst};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct outcome outcome = simulate(&(struct scenario){loads[i], here, .steps = 300});
		struct outcome dear =
			simulate(&(struct scenario){loads[i], here, 1.5, .steps = 300});

		assert_true(fabs(outcome.believed - outcome.overhead) <= outcome.overhead * 0.02);
		assert_true(fabs(outcome.believed_worst - outcome.worst) <= outcome.worst * 0.05);
		assert_true(dear.overhead <= BUDGET * 1.5);
	}
}

static struct governor *new_governor(const struct prices *prices)
{
	struct governor_options options = {.budget = BUDGET, .can_window = {true, true}};
	struct governor *governor = governor__new(&options, prices);

	assert_non_null(governor);
	return governor;
}

static void begins_with_a_look(void **state)
{
	struct governor *governor = new_governor(&here);
	struct governor_decision decision;
	struct governor_input input = {0};

	(void)state;
	/* A second step before the look was taken changes nothing. */
	for (size_t i = 0; i < 2; i++) {
		governor__step(governor, &input, &decision);
		for (size_t layer = 0; layer < LAYERS; layer++) {
			assert_int_equal(decision.layers[layer].mode, LAYER_WINDOW);
			assert_true(decision.layers[layer].window_s == 0.005);
			assert_true(decision.layers[layer].look);
		}
		assert_false(decision.growth_only);
		input.elapsed_s = 1;
		input.cpu_s = 0.5;
	}
	governor__free(governor);
	governor__free(NULL);
}

/* One perf event a probe: a tenth of a second each to take out. */
static void slow_attachment_is_not_begun(void **state)
{
	struct prices slow = here;
	struct governor_decision decision;
	struct governor_input input = {0};
	struct governor *governor;

	(void)state;
	slow.attach_s = 1.3;
	slow.detach_s = 13;
	governor = new_governor(&slow);
	for (size_t i = 0; i < 100; i++) {
		governor__step(governor, &input, &decision);
		input = (struct governor_input){.elapsed_s = 1, .cpu_s = 0.5};
		assert_int_equal(decision.layers[LAYER_OBJECT].mode, LAYER_OFF);
		assert_int_equal(decision.layers[LAYER_RAW].mode, LAYER_OFF);
		assert_true(decision.growth_only);
	}
	governor__free(governor);
}

static void stops_when_it_costs_too_much(void **state)
{
	struct governor *governor = new_governor(&here);
	struct governor_decision decision;
	struct governor_input input = {.elapsed_s = 1, .cpu_s = 1};

	(void)state;
	governor__step(governor, &(struct governor_input){0}, &decision);
	for (size_t i = 0; i < LAYERS; i++)
		input.layers[i] = (struct layer_use){true, false, 0.005, 2, 0, 3e-6, 200, 1};
	governor__step(governor, &input, &decision);
	assert_int_equal(decision.layers[LAYER_OBJECT].mode, LAYER_EXACT);
	/* 0.1 s of CPU, 2.1 us for an object's life: 1 % is 476, 2 % is 952, three times the budget 2857. */
	assert_false(governor__must_stop(governor, LAYER_OBJECT, 476, 476, 0.1, 0.1));
	assert_false(governor__must_stop(governor, LAYER_OBJECT, 952, 952, 0.1, 0.1));
	assert_true(governor__must_stop(governor, LAYER_OBJECT, 2857, 2857, 0.1, 0.1));
	/* CPU time in ticks: none may have passed. */
	assert_false(governor__must_stop(governor, LAYER_OBJECT, 476, 476, 0.1, 0));
	assert_true(governor__must_stop(governor, LAYER_OBJECT, 1e6, 0, 0.1, 0));
	/* malloc's traps have their own price. */
	assert_false(governor__must_stop(governor, LAYER_OBJECT, 2300, 0, 0.1, 0.1));
	assert_true(governor__must_stop(governor, LAYER_RAW, 2300, 0, 0.1, 0.1));
	governor__free(governor);
}

/* The average of the step may be low by the time that it is over. */
static void what_was_stopped_stays_out(void **state)
{
	struct governor *governor = new_governor(&here);
	struct governor_decision decision;
	struct governor_input input = {.elapsed_s = 1, .cpu_s = 1};

	(void)state;
	governor__step(governor, &(struct governor_input){0}, &decision);
	for (size_t i = 0; i < LAYERS; i++)
		input.layers[i] = (struct layer_use){true, false, 0.005, 2, 0, 3e-6, 200, 1};
	governor__step(governor, &input, &decision);
	for (size_t i = 0; i < LAYERS; i++)
		input.layers[i] =
			(struct layer_use){true, i == LAYER_OBJECT, 1, 100, 100, 3e-4, 1e4, 0};
	governor__step(governor, &input, &decision);
	assert_int_equal(decision.layers[LAYER_OBJECT].mode, LAYER_WINDOW);
	assert_int_equal(decision.layers[LAYER_RAW].mode, LAYER_EXACT);
	governor__free(governor);
}

static double nonsense(unsigned int *rng)
{
	static const double values[] = {0, -1, 1, 1e300, NAN, INFINITY, -INFINITY, 1e-300};

	*rng = *rng * 1664525u + 1013904223u;
	return values[*rng >> 29];
}

/* Counters that are read while they change, or wrap, must not end in a decision that cannot be carried out. */
static void nonsense_does_no_harm(void **state)
{
	struct governor *governor = new_governor(&here);
	struct governor_decision decision;
	unsigned int rng = 1;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		struct governor_input input;
		double *fields[] = {&input.elapsed_s, &input.cpu_s};

		memset(&input, 0, sizeof(input));
		for (size_t j = 0; j < 2; j++)
			*fields[j] = nonsense(&rng);
		for (size_t j = 0; j < LAYERS; j++)
			input.layers[j] = (struct layer_use){
				i % 3,          i % 7 == 0,     nonsense(&rng), nonsense(&rng),
				nonsense(&rng), nonsense(&rng), nonsense(&rng), i % 5};
		governor__step(governor, &input, &decision);
		for (size_t j = 0; j < LAYERS; j++) {
			const struct layer_decision *layer = &decision.layers[j];

			if (layer->mode == LAYER_WINDOW) {
				assert_true(layer->window_s >= 0.002 && layer->window_s <= 0.02);
				assert_true(layer->period_s >= 1);
				assert_true(layer->period_s <= 60);
			}
			if (layer->mode == LAYER_SAMPLED)
				assert_true(layer->sample_bytes >= 16384 &&
					    layer->sample_bytes <= 16777216);
		}
		governor__must_stop(governor, i % LAYERS, nonsense(&rng), nonsense(&rng),
				    nonsense(&rng), nonsense(&rng));
	}
	governor__free(governor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quiet_target_is_exact),
		cmocka_unit_test(busy_layer_gets_windows_and_quiet_one_all),
		cmocka_unit_test(two_busy_layers_share),
		cmocka_unit_test(burst_is_survived_and_forgotten),
		cmocka_unit_test(burst_where_windows_are_no_use),
		cmocka_unit_test(nothing_fits),
		cmocka_unit_test(decisions_do_not_flap),
		cmocka_unit_test(growing_target),
		cmocka_unit_test(sleeping_targets_are_exact),
		cmocka_unit_test(dear_records_are_sampled),
		cmocka_unit_test(overhead_is_told),
		cmocka_unit_test(begins_with_a_look),
		cmocka_unit_test(slow_attachment_is_not_begun),
		cmocka_unit_test(stops_when_it_costs_too_much),
		cmocka_unit_test(what_was_stopped_stays_out),
		cmocka_unit_test(nonsense_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
