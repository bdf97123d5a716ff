// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_growth.c - how the process develops, and whether what grows stays and is backed by it
 */
#include <stddef.h>
#include <string.h>

#include "analyze/verdicts.h"
#include "lib/error.h"

/* What is worth a person's time. To be calibrated. */
#define GROWN_LEAST (32.0 * 1024)  /* bytes, over the run */
#define PACE_LEAST 256.0           /* bytes a second: 21 MiB a day */
#define PACE_OF_RSS (0.02 / 86400) /* a fiftieth of RSS a day */
#define COARSE 20.0                /* % of error of a site's live bytes: it is an estimate */
#define FAR_SCALED 0.5  /* of what windows show, at most, is what the heap can have gained */
#define HANDFUL 100.0   /* % of error: so few blocks that their ages say little */
#define LEANS_LEAST 0.5 /* growth of the one / of the other, to be taken for the same */
#define NEARLY_ALL 0.8
#define LONG_ENOUGH_S 10.0 /* between two looks at a container, to say how fast it grows */
#define BLOCKS_AN_ENTRY 4  /* of one line, at most: the entry and parts of it */
#define NOT_BACKED 0.3 /* the process grows surely less than this part of what the site seems to */

bool course__grows(const struct course *course)
{
	return course->kind == COURSE_RISING || course->kind == COURSE_UNSTEADY;
}

bool course__followed(const struct course *course)
{
	return course->kind != COURSE_TOO_SHORT;
}

static void follow(const struct evidence *evidence, size_t offset, struct course *course)
{
	double at_s[EVIDENCE_POINTS], values[EVIDENCE_POINTS];
	size_t count =
		evidence->point_count < EVIDENCE_POINTS ? evidence->point_count : EVIDENCE_POINTS;

	for (size_t i = 0; i < count; i++) {
		const char *point = (const char *)&evidence->points[i];

		at_s[i] = evidence->points[i].at_s;
		memcpy(&values[i], point + offset, sizeof(values[i]));
	}
	course__of(at_s, values, count, course);
}

static bool is_coarse(const struct report_site *site)
{
	return (site->domain == DOMAIN_OBJECT || site->domain == DOMAIN_RAW) &&
	       site->error_pct > COARSE;
}

/*
 * What windows see is scaled by the work that they see, and what is allocated at the pace of a clock is then taken for many times
 * itself. A look at the heap knows how much it grows by, all together: what Python's objects gain and what malloc has handed out. Buffers
 * count in both, so this is a bound and no measure.
 */
static double coarse_scale(const struct judge *judge)
{
	const struct evidence *evidence = judge->evidence;
	double grown = 0, seem = 0;

	if (!course__followed(&judge->objects) || !course__followed(&judge->in_use))
		return 1;
	grown = fmax(judge->objects.trend.slope, 0) + fmax(judge->in_use.trend.slope, 0);
	for (size_t i = 0; i < evidence->site_count; i++) {
		const struct evidence_site *about = &evidence->sites[i];
		struct course course;

		if (about->site >= judge->process->site_count ||
		    !is_coarse(&judge->process->sites[about->site]))
			continue;
		course__of(about->at_s, about->live_bytes, about->point_count, &course);
		if (course__grows(&course))
			seem += course.trend.slope;
	}
	return grown > 0 && seem > grown ? grown / seem : 1;
}

/*
 * Few of a line's blocks fall into windows where it makes few, large ones: its own course is then a guess. But where its container
 * gets longer, and the heap grows surely and by about as much, the heap's course is its.
 */
static void lean_on_heap(const struct judge *judge, struct growing *growing)
{
	const struct evidence_site *about = growing->about;
	const struct course *heap =
		growing->site->domain == DOMAIN_RAW ? &judge->in_use : &judge->objects;
	struct course *course = &growing->course;
	double first = course->first, last = course->last, share;

	growing->made_per_s = NAN;
	if (course->kind != COURSE_UNSTEADY || heap->kind != COURSE_RISING ||
	    !about->holder_count || !holder__grows(&about->holders[0], growing))
		return;
	share = course->trend.slope / heap->trend.slope;
	if (!(share > LEANS_LEAST) || share > 1 / LEANS_LEAST)
		return;
	*course = *heap;
	course__scale(course, fmin(share, 1));
	course->first = first;
	course->last = last;
}

/* The container's entries are what the path ends at: "app.CACHE (dict, 9 entries)", then "[…] (tuple)". */
static bool holds_directly(const struct evidence_holder *holder)
{
	return holder->container && holder->path_count >= 2 &&
	       !strncmp(holder->path[holder->path_count - 2], holder->container,
			strlen(holder->container));
}

/*
 * Where nearly all that was looked at are entries of one container, that says how fast they come; windows cannot make it many times more.
 */
static void lean_on_container(struct growing *growing)
{
	const struct evidence_site *about = growing->about;
	const struct evidence_holder *holder = about->holders;
	const struct report_site *site = growing->site;
	double entries_per_s, pace;

	if (!about->holder_count || !site->live_count || holder->share < NEARLY_ALL ||
	    !(holder->seconds >= LONG_ENOUGH_S) || !holds_directly(holder))
		return;
	entries_per_s = fmax(holder->last_length - holder->first_length, 0) / holder->seconds;
	pace = entries_per_s * BLOCKS_AN_ENTRY * site->live_bytes / site->live_count;
	if (growing->course.trend.slope > pace)
		course__scale(&growing->course, pace / growing->course.trend.slope);
}

void growing__follow(const struct judge *judge, struct growing *growing)
{
	const struct evidence_site *about = growing->about;

	course__of(about->at_s, about->live_bytes, about->point_count, &growing->course);
	growing->scaled = is_coarse(growing->site) ? judge->coarse_scale : 1;
	if (growing->scaled < 1)
		course__scale(&growing->course, growing->scaled);
	if (is_coarse(growing->site)) {
		lean_on_heap(judge, growing);
		lean_on_container(growing);
	}
}

void judge__measure(struct judge *judge)
{
	const struct {
		struct course *course;
		size_t offset;
	} rows[] = {
		{&judge->rss, offsetof(struct evidence_point, rss)},
		{&judge->objects, offsetof(struct evidence_point, python_bytes)},
		{&judge->in_use, offsetof(struct evidence_point, malloc_in_use)},
		{&judge->unused, offsetof(struct evidence_point, malloc_free)},
		{&judge->arenas, offsetof(struct evidence_point, arena_bytes)},
		{&judge->arena_count, offsetof(struct evidence_point, malloc_arenas)},
		{&judge->mapped, offsetof(struct evidence_point, mmap_anon)},
		{&judge->threads, offsetof(struct evidence_point, threads)},
		{&judge->garbage, offsetof(struct evidence_point, garbage_bytes)},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		follow(judge->evidence, rows[i].offset, rows[i].course);
	judge->coarse_scale = coarse_scale(judge);
	judge->rss_now = judge->rss.points                 ? judge->rss.last
			 : judge->process->memory.rss >= 0 ? judge->process->memory.rss
							   : NAN;
}

bool judge__matters(const struct judge *judge, const struct course *course)
{
	double grown = course->last - course->first;
	double pace = course->seconds > 0 ? grown / course->seconds : 0;

	if (!(grown >= GROWN_LEAST) || !(pace >= PACE_LEAST))
		return false;
	return isnan(judge->rss_now) || pace >= PACE_OF_RSS * judge->rss_now;
}

/* How long the site had been followed when its blocks' ages were taken: the bounds span the run up to then. */
static double run_at_look(const struct judge *judge, const struct growing *growing)
{
	const struct evidence *evidence = judge->evidence;
	const struct evidence_site *about = growing->about;
	double look = about->age_bounds[about->age_count - 1] / (1 - 0.5 / about->age_count);
	double since =
		evidence->point_count ? evidence->points[evidence->point_count - 1].at_s - look : 0;

	return growing->course.seconds - fmax(since, 0);
}

/*
 * Of a place that lets nothing go, the blocks older than a are those of the run's first T - a seconds: beside those older than
 * the first bound their share is known beforehand, and what is missing has been let go. The bound nearest to the middle of the run
 * says most.
 */
static double cohort_survival(const struct judge *judge, const struct growing *growing)
{
	const struct evidence_site *about = growing->about;
	double run, best = NAN, distance;

	if (about->age_count < 2 || about->age_count > 8)
		return NAN;
	run = run_at_look(judge, growing);
	distance = 0.25 * run;
	for (size_t i = 1; i < about->age_count; i++) {
		double away = fabs(about->age_bounds[i] - run / 2);
		double due = about->older_bytes[0] * (run - about->age_bounds[i]) /
			     (run - about->age_bounds[0]);

		if (away > distance)
			continue;
		distance = away;
		best = due > 0 ? fmin(1, about->older_bytes[i] / due) : 0;
	}
	return best;
}

/* Without cohorts: half of the blocks of a place that lets nothing go are older than half of the run. */
static double median_survival(const struct growing *growing)
{
	double run = growing->course.seconds;

	if (!growing->site || !(growing->site->median_age_s >= 0) || !(run > 0))
		return NAN;
	return fmin(1, growing->site->median_age_s / (run / 2));
}

/* The rate of survival that the sample does not exclude: little was recorded of a place that is seldom passed. */
static double sample_survival(const struct evidence_site *about)
{
	struct error_window window;

	if (!(about->recorded >= 1) || !(about->survivors >= 0))
		return NAN;
	error__window(about->survivors, about->recorded, 1, 0, &window);
	return window.rate_high;
}

/*
 * A line may also make what is dropped at once: of that the cohorts know nothing, and need not. The share of all blocks that survive is
 * asked only where nothing is known of ages, or where a handful of blocks in windows says it. It is the first to be asked where what
 * windows show is far more than the heap can have gained: then blocks that have come and gone were taken for others that stay.
 */
static double survival_of(const struct judge *judge, const struct growing *growing)
{
	double survival = cohort_survival(judge, growing);

	if (isnan(survival))
		survival = median_survival(growing);
	if (isnan(survival) || (growing->site && growing->site->error_pct > HANDFUL))
		survival = fmax(survival, growing->kept); /* ignores NAN */
	return growing->site && growing->scaled < FAR_SCALED ? fmin(survival, growing->kept)
							     : survival;
}

/* By the best of the layers that were looked at. */
static void back_by(const struct course *course, struct growing *growing)
{
	double slope = growing->course.trend.slope, share = course->trend.slope / slope;

	share = share > 1 ? 1 : share > 0 ? share : 0;
	growing->not_backed = (isnan(growing->backing) || growing->not_backed) &&
			      course->trend.high < NOT_BACKED * slope;
	growing->backing = fmax(share, growing->backing); /* fmax() ignores NAN */
}

static void back(const struct judge *judge, struct growing *growing)
{
	enum domain domain = growing->site ? growing->site->domain : DOMAIN_OBJECT;
	bool mapped = domain == DOMAIN_MMAP;

	growing->backing = NAN;
	growing->not_backed = false;
	growing->layer_looked = true;
	if (!(growing->course.trend.slope > 0))
		return;
	if (mapped && course__followed(&judge->mapped))
		back_by(&judge->mapped, growing);
	if (!mapped && domain != DOMAIN_RSS && course__followed(&judge->objects))
		back_by(&judge->objects, growing);
	if (domain == DOMAIN_RAW && course__followed(&judge->in_use))
		back_by(&judge->in_use, growing);
	/* Python's objects alone say nothing of a block of malloc that none of them owns. */
	if (domain == DOMAIN_RAW && !course__followed(&judge->in_use))
		growing->not_backed = false;
	if (!isnan(growing->backing))
		return;
	growing->layer_looked = false;
	if (course__followed(&judge->rss))
		back_by(&judge->rss, growing);
}

void growing__fill(const struct judge *judge, struct growing *growing)
{
	const struct report_site *site = growing->site;

	if (!growing->type)
		growing->made_per_s = NAN;
	if (site && site->live_bytes)
		growing->made_per_s =
			growing->course.trend.slope * site->live_count / site->live_bytes;
	growing->kept = sample_survival(growing->about);
	growing->survival = survival_of(judge, growing);
	back(judge, growing);
}
