// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_support.c - what a verdict rests on, a sentence each
 */
#include "analyze/verdicts.h"
#include "lib/text.h"

void judge__support(struct judge *judge, struct verdict *verdict, const char *text)
{
	(void)judge;
	if (text && verdict->evidence_count < VERDICT_EVIDENCE)
		verdict->evidence[verdict->evidence_count++] = text;
}

static void say_growth(struct judge *judge, struct verdict *verdict, const struct course *course)
{
	char run[32];

	text__seconds(course->seconds, run, sizeof(run));
	if (course->kind == COURSE_STOPPED)
		judge__support(judge, verdict,
			       judge__say(judge,
					  "grew from %s to %s, and has been there for %.0f of %s",
					  judge__bytes(judge, course->first),
					  judge__bytes(judge, course->last), course->flat_s, run));
	else if (isfinite(course->trend.low) && isfinite(course->trend.high))
		judge__support(
			judge, verdict,
			judge__say(judge,
				   "grew from %s to %s in %s (%zu looks); without the first third "
				   "between %s/s and %s/s (95 %%)",
				   judge__bytes(judge, course->first),
				   judge__bytes(judge, course->last), run, course->points,
				   judge__bytes(judge, course->trend.low),
				   judge__bytes(judge, course->trend.high)));
	else
		judge__support(
			judge, verdict,
			judge__say(judge,
				   "grew from %s to %s, but %zu looks in %s are too few to be sure",
				   judge__bytes(judge, course->first),
				   judge__bytes(judge, course->last), course->points, run));
}

static void say_stays(struct judge *judge, struct verdict *verdict, const struct growing *growing)
{
	const struct evidence_site *about = growing->about;

	if (!isnan(growing->survival))
		judge__support(judge, verdict,
			       judge__say(judge,
					  "old blocks stay: %.0f %% of what there would be if none "
					  "was ever released",
					  100 * growing->survival));
	if (about->recorded >= 1 && about->survivors >= 0)
		judge__support(
			judge, verdict,
			judge__say(judge, "of %s blocks of the first half of the run %s are alive",
				   judge__count(judge, about->recorded),
				   judge__count(judge, fmin(about->survivors, about->recorded))));
	if (growing->site && growing->scaled < 0.5)
		judge__support(judge, verdict,
			       judge__say(judge,
					  "windows alone would make it %.0f times that, more than "
					  "the whole heap grows by",
					  1 / growing->scaled));
	if (growing->not_backed)
		judge__support(judge, verdict,
			       judge__say(judge, "but the process as a whole hardly grows"));
	else if (!isnan(growing->backing))
		judge__support(judge, verdict,
			       judge__say(judge, "%s grows by %.0f %% of that pace%s",
					  growing->layer_looked ? "the heap" : "RSS",
					  100 * growing->backing,
					  growing->backing < 1 ? "" : ", or more"));
}

static void say_holder(struct judge *judge, struct verdict *verdict, const struct finding *finding)
{
	const struct evidence_holder *holder = finding->holder;

	if (!holder)
		return;
	judge__support(judge, verdict,
		       judge__say(judge, "%.0f %% of the sample is held through %s",
				  100 * finding->held, judge__container(judge, holder)));
	if (holder->container && holder->seconds > 0 && isfinite(holder->first_length) &&
	    isfinite(holder->last_length))
		judge__support(judge, verdict,
			       judge__say(judge, "%s went from %s to %s entries in %.0f s",
					  judge__name(judge, holder->container),
					  judge__count(judge, holder->first_length),
					  judge__count(judge, holder->last_length),
					  holder->seconds));
	if (isfinite(holder->bound) && holder->bound > 0)
		judge__support(judge, verdict,
			       judge__say(judge, "its bound is %s entries",
					  judge__count(judge, holder->bound)));
}

static void say_sample(struct judge *judge, struct verdict *verdict, const struct growing *growing)
{
	const struct evidence_site *about = growing->about;
	const struct evidence *evidence = judge->evidence;

	if (verdict->cause == CAUSE_UNCOLLECTED_CYCLE) {
		judge__support(judge, verdict,
			       judge__say(judge,
					  "%.0f %% of the sample are cycles that nothing refers to",
					  100 * about->garbage_share));
		if (evidence->cycle_reason)
			judge__support(
				judge, verdict,
				judge__say(judge, "the collector: %s", evidence->cycle_reason));
	} else if (verdict->cause == CAUSE_REFCOUNT_LEAK && about->refcount_excess_share > 0) {
		judge__support(
			judge, verdict,
			judge__say(judge,
				   "%.0f %% of the sample are reached from nowhere, and their "
				   "reference counts are above what refers to them",
				   100 * about->refcount_excess_share));
	} else if (verdict->cause == CAUSE_NATIVE_LEAK && about->sampled_blocks > 0) {
		judge__support(judge, verdict,
			       judge__say(judge,
					  "of %s blocks looked at, %s belong to a Python object",
					  judge__count(judge, about->sampled_blocks),
					  judge__count(judge, about->object_blocks)));
	}
}

void verdict__rest(struct judge *judge, struct verdict *verdict, const struct growing *growing,
		   const struct finding *finding)
{
	say_growth(judge, verdict, &growing->course);
	if (verdict->kind != VERDICT_NOT_A_LEAK)
		say_stays(judge, verdict, growing);
	say_sample(judge, verdict, growing);
	say_holder(judge, verdict, finding);
}
