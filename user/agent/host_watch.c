// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_watch.c - what can be seen of a process that nothing is attached to
 */
#include <math.h>

#include "agent/host_private.h"
#include "heap/rss.h"
#include "inspect/limit.h"

#define LIMIT_EVERY_S 60.0
#define LIMIT_CLOSE 0.25 /* of the limit is left: it is read each time */
#define NEAR_LIMIT 0.1
#define NEAR_SECONDS 600.0
#define STALLED 0.1  /* of the time somebody in the cgroup waits for memory */
#define PART_OF 0.05 /* of the limit: one that has less is not what fills it */

static void read_limit(struct watched *watched)
{
	struct host_process *process = &watched->shown;
	bool known = watched->own_limit;
	struct memory_limit limit;

	process->limit = REPORT_UNMEASURED;
	watched->room = NAN;
	watched->own_limit = watched->pressed = false;
	if (limit__read(process->pid, process->cgroup, &limit) || limit.source == LIMIT_NONE)
		return;
	process->limit = limit.bytes;
	watched->room = limit.room;
	watched->used = process->rss;
	watched->own_limit = limit.source != LIMIT_HOST;
	watched->pressed = (known && limit.hits > watched->limit_hits) || limit.stalled > STALLED;
	watched->limit_hits = limit.hits;
}

/* With what it has taken since the limit was read. */
static void follow_limit(struct watched *watched)
{
	struct host_process *process = &watched->shown;
	double room = fmax(watched->room - (process->rss - watched->used), 0);
	bool close = room < LIMIT_CLOSE * process->limit;

	process->seconds_to_limit = NAN;
	watched->near_limit = false;
	if (process->limit == REPORT_UNMEASURED)
		return;
	if (process->growth.low > 0)
		process->seconds_to_limit = room / process->growth.slope;
	else if (isfinite(process->growth.slope))
		process->seconds_to_limit = INFINITY;
	watched->near_limit = room < NEAR_LIMIT * process->limit || (close && watched->pressed) ||
			      process->seconds_to_limit < NEAR_SECONDS;
	if (close)
		watched->next_limit_s = 0;
}

bool watched__may_be_killed(const struct watched *watched)
{
	return watched->near_limit && watched->own_limit &&
	       watched->shown.own > PART_OF * watched->shown.limit;
}

void watched__count(struct host *host, struct watched *watched)
{
	struct host_process *process = &watched->shown;
	struct python_counts counts;

	if (watched->silent || host_ask__count(host, watched, &counts))
		return;
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
	if (now_s >= watched->next_limit_s) {
		read_limit(watched);
		watched->next_limit_s = now_s + LIMIT_EVERY_S;
	}
	follow_limit(watched);
	/* No time for better evidence. */
	if (watched__may_be_killed(watched))
		watched->suspicion = fmax(watched->suspicion, process->growth.low);
	return true;
}
