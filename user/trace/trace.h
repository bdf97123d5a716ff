/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/trace.h - the BPF side of a run: load, attach, activate, read, detach
 *
 *	tracer__open(&options, &tracer);
 *	tracer__add(tracer, index, target, plan);	once per target
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
 * Attaches plan's probes to a target. The target and its descriptors must outlive the tracer.
 * 0, or -exit_status after a line on stderr; -EXIT_FAILED where the process ended meanwhile.
 */
int tracer__add(struct tracer *tracer, __u32 index, const struct target *target,
		const struct plan *plan);

/* Starts to count. */
void tracer__activate(struct tracer *tracer);

/* Takes in what the programs sent, for at most timeout_ms; returns early on a signal. 0 or -errno. */
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
