// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_types.c - types of objects that grow, and who holds them
 *
 * For what sites do not explain, and all there is where no probe can be set.
 */
#include <string.h>

#include "analyze/verdicts.h"

#define TYPES_MAX 16 /* that grow and are looked at */
#define TYPE_VERDICTS 3
#define TYPE_SHARE 0.02 /* of what objects grow by: less is not listed */
#define MOST 0.5
#define AT_PEAK 0.9 /* of its highest count: has not been let go */

struct growing_type {
	const struct evidence_type *type;
	struct course course;
	double garbage; /* share of its objects that are in cycles nobody refers to */
	bool listed;
};

/* Two looks say how much, the layer of all objects how steadily. */
static bool type_course(const struct judge *judge, const struct evidence_type *type,
			struct course *course)
{
	const struct course *all =
		course__followed(&judge->objects) ? &judge->objects : &judge->rss;
	double grown = all->last - all->first, share;

	if (type->point_count) {
		course__of(type->at_s, type->bytes, type->point_count, course);
		if (course->kind != COURSE_TOO_SHORT)
			return course->kind != COURSE_STILL && course->kind != COURSE_WAVES;
	}
	share = grown > 0 ? (type->last_bytes - type->first_bytes) / grown : 0;
	if (!(share > 0) || !(type->last_count >= AT_PEAK * type->peak_count))
		return false;
	*course = *all;
	course__scale(course, share);
	course->first = type->first_bytes;
	course->last = type->last_bytes;
	return true;
}

/* As the sample says, or the search for cycles. */
static double garbage_of(const struct evidence *evidence, const struct evidence_type *type)
{
	double share = type->sampled > 0 ? type->garbage_share : 0;

	for (size_t i = 0; i < evidence->cycle_type_count && type->last_count > 0; i++)
		if (type->name && evidence->cycle_types[i].name &&
		    !strcmp(type->name, evidence->cycle_types[i].name))
			share = fmax(share, evidence->cycle_types[i].count / type->last_count);
	return fmin(share, 1);
}

static size_t find_growing_types(const struct judge *judge, struct growing_type *found)
{
	const struct evidence *evidence = judge->evidence;
	size_t count = 0;

	for (size_t i = 0; i < evidence->type_count && count < TYPES_MAX; i++) {
		struct growing_type *one = &found[count];

		*one = (struct growing_type){.type = &evidence->types[i]};
		if (!type_course(judge, one->type, &one->course))
			continue;
		if (count && one->course.last - one->course.first <
				     TYPE_SHARE * (found[0].course.last - found[0].course.first))
			continue;
		one->garbage = garbage_of(evidence, one->type);
		count++;
	}
	return count;
}

static const char *container_of_type(const struct evidence_type *type)
{
	return type->holder_count ? type->holders[0].container : NULL;
}

/* Objects come with what they refer to: types behind the same container, and those of which no holder is known, grow with it. */
static bool belongs(const struct growing_type *one, const struct growing_type *to)
{
	const char *a = container_of_type(one->type), *b = container_of_type(to->type);

	if (one->listed || (one->garbage >= MOST) != (to->garbage >= MOST))
		return false;
	return to->garbage >= MOST || !one->type->holder_count || (a && b && !strcmp(a, b));
}

static void add_course(struct course *to, const struct course *more)
{
	to->trend.slope += more->trend.slope;
	to->trend.low += more->trend.low;
	to->trend.high += more->trend.high;
	to->first += more->first;
	to->last += more->last;
}

/* Bytes of the site's live blocks that are of the type, buffers included. */
static double bytes_of_type(const struct evidence_site *about, const char *name)
{
	for (size_t i = 0; i < about->type_count; i++)
		if (about->types[i].name && !strcmp(about->types[i].name, name))
			return about->types[i].own_bytes + about->types[i].buffer_bytes;
	return 0;
}

/* The line that made most of the type's objects of those whose birth was seen; NULL: no one line. */
static const struct evidence_site *maker_of(const struct judge *judge, const char *name)
{
	const struct evidence *evidence = judge->evidence;
	const struct evidence_site *best = NULL;
	double most = 0, all = 0;

	for (size_t i = 0; name && i < evidence->site_count; i++) {
		const struct evidence_site *about = &evidence->sites[i];
		double bytes = bytes_of_type(about, name);

		if (about->site >= judge->process->site_count)
			continue;
		all += bytes;
		if (bytes > most) {
			most = bytes;
			best = about;
		}
	}
	return most > MOST * all ? best : NULL;
}

/* The line that writes first to pages that come at about the pace of the growth: a single buffer that is made larger now and then. */
static const struct report_site *writer_of(const struct judge *judge, double growth_per_s)
{
	const struct report_process *process = judge->process;
	const struct report_site *best = NULL;

	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];

		if (site->domain == DOMAIN_RSS && site->growth_per_s >= MOST * growth_per_s &&
		    site->growth_per_s * MOST <= growth_per_s &&
		    (!best || site->growth_per_s > best->growth_per_s))
			best = site;
	}
	return best;
}

static void name_line(struct judge *judge, struct verdict *verdict, const char *type)
{
	const struct evidence_site *maker = maker_of(judge, type);
	const struct report_site *site = NULL;
	const char *said = "most of those that were seen being made are of";

	if (!verdict)
		return;
	if (maker) {
		site = &judge->process->sites[maker->site];
	} else {
		site = writer_of(judge, verdict->growth_per_s);
		said = "pages come at about this pace where they are first written to, in";
	}
	if (!site)
		return;
	verdict->site = site - judge->process->sites;
	if (site->file && site->line > 0)
		judge__support(judge, verdict,
			       judge__say(judge, "%s %s (%s:%d)", said,
					  judge__name(judge, site->function),
					  judge__name(judge, site->file), site->line));
}

static void judge_type(struct judge *judge, struct growing_type *found, size_t count,
		       struct growing_type *main)
{
	struct census_type types[TYPES_MAX];
	struct evidence_site about = {
		.types = types,
		.holders = main->type->holders,
		.holder_count = main->type->holder_count,
		/* Of garbage, all objects were looked at. */
		.sampled_blocks = fmax(main->type->sampled, main->garbage > 0),
		.object_blocks = fmax(main->type->sampled, main->garbage > 0),
		.garbage_share = main->garbage,
		.refcount_excess_share =
			main->type->sampled > 0 ? main->type->refcount_excess_share : 0,
	};
	struct growing growing = {.about = &about, .type = main->type->name};
	struct course course = main->course;

	/* The one that is judged stands first. */
	types[about.type_count++] = (struct census_type){
		.name = main->type->name,
		.count = main->type->last_count,
		.own_bytes = main->type->last_bytes,
	};
	for (size_t i = 0; i < count; i++) {
		const struct evidence_type *type = found[i].type;

		if (&found[i] == main || !belongs(&found[i], main))
			continue;
		types[about.type_count++] = (struct census_type){
			.name = type->name,
			.count = type->last_count,
			.own_bytes = type->last_bytes,
		};
		if (course__grows(&found[i].course) && course__grows(&course))
			add_course(&course, &found[i].course);
		found[i].listed = true;
	}
	main->listed = true;
	growing.course = course;
	growing.made_per_s = (main->type->last_count - main->type->first_count) /
			     (main->type->last_s - main->type->first_s);
	growing__fill(judge, &growing);
	name_line(judge, judge__one(judge, &growing, VERDICT_LEAK), main->type->name);
}

static const struct course *overall(const struct judge *judge)
{
	return course__followed(&judge->objects) ? &judge->objects : &judge->rss;
}

void judge__types(struct judge *judge)
{
	struct growing_type found[TYPES_MAX];
	size_t count, before = judge->count;

	if (course__grows(overall(judge)) &&
	    judge__explained(judge) >= EXPLAINED * overall(judge)->trend.slope)
		return;
	count = find_growing_types(judge, found);
	for (size_t i = 0; i < count && judge->count - before < TYPE_VERDICTS; i++)
		if (!found[i].listed && (found[i].type->holder_count || found[i].garbage >= MOST))
			judge_type(judge, found, count, &found[i]);
	if (count && judge->count == before && !found[0].listed)
		judge_type(judge, found, count, &found[0]);
}
