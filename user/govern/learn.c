// SPDX-License-Identifier: BSD-2-Clause
/*
 * learn.c - from counted hits to what each mode costs, or would cost
 */
#include "govern/internal.h"

#define SAMPLES_PER_S 2000.0
#define USUAL_BLOCK 512 /* bytes, where nobody has counted them */

/* Releases for an allocation. What was seen outside of windows is forgotten, a window at a time. */
#define FREE_RATIO_MAX 1000.0
#define FREE_RATIO_KEPT 0.95

static double alloc_trap(const struct prices *prices, enum layer layer)
{
	return layer == LAYER_RAW ? prices->raw_call_s : prices->trap_s;
}

double cost__of(const struct prices *prices, enum layer layer, double allocs, double frees,
		double recorded)
{
	return allocs * (alloc_trap(prices, layer) + recorded * prices->alloc_record_s) +
	       frees * (prices->trap_s + prices->free_record_s);
}

/*
 * Mean bytes between samples, as a power of two, and moved only when it is far off: each change makes a seam in the
 * samples. bytes_s: allocated in a second.
 */
static double sample_bytes(const struct governor *governor, const struct layer_state *layer,
			   double bytes_s)
{
	double wanted = clamp(bytes_s / SAMPLES_PER_S, SAMPLE_MIN, SAMPLE_MAX);

	if (governor->options.sample_bytes > 0)
		return governor->options.sample_bytes;
	if (wanted <= layer->sample_bytes && wanted * 4 >= layer->sample_bytes)
		return layer->sample_bytes;
	return clamp(exp2(ceil(log2(wanted))), SAMPLE_MIN, SAMPLE_MAX);
}

/* Costs of the modes that see everything. own_s: own time in which the hits were counted. */
static void learn_modes(struct governor *governor, enum layer which, const struct layer_use *use,
			double own_s)
{
	struct layer_state *layer = &governor->layers[which];
	const struct prices *prices = &governor->prices;
	double allocs = sane(use->allocs) / own_s, frees = sane(use->frees) / own_s;
	double bytes =
		(use->bytes > 0 ? sane(use->bytes) : sane(use->allocs) * USUAL_BLOCK) / own_s;
	bool all_seen = layer->now.mode != LAYER_WINDOW;

	if ((all_seen || frees > 0) && allocs > 0)
		layer->free_ratio = clamp(frees / allocs, 0, FREE_RATIO_MAX);
	if (!all_seen) {
		layer->free_ratio = 1 + (layer->free_ratio - 1) * FREE_RATIO_KEPT;
		frees = at_least(frees, allocs * layer->free_ratio);
	}
	layer->sample_bytes = sample_bytes(governor, layer, bytes * governor->own_rate);
	layer->recorded = allocs > 0 ? clamp(bytes / layer->sample_bytes / allocs, 0, 1) : 0;
	layer->exact = cost__of(prices, which, allocs, frees, 1);
	layer->sampled = cost__of(prices, which, allocs, frees, layer->recorded);
}

/* What a second of window costs; more is believed at once, less by halves. */
static void learn_windows(struct layer_state *layer, double density, double alloc_rate)
{
	if (layer->known && density < layer->density)
		density = (density + layer->density) / 2;
	layer->density = density;
	layer->alloc_rate = alloc_rate;
}

void learn__step(struct governor *governor, enum layer which, const struct layer_use *use,
		 double cpu_rate)
{
	struct layer_state *layer = &governor->layers[which];
	bool windows = layer->now.mode == LAYER_WINDOW;
	double allocs = sane(use->allocs), attached_s = sane(use->attached_s);
	double cost_s = cost__of(&governor->prices, which, allocs, 0, 1);
	double cpu_s = cpu_rate * attached_s, own_s, edges_s;

	layer->fresh = use->attached && attached_s > 0 && layer->now.mode != LAYER_OFF;
	if (!layer->fresh)
		return;
	/* Inside a window most of a busy target's time is ours; not all, or it could not allocate. */
	own_s = cpu_s - (windows ? cost_s : sane(use->overhead_s));
	own_s = at_least(at_least(own_s, cpu_s / 4), CPU_FLOOR * attached_s);
	learn_modes(governor, which, use, own_s);

	edges_s = windows ? use->windows * governor->edge_s : 0;
	if (windows)
		cost_s = at_least(cost_s, sane(use->overhead_s));
	learn_windows(layer, cost_s / (attached_s + edges_s), allocs / attached_s);
	layer->known = true;
}
