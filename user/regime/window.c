// SPDX-License-Identifier: BSD-2-Clause
/*
 * window.c - a short time in which every allocation of a layer is recorded
 */
#include "regime/private.h"

#include <math.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/log.h"

/* Nothing else may be done meanwhile: a window is some milliseconds. */
void regime__sleep(double duration_s)
{
	struct timespec left = {
		.tv_sec = duration_s,
		.tv_nsec = (duration_s - floor(duration_s)) * 1e9,
	};

	while (nanosleep(&left, &left))
		;
}

void regime__run_window(struct regime *r, enum heap_layer layer)
{
	struct layer_regime *l = &r->layers[layer];
	struct tally before[HEAP_LAYERS] = {0}, after[HEAP_LAYERS] = {0};
	double begin_s, cpu_before_s = 0, cpu_after_s = 0, cost_s, work_s, density;
	__u64 end_ns;

	if (tracer__attach(r->tracer, r->index, layer, PROBES_ALL)) {
		r->ended = true;
		return;
	}
	begin_s = clock__s();
	regime__take_tally(r, before);
	clock__process_cpu(r->target->pid, &cpu_before_s);
	tracer__switch(r->tracer, r->index, layer, SWITCH_RECORD, MEAN_WINDOW);
	regime__sleep(l->now.window_s);
	tracer__switch(r->tracer, r->index, layer, SWITCH_RELEASE, MEAN_WINDOW);
	end_ns = clock__ns();
	clock__process_cpu(r->target->pid, &cpu_after_s);
	regime__take_tally(r, after);
	l->attached_s += clock__s() - begin_s;
	regime__sleep(TAIL_S);
	tracer__switch(r->tracer, r->index, layer, SWITCH_OFF, 0);
	tracer__attach(r->tracer, r->index, layer, PROBES_NONE);

	/* However many traps: some of the time was the target's. */
	work_s = cpu_after_s - cpu_before_s;
	cost_s = fmin(regime__cost_between(r, layer, &before[layer], &after[layer]), work_s * 0.9);
	work_s -= cost_s;
	l->window_work_s += work_s;
	l->last_work_s = work_s;
	l->previous_end_ns = l->window_end_ns;
	l->window_end_ns = end_ns;
	l->looks = 0;
	l->window_cost_s += cost_s;
	if (work_s > 0) {
		density = (after[layer].allocs - before[layer].allocs) / work_s;
		l->densities += density;
		l->densities_squared += density * density;
	}
	l->windows++;
	l->all_windows++;
	r->windows++;
	l->blind = true;
	l->next_window_s = begin_s + l->now.period_s;
	r->follow_up_at_s = clock__s() + FOLLOW_UP_S;
	log__debug("window of %.1f ms, next in %.1f s: %.0f allocations, %.0f ms CPU of which "
		   "tracing %.1f",
		   l->now.window_s * 1e3, l->now.period_s,
		   after[layer].allocs - before[layer].allocs, (cpu_after_s - cpu_before_s) * 1e3,
		   cost_s * 1e3);
}
