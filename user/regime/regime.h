/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regime/regime.h - how closely one process is traced, from moment to moment
 *
 * The hand between the governor, which decides, and the tracer, which puts probes in: begins and ends windows, gathers what
 * the governor wants to know, and asks the heap from outside what has become of blocks whose release no probe could see.
 */
#ifndef REGIME_H
#define REGIME_H

#include "cli.h"
#include "heap/pools.h"
#include "plan.h"
#include "target.h"
#include "trace/calibrate.h"
#include "trace/trace.h"
#include "tracing.h"

struct regime;

struct regime_options {
	enum trace_mode mode;
	double budget;       /* share of the target's own time */
	double sample_bytes; /* 0 = chosen here */
	const struct probe_prices *prices;
};

/*
 * pools: where the caller keeps the target's pools, which may be found later. All pointers must outlive the regime.
 * NULL: no memory.
 */
struct regime *regime__new(struct tracer *tracer, __u32 index, const struct target *target,
			   const struct plan *plan, struct pools **pools,
			   const struct regime_options *options);
void regime__free(struct regime *regime);

/* Puts in what the mode has in place from the start; before activation. 0, or -exit_status after a line. */
int regime__start(struct regime *regime);

/*
 * Does what is due; to be called every 100 ms or more often. May sleep for the length of a window. Where the process
 * has ended meanwhile nothing is done.
 */
void regime__tick(struct regime *regime);

/* Takes probes out that nobody needs any more and asks the heap once more, for the last report. */
void regime__finish(struct regime *regime);

/* Tells the tracer what a block that a window recorded stands for by now. Before a snapshot. */
void regime__set_scale(const struct regime *regime);

/* What a report says of it. */
void regime__state(const struct regime *regime, struct tracing *state);

#endif
