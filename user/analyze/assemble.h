/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble.h - a report from what the stages have found
 *
 *	assemble__begin(&report, count, started, duration_s);
 *	assemble__process(...);			once per process, after its profile was filled
 *	assemble__judge(...);			the same, where its heap was looked at
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

/*
 * The same where nothing was traced: what the target is, and its resident bytes at this moment and at first (0 = not measured). No sites.
 */
int assemble__untraced(const struct target *target, __u64 rss, __u64 rss_start,
		       struct history *history, double now_s, struct report_process *process);

/*
 * What evidence says of process, which assemble__process() has filled: verdicts, the sites' types, bridge and limit. Its site numbers are
 * indices in process->sites; for growing sites without an own series, and for those that it does not mention, the
 * history speaks. Nothing of evidence or suppressions is kept. NULL evidence: no verdicts. 0 or -ENOMEM.
 */
int assemble__judge(const struct evidence *evidence, const struct history *history,
		    const struct suppression *suppressions, size_t suppression_count,
		    struct report_process *process);

/* Frees what assemble__process() and assemble__judge() made; profiles are their maker's. */
void assemble__end(struct report *report);

/* The same of one process, which is not in the report any more. */
void assemble__end_process(struct report_process *process);

#endif
