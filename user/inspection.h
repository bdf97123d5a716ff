/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspection.h - when a traced process's heap is looked into, and what that adds to its report
 */
#ifndef INSPECTION_H
#define INSPECTION_H

#include "analyze/assemble.h"
#include "inspect/inspect.h"
#include "suppressions.h"
#include "trace/trace.h"

struct inspection {
	struct inspector *inspector; /* NULL = this Python's objects cannot be read */
	struct tracer *tracer;
	__u32 index;   /* of the target */
	double share;  /* of the time that may be spent looking: the budget */
	double next_s; /* not before; seconds since tracing began */
};

/* share: the budget, of the target's time. target and *pools must outlive it. 0 or -ENOMEM. */
int inspection__open(struct tracer *tracer, __u32 index, const struct target *target,
		     struct pools *const *pools, double share, struct inspection *inspection);
void inspection__close(struct inspection *inspection);

/* Begins the next look, if it is due, at what process shows at at_s; does not wait for it. */
void inspection__consider(struct inspection *inspection, const struct report_process *process,
			  double at_s);

/* The last look, at a process that is still there; waits. */
void inspection__finish(struct inspection *inspection, const struct report_process *process,
			double at_s);

/* What is known so far, into the report. 0 or -ENOMEM. */
int inspection__judge(struct inspection *inspection, const struct history *history,
		      const struct suppressions *suppressions, struct report_process *process);

#endif
