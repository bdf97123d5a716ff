// SPDX-License-Identifier: BSD-2-Clause
/*
 * python_counts.c - see python_counts.h
 */
#include "agent/python_counts.h"

#include <errno.h>

#include "heap/pools.h"
#include "objects/gc_counts.h"
#include "report.h"

static const struct python_counts unknown = {
	.blocks = REPORT_UNMEASURED,
	.object_bytes = REPORT_UNMEASURED,
	.pool_free = REPORT_UNMEASURED,
	.collections = {REPORT_UNMEASURED, REPORT_UNMEASURED, REPORT_UNMEASURED},
	.uncollectable = REPORT_UNMEASURED,
};

static void read_pools(struct pools *pools, struct python_counts *counts)
{
	struct pools_count count;
	double share = 1;

	if (!pools || pools__count(pools, &count) || count.swapped > count.bytes / 2)
		return;
	if (count.swapped) {
		share = (double)count.bytes / (count.bytes - count.swapped);
		counts->estimated = true;
	}
	counts->blocks = (long long)(count.in_use.blocks * share);
	counts->object_bytes = (long long)(count.object_bytes * share);
	counts->pool_free = (long long)count.bytes - counts->object_bytes;
}

static void read_collections(const struct python_identity *identity, struct python_counts *counts)
{
	struct gc_counts gc;

	if (identity->cannot_trace || gc_counts__read(identity->pid, &identity->details, &gc))
		return;
	counts->uncollectable = 0;
	for (int i = 0; i < 3; i++) {
		counts->collections[i] = (long long)gc.collections[i];
		counts->uncollectable += (long long)gc.uncollectable[i];
	}
}

int python_counts__read(const struct python_identity *identity, struct python_counts *counts)
{
	*counts = unknown;
	read_pools(identity->pools, counts);
	read_collections(identity, counts);
	/* Another process's memory may have been read, which says nothing of this one. */
	if (pythons__is(identity))
		return 0;
	*counts = unknown;
	return -ESRCH;
}
