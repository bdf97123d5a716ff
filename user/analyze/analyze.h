/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * analyze.h - what a profile means: sites, growth, coverage
 *
 * Pure: what is not in the arguments (the clock, /proc, the host's name) is not looked at.
 */
#ifndef ANALYZE_H
#define ANALYZE_H

#include "evidence.h"
#include "report.h"
#include "snapshot.h"

struct arena;

/* --- sites (sites.c) --- */

/*
 * Groups the stacks of process->profile into process->sites: by domain and innermost Python line
 * (path, line, function); where there is none, by innermost native frame (module and symbol, or
 * offset without one); where it is not known, by the note that says so. A note ahead of the first
 * Python frame is the site: the line behind it is a caller, and to blame it would be a guess.
 *
 * Largest live_bytes first, equals in the order of their text; id = index. A site's median age is
 * the median of its stacks' medians, weighted by their live blocks: exact for one stack, otherwise
 * off by at most the spread within the stacks. Ages that no stack has are NAN, and so is growth. 0
 * or -ENOMEM. Free with analyze__free_sites().
 */
int analyze__sites(struct report_process *process);
void analyze__free_sites(struct report_process *process);

/* --- modules (modules.c) --- */

struct target;

/*
 * Lists in process->modules those of the target that a native frame of process->profile names, and the executable, which is
 * first. Strings are the target's. 0 or -ENOMEM. Free with free().
 */
int analyze__modules(const struct target *target, struct report_process *process);

/* --- growth (history.c) --- */

/*
 * Live bytes of each site and RSS of one process over time; bounded in sites and in samples. NULL:
 * no memory.
 */
struct history;
struct history *history__new(void);
void history__free(struct history *history);

/*
 * Adds what process shows at now_s (seconds on any clock, not decreasing), then sets the
 * growth_per_s of its memory and of its sites from all samples so far. Sites that are not in it, or
 * have been empty at every sample, are forgotten. 0 or -ENOMEM (nothing is added, growth is NAN).
 */
int history__add(struct history *history, double now_s, struct report_process *process);

/*
 * Bytes per second: the median of the slopes between any two samples (Theil-Sen), which up to 29 %
 * of outliers do not move. NAN with less than two samples.
 */
double history__growth(const struct history *history, const struct report_site *site);
double history__rss_growth(const struct history *history);

#define HISTORY_POINTS 32

/* What is kept of a site, or of RSS (site NULL): at which times, on history__add()'s clock, how many bytes. Returns how many points. */
size_t history__points(const struct history *history, const struct report_site *site,
		       double at_s[HISTORY_POINTS], double bytes[HISTORY_POINTS]);

/* --- coverage (coverage.c) --- */

/*
 * The share of what was allocated that the probes saw, 0..1; NAN where it was not measured or
 * nothing was allocated.
 *
 * object: A allocations and F releases were seen, and pymalloc's own books say that N blocks more
 * are in use than at the start. What A - F lacks of N (or has too much: a release not seen) was
 * missed: A / (A + |N - (A - F)|). mmap, brk: bytes of new anonymous memory in the model / all that
 * appeared. raw: never measured here. The notes stay as they are.
 */
void analyze__coverage(const struct snapshot *snapshot, __u32 target_index,
		       struct report_coverage *coverage);

/* --- verdicts (verdicts.c and the files after it) --- */

/*
 * What the process's growth is, and whether it is a leak, from the sites of process and from evidence; see verdicts.h for how. Judged:
 * sites that have evidence, types where sites explain too little, and the process as a whole. All that verdicts
 * point to is in arena. 0 or -ENOMEM.
 */
int analyze__verdicts(const struct report_process *process, const struct evidence *evidence,
		      struct arena *arena, struct verdict_list *verdicts);

/* Marks those that a suppression matches. */
void analyze__suppress(const struct report_process *process, const struct suppression *suppressions,
		       size_t count, struct verdict_list *verdicts);

/* Whether a leak stands in the report that is not on the list of known ones. */
bool analyze__has_leak(const struct report *report);

/* --- several processes as one (merge.c and the files after it) --- */

/*
 * Adds to into what count other processes have, as if all were one: children under the process that they come of. Who it is
 * (PID, command, Python, probes) stays into's.
 *
 * Stacks that are the same by text become one, with sums. Sites are made anew: their growth is the sum of the members' that
 * measured it, their types are added up by name. Verdicts of one kind, cause and signature become one: growth is the sum,
 * confidence the highest, it is suppressed if all are; what it says is said of the process where it grows fastest, and its first
 * sentence of evidence is in how many processes it is.
 *
 * RSS is the sum of those that have not ended (of all where all have), pages that several share counted in each; so is the
 * bridge, NULL unless each of them has one. The limit is that of the one that meets it first. Losses are sums, coverage is the
 * lowest, overhead the highest, a scale that is not the same in all is NAN, and .end stays NULL unless all have ended.
 *
 * All that is new is into's own, and the others may be freed afterwards; only texts of modules and static ones stay borrowed. Of
 * into, profile, sites, modules and verdict_arena are replaced, which must have been made as assemble.h says; its .sources
 * are to be read anew. Count 0 changes nothing. 0, or -ENOMEM, and into is as it was.
 */
int analyze__merge(struct report_process *into, const struct report_process *const *from,
		   size_t count);

/* --- the limit (limit.c) --- */

/* Sets memory's limit and the time until RSS reaches it, from the looks of evidence: NAN where it does not surely grow. */
void analyze__limit(const struct evidence *evidence, struct report_memory *memory);

#endif
