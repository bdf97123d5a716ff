// SPDX-License-Identifier: BSD-2-Clause
#include "regime/private.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

#define STEP_S 1.0

struct regime *regime__new(struct tracer *tracer, __u32 index, const struct target *target,
			   const struct plan *plan, struct pools **pools,
			   const struct regime_options *options)
{
	struct governor_options wanted = {
		.budget = options->budget,
		.sample_bytes = options->sample_bytes,
	};
	struct regime *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->tracer = tracer;
	r->index = index;
	r->target = target;
	r->plan = plan;
	r->pools = pools;
	r->options = *options;
	regime__first_prices(r);
	if (options->mode == TRACE_AUTO) {
		if (in_use__open(target, *pools, &r->in_use)) {
			free(r);
			return NULL;
		}
		wanted.can_window[LAYER_OBJECT] = plan->pool_sites;
		wanted.can_window[LAYER_RAW] = !in_use__raw_limit(r->in_use);
		r->governor = governor__new(&wanted, &r->prices);
		if (!r->governor) {
			regime__free(r);
			return NULL;
		}
	}
	return r;
}

void regime__free(struct regime *r)
{
	if (!r)
		return;
	governor__free(r->governor);
	in_use__close(r->in_use);
	free(r);
}

bool regime__has_probes(const struct regime *r, enum heap_layer layer)
{
	return layer == HEAP_LAYER_OBJECT ? r->plan->pool_sites
					  : r->plan->raw_functions + r->plan->object_functions > 0;
}

static enum probe_extent extent_of(enum layer_mode mode)
{
	return mode == LAYER_EXACT || mode == LAYER_SAMPLED ? PROBES_ALL : PROBES_NONE;
}

bool regime__is_always_on(enum layer_mode mode)
{
	return extent_of(mode) == PROBES_ALL;
}

/* From one mode of a layer to another. 0, or -exit_status: the layer is off then. */
int regime__change(struct regime *r, enum heap_layer layer, const struct layer_decision *to)
{
	struct layer_regime *l = &r->layers[layer];
	double now_s = clock__s();
	int err = 0;

	if (regime__is_always_on(l->now.mode) && !regime__is_always_on(to->mode)) {
		tracer__switch(r->tracer, r->index, layer, SWITCH_OFF, 0);
		l->attached_s += now_s - l->since_s;
		l->blind = true;
	}
	if (regime__is_always_on(l->now.mode) != regime__is_always_on(to->mode))
		err = tracer__attach(r->tracer, r->index, layer, extent_of(to->mode));
	if (!err && regime__is_always_on(to->mode)) {
		if (!regime__is_always_on(l->now.mode)) {
			l->since_s = now_s;
			r->follow_up_at_s = now_s; /* what was released in the dark */
		}
		tracer__switch(r->tracer, r->index, layer, SWITCH_RECORD,
			       to->mode == LAYER_SAMPLED ? to->sample_bytes : 0);
	}
	if (to->mode == LAYER_WINDOW && l->now.mode != LAYER_WINDOW)
		l->next_window_s = now_s;
	else if (to->mode == LAYER_WINDOW && l->next_window_s > now_s + to->period_s)
		l->next_window_s = now_s + to->period_s;
	l->now = *to;
	if (err)
		l->now.mode = LAYER_OFF;
	return err;
}

static int always(struct regime *r, enum layer_mode mode, double sample_bytes)
{
	struct layer_decision decision = {.mode = mode, .sample_bytes = sample_bytes};
	int err = 0;

	for (int layer = 0; !err && layer < HEAP_LAYERS; layer++)
		if (regime__has_probes(r, layer))
			err = regime__change(r, layer, &decision);
	return err;
}

int regime__start(struct regime *r)
{
	const struct governor_input nothing = {0};

	r->started = true;
	r->step_at_s = r->checked_at_s = clock__s();
	clock__process_cpu(r->target->pid, &r->cpu_at_step_s);
	r->cpu_at_check_s = r->cpu_at_step_s;
	switch (r->options.mode) {
	case TRACE_EXACT:
		return always(r, LAYER_EXACT, 0);
	case TRACE_SAMPLED:
		return always(r, LAYER_SAMPLED,
			      r->options.sample_bytes ? r->options.sample_bytes : 65536);
	case TRACE_GROWTH:
	case TRACE_CENSUS: /* no tracer, no regime */
		return 0;
	case TRACE_AUTO:
		regime__pace_faults(r, 0);
		/* Nothing is put in before everything else has begun: the first tick does. */
		governor__step(r->governor, &nothing, &r->decision);
		return 0;
	}
	return 0;
}

void regime__tick(struct regime *r)
{
	double now_s = clock__s();

	if (!r->started || r->ended)
		return;
	if (r->governor && !r->applied) {
		r->applied = true;
		regime__apply(r);
	}
	if (r->governor)
		regime__check_costs(r, now_s);
	if (now_s - r->step_at_s >= STEP_S || r->decide_now)
		regime__step(r, now_s);
	for (int layer = 0; r->governor && layer < HEAP_LAYERS && !r->ended; layer++) {
		struct layer_regime *l = &r->layers[layer];

		if (l->now.mode == LAYER_WINDOW && clock__s() >= l->next_window_s)
			regime__run_window(r, layer);
	}
	if (!r->ended && r->follow_up_at_s && clock__s() >= r->follow_up_at_s)
		regime__follow_up(r);
}

void regime__finish(struct regime *r)
{
	if (!r->started)
		return;
	r->finishing = true;
	if (!r->ended) {
		regime__step(r, clock__s());
		for (int i = 0; i < LOOKS; i++) {
			if (!r->layers[HEAP_LAYER_OBJECT].blind && !r->layers[HEAP_LAYER_RAW].blind)
				break;
			if (i)
				regime__sleep(FOLLOW_UP_S);
			regime__follow_up(r);
		}
		regime__judge(r, true);
	}
}

static const char *mode_name(enum layer_mode mode)
{
	static const char *const names[] = {
		[LAYER_OFF] = "off",
		[LAYER_EXACT] = "exact",
		[LAYER_SAMPLED] = "sampled",
		[LAYER_WINDOW] = "windows",
	};

	return names[mode];
}

static double scale_of(const struct layer_regime *l)
{
	return l->judged_work_s > 0 ? fmax(l->all_work_s / l->judged_work_s, 1) : 1;
}

/* Prices are known to a fifth or so; and windows differ in what goes on in them. */
#define PRICE_ERROR 0.2

static double scale_error_of(const struct layer_regime *l, double windows)
{
	double by_price = 0, spread = 0, mean = windows > 0 ? l->densities / windows : 0;

	if (l->window_work_s <= 0)
		return 0;
	by_price = PRICE_ERROR * l->window_cost_s / l->window_work_s;
	if (windows > 1 && mean > 0)
		spread = (l->densities_squared / windows / (mean * mean) - 1) / windows;
	return sqrt(by_price * by_price + fmax(spread, 0));
}

void regime__set_scale(const struct regime *r)
{
	for (int layer = 0; layer < HEAP_LAYERS; layer++)
		tracer__set_scale(r->tracer, r->index, layer, scale_of(&r->layers[layer]));
}

void regime__state(const struct regime *r, struct tracing *state)
{
	memset(state, 0, sizeof(*state));
	snprintf(state->mode, sizeof(state->mode), "%s", trace_mode__name(r->options.mode));
	if (r->governor)
		snprintf(state->mode, sizeof(state->mode), "auto (objects %s, malloc %s)",
			 mode_name(r->layers[HEAP_LAYER_OBJECT].now.mode),
			 mode_name(r->layers[HEAP_LAYER_RAW].now.mode));
	state->overhead = r->work_s > 0 ? r->overhead_s / r->work_s : NAN;
	state->worst_step = r->worst_step;
	for (int layer = 0; layer < HEAP_LAYERS; layer++) {
		const struct layer_regime *l = &r->layers[layer];

		state->judged_ns[layer] = l->judged_ns;
		state->scale[layer] = scale_of(l);
		state->scale_error[layer] = scale_error_of(l, l->all_windows);
		state->watched[layer] =
			r->work_s > 0 ? (l->seen_work_s + l->window_work_s) / r->work_s : NAN;
	}
	state->followed = r->followed;
	state->unknown = r->unknown;
	state->windows = r->windows;
	state->probes_used = r->options.mode != TRACE_GROWTH;
	state->reason = r->governor ? r->decision.reason : NULL;
	state->price_ns[COST_EMULATED] = r->options.prices->emulated_ns;
	state->price_ns[COST_STEPPED] = r->options.prices->stepped_ns;
	state->price_ns[COST_OPTIMIZED] = r->options.prices->optimized_ns;
	state->return_ns = r->options.prices->return_ns;
	tracer__attach_cost(r->tracer, &state->attach_s, &state->detach_s, &state->multi);
	state->raw_limit = r->in_use ? in_use__raw_limit(r->in_use) : NULL;
}
