/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * simulated_target.h - targets under a governor, second by second
 *
 * The simulation knows the truth: how much work a target wants to do, how often that work allocates, what a
 * trap costs. A target has one thread; time that probes take from it is time it does not work in, once
 * it is busy all the time.
 */
#ifndef SIMULATED_TARGET_H
#define SIMULATED_TARGET_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "govern/governor.h"

#define BUDGET 0.02
#define TICK_S 0.1
#define TICKS 10 /* a step */

/* What a target does in a second of its own CPU time. */
struct load {
	double busy; /* CPU seconds wanted in a second */
	double allocs[LAYERS], frees[LAYERS];
	double block; /* bytes */
};

struct scenario {
	struct load (*load)(double time_s);
	struct prices prices;
	double true_price; /* what events cost really, as a factor of the prices; 0 = 1 */
	bool cannot_window;
	double sample_bytes;
	size_t steps;
};

struct outcome {
	double overhead, worst;          /* of the whole run, of a step */
	double worst_30s;                /* of any 30 steps in a row */
	double believed, believed_worst; /* what the governor says at the end */
	double records[LAYERS];          /* made */
	size_t exact[LAYERS], sampled[LAYERS], windows[LAYERS],
		off[LAYERS];   /* steps in each mode */
	size_t changes;        /* of modes */
	size_t above_in_a_row; /* steps that were over budget by probes other than a window's */
	size_t growth_only;
	enum layer_mode last[LAYERS];
	size_t last_change; /* step */
	double shortest, longest, sample_bytes;
};

static const struct prices here = {600e-9, 600e-9, 300e-9, 900e-9, 0.010, 0.040};

static struct prices scaled(double factor)
{
	struct prices prices = here;

	prices.trap_s *= factor;
	prices.alloc_record_s *= factor;
	prices.free_record_s *= factor;
	prices.raw_call_s *= factor;
	return prices;
}

/* A layer as its probes are in the simulation. */
struct simulated {
	struct layer_decision decision;
	bool taken_out;
	double next_window;   /* time */
	double in_place;      /* seconds of window left, edges included */
	double window_s;      /* of the window under way, without its edges */
	double edge;          /* part of in_place in which nothing is recorded */
	double charged;       /* in this step, really */
	struct layer_use use; /* of the window under way: reported when it ends */
};

static double alloc_price(const struct prices *prices, enum layer layer)
{
	return layer == LAYER_RAW ? prices->raw_call_s : prices->trap_s;
}

/* Cost of a layer's probes in a second of own time, by the governor's prices. */
static double cost_rate(const struct scenario *scenario, const struct simulated *layer,
			enum layer which, const struct load *load)
{
	const struct prices *prices = &scenario->prices;
	double recorded = 1, frees = load->frees[which], allocs = load->allocs[which];

	if (layer->decision.mode == LAYER_SAMPLED)
		recorded = fmin(1, load->block / layer->decision.sample_bytes);
	if (layer->decision.mode == LAYER_WINDOW)
		frees = 0;
	return allocs * (alloc_price(prices, which) + recorded * prices->alloc_record_s) +
	       frees * (prices->trap_s + prices->free_record_s);
}

/* Runs the target for seconds with probes in place where active says so; returns its own time. */
static double run(const struct scenario *scenario, struct simulated *layers, const bool *active,
		  const struct load *load, double seconds, struct governor_input *input)
{
	double truth = scenario->true_price > 0 ? scenario->true_price : 1;
	double cost[LAYERS] = {0}, slow = 1, own;

	for (size_t i = 0; i < LAYERS; i++) {
		if (active[i])
			cost[i] = cost_rate(scenario, &layers[i], i, load);
		slow += cost[i] * truth;
	}
	own = fmin(load->busy * seconds, seconds / slow);
	input->cpu_s += own * slow;
	for (size_t i = 0; i < LAYERS; i++) {
		bool window = layers[i].decision.mode == LAYER_WINDOW;
		struct layer_use *use = window ? &layers[i].use : &input->layers[i];

		if (!active[i])
			continue;
		use->attached = true;
		use->allocs += own * load->allocs[i];
		use->bytes += own * load->allocs[i] * load->block;
		if (!window)
			use->frees += own * load->frees[i];
		use->overhead_s += own * cost[i];
		layers[i].charged += own * cost[i] * truth;
	}
	return own;
}

/* Up to the next moment at which a window begins or ends. */
static double until_event(const struct simulated *layers, double now, double end)
{
	double next = end;

	for (size_t i = 0; i < LAYERS; i++) {
		if (layers[i].decision.mode != LAYER_WINDOW)
			continue;
		if (layers[i].in_place > 0)
			next = fmin(next, now + layers[i].in_place);
		else
			next = fmin(next, fmax(now, layers[i].next_window));
	}
	return next;
}

/* At the edges of a window, probes trap and nothing is counted. */
static void add_window(struct layer_use *sum, const struct layer_use *window, double length_s,
		       double edge_s)
{
	double counted = length_s / (length_s + edge_s);

	sum->attached = true;
	sum->attached_s += length_s;
	sum->allocs += window->allocs * counted;
	sum->overhead_s += window->overhead_s;
	sum->bytes += window->bytes * counted;
	sum->windows++;
}

static void advance_windows(const struct prices *prices, struct simulated *layers, double now,
			    double passed, struct governor_input *input)
{
	for (size_t i = 0; i < LAYERS; i++) {
		struct simulated *layer = &layers[i];

		if (layer->decision.mode != LAYER_WINDOW)
			continue;
		if (layer->in_place > 0) {
			layer->in_place -= passed;
			if (layer->in_place <= 1e-9) {
				layer->in_place = 0;
				add_window(&input->layers[i], &layer->use, layer->window_s,
					   layer->edge);
				memset(&layer->use, 0, sizeof(layer->use));
			}
		} else if (now + 1e-9 >= layer->next_window) {
			layer->edge = (prices->attach_s + prices->detach_s) / 2;
			layer->window_s = layer->decision.window_s;
			layer->in_place = layer->window_s + layer->edge;
			layer->next_window = now + layer->decision.period_s;
		}
	}
}

/* A tick; returns the target's own time. */
static double tick(const struct scenario *scenario, struct simulated *layers, double now,
		   struct governor_input *input)
{
	struct load load = scenario->load(now);
	double end = now + TICK_S, own = 0;

	advance_windows(&scenario->prices, layers, now, 0, input);
	while (now < end - 1e-9) {
		double next = until_event(layers, now, end);
		bool active[LAYERS];

		for (size_t i = 0; i < LAYERS; i++) {
			enum layer_mode mode = layers[i].decision.mode;

			active[i] = mode == LAYER_WINDOW
					    ? layers[i].in_place > 0
					    : mode != LAYER_OFF && !layers[i].taken_out;
			if (active[i] && mode != LAYER_WINDOW)
				input->layers[i].attached_s += next - now;
		}
		own += run(scenario, layers, active, &load, next - now, input);
		advance_windows(&scenario->prices, layers, next, next - now, input);
		now = next;
	}
	return own;
}

/* What the tracer does every 100 ms. */
static void ask_to_stop(const struct governor *governor, struct simulated *layers,
			const struct governor_input *before, struct governor_input *after)
{
	for (size_t i = 0; i < LAYERS; i++) {
		enum layer_mode mode = layers[i].decision.mode;

		if ((mode == LAYER_EXACT || mode == LAYER_SAMPLED) &&
		    governor__must_stop(governor, i,
					after->layers[i].allocs - before->layers[i].allocs,
					after->layers[i].frees - before->layers[i].frees, TICK_S,
					after->cpu_s - before->cpu_s))
			layers[i].taken_out = after->layers[i].stopped = true;
	}
}

static void take_decision(const struct governor_decision *decision, struct simulated *layers,
			  double now, size_t step, struct outcome *outcome)
{
	for (size_t i = 0; i < LAYERS; i++) {
		const struct layer_decision *wanted = &decision->layers[i];
		enum layer_mode mode = wanted->look ? LAYER_OFF : wanted->mode;

		if (wanted->mode == LAYER_WINDOW && layers[i].decision.mode != LAYER_WINDOW)
			layers[i].next_window = now;
		else if (wanted->mode == LAYER_WINDOW)
			layers[i].next_window = fmin(layers[i].next_window, now + wanted->period_s);
		if (mode != outcome->last[i]) {
			outcome->changes++;
			outcome->last_change = step;
		}
		outcome->last[i] = mode;
		if (wanted->mode != LAYER_WINDOW) {
			layers[i].in_place = 0;
			memset(&layers[i].use, 0, sizeof(layers[i].use));
		}
		layers[i].decision = *wanted;
		layers[i].taken_out = false;
		outcome->exact[i] += mode == LAYER_EXACT;
		outcome->sampled[i] += mode == LAYER_SAMPLED;
		outcome->windows[i] += mode == LAYER_WINDOW;
		outcome->off[i] += mode == LAYER_OFF && !wanted->look;
		if (mode == LAYER_WINDOW) {
			outcome->shortest = fmin(outcome->shortest, wanted->window_s);
			outcome->longest = fmax(outcome->longest, wanted->window_s);
		}
		if (mode == LAYER_SAMPLED)
			outcome->sample_bytes = wanted->sample_bytes;
	}
	outcome->growth_only += decision->growth_only;
	assert_non_null(decision->reason);
}

/* Share of the target's own time, by the true price. */
struct history {
	double overhead[4096], always[4096],
		own[4096]; /* always: by probes that are there all the time */
};

static void judge(const struct history *history, size_t steps, struct outcome *outcome)
{
	double overhead = 0, own = 0;
	size_t in_a_row = 0;

	for (size_t i = 0; i < steps; i++) {
		double share = history->overhead[i] / history->own[i];

		overhead += history->overhead[i];
		own += history->own[i];
		in_a_row = history->always[i] > BUDGET * history->own[i] ? in_a_row + 1 : 0;
		if (in_a_row > outcome->above_in_a_row)
			outcome->above_in_a_row = in_a_row;
		outcome->worst = fmax(outcome->worst, share);
		if (i + 1 >= 30) {
			double sum = 0, time = 0;

			for (size_t j = i + 1 - 30; j <= i; j++) {
				sum += history->overhead[j];
				time += history->own[j];
			}
			outcome->worst_30s = fmax(outcome->worst_30s, sum / time);
		}
	}
	outcome->overhead = overhead / own;
}

static double records_of(const struct simulated *layer, const struct layer_use *use)
{
	if (layer->decision.mode == LAYER_SAMPLED)
		return use->bytes / layer->decision.sample_bytes;
	return use->allocs;
}

static struct outcome simulate(const struct scenario *scenario)
{
	static struct history history;
	struct governor_options options = {
		.budget = BUDGET,
		.sample_bytes = scenario->sample_bytes,
		.can_window = {!scenario->cannot_window, !scenario->cannot_window},
	};
	struct outcome outcome = {.shortest = INFINITY};
	struct governor *governor = governor__new(&options, &scenario->prices);
	struct simulated layers[LAYERS] = {0};
	struct governor_input input = {0};
	struct governor_decision decision;

	assert_non_null(governor);
	assert_true(scenario->steps <= 4096);
	for (size_t step = 0; step < scenario->steps; step++) {
		double own = 0, overhead = 0, always = 0;

		governor__step(governor, &input, &decision);
		take_decision(&decision, layers, step, step, &outcome);
		memset(&input, 0, sizeof(input));
		for (size_t i = 0; i < TICKS; i++) {
			struct governor_input before = input;

			own += tick(scenario, layers, step + i * TICK_S, &input);
			ask_to_stop(governor, layers, &before, &input);
		}
		input.elapsed_s = TICKS * TICK_S;
		for (size_t i = 0; i < LAYERS; i++) {
			outcome.records[i] += records_of(&layers[i], &input.layers[i]);
			overhead += layers[i].charged;
			if (layers[i].decision.mode != LAYER_WINDOW)
				always += layers[i].charged;
			layers[i].charged = 0;
		}
		history.overhead[step] = overhead;
		history.always[step] = always;
		history.own[step] = fmax(own, 0.01);
	}
	governor__step(governor, &input, &decision);
	judge(&history, scenario->steps, &outcome);
	outcome.believed = governor__overhead(governor);
	outcome.believed_worst = governor__worst_step(governor);
	governor__free(governor);
	return outcome;
}

#endif
