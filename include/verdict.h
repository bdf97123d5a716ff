/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h - what the report says of a site or of a process: is it a leak, why, how sure; names as in the contract
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "census.h"

enum verdict_kind { VERDICT_LEAK, VERDICT_SUSPECT, VERDICT_NOT_A_LEAK };

enum verdict_cause {
	CAUSE_OBJECT_RETENTION,
	CAUSE_UNBOUNDED_CACHE,
	CAUSE_UNCOLLECTED_CYCLE,
	CAUSE_REFCOUNT_LEAK,
	CAUSE_NATIVE_LEAK,
	CAUSE_MMAP_LEAK,
	CAUSE_THREAD_LEAK,
	CAUSE_FRAGMENTATION,
	CAUSE_ARENA_RETENTION,
	CAUSE_BOUNDED_CACHE,
	CAUSE_WARMUP,
	CAUSE_LARGE_DATA, /* much held at once: one allocation, a high-water mark */
	CAUSE_UNKNOWN,
	CAUSES,
};

#define VERDICT_EVIDENCE 8

struct verdict {
	enum verdict_kind kind;
	enum verdict_cause cause;
	double confidence;   /* 0..1; of verdicts at 0.9, nine in ten are right */
	const char *summary; /* one sentence that a person can act on */
	const char *advice;
	const char *evidence[VERDICT_EVIDENCE]; /* what it rests on, a sentence each */
	size_t evidence_count;
	long long site; /* index in the report's sites, -1 = of the process as a whole */
	double growth_per_s, growth_low, growth_high; /* bytes a second, 95 %; NAN = not measured */
	const struct census_type *types;
	size_t type_count;
	const char *const *held_by; /* path, from the root */
	size_t held_by_count;
	const char *
		container; /* the one on the path that is taken for the cause: "app.CACHE"; NULL = none */
	char signature
		[17]; /* of cause, function, file and types: the same in other processes and releases; no line number in it */
	bool suppressed; /* by --suppress: shown, not counted */
};

/* By bytes per second, largest first. */
struct verdict_list {
	struct verdict *list;
	size_t count;
};

/* A line of a suppressions file: shell patterns (fnmatch), NULL = any. All that are given must match; one without any matches nothing. */
struct suppression {
	char *file; /* of the site: its name or its path */
	char *function;
	char *type; /* one of the verdict's types */
	char *signature;
};

/* "leak", "suspect", "not_a_leak"; "object_retention" ...: static. */
const char *verdict_kind__name(enum verdict_kind kind);
const char *verdict_cause__name(enum verdict_cause cause);

#endif
