/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subject.h - one process that is traced, and what each stage keeps of it
 *
 *	subject__open(&subject, pid, with_sources)	what it is, and where its probes go
 *	subject__start(&subject, tracer, index, ...)	probes; nothing counts yet
 *	subject__count_anew(&subject)			from here on it does
 *	subject__observe(&subject)			now and then
 *	subject__close(&subject)
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "analyze/assemble.h"
#include "inspection.h"
#include "plan/planner.h"
#include "regime/regime.h"
#include "sources.h"
#include "symbolize/symbolize.h"
#include "target.h"
#include "trace/trace.h"

struct subject {
	struct tracer *tracer; /* since subject__start(); not owned */
	__u32 index;           /* in it */
	struct target *target;
	struct plan *plan;
	struct pools *pools; /* NULL = pymalloc's pools were not found */
	struct symbolizer *symbolizer;
	struct history *history;
	struct regime *regime;
	struct inspection inspection;
	struct sources *sources; /* NULL = no output shows source */
	struct memory_info memory;
	struct plan_options plan_options;
	double last_refresh_s; /* of the modules */
	__u32 code_maps;       /* tracer__code_maps() when libraries were last looked for ... */
	double next_look_s;    /* ... and when they may be again */
};

/* 0, or -exit_status after a line on stderr; closed by the caller in either case. */
int subject__open(struct subject *subject, pid_t pid, bool with_sources);

/* The same. budget: of its time, what looking into its heap may take. */
int subject__start(struct subject *subject, struct tracer *tracer, __u32 index,
		   const struct regime_options *options, double budget);

/* Where counting begins; the pools were found before, which takes a moment. */
void subject__count_anew(struct subject *subject);

/* What can be seen of a process from outside; keeps the last figures of one that has ended. */
void subject__observe(struct subject *subject);

/* Puts probes on the allocators of libraries that it has loaded meanwhile; where that fails, a line on stderr says so. */
void subject__look_for_libraries(struct subject *subject);

/* Whether it has ended, or become another program: there is no more to see. Asks anew. */
bool subject__is_over(struct subject *subject);

/* The index of the module at this address of its code, -1 = none; one that was loaded meanwhile is found, too. */
int subject__module_at(struct subject *subject, __u64 address);

/* The tracer measures the address space; the rest was observed here. */
void subject__add_observation(const struct subject *subject, struct memory_info *to);

void subject__close(struct subject *subject);

#endif
