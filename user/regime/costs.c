// SPDX-License-Identifier: BSD-2-Clause
/*
 * costs.c - what tracing costs the target: hits, by what a trap costs here and how long the programs run
 */
#include "regime/private.h"

#include <math.h>

/* Of a record and of a release, until their programs have been timed: Linux 6.18, stacks of some 10 frames. */
#define FIRST_ALLOC_RECORD_S 1e-6
#define FIRST_FREE_RECORD_S 0.3e-6

/*
 * A trap among a program's own work / one of the calibration's loop, which has the caches and the branch predictor to itself. Of make bench:
 * what windows took from ast.parse, a request loop and Django was 1.2 to 1.9 times what was believed without this.
 */
#define AMONG_WORK 1.5

static double seconds(double ns, double otherwise_ns)
{
	return (isfinite(ns) ? ns : otherwise_ns) / 1e9;
}

/* What a trap of this kind costs, averaged over the probes of it that are planned. */
static double trap_price(const struct regime *r, enum probe_kind kind)
{
	const struct probe_prices *p = r->options.prices;
	const double by_cost[] = {
		[COST_EMULATED] = seconds(p->emulated_ns, 600),
		[COST_STEPPED] = seconds(p->stepped_ns, 4000),
		[COST_OPTIMIZED] = seconds(p->optimized_ns, 300),
	};
	double sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < r->plan->probe_count; i++) {
		if (r->plan->probes[i].kind == kind) {
			sum += by_cost[r->plan->probes[i].cost];
			n++;
		}
	}
	return AMONG_WORK * (n ? sum / n : by_cost[COST_EMULATED]);
}

/* malloc: enter and return together share a trap, where they are on one instruction. */
static double call_price(const struct regime *r)
{
	const struct probe_prices *p = r->options.prices;
	double enter = trap_price(r, PROBE_ENTER);
	double extra = seconds(p->return_ns, 850) - seconds(p->emulated_ns, 600);

	return enter + AMONG_WORK * (extra > 0 ? extra : 0.25e-6);
}

static double timed(const __u64 of[COUNTER_MAX], enum timed_hit kind, double otherwise_s)
{
	__u64 hits = of[COUNT_TIMED_HITS + kind];

	return hits >= 8 ? of[COUNT_TIMED_NS + kind] / (double)hits / 1e9 : otherwise_s;
}

static void update_prices(struct regime *r, const __u64 of[COUNTER_MAX])
{
	r->prices.alloc_record_s = timed(of, TIMED_OBJECT_ALLOC, FIRST_ALLOC_RECORD_S);
	r->prices.free_record_s = timed(of, TIMED_OBJECT_FREE, FIRST_FREE_RECORD_S);
	r->raw_hit_s = timed(of, TIMED_RAW_CALL, FIRST_ALLOC_RECORD_S / 2);
	r->raw_release_s = timed(of, TIMED_RAW_FREE, FIRST_FREE_RECORD_S);
}

void regime__first_prices(struct regime *r)
{
	const struct probe_prices *p = r->options.prices;
	double attach_s = seconds(p->attach_ms * 1e6, 20e6) * r->plan->probe_count / 100;
	bool multi = false;

	r->raw_enter_s = trap_price(r, PROBE_ENTER);
	r->raw_hit_s = FIRST_ALLOC_RECORD_S / 2;
	tracer__attach_cost(r->tracer, &(double){0}, &(double){0}, &multi);
	r->prices = (struct prices){
		.trap_s = trap_price(r, PROBE_POOL_ALLOC),
		.alloc_record_s = FIRST_ALLOC_RECORD_S,
		.free_record_s = FIRST_FREE_RECORD_S,
		.raw_call_s = call_price(r),
		.attach_s = attach_s,
		/*
		 * One link takes all breakpoints out at once; what it waits for then costs nobody anything.
		 * The tail of a window is an edge to the governor, which takes half of the sum of both.
		 */
		.detach_s = (multi ? attach_s : seconds(p->detach_ms * 1e6, 100e6)) + 2 * TAIL_S,
	};
}

/* Hits so far, from the programs' counters; what a record costs is looked at as well. 0, or -1. */
int regime__take_tally(struct regime *r, struct tally tallies[HEAP_LAYERS])
{
	__u64 of[COUNTER_MAX];

	if (tracer__counters(r->tracer, r->index, of))
		return -1;
	update_prices(r, of);
	r->faults_s = of[COUNT_FAULTS_NS] / 1e9;
	tallies[HEAP_LAYER_OBJECT] = (struct tally){
		.allocs = of[COUNT_OBJECT_ALLOCS],
		.frees = of[COUNT_OBJECT_FREES],
		.idle = of[COUNT_IDLE_HITS],
	};
	tallies[HEAP_LAYER_RAW] = (struct tally){
		.allocs = of[COUNT_RAW_CALLS],
		.returns = of[COUNT_RAW_RETURNS],
		.frees = of[COUNT_RAW_FREES],
	};
	return 0;
}

/* What the hits between two tallies of a layer have cost the target, seconds. */
double regime__cost_between(const struct regime *r, enum heap_layer layer,
			    const struct tally *before, const struct tally *after)
{
	double allocs = after->allocs - before->allocs, frees = after->frees - before->frees;
	double returns = after->returns - before->returns; /* fewer where a call is not recorded */
	const struct prices *p = &r->prices;

	if (layer == HEAP_LAYER_RAW)
		return allocs * (r->raw_enter_s + r->raw_hit_s) +
		       returns * (p->raw_call_s - r->raw_enter_s + r->raw_hit_s) +
		       frees * (p->trap_s + r->raw_release_s);
	return allocs * (p->trap_s + p->alloc_record_s) + frees * (p->trap_s + p->free_record_s) +
	       (after->idle - before->idle) * p->trap_s;
}
