// SPDX-License-Identifier: BSD-2-Clause
/*
 * merge_process.c - figures of several processes as a whole: how they were traced, what was lost, what their memory is
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analyze/merge_private.h"

#define LOST_COUNTERS (sizeof(struct report_lost) / sizeof(__u64))

_Static_assert(LOST_COUNTERS * sizeof(__u64) == sizeof(struct report_lost), "counters only");

double merge__sum(double a, double b)
{
	return isnan(b) ? a : isnan(a) ? b : a + b;
}

/* NAN where two differ. */
static double common_value(double a, double b)
{
	return a == b ? a : NAN;
}

static void add_integer(long long *sum, long long more)
{
	if (more == REPORT_UNMEASURED)
		return;
	*sum = *sum == REPORT_UNMEASURED ? more : *sum + more;
}

static void merge_tracing(struct tracing *to, const struct tracing *from)
{
	to->overhead = fmax(to->overhead, from->overhead);
	to->worst_step = fmax(to->worst_step, from->worst_step);
	for (int i = 0; i < HEAP_LAYERS; i++) {
		to->scale[i] = common_value(to->scale[i], from->scale[i]);
		to->watched[i] = fmin(to->watched[i], from->watched[i]);
		to->scale_error[i] = fmax(to->scale_error[i], from->scale_error[i]);
	}
	to->probes_used |= from->probes_used;
	to->windows += from->windows;
	to->followed += from->followed;
	to->unknown += from->unknown;
	to->attach_s = merge__sum(to->attach_s, from->attach_s);
	to->detach_s = merge__sum(to->detach_s, from->detach_s);
	to->multi &= from->multi;
	if (!to->reason)
		to->reason = from->reason;
	if (!to->raw_limit)
		to->raw_limit = from->raw_limit;
}

/* The lower one, and what is said of it. */
static void lower(double *to, const char **note, double from, const char *from_note)
{
	if (!(from < *to) && !(isnan(*to) && !isnan(from)))
		return;
	*to = from;
	*note = from_note;
}

static void merge_coverage(struct report_coverage *to, const struct report_coverage *from)
{
	lower(&to->object, &to->object_note, from->object, from->object_note);
	lower(&to->raw, &to->raw_note, from->raw, from->raw_note);
	to->mmap = fmin(to->mmap, from->mmap);
	to->brk = fmin(to->brk, from->brk);
	if (from->rss < to->rss || isnan(to->rss)) {
		to->rss = from->rss;
		to->rss_inferred = from->rss_inferred;
	}
}

static void merge_lost(struct report_lost *to, const struct report_lost *from)
{
	__u64 *sums = (__u64 *)to;
	const __u64 *more = (const __u64 *)from;

	for (size_t i = 0; i < LOST_COUNTERS; i++)
		sums[i] += more[i];
}

/* Not the text of one, where they have come to different things; its first word is what was asked for. */
static void merge_mode(struct report_process *to, const struct report_process *from)
{
	size_t word;

	if (!to->mode || !from->mode || !strcmp(to->mode, from->mode))
		return;
	word = strcspn(to->mode, " ");
	snprintf(to->tracing.mode, sizeof(to->tracing.mode), "%.*s (not the same in all)",
		 (int)(word < 30 ? word : 30), to->mode);
	to->mode = to->tracing.mode;
}

static bool meets_first(const struct report_memory *a, const struct report_memory *b)
{
	if (isfinite(a->seconds_to_limit) || isfinite(b->seconds_to_limit))
		return isfinite(a->seconds_to_limit) &&
		       !(a->seconds_to_limit >= b->seconds_to_limit);
	if (a->limit == REPORT_UNMEASURED || b->limit == REPORT_UNMEASURED)
		return a->limit != REPORT_UNMEASURED && b->limit == REPORT_UNMEASURED;
	return a->limit < b->limit;
}

static void merge_limit(struct report_memory *to, const struct report_memory *from)
{
	if (!meets_first(from, to))
		return;
	to->limit = from->limit;
	to->seconds_to_limit = from->seconds_to_limit;
	to->seconds_to_limit_low = from->seconds_to_limit_low;
	to->seconds_to_limit_high = from->seconds_to_limit_high;
}

static void add_bridge(struct rss_bridge *to, const struct rss_bridge *from)
{
	to->rss += from->rss;
	to->python_objects += from->python_objects;
	to->pymalloc_free += from->pymalloc_free;
	to->malloc_in_use += from->malloc_in_use;
	to->malloc_free += from->malloc_free;
	to->mmap_anon += from->mmap_anon;
	to->stacks += from->stacks;
	to->file_backed += from->file_backed;
	to->unexplained += from->unexplained;
}

static bool all_ended(const struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++)
		if (!merge->members[i]->end)
			return false;
	return true;
}

/* What has ended, or become another program, has no memory; where all have, what they had is what there is to say. */
static int merge_memory(struct merge *merge)
{
	bool ended = all_ended(merge), bridged = true;
	struct report_memory sum = {
		.rss = REPORT_UNMEASURED,
		.rss_start = REPORT_UNMEASURED,
		.growth_per_s = NAN,
		.limit = REPORT_UNMEASURED,
		.seconds_to_limit = NAN,
		.seconds_to_limit_low = NAN,
		.seconds_to_limit_high = NAN,
	};
	struct rss_bridge *bridge = arena__alloc(merge->to->verdict_arena, 1, sizeof(*bridge));

	if (!bridge)
		return -ENOMEM;
	for (size_t i = 0; i < merge->count; i++) {
		const struct report_memory *from = &merge->members[i]->memory;

		if (merge->members[i]->end && !ended)
			continue;
		add_integer(&sum.rss, from->rss);
		add_integer(&sum.rss_start, from->rss_start);
		sum.growth_per_s = merge__sum(sum.growth_per_s, from->growth_per_s);
		merge_limit(&sum, from);
		bridged &= from->bridge != NULL;
		if (from->bridge)
			add_bridge(bridge, from->bridge);
	}
	/* A part of them explains nothing of the whole. */
	sum.bridge = bridged ? bridge : NULL;
	merge->to->memory = sum;
	merge->to->end = ended ? merge->to->end : NULL;
	return 0;
}

int merge__figures(struct merge *merge)
{
	struct report_process *to = merge->to;

	for (size_t i = 1; i < merge->count; i++) {
		const struct report_process *from = merge->members[i];

		merge_mode(to, from);
		merge_tracing(&to->tracing, &from->tracing);
		merge_coverage(&to->coverage, &from->coverage);
		merge_lost(&to->lost, &from->lost);
		to->overhead_pct = fmax(to->overhead_pct, from->overhead_pct);
		to->scale = common_value(to->scale, from->scale);
	}
	return merge_memory(merge);
}
