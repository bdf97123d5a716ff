// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_group.c - several lines that fill one container are one leak
 *
 * An entry is often made in several places: the object, what its constructor makes, its key, the memory of the container itself. And
 * an object that Python took from a free list is on the line that first had its memory. The verdict that stays is that of the program's
 * own line, and of the objects nearest to the container, with the growth of all.
 */
#include <math.h>
#include <string.h>

#include "analyze/verdicts.h"
#include "lib/arena.h"

#define TYPES_TOGETHER 6
#define MINOR 0.1 /* of another's growth: a key, a counter, not what the entries are */

static bool has_type(const struct verdict *verdict, const char *name)
{
	for (size_t i = 0; i < verdict->type_count; i++)
		if (!strcmp(verdict->types[i].name, name))
			return true;
	return false;
}

/* What waits for the collector has no container; it is one where it is made of the same. */
static bool is_same_garbage(const struct verdict *a, const struct verdict *b)
{
	return a->cause == CAUSE_UNCOLLECTED_CYCLE && a->type_count && b->type_count &&
	       (has_type(b, a->types[0].name) || has_type(a, b->types[0].name));
}

static bool belong_together(const struct verdict *a, const struct verdict *b)
{
	bool same_container = a->container && b->container && !strcmp(a->container, b->container);

	return a->site >= 0 && b->site >= 0 && a->cause == b->cause &&
	       (same_container || is_same_garbage(a, b)) &&
	       (a->kind == VERDICT_NOT_A_LEAK) == (b->kind == VERDICT_NOT_A_LEAK);
}

/* Whether a is the better one to name: the program's own line; not a small part; that of the entries; the one that grows faster. */
static bool is_nearer(const struct judge *judge, const struct verdict *a, const struct verdict *b,
		      double fastest)
{
	bool a_is_library = path__is_library(judge->process->sites[a->site].path);
	bool b_is_library = path__is_library(judge->process->sites[b->site].path);
	bool a_is_minor = a->growth_per_s < MINOR * fastest;
	bool b_is_minor = b->growth_per_s < MINOR * fastest;

	if (a_is_library != b_is_library)
		return b_is_library;
	if (a_is_minor != b_is_minor)
		return b_is_minor;
	if (a->held_by_count != b->held_by_count)
		return a->held_by_count < b->held_by_count;
	return a->growth_per_s > b->growth_per_s;
}

static double sum(double a, double b)
{
	return isnan(b) ? a : isnan(a) ? b : a + b;
}

/* Types of both, the first one's first. */
static void join_types(struct judge *judge, struct verdict *to, const struct verdict *from)
{
	struct census_type *types =
		arena__alloc(judge->arena, TYPES_TOGETHER + to->type_count, sizeof(*types));
	size_t n = to->type_count;

	judge->no_memory |= !types;
	if (!types)
		return;
	if (n)
		memcpy(types, to->types, n * sizeof(*types));
	for (size_t i = 0; i < from->type_count && n < TYPES_TOGETHER; i++)
		if (!has_type(to, from->types[i].name))
			types[n++] = from->types[i];
	to->types = types;
	to->type_count = n;
}

static void absorb(struct judge *judge, struct verdict *to, const struct verdict *from)
{
	const struct report_site *site = &judge->process->sites[from->site];

	to->growth_per_s = sum(to->growth_per_s, from->growth_per_s);
	to->growth_low = sum(to->growth_low, from->growth_low);
	to->growth_high = sum(to->growth_high, from->growth_high);
	if (from->kind < to->kind || (from->kind == to->kind && from->confidence > to->confidence))
		to->confidence = from->confidence;
	to->kind = from->kind < to->kind ? from->kind : to->kind;
	join_types(judge, to, from);
	if (site->line > 0)
		judge__support(judge, to,
			       judge__say(judge, "what %s (%s:%d) makes grows with it, %s/s",
					  judge__name(judge, site->function),
					  judge__name(judge, site->file), site->line,
					  judge__bytes(judge, from->growth_per_s)));
}

static void swap(struct verdict *a, struct verdict *b)
{
	struct verdict other = *a;

	*a = *b;
	*b = other;
}

static bool belongs_to_any(const struct verdict *list, size_t count, const struct verdict *one)
{
	for (size_t i = 0; i < count; i++)
		if (belong_together(&list[i], one))
			return true;
	return false;
}

/* Brings all that belong together with the first one, or with one that does, next to it; how many these are. */
static size_t gather(struct verdict *list, size_t count)
{
	size_t members = 1;

	for (size_t k = members; k < count;) {
		if (belongs_to_any(list, members, &list[k])) {
			swap(&list[members++], &list[k]);
			k = members;
		} else {
			k++;
		}
	}
	return members;
}

/* The one to name, to the front. */
static void choose(const struct judge *judge, struct verdict *list, size_t count)
{
	double fastest = -INFINITY;
	size_t best = 0;

	for (size_t i = 0; i < count; i++)
		fastest = fmax(fastest, list[i].growth_per_s);
	for (size_t i = 1; i < count; i++)
		if (is_nearer(judge, &list[i], &list[best], fastest))
			best = i;
	swap(&list[0], &list[best]);
}

void judge__group(struct judge *judge)
{
	for (size_t i = 0; i < judge->count; i++) {
		struct verdict *list = &judge->list[i];
		size_t left = judge->count - i, members = gather(list, left);

		choose(judge, list, members);
		for (size_t k = 1; k < members; k++)
			absorb(judge, &list[0], &list[k]);
		memmove(&list[1], &list[members], (left - members) * sizeof(*list));
		judge->count -= members - 1;
	}
}
