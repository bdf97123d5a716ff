// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts.c - what is judged, in which order, and how severely; see verdicts.h
 */
#include "analyze/verdicts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"

#define VERDICTS_MAX 64
#define STAYS 0.7            /* survival of old blocks, at least, of a leak */
#define UNCERTAIN 100.0      /* % of error of a site's live bytes */
#define CONFIRMED 0.5        /* by the growth of the heap: sites whose own figures are coarse */
#define BACKED 0.3           /* of its growth, at least, is that of the process as well */
#define TURNOVER 0.2         /* at most, of what comes and goes */
#define DOUBTFUL 0.6         /* what is left of a leak's confidence for a suspect */
#define TOO_LITTLE 0.3       /* the same, where there are too few looks to speak of a slope */
#define LEAST_CONFIDENCE 0.1 /* below, it is not worth saying */
#define REPLACED 0.1         /* of what was allocated has been released */
#define ONE_LOAD 0.8         /* of all growth came at once */
#define MORE_THAN_HEAP 2     /* times its growth: mappings that are not the heap's */

struct verdict *judge__add(struct judge *judge, enum verdict_kind kind, enum verdict_cause cause,
			   double confidence)
{
	struct verdict *verdict;

	if (judge->count == judge->room)
		return NULL;
	verdict = &judge->list[judge->count++];
	*verdict = (struct verdict){
		.kind = kind,
		.cause = cause,
		.confidence = confidence,
		.site = -1,
		.growth_per_s = NAN,
		.growth_low = NAN,
		.growth_high = NAN,
	};
	return verdict;
}

/* What comes and goes, as the blocks' ages or the heap as a whole say, is not worth a word. */
static bool passes_by(const struct growing *growing, const struct finding *finding)
{
	if (finding->holder && holder__grows(finding->holder, growing))
		return false;
	return growing->survival < TURNOVER || (growing->not_backed && growing->layer_looked);
}

static bool is_leak(const struct growing *growing, const struct finding *finding, double confidence)
{
	return growing->course.kind == COURSE_RISING && !finding->may_end &&
	       !(growing->survival < STAYS) && !(growing->backing < BACKED) &&
	       confidence >= CONFIDENT;
}

static enum verdict_kind weigh(const struct growing *growing, const struct finding *finding,
			       enum verdict_kind at_most, double *confidence)
{
	*confidence = confidence__leak(growing, finding);
	if (at_most == VERDICT_LEAK && is_leak(growing, finding, *confidence))
		return VERDICT_LEAK;
	*confidence *= growing->course.kind == COURSE_TOO_SHORT ? TOO_LITTLE : DOUBTFUL;
	*confidence = fmin(*confidence, SUSPECT_MOST);
	return VERDICT_SUSPECT;
}

/* Entries go as new ones come: no warm-up, but a container that is full. */
static bool is_replacing(const struct growing *growing)
{
	const struct report_site *site = growing->site;
	const struct evidence_site *about = growing->about;

	return site && about->holder_count && about->holders[0].container &&
	       site->free_count >= REPLACED * site->alloc_count;
}

/* It has stopped, or is bound to. */
static bool has_ended(const struct growing *growing, struct finding *finding, double *confidence)
{
	const struct course *course = &growing->course;

	if (finding->cause == CAUSE_BOUNDED_CACHE && course->kind != COURSE_TOO_SHORT) {
		*confidence = confidence__bounded(course, finding);
		return true;
	}
	if (course->kind != COURSE_STOPPED)
		return false;
	finding->cause = course->jump >= ONE_LOAD ? CAUSE_LARGE_DATA : CAUSE_WARMUP;
	if (is_replacing(growing)) {
		finding->cause = CAUSE_BOUNDED_CACHE;
		finding->holder = &growing->about->holders[0];
		finding->fills_s = NAN;
	}
	*confidence = confidence__ended(course);
	return true;
}

struct verdict *judge__one(struct judge *judge, const struct growing *growing,
			   enum verdict_kind at_most)
{
	enum verdict_kind kind = VERDICT_NOT_A_LEAK;
	struct finding finding;
	struct verdict *verdict;
	double confidence;

	if (growing->course.kind == COURSE_STILL || growing->course.kind == COURSE_WAVES ||
	    !judge__matters(judge, &growing->course))
		return NULL;
	finding__of(judge, growing, &finding);
	if (!has_ended(growing, &finding, &confidence)) {
		if (passes_by(growing, &finding))
			return NULL;
		kind = weigh(growing, &finding, at_most, &confidence);
	}
	if (confidence < LEAST_CONFIDENCE)
		return NULL;
	verdict = judge__add(judge, kind, finding.cause, confidence);
	if (verdict)
		verdict__word(judge, verdict, growing, &finding);
	return verdict;
}

double judge__explained(const struct judge *judge)
{
	double sum = 0;

	for (size_t i = 0; i < judge->count; i++) {
		/* What fills up to a bound explains as well. */
		if (judge->list[i].growth_per_s > 0)
			sum += judge->list[i].growth_per_s;
	}
	return sum;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_place(const struct report_site *a, const struct report_site *b)
{
	return a->file && a->line == b->line && same_text(a->path, b->path) &&
	       same_text(a->function, b->function);
}

/* One line often makes both the objects and the buffers that they own: one verdict, with the growth of both. */
static void merge_last(struct judge *judge)
{
	struct verdict *last = &judge->list[judge->count - 1], *other, swap;
	const struct report_site *sites = judge->process->sites;
	size_t i = 0;

	while (i + 1 < judge->count &&
	       (judge->list[i].site < 0 ||
		!same_place(&sites[judge->list[i].site], &sites[last->site])))
		i++;
	other = &judge->list[i];
	if (other == last)
		return;
	if (last->kind < other->kind ||
	    (last->kind == other->kind && last->growth_per_s > other->growth_per_s)) {
		swap = *other;
		*other = *last;
		*last = swap;
	}
	if (last->kind == other->kind) {
		other->growth_per_s += last->growth_per_s;
		other->growth_low += last->growth_low;
		other->growth_high += last->growth_high;
	}
	judge->count--;
}

static bool is_heap(const struct report_site *site)
{
	return site->domain == DOMAIN_OBJECT || site->domain == DOMAIN_RAW;
}

static double heap_growth(const struct report_process *process)
{
	double sum = 0;

	for (size_t i = 0; i < process->site_count; i++)
		if (is_heap(&process->sites[i]) && process->sites[i].growth_per_s > 0)
			sum += process->sites[i].growth_per_s;
	return sum;
}

/* Address space is where the heap is, too: where nobody looked at what else is mapped, it must grow far more than the heap. */
static enum verdict_kind mapping_at_most(const struct judge *judge, const struct growing *growing)
{
	if (judge->mapped.kind != COURSE_TOO_SHORT)
		return VERDICT_LEAK;
	return growing->course.trend.slope > MORE_THAN_HEAP * heap_growth(judge->process)
		       ? VERDICT_SUSPECT
		       : VERDICT_NOT_A_LEAK;
}

static bool is_confirmed(const struct growing *growing)
{
	return growing->layer_looked && growing->backing >= CONFIRMED;
}

static void judge_site(struct judge *judge, const struct evidence_site *about)
{
	const struct report_site *site = &judge->process->sites[about->site];
	struct growing growing = {.site = site, .about = about};
	enum verdict_kind at_most = VERDICT_LEAK;
	struct verdict *verdict;

	growing__follow(judge, &growing);
	growing__fill(judge, &growing);
	/* Arenas of the heap are mapped as well: they are no cause but the room for one. */
	if (site->domain == DOMAIN_MMAP)
		at_most = growing.backing < BACKED ? VERDICT_NOT_A_LEAK
						   : mapping_at_most(judge, &growing);
	/*
	 * Who wrote to a page first is often not who keeps it. Few samples of large blocks are no series: but where a look at
	 * the heap shows the same growth, it is only the scale that is uncertain.
	 */
	if (site->domain == DOMAIN_RSS || (site->error_pct > UNCERTAIN && !is_confirmed(&growing)))
		at_most = at_most > VERDICT_SUSPECT ? at_most : VERDICT_SUSPECT;
	if (at_most == VERDICT_NOT_A_LEAK)
		return;
	verdict = judge__one(judge, &growing, at_most);
	if (!verdict)
		return;
	verdict->site = about->site;
	merge_last(judge);
}

static void judge_sites(struct judge *judge, enum domain domain)
{
	const struct evidence *evidence = judge->evidence;

	for (size_t i = 0; i < evidence->site_count; i++) {
		const struct evidence_site *about = &evidence->sites[i];

		if (about->site < judge->process->site_count &&
		    judge->process->sites[about->site].domain == domain)
			judge_site(judge, about);
	}
}

static int compare_verdicts(const void *a, const void *b)
{
	const struct verdict *x = a, *y = b;
	double p = isnan(x->growth_per_s) ? -INFINITY : x->growth_per_s;
	double q = isnan(y->growth_per_s) ? -INFINITY : y->growth_per_s;

	if (p != q)
		return p < q ? 1 : -1;
	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	return x->confidence < y->confidence ? 1 : x->confidence > y->confidence ? -1 : 0;
}

int analyze__verdicts(const struct report_process *process, const struct evidence *evidence,
		      struct arena *arena, struct verdict_list *verdicts)
{
	struct judge judge = {.process = process, .evidence = evidence, .arena = arena};

	*verdicts = (struct verdict_list){0};
	judge.list = arena__alloc(arena, VERDICTS_MAX, sizeof(*judge.list));
	if (!judge.list)
		return -ENOMEM;
	judge.room = VERDICTS_MAX;
	judge__measure(&judge);
	judge_sites(&judge, DOMAIN_OBJECT);
	judge_sites(&judge, DOMAIN_RAW);
	judge__group(&judge);
	judge_sites(&judge, DOMAIN_MMAP);
	judge__types(&judge);
	if (!(judge__explained(&judge) > 0))
		judge_sites(&judge, DOMAIN_RSS);
	judge__process(&judge);
	if (judge.no_memory)
		return -ENOMEM;
	qsort(judge.list, judge.count, sizeof(*judge.list), compare_verdicts);
	for (size_t i = 0; i < judge.count; i++)
		verdict__sign(&judge.list[i], process);
	verdicts->list = judge.list;
	verdicts->count = judge.count;
	return 0;
}

bool analyze__has_leak(const struct report *report)
{
	for (size_t i = 0; i < report->process_count; i++) {
		const struct verdict_list *verdicts = &report->processes[i].verdicts;

		for (size_t k = 0; k < verdicts->count; k++)
			if (verdicts->list[k].kind == VERDICT_LEAK && !verdicts->list[k].suppressed)
				return true;
	}
	return false;
}
