// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_watch.c - what can be seen of a process that nothing is attached to
 */
#include <math.h>

#include "agent/host_private.h"
#include "agent/python_counts.h"
#include "heap/rss.h"
#include "inspect/limit.h"

#define LIMIT_EVERY_S 60.0
#define NEAR_LIMIT 0.1 /* of the limit is left */
#define NEAR_SECONDS 600.0

static void read_limit(struct watched *watched)
{
	struct memory_limit limit;

	watched->shown.limit = REPORT_UNMEASURED;
	watched->room = NAN;
	if (limit__read(watched->shown.pid, watched->shown.cgroup, &limit) ||
	    limit.source == LIMIT_NONE)
		return;
	watched->shown.limit = limit.bytes;
	watched->room = limit.room;
	watched->used = watched->shown.rss;
}

/* With what it has taken since the limit was read. */
static void follow_limit(struct watched *watched)
{
	struct host_process *process = &watched->shown;
	double room = fmax(watched->room - (process->rss - watched->used), 0);

	process->seconds_to_limit = NAN;
	watched->near_limit = false;
	if (process->limit == REPORT_UNMEASURED)
		return;
	if (process->growth.low > 0)
		process->seconds_to_limit = room / process->growth.slope;
	else if (isfinite(process->growth.slope))
		process->seconds_to_limit = INFINITY;
	watched->near_limit =
		room < NEAR_LIMIT * process->limit || process->seconds_to_limit < NEAR_SECONDS;
}

static void read_counts(struct watched *watched)
{
	struct host_process *process = &watched->shown;
	struct python_counts counts;

	python_counts__read(&watched->identity, &counts);
	process->blocks = counts.blocks;
	process->object_bytes = counts.object_bytes;
	process->pool_free = counts.pool_free;
	for (int i = 0; i < 3; i++)
		process->collections[i] = counts.collections[i];
	process->uncollectable = counts.uncollectable;
}

bool watched__read(struct watched *watched, const struct host_options *options, double now_s)
{
	struct host_process *process = &watched->shown;
	__u64 rss, own;

	if (rss__split(process->pid, &rss, &own))
		return false;
	process->rss = rss;
	process->own = own;
	/* What a trace adds is not the process's own growth: probes' pages, a little. */
	growth__add(&watched->growth, now_s, own);
	growth__trend(&watched->growth, &process->growth);
	watched->suspicion = growth__suspicion(&watched->growth);
	watched->next_read_s = now_s + options->interval_s;
	if (now_s >= watched->next_census_s) {
		read_counts(watched);
		watched->next_census_s = now_s + options->census_interval_s;
	}
	if (now_s >= watched->next_limit_s) {
		read_limit(watched);
		watched->next_limit_s = now_s + LIMIT_EVERY_S;
	}
	follow_limit(watched);
	return true;
}
