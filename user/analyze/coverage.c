// SPDX-License-Identifier: BSD-2-Clause
/*
 * coverage.c - how much of what happened did the probes see?
 */
#include "analyze/analyze.h"

static double object_coverage(const struct snapshot *snapshot, __u32 target)
{
	const struct memory_info *memory = &snapshot->memory[target];
	double allocs = snapshot->counters[COUNT_OBJECT_ALLOCS][target];
	double frees = snapshot->counters[COUNT_OBJECT_FREES][target];
	double net, missed;

	if (memory->pool_blocks_start < 0 || memory->pool_blocks < 0)
		return NAN;
	net = (double)memory->pool_blocks - (double)memory->pool_blocks_start;
	missed = fabs(net - (allocs - frees));
	return allocs + missed > 0 ? allocs / (allocs + missed) : NAN;
}

/* What is seen may be read a moment later than what is there. */
static double share(__u64 seen, __u64 all)
{
	if (!all)
		return NAN;
	return seen < all ? (double)seen / all : 1;
}

void analyze__coverage(const struct snapshot *snapshot, __u32 target_index,
		       struct report_coverage *coverage)
{
	coverage->object = coverage->raw = coverage->mmap = coverage->brk = NAN;
	coverage->rss = coverage->rss_inferred = NAN;
	if (target_index >= snapshot->target_count || target_index >= MAX_TARGETS)
		return;
	coverage->object = object_coverage(snapshot, target_index);
	if (snapshot->memory[target_index].space_measured) {
		const struct memory_info *memory = &snapshot->memory[target_index];

		coverage->mmap = share(memory->mmap_seen, memory->mmap_new);
		coverage->brk = share(memory->brk_seen, memory->brk_new);
	}
	if (snapshot->memory[target_index].rss_measured) {
		const struct memory_info *memory = &snapshot->memory[target_index];

		coverage->rss = share(memory->rss_seen, memory->rss_new);
		coverage->rss_inferred = share(memory->rss_inferred, memory->rss_new);
	}
}
