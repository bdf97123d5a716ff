/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - the finished report, as exporters see it (const)
 *
 * Mirrors the JSON of schema pyleak.report/1. Figures that were not measured are NAN (double) or
 * REPORT_UNMEASURED (integers) and come out as null, never as 0. Strings are UTF-8, not escaped for any format.
 */
#ifndef REPORT_H
#define REPORT_H

#include <linux/types.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "census.h"
#include "profile.h"
#include "tracing.h"
#include "verdict.h"

#define REPORT_SCHEMA "pyleak.report/1"
#define REPORT_UNMEASURED (-1LL)

struct report_probe {
	const char *function, *module, *role; /* role: "enter", "return", "free" */
	__u64 offset;                         /* from the function's start */
	double cost_ns;
};

/* Share seen by the probes of what was really allocated since tracing began, 0..1. */
struct report_coverage {
	double object, raw, mmap, brk;
	const char *object_note, *raw_note; /* why, for a person; NULL = nothing to say */
	double rss;          /* of the resident anonymous memory that appeared: what has an owner */
	double rss_inferred; /* ... and whose owner is that of the page next to it */
};

struct report_lost {
	/* The contract's names. */
	__u64 events;          /* probe hits that could not be used: the sum of the five below */
	__u64 stacks;          /* blocks recorded without a stack: stack table full */
	__u64 live_full;       /* blocks not recorded: live table full */
	__u64 unmatched_frees; /* released blocks older than the tracing; no loss */
	__u64 unwind_errors;   /* stacks cut at an unreadable frame */

	__u64 thread_state, nest_full, missing_exits, unreadable_arguments, space_events;

	__u64 live_full_bytes;
	__u64 faults;       /* page faults not recorded: ring full */
	__u64 missed_frees; /* found out when the address was handed out again, and put right then */
	__u64 truncated_stacks; /* cut at the root side: too deep */
	__u64 unknown_stacks;   /* stacks whose frames never arrived */
	__u64 names_retried;    /* announcements put off: no loss */
	__u64 unreadable_names; /* code objects without strings */
};

struct report_memory {
	long long rss, rss_start; /* bytes */
	double growth_per_s;
	long long limit;
	double seconds_to_limit;
	double seconds_to_limit_low, seconds_to_limit_high; /* 95 % */
	const struct rss_bridge *bridge;                    /* NULL = not looked at */
};

struct report_site {
	size_t id;
	/* the innermost Python line, or without one the innermost native frame outside the allocator */
	const char *file, *path, *function, *module;
	int line;     /* 0 = native */
	__u64 offset; /* native without symbol */
	enum domain domain;
	__u64 live_bytes, live_count, alloc_bytes, alloc_count, free_bytes, free_count;
	double growth_per_s, oldest_s, median_age_s, error_pct;
	size_t *stacks; /* indices into profile.stacks, by live bytes */
	size_t stack_count;
	/* immediate native caller of the allocator that most live bytes of the site have, NULL = none */
	const struct named_frame *native;
	/* of the live blocks, by bytes; of a sample where there are very many */
	const struct census_type *types;
	size_t type_count;
};

/* An ELF file that native frames are in. */
struct report_module {
	const char *name;     /* that of the frames; two may have the same */
	const char *path;     /* as the process sees it */
	__u64 start, end;     /* where it is mapped */
	const char *build_id; /* hexadecimal digits, NULL = it has none */
};

/* A file that sites are in, as it was when the report was made. */
struct report_source {
	const char *path;         /* that of the sites */
	const char *const *lines; /* [0] is line 1; UTF-8, cut; NULL = could not be read */
	size_t line_count;
	const char *problem; /* why it could not be read, or not to its end; NULL = none */
	bool newer;          /* changed after the process started: perhaps not what runs */
};

struct report_process {
	int pid;
	const int *
		merged; /* PIDs of the processes that are in it besides itself, see analyze__merge() */
	size_t merged_count;
	const char *comm, *exe, *cgroup;
	char *const *cmdline;                          /* NULL-terminated */
	const char *python_version, *python_allocator; /* NULL = unknown */
	bool free_threaded;
	const char **allocators;
	size_t allocator_count;

	const char *mode;
	struct tracing tracing;
	struct report_probe *probes;
	size_t probe_count;
	double overhead_pct, scale;
	struct report_coverage coverage;
	struct report_lost lost;
	struct report_memory memory;
	const char *end; /* why tracing of it ended early, NULL = it did not */

	struct profile profile; /* stacks; empty ones (nothing live) included */
	struct report_module
		*modules; /* those of the stacks' native frames, the executable first */
	size_t module_count;
	struct report_site *sites; /* by live_bytes, largest first; all of them */
	size_t site_count;
	struct verdict_list verdicts;
	void *verdict_arena; /* struct arena: owner of the verdicts, the sites' types, the bridge and .merged */

	/* of the files that hold most; only where an output shows them */
	const struct report_source *sources;
	size_t source_count;
};

struct report {
	const char *version, *host, *kernel;
	char started[32]; /* RFC 3339, UTC */
	double duration_s;
	struct report_process *processes;
	size_t process_count;
	/* what of it to show; exporters that are for people obey it */
	size_t top;
	__u64 min_size;
};

#endif
