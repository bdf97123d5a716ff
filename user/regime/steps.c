// SPDX-License-Identifier: BSD-2-Clause
/*
 * steps.c - the governor is told what happened, and what it decides is done
 */
#include "regime/private.h"

#include <math.h>

#include "lib/clock.h"
#include "lib/log.h"

void regime__apply(struct regime *r)
{
	for (int layer = 0; layer < HEAP_LAYERS && !r->ended; layer++) {
		const struct layer_decision *to = &r->decision.layers[layer];

		if (!regime__has_probes(r, layer))
			continue;
		if (to->mode != r->layers[layer].now.mode)
			log__debug("%s: %s", layer == HEAP_LAYER_OBJECT ? "objects" : "malloc",
				   r->decision.reason ? r->decision.reason : "");
		if (regime__change(r, layer, to))
			r->ended = true;
	}
}

/* The target's own time since the last step goes to those who saw it and those who did not. */
static void account_work(struct regime *r, double work_s)
{
	r->work_s += work_s;
	for (int layer = 0; layer < HEAP_LAYERS; layer++) {
		struct layer_regime *l = &r->layers[layer];

		if (regime__is_always_on(l->now.mode))
			l->seen_work_s += work_s;
		else
			l->all_work_s += work_s;
	}
}

/* So many samples a second tell enough; each costs a walk of the stack. */
#define SAMPLES_PER_S 2000
#define SAMPLE_MIN 4096
#define SAMPLE_MAX (16 << 20)
#define RAW_BYTES 512 /* of a malloc'ed block, where nothing else is known; of an object 64 */

/* Mean bytes between samples follow the rate of allocation, in steps of two: blocks say what they were recorded with. */
static void adapt_samples(struct regime *r, const struct governor_input *input)
{
	for (int layer = 0; layer < HEAP_LAYERS; layer++) {
		const struct layer_use *use = &input->layers[layer];
		struct layer_regime *l = &r->layers[layer];
		double size = layer == HEAP_LAYER_OBJECT ? 64 : RAW_BYTES, mean;

		if (l->now.mode != LAYER_SAMPLED || input->elapsed_s <= 0)
			continue;
		mean = use->allocs * size / input->elapsed_s / SAMPLES_PER_S;
		mean = fmin(fmax(exp2(round(log2(fmax(mean, 1)))), SAMPLE_MIN), SAMPLE_MAX);
		if (mean == l->now.sample_bytes)
			continue;
		l->now.sample_bytes = mean;
		tracer__switch(r->tracer, r->index, layer, SWITCH_RECORD, mean);
	}
}

/* Page faults are recorded within a part of the budget, of the time that the target runs. */
#define FAULT_BUDGET_PART 0.15
#define LEAST_RATE 0.01 /* a target that sleeps counts as if it ran for 1 % of the time */

void regime__pace_faults(struct regime *r, double own_rate)
{
	if (r->options.mode == TRACE_AUTO)
		tracer__pace_faults(r->tracer, r->index,
				    r->options.budget * FAULT_BUDGET_PART *
					    (own_rate > LEAST_RATE ? own_rate : LEAST_RATE));
}

void regime__step(struct regime *r, double now_s)
{
	struct governor_input input = {.elapsed_s = now_s - r->step_at_s};
	struct tally now[HEAP_LAYERS] = {0};
	double cpu_s, cost_s = 0, own_s;

	if (clock__process_cpu(r->target->pid, &cpu_s) || regime__take_tally(r, now)) {
		r->ended = true;
		return;
	}
	input.cpu_s = cpu_s - r->cpu_at_step_s;
	for (int layer = 0; layer < HEAP_LAYERS; layer++) {
		struct layer_regime *l = &r->layers[layer];

		if (regime__is_always_on(l->now.mode)) {
			l->attached_s += now_s - l->since_s;
			l->since_s = now_s;
		}
		input.layers[layer] = (struct layer_use){
			.attached = l->attached_s > 0,
			.attached_s = l->attached_s,
			.allocs = now[layer].allocs - l->at_step.allocs,
			.frees = now[layer].frees - l->at_step.frees,
			.overhead_s = regime__cost_between(r, layer, &l->at_step, &now[layer]),
			.windows = l->windows,
			.stopped = l->stopped,
			/* Of objects the usual size; of malloc's blocks the governor has a guess. */
			.bytes = layer == HEAP_LAYER_OBJECT
					 ? 64 * (now[layer].allocs - l->at_step.allocs)
					 : 0,
		};
		l->stopped = false;
		cost_s += input.layers[layer].overhead_s;
		l->attached_s = 0;
		l->windows = 0;
		l->at_step = now[layer];
	}
	cost_s += r->faults_s - r->faults_at_step_s;
	r->faults_at_step_s = r->faults_s;
	own_s = input.cpu_s > cost_s ? input.cpu_s - cost_s : input.cpu_s * 0.1;
	account_work(r, own_s);
	if (input.elapsed_s > 0.5)
		regime__pace_faults(r, own_s / input.elapsed_s);
	r->overhead_s += cost_s;
	if (own_s > 0.01 && cost_s / own_s > r->worst_step)
		r->worst_step = cost_s / own_s;
	log__debug("step of %.2f s: CPU %.0f ms, tracing %.1f ms (objects %.1f)", input.elapsed_s,
		   input.cpu_s * 1e3, cost_s * 1e3, input.layers[LAYER_OBJECT].overhead_s * 1e3);
	r->cpu_at_step_s = cpu_s;
	r->decide_now = false;
	r->step_at_s = now_s;
	if (r->options.mode == TRACE_SAMPLED && !r->options.sample_bytes)
		adapt_samples(r, &input);
	if (r->governor && !r->finishing) {
		governor__step(r->governor, &input, &r->decision);
		regime__apply(r);
	}
}

/* Between two steps: a layer that has become too expensive goes at once. */
void regime__check_costs(struct regime *r, double now_s)
{
	static const struct layer_decision off = {.mode = LAYER_OFF};
	struct tally now[HEAP_LAYERS] = {0};
	double cpu_s, elapsed_s = now_s - r->checked_at_s;

	if (elapsed_s < 0.05 || clock__process_cpu(r->target->pid, &cpu_s) ||
	    regime__take_tally(r, now))
		return;
	for (int layer = 0; layer < HEAP_LAYERS; layer++) {
		if (regime__is_always_on(r->layers[layer].now.mode) &&
		    governor__must_stop(r->governor, layer,
					now[layer].allocs - r->at_check[layer].allocs,
					now[layer].frees - r->at_check[layer].frees, elapsed_s,
					cpu_s - r->cpu_at_check_s)) {
			regime__change(r, layer, &off);
			r->layers[layer].stopped = true;
			r->decide_now = true;
		}
		r->at_check[layer] = now[layer];
	}
	r->checked_at_s = now_s;
	r->cpu_at_check_s = cpu_s;
}
