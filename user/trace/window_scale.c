// SPDX-License-Identifier: BSD-2-Clause
/*
 * window_scale.c - how many blocks one of a window stands for
 *
 * By the work that the target has done, in windows and in all: that is a ratio of two small figures where windows are few, and it
 * holds only for what is allocated at the pace of work. pymalloc's books bound it: whatever was allocated and stays is among the
 * blocks that its pools hold now, class by class.
 */
#include "trace/internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "pyleak.skel.h"

/* Blocks of one target and size class in the live table. */
struct recorded {
	double in_windows, otherwise;
};

struct count {
	const struct tracer *tracer;
	struct recorded (*recorded)[POOL_CLASSES];
};

static __u32 class_of(const struct live_block *block)
{
	return block->size ? (block->size - 1) / 16 : 0;
}

static int count_block(void *context, const void *k, const void *v)
{
	struct count *count = context;
	const struct live_block *block = v;
	const struct live_key *key = k;
	struct recorded *recorded;

	if (block->domain != DOMAIN_OBJECT || class_of(block) >= POOL_CLASSES)
		return 0;
	recorded = &count->recorded[key->target][class_of(block)];
	if (block->mean != MEAN_WINDOW)
		recorded->otherwise++;
	else if (live_block__is_known(block, count->tracer->targets[key->target].judged_ns))
		recorded->in_windows++;
	return 0;
}

static double layer_scale(const struct traced *traced, __u32 domain)
{
	return fmax(traced->scale[heap_layer__of(domain)], 1);
}

static bool has_bounds(const struct traced *traced)
{
	return traced->bounded && layer_scale(traced, DOMAIN_OBJECT) > 1;
}

static void bound(const struct traced *traced, const struct recorded recorded[POOL_CLASSES],
		  struct window_scale *scale)
{
	for (int class = 0; class < POOL_CLASSES; class ++) {
		double room = traced->in_use.of_class[class] - recorded[class].otherwise;

		if (recorded[class].in_windows)
			scale->of_class[class] = fmax(
				fmin(scale->of_class[class], room / recorded[class].in_windows), 1);
	}
}

int window_scale__find(const struct tracer *tracer, struct window_scale **scales)
{
	struct count count = {.tracer = tracer};
	bool any = false;
	int err = 0;

	*scales = calloc(tracer->target_count + 1, sizeof(**scales));
	if (!*scales)
		return -ENOMEM;
	for (size_t i = 0; i < tracer->target_count; i++) {
		const struct traced *traced = &tracer->targets[i];

		(*scales)[i].raw = layer_scale(traced, DOMAIN_RAW);
		(*scales)[i].object = layer_scale(traced, DOMAIN_OBJECT);
		for (int class = 0; class < POOL_CLASSES; class ++)
			(*scales)[i].of_class[class] = (*scales)[i].object;
		any |= has_bounds(traced);
	}
	if (!any)
		return 0;
	count.recorded = calloc(tracer->target_count, sizeof(*count.recorded));
	if (!count.recorded)
		return -ENOMEM;
	err = entries__visit(bpf_map__fd(tracer->bpf->maps.live), sizeof(struct live_key),
			     sizeof(struct live_block), count_block, &count);
	for (size_t i = 0; !err && i < tracer->target_count; i++)
		if (has_bounds(&tracer->targets[i]))
			bound(&tracer->targets[i], count.recorded[i], &(*scales)[i]);
	free(count.recorded);
	return err;
}

double window_scale__of(const struct window_scale *scale, const struct live_block *block)
{
	if (block->domain != DOMAIN_OBJECT)
		return scale->raw;
	return class_of(block) < POOL_CLASSES ? scale->of_class[class_of(block)] : scale->object;
}
