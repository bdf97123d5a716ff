/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble.h - a report from what the stages have found
 *
 *	assemble__begin(&report, count, started, duration_s);
 *	assemble__process(...);			once per process, after its profile was filled
 *	assemble__end(&report);
 */
#ifndef ASSEMBLE_H
#define ASSEMBLE_H

#include <time.h>

#include "analyze/analyze.h"
#include "plan.h"
#include "report.h"
#include "snapshot.h"
#include "target.h"

/* An empty report with room for count processes. started: wall clock. 0 or -ENOMEM. */
int assemble__begin(struct report *report, size_t count, time_t started, double duration_s);

/*
 * Fills process from the target, its plan, the snapshot (target_index) and process->profile and ->tracing, and adds this
 * moment to history. Strings are borrowed from target and plan, which must outlive the report. 0 or -ENOMEM.
 */
int assemble__process(const struct snapshot *snapshot, __u32 target_index,
		      const struct target *target, const struct plan *plan, struct history *history,
		      double now_s, struct report_process *process);

/* Frees what assemble__process() made; profiles are their maker's. */
void assemble__end(struct report *report);

#endif
