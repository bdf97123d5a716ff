// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_process.c - what neither sites nor types explain: threads, layers of the memory, and a process that is large but still
 */
#include <string.h>

#include "analyze/verdicts.h"
#include "lib/text.h"

#define LAYER_SHARE 0.4  /* of RSS's growth, of a layer that is to explain it */
#define LARGE_SHARE 0.25 /* of RSS */
#define LARGE_LEAST (16.0 * 1048576)
#define MANY_THREADS 3 /* more at the end than at first */
#define MANY_ARENAS 8
#define ABOVE_NOW 1.2 /* times RSS: a peak that is worth a word */
#define WARMED 0.1    /* of RSS: growth that is worth saying that it has stopped */

static struct verdict *add_whole(struct judge *judge, enum verdict_kind kind,
				 enum verdict_cause cause, double confidence,
				 const struct course *course)
{
	struct verdict *verdict = judge__add(judge, kind, cause, confidence);

	if (verdict && course && isfinite(course->trend.slope)) {
		verdict->growth_per_s = course->trend.slope;
		verdict->growth_low = course->trend.low;
		verdict->growth_high = course->trend.high;
	}
	return verdict;
}

static bool has_cause(const struct judge *judge, enum verdict_cause cause)
{
	for (size_t i = 0; i < judge->count; i++)
		if (judge->list[i].cause == cause)
			return true;
	return false;
}

/* Counts, not bytes: what they cost is in the mappings. */
static void judge_threads(struct judge *judge)
{
	const struct evidence_site about = {0};
	struct growing growing = {
		.about = &about, .course = judge->threads, .survival = NAN, .kept = NAN};
	struct finding finding = {.cause = CAUSE_THREAD_LEAK, .agreement = 1};
	const struct course *threads = &judge->threads;
	struct verdict *verdict;

	if (threads->kind != COURSE_RISING || threads->last - threads->first < MANY_THREADS ||
	    has_cause(judge, CAUSE_THREAD_LEAK))
		return;
	growing.backing = NAN;
	verdict = add_whole(judge, VERDICT_LEAK, CAUSE_THREAD_LEAK,
			    confidence__leak(&growing, &finding),
			    course__grows(&judge->mapped) ? &judge->mapped : NULL);
	if (!verdict)
		return;
	if (verdict->confidence < CONFIDENT)
		verdict->kind = VERDICT_SUSPECT;
	verdict->summary =
		judge__say(judge,
			   "Threads are started and do not end: %.0f at first, %.0f now, "
			   "%.2g more a second.",
			   threads->first, threads->last, threads->trend.slope);
	verdict->advice = "Find where they are started (threading.Thread, executors that are made "
			  "per request) and why "
			  "they do not return; join them, or use one pool.";
	judge__support(
		judge, verdict,
		judge__say(judge,
			   "%zu looks in %.0f s: between %.2g and %.2g more a second (95 %%)",
			   threads->points, threads->seconds, threads->trend.low,
			   threads->trend.high));
}

/* Garbage that grows and that neither a site nor a type was found to make. */
static void judge_garbage(struct judge *judge)
{
	const struct evidence *evidence = judge->evidence;
	const struct evidence_site about = {
		.types = evidence->cycle_types,
		.type_count = evidence->cycle_type_count,
		.garbage_share = 1,
		.sampled_blocks = 1,
		.object_blocks = 1,
	};
	struct growing growing = {.about = &about, .course = judge->garbage};

	if (has_cause(judge, CAUSE_UNCOLLECTED_CYCLE))
		return;
	growing__fill(judge, &growing);
	/* Garbage that is collected in the end comes in waves: no word about that. */
	if (judge->garbage.kind >= COURSE_UNSTEADY)
		judge__one(judge, &growing, VERDICT_LEAK);
}

/* --- growth that neither sites nor types explain: which layer? --- */

static const struct layer {
	enum verdict_cause cause;
	enum verdict_kind at_most;
	size_t offset; /* of its course */
	const char *what, *advice;
} layers[] = {
	{CAUSE_NATIVE_LEAK, VERDICT_LEAK, offsetof(struct judge, in_use),
	 "blocks of malloc that belong to no Python object",
	 "Trace with --mode exact for a while: it names the caller of malloc. Suspect extension "
	 "modules first."},
	{CAUSE_MMAP_LEAK, VERDICT_LEAK, offsetof(struct judge, mapped),
	 "anonymous mappings outside the heap",
	 "Look for mmap objects and buffers that are not closed; --mode growth names who maps."},
	{CAUSE_FRAGMENTATION, VERDICT_SUSPECT, offsetof(struct judge, unused),
	 "memory that malloc has been given back and keeps",
	 "Try MALLOC_ARENA_MAX=2, or call malloc_trim(0) through ctypes now and then; jemalloc "
	 "keeps less."},
	{CAUSE_ARENA_RETENTION, VERDICT_SUSPECT, offsetof(struct judge, arenas),
	 "pymalloc's arenas, more than the objects in them",
	 "Few live objects keep arenas from being freed: make short-lived objects apart from "
	 "long-lived ones."},
	{CAUSE_UNKNOWN, VERDICT_SUSPECT, offsetof(struct judge, objects), "Python objects",
	 "Trace with --mode exact for a while: it names the lines."},
	{CAUSE_UNKNOWN, VERDICT_SUSPECT, offsetof(struct judge, rss),
	 "memory that was not looked into",
	 "Trace it longer, or with --mode exact, to see who allocates."},
};

static const struct course *course_of(const struct judge *judge, const struct layer *layer)
{
	return (const struct course *)((const char *)judge + layer->offset);
}

/* What malloc hands out, and what arenas hold, is Python's as far as Python grows as well. */
static bool explains(const struct judge *judge, const struct layer *layer)
{
	const struct course *course = course_of(judge, layer);
	double slope = course->trend.slope;

	if (!course__grows(course) || !(slope >= LAYER_SHARE * judge->rss.trend.slope))
		return false;
	if (layer->cause == CAUSE_NATIVE_LEAK || layer->cause == CAUSE_ARENA_RETENTION)
		return course__followed(&judge->objects) &&
		       !(judge->objects.trend.slope > EXPLAINED * slope);
	return true;
}

static void judge_growth(struct judge *judge)
{
	const struct evidence_site about = {0};
	struct growing growing = {.about = &about, .survival = NAN, .kept = NAN};
	struct finding finding = {.agreement = NAN};
	struct verdict *verdict;
	size_t i = 0;
	double confidence;
	char pace[32];

	if (!course__grows(&judge->rss) || !judge__matters(judge, &judge->rss) ||
	    judge__explained(judge) >= EXPLAINED * judge->rss.trend.slope)
		return;
	while (!explains(judge, &layers[i]))
		i++; /* the last one is RSS itself */
	growing.course = *course_of(judge, &layers[i]);
	growing.backing = fmin(1, judge->rss.trend.slope / growing.course.trend.slope);
	finding.cause = layers[i].cause;
	confidence = confidence__leak(&growing, &finding);
	if (layers[i].at_most != VERDICT_LEAK || growing.course.kind != COURSE_RISING ||
	    confidence < CONFIDENT)
		confidence = fmin(confidence * 0.6, SUSPECT_MOST);
	verdict = add_whole(judge, confidence < CONFIDENT ? VERDICT_SUSPECT : VERDICT_LEAK,
			    finding.cause, confidence, &growing.course);
	if (!verdict)
		return;
	verdict->summary = judge__say(judge, "The process grows by %s/s, in %s.",
				      text__bytes(growing.course.trend.slope, pace, sizeof(pace)),
				      layers[i].what);
	verdict->advice = layers[i].advice;
	judge__support(
		judge, verdict,
		judge__say(judge,
			   "RSS grows by %s/s, and no line or type that was looked at explains it",
			   text__bytes(judge->rss.trend.slope, pace, sizeof(pace))));
}

/* --- large, and still --- */

static void say_still(struct judge *judge, enum verdict_cause cause, double confidence,
		      const char *summary, const char *advice)
{
	const struct course *rss = &judge->rss;
	struct verdict *verdict = add_whole(judge, VERDICT_NOT_A_LEAK, cause, confidence,
					    course__followed(rss) ? rss : NULL);

	if (!verdict)
		return;
	verdict->summary = summary;
	verdict->advice = advice;
	if (course__followed(rss))
		judge__support(judge, verdict,
			       judge__say(judge, "RSS has been at this level for %.0f of %.0f s",
					  rss->flat_s, rss->seconds));
	if (judge->evidence->rss_peak > ABOVE_NOW * judge->rss_now)
		judge__support(judge, verdict,
			       judge__say(judge, "it has been %s at its highest since it started",
					  judge__bytes(judge, judge->evidence->rss_peak)));
}

static bool is_large(const struct judge *judge, double bytes)
{
	return bytes >= LARGE_LEAST && bytes >= LARGE_SHARE * judge->rss_now;
}

static void judge_unused(struct judge *judge, double confidence)
{
	const struct rss_bridge *bridge = judge->evidence->bridge;
	double unused = bridge ? (double)bridge->malloc_free : judge->unused.last;
	double arenas = judge->arena_count.points ? judge->arena_count.last : NAN;
	char bytes[32], rss[32], many[64] = "";

	if (!is_large(judge, unused))
		return;
	if (arenas >= MANY_ARENAS)
		snprintf(many, sizeof(many), ", in %.0f arenas", arenas);
	say_still(judge, CAUSE_FRAGMENTATION, confidence,
		  judge__say(judge, "%s of %s RSS are free, but malloc keeps them%s.",
			     text__bytes(unused, bytes, sizeof(bytes)),
			     text__bytes(judge->rss_now, rss, sizeof(rss)), many),
		  arenas >= MANY_ARENAS ? "Set MALLOC_ARENA_MAX=2; or call malloc_trim(0) through "
					  "ctypes after large work."
					: "Call malloc_trim(0) through ctypes after large work, or "
					  "live with it: it is used again.");
}

static void judge_arenas(struct judge *judge, double confidence)
{
	const struct rss_bridge *bridge = judge->evidence->bridge;
	double unused =
		bridge ? (double)bridge->pymalloc_free : judge->arenas.last - judge->objects.last;
	char bytes[32], rss[32];

	if (!is_large(judge, unused))
		return;
	say_still(judge, CAUSE_ARENA_RETENTION, confidence,
		  judge__say(judge, "%s of %s RSS are free inside pymalloc's arenas.",
			     text__bytes(unused, bytes, sizeof(bytes)),
			     text__bytes(judge->rss_now, rss, sizeof(rss))),
		  "Some objects in each arena are still alive. New objects go there first; a peak "
		  "less high, or large work in a "
		  "process of its own, leaves less behind.");
}

static void judge_large(struct judge *judge, double confidence)
{
	const struct evidence *evidence = judge->evidence;
	const char *type = evidence->largest_block_type;
	char bytes[32], rss[32];

	if (!is_large(judge, evidence->largest_block_bytes))
		return;
	say_still(judge, CAUSE_LARGE_DATA, confidence,
		  judge__say(judge, "One %s of %s is much of the %s RSS.",
			     type ? judge__name(judge, type) : "object",
			     text__bytes(evidence->largest_block_bytes, bytes, sizeof(bytes)),
			     text__bytes(judge->rss_now, rss, sizeof(rss))),
		  "If it is needed only once, drop it after use or read the data in parts.");
}

static void judge_warmup(struct judge *judge)
{
	const struct course *rss = &judge->rss;
	double grown = rss->last - rss->first;
	char bytes[32];

	if (rss->kind != COURSE_STOPPED || !(grown >= WARMED * judge->rss_now) ||
	    !judge__matters(judge, rss))
		return;
	say_still(judge, rss->jump > 0.8 ? CAUSE_LARGE_DATA : CAUSE_WARMUP, confidence__ended(rss),
		  judge__say(judge, "The process has grown by %s and does not grow any more.",
			     text__bytes(grown, bytes, sizeof(bytes))),
		  "Nothing to do; look again when it has worked for longer.");
}

void judge__process(struct judge *judge)
{
	double confidence;

	judge_threads(judge);
	judge_garbage(judge);
	judge_growth(judge);
	if (course__grows(&judge->rss) || !course__followed(&judge->rss))
		return;
	confidence = 0.5 * confidence__ended(&judge->rss) + 0.4;
	judge_unused(judge, confidence);
	judge_arenas(judge, confidence);
	judge_large(judge, confidence);
	if (!judge->count)
		judge_warmup(judge);
}
