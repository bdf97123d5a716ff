/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * merge_private.h - what the files merge*.c share: one process being made of several
 */
#ifndef MERGE_PRIVATE_H
#define MERGE_PRIVATE_H

#include "analyze/analyze.h"
#include "lib/arena.h"

struct merge {
	const struct report_process **members; /* the first is the one that it becomes */
	size_t count;
	struct report_process *to; /* owns its profile, sites, modules and verdict_arena only */
	struct arena *scratch;
	size_t **stack_of; /* by member and stack: which stack of to->profile it is in */
	size_t *site_of;   /* by stack of to->profile: its site */
};

/* Types that are added up by name, in an arena. All zero at first. */
struct type_sum {
	struct census_type *list;
	size_t count;
};

/* --- merge_stacks.c --- */

/* Fills to->profile and stack_of. 0 or -ENOMEM. */
int merge__stacks(struct merge *merge);

/* --- merge_sites.c --- */

/* Fills to->sites and site_of, with the members' growth and types. 0 or -ENOMEM. */
int merge__sites(struct merge *merge);

/* Where a site of a member is in to->sites; -1 = it is none. */
long long merge__site(const struct merge *merge, size_t member, long long site);

/* Sorted by bytes afterwards. Names are copied. 0 or -ENOMEM. */
int type_sum__add(struct type_sum *sum, struct arena *arena, const struct census_type *types,
		  size_t count);

/* --- merge_verdicts.c --- */

/* Fills to->verdicts; after the sites. 0 or -ENOMEM. */
int merge__verdicts(struct merge *merge);

/* --- merge_process.c --- */

/* Tracing, coverage, losses, memory, end: figures. 0 or -ENOMEM. */
int merge__figures(struct merge *merge);

/* Bytes a second of both; NAN is what was not measured. */
double merge__sum(double a, double b);

#endif
