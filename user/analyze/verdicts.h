/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdicts.h - from growth to a verdict: what the files verdicts_*.c share
 *
 * What may grow (a site, a type, a figure of the process) is looked at in this order:
 *
 *	course		does it grow at all, surely, steadily, and after the warm-up?			trend.c
 *	backing		do the blocks stay (cohorts by age), and does the process grow with them?	verdicts_growth.c
 *	cause		first rule of the table that fits what was found in the heap		verdicts_cause.c
 *	confidence	a product of factors, each monotone in one piece of the evidence		verdicts_confidence.c
 *	words		summary and advice; what it rests on						verdicts_text.c, verdicts_support.c
 *
 * A leak needs all of: a slope whose lower bound is above 0, a rate that matters, blocks that stay, a process
 * that grows as well, and a cause that does not end by itself. What lacks one of these is a suspect; what
 * has stopped growing is none.
 */
#ifndef VERDICTS_H
#define VERDICTS_H

#include "analyze/analyze.h"
#include "analyze/trend.h"

struct growing {
	const struct report_site *site;    /* NULL = not a site */
	const struct evidence_site *about; /* holders, types, shares; never NULL, may be all zero */
	const char *type;                  /* judged as a type: its name */
	struct course course;
	double made_per_s; /* blocks or objects more a second, NAN = unknown */
	double survival;   /* of old blocks, 0..1, NAN = unknown */
	double kept; /* of all blocks, churn included: the share that survives, 0..1, NAN = unknown */
	double backing;    /* growth of the process / of this, 0..1, NAN = not measured */
	bool not_backed;   /* the process surely does not grow with it ... */
	bool layer_looked; /* ... as a look at its heap says, not RSS alone */
	double scaled;     /* the course of a site was multiplied by; 1 = it is as it was seen */
};

struct finding {
	enum verdict_cause cause;
	double agreement; /* of what was looked at: the share that says so, 0..1 */
	const struct evidence_holder *holder;
	double held;    /* share of the sample that the holder's container keeps, 0..1 */
	bool may_end;   /* it may stop by itself: no leak, however steadily it grows */
	double fills_s; /* time until the container is at its bound, NAN */
};

struct judge {
	const struct report_process *process;
	const struct evidence *evidence;
	struct arena *arena;
	/* over the looks at the process */
	struct course rss, objects, in_use, unused, arenas, arena_count, mapped, threads, garbage;
	double rss_now; /* NAN = not measured */
	double coarse_scale; /* of what sites seem to grow by, where that is an estimate: see judge__measure() */
	struct verdict *list;
	size_t count, room;
	bool no_memory;
};

/* --- verdicts_growth.c --- */

/* Whether it goes up at the end, surely or perhaps. */
bool course__grows(const struct course *course);
/* Whether there are enough looks to tell. */
bool course__followed(const struct course *course);
void judge__measure(struct judge *judge);
/* The site's course over the run; of an estimate, not more than the heap as a whole allows. */
void growing__follow(const struct judge *judge, struct growing *growing);
void growing__fill(const struct judge *judge, struct growing *growing);
/* Whether so many bytes and bytes a second are worth a person's time. */
bool judge__matters(const struct judge *judge, const struct course *course);

/* --- verdicts_cause.c --- */

void finding__of(const struct judge *judge, const struct growing *growing, struct finding *finding);
/* Whether the holder's container gets longer with what grows; false where it was not looked at twice. */
bool holder__grows(const struct evidence_holder *holder, const struct growing *growing);
/* Whether a native frame is code other than the interpreter. */
bool judge__foreign(const struct judge *judge, const char *module);

/* --- verdicts_confidence.c --- */

/* That it is a leak, if nothing speaks against it. */
double confidence__leak(const struct growing *growing, const struct finding *finding);
/* That growth has ended. */
double confidence__ended(const struct course *course);
/* That a container is full or keeps its length. */
double confidence__bounded(const struct course *course, const struct finding *finding);

#define CONFIDENT 0.5 /* a leak, not a suspect, from here on */
#define SUSPECT_MOST 0.49

#define EXPLAINED 0.3 /* of the growth, by verdicts so far: then they are the answer */

/* --- verdicts_types.c --- */

void judge__types(struct judge *judge);

/* --- verdicts_group.c --- */

/* Makes one verdict of those whose objects are behind one container. */
void judge__group(struct judge *judge);

/* --- verdicts_process.c --- */

void judge__process(struct judge *judge);

/* --- verdicts.c --- */

/* A new verdict; NULL: there are enough. */
struct verdict *judge__add(struct judge *judge, enum verdict_kind kind, enum verdict_cause cause,
			   double confidence);
/* Judges one thing; the new verdict, or NULL where there is nothing to say. at_most: no worse than that. */
struct verdict *judge__one(struct judge *judge, const struct growing *growing,
			   enum verdict_kind at_most);
/* Bytes a second that the verdicts so far explain. */
double judge__explained(const struct judge *judge);

/* --- verdicts_text.c --- */

#define SAID_MAX 1024

/* Code that came with Python or was installed: what it does is done for somebody. NULL as well. */
bool path__is_library(const char *path);
/* Text in the arena, cut where a character ends; "" where there is no memory, which is remembered. */
const char *judge__say(struct judge *judge, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* A name of the target's, cut where it is very long; "?" for NULL. */
const char *judge__name(struct judge *judge, const char *name);
/* "1.4 MiB"; "81,920"; "app.CACHE (dict, 3,000 entries)". */
const char *judge__bytes(struct judge *judge, double bytes);
const char *judge__count(struct judge *judge, double number);
const char *judge__container(struct judge *judge, const struct evidence_holder *holder);
/* Summary, evidence and advice of what judge__one() found. */
void verdict__word(struct judge *judge, struct verdict *verdict, const struct growing *growing,
		   const struct finding *finding);

/* --- verdicts_support.c --- */

/* One more sentence of evidence; NULL: none. */
void judge__support(struct judge *judge, struct verdict *verdict, const char *text);
/* All of it, of what judge__one() found. */
void verdict__rest(struct judge *judge, struct verdict *verdict, const struct growing *growing,
		   const struct finding *finding);

/* --- verdict_names.c --- */

/* Sets the signature from cause, function, file and the largest type. */
void verdict__sign(struct verdict *verdict, const struct report_process *process);

#endif
