/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/trace.h - the BPF side of a run: load, attach, activate, read, detach
 *
 *	tracer__open(&options, &tracer);
 *	tracer__add(tracer, index, target, plan);	once per target
 *	tracer__attach(tracer, index, layer, PROBES_ALL);
 *	tracer__switch(tracer, index, layer, SWITCH_RECORD, 0);
 *	tracer__activate(tracer);			everything counts from here, at once
 *	while (...) {
 *		tracer__poll(tracer, 100);
 *		tracer__snapshot(tracer, true, 0, &snapshot);
 *	}
 *	tracer__deactivate(tracer);			nothing counts from here
 *	tracer__snapshot(...);				the exact end state
 *	tracer__free(tracer);
 *
 * The only part of user space that knows libbpf.
 */
#ifndef TRACE_TRACE_H
#define TRACE_TRACE_H

#include <stdbool.h>

#include "plan.h"
#include "pools_in_use.h"
#include "snapshot.h"
#include "target.h"

struct tracer;

struct tracer_options {
	const struct hook *hooks; /* hook_count rows; copied */
	size_t hook_count;
	unsigned int live_max;   /* entries of the live table, 0 = default */
	unsigned int stacks_max; /* rows of the stack table, 0 = default */
	/* Index of the target's module that holds address, -1 = none; may look again for new modules. */
	int (*module_at)(void *context, __u32 target, __u64 address);
	void *module_context;
};

/* Loads the programs and attaches the tracepoints. 0, or -exit_status after a line on stderr. */
int tracer__open(const struct tracer_options *options, struct tracer **tracer);

/*
 * Takes a target in; no probe yet. After tracer__activate(): what it has by then is not counted as its own. The target, its descriptors and the plan must outlive the tracer.
 * 0, or -exit_status after a line on stderr.
 */
int tracer__add(struct tracer *tracer, __u32 index, const struct target *target,
		const struct plan *plan);

/* Which of a layer's probes are in place. */
enum probe_extent { PROBES_NONE, PROBES_ALL };

/*
 * Puts in or takes out probes of a layer until it is these. 0, or -exit_status after a line on stderr;
 * -EXIT_FAILED where the process ended meanwhile. A layer whose probes change should be off or
 * recording only what it can do without the others.
 */
int tracer__attach(struct tracer *tracer, __u32 index, enum heap_layer layer,
		   enum probe_extent extent);

/* How often the target has mapped code of a file since tracing began. */
__u32 tracer__code_maps(const struct tracer *tracer, __u32 index);

/*
 * The target's plan has grown: probes[first] and those behind it are put in where those of their layer are. As tracer__attach(), but what
 * was in place stays.
 */
int tracer__extend(struct tracer *tracer, __u32 index, size_t first);

/* What the layer's probes do from now on. mean: see live_block. */
void tracer__switch(struct tracer *tracer, __u32 index, enum heap_layer layer,
		    enum layer_switch what, __u32 mean);

/* The target's entries of the live table; the caller frees *blocks, after an error too. 0 or -errno. */
int tracer__blocks(struct tracer *tracer, __u32 index, struct tracked_block **blocks,
		   size_t *count);

/* Takes a block out whose release was found out in another way. */
void tracer__forget(struct tracer *tracer, __u32 index, __u64 address);

/*
 * Blocks that the layer's windows recorded until then have been looked up in the heap often enough, and the free ones
 * forgotten; snapshots leave out later ones.
 */
void tracer__set_judged(struct tracer *tracer, __u32 index, enum heap_layer layer, __u64 until_ns);

/* From now on snapshots take each block that a window of the layer recorded for so many. */
void tracer__set_scale(struct tracer *tracer, __u32 index, enum heap_layer layer, double scale);

/*
 * All that the target's pymalloc holds: from now on no size class's estimate is larger. Windows are a small sample, and a
 * block that is allocated at the pace of a clock falls into them more often than one that is allocated at the pace of work,
 * which they slow down.
 */
void tracer__bound_live(struct tracer *tracer, __u32 index, const struct pools_in_use *in_use);

/* Seconds spent on attaching and on detaching probes so far; whether one link carries many. */
void tracer__attach_cost(const struct tracer *tracer, double *attach_s, double *detach_s,
			 bool *multi);

/* Whether one link can carry many probes here; else each is a perf event. */
bool tracer__has_multi(const struct tracer *tracer);

/* The programs' counters of one target, all CPUs. 0 or -errno. */
int tracer__counters(const struct tracer *tracer, __u32 index, __u64 of[COUNTER_MAX]);

/* Share of a processor's time that recording the target's page faults may take; 0.5 % at most, and at first. */
void tracer__pace_faults(struct tracer *tracer, __u32 index, double share);

/* Whether this kernel shows page faults: x86. Else no target has rows of DOMAIN_RSS. */
bool tracer__has_faults(const struct tracer *tracer);

/* Starts to count. */
void tracer__activate(struct tracer *tracer);

/*
 * Takes in what the programs sent, for at most timeout_ms; returns early on a signal. 0 or -errno. Also looks after
 * processes that a target has forked.
 */
int tracer__poll(struct tracer *tracer, int timeout_ms);

/* Whether the target has replaced its image by exec; its figures end there. */
bool tracer__replaced(const struct tracer *tracer, __u32 index);

/*
 * Copies the maps. with_live: walks the live table as well, for ages; only then older_s > 0 leaves younger blocks
 * out of the live figures.
 * 0 or -errno; free with snapshot__free(), before the tracer.
 */
int tracer__snapshot(struct tracer *tracer, bool with_live, double older_s,
		     struct snapshot **snapshot);
void snapshot__free(struct snapshot *snapshot);

/* Stops counting; the probes stay until tracer__free(). */
void tracer__deactivate(struct tracer *tracer);

/* Detaches every probe, which takes the kernel 0.1 s each, and frees everything; NULL is fine. */
void tracer__free(struct tracer *tracer);

/*
 * Starts argv and stops it where its program is a dynamically linked CPython about to run its first instruction
 * (libraries mapped, nothing executed). Programs that only exec another one on the way are followed.
 * Needs an open tracer. 0 and *pid, or -exit_status after a line on stderr.
 */
int tracer__launch(struct tracer *tracer, char **argv, bool (*is_python)(pid_t pid), pid_t *pid);

/* Lets a launched process run. */
void tracer__resume(pid_t pid);

#endif
