// SPDX-License-Identifier: BSD-2-Clause
#include "inspection.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "inspect/choose.h"
#include "lib/clock.h"
#include "lib/log.h"

/*
 * What a second of reading costs the target, at most: other processors read its memory, and hold the lock of its mappings for moments.
 * Ten looks a second at a busy process could not be told from none (json workload, 1.003 times the CPU time).
 */
#define COST_OF_READING 0.2

#define FIRST_LOOK_S 3.0 /* something has to have been seen */

int inspection__open(struct tracer *tracer, __u32 index, const struct target *target,
		     struct pools *const *pools, double share, struct inspection *inspection)
{
	int err = inspector__open(target, pools, &inspection->inspector);

	inspection->tracer = tracer;
	inspection->index = index;
	inspection->share = share / COST_OF_READING;
	inspection->next_s = FIRST_LOOK_S;
	return err == -ENOTSUP ? 0 : err;
}

void inspection__close(struct inspection *inspection)
{
	inspector__close(inspection->inspector);
	inspection->inspector = NULL;
}

static int choose(struct inspection *inspection, const struct report_process *process,
		  struct inspect_site **sites, size_t *count)
{
	struct tracked_block *blocks = NULL;
	size_t block_count = 0;
	int err;

	if (!inspection->tracer) /* nothing is traced, there are no sites */
		return 0;
	err = tracer__blocks(inspection->tracer, inspection->index, &blocks, &block_count);

	if (!err)
		err = choose__sites(process, blocks, block_count, clock__ns(), sites, count);
	free(blocks);
	return err;
}

void inspection__consider(struct inspection *inspection, const struct report_process *process,
			  double at_s)
{
	struct inspector *inspector = inspection->inspector;
	struct inspect_site *sites = NULL;
	double begin_s = clock__s(), next_s;
	size_t count = 0;
	bool look;

	if (!inspector || process->end || at_s < inspection->next_s || inspector__busy(inspector))
		return;
	look = at_s >= inspector__next_look_s(inspector, inspection->share);
	if (!look && at_s < inspector__next_glance_s(inspector, inspection->share))
		return;
	if (look && choose(inspection, process, &sites, &count))
		return;
	inspector__start(inspector, at_s, look, sites, count);
	/* Copying the live table is our own time, but everybody waits for it. */
	next_s = at_s + 20 * (clock__s() - begin_s);
	inspection->next_s = fmax(inspection->next_s, next_s);
}

void inspection__finish(struct inspection *inspection, const struct report_process *process,
			double at_s)
{
	struct inspect_site *sites = NULL;
	size_t count = 0;
	int err;

	if (!inspection->inspector)
		return;
	inspector__wait(inspection->inspector);
	if (process->end)
		return;
	err = choose(inspection, process, &sites, &count);
	if (!err)
		err = inspector__look(inspection->inspector, at_s, sites, count);
	if (err)
		log__debug("the heap of process %d could not be read: error %d", process->pid,
			   -err);
	choose__free(sites, count);
}

int inspection__judge(struct inspection *inspection, const struct history *history,
		      const struct suppressions *suppressions, struct report_process *process)
{
	if (!inspection->inspector || inspector__busy(inspection->inspector))
		return 0;
	return assemble__judge(inspector__evidence(inspection->inspector), history,
			       suppressions->list, suppressions->count, process);
}
