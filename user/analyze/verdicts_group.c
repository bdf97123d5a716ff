// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_group.c - several lines that fill one container are one leak
 *
 * An entry is often made in several places: the object, what its constructor makes, its key, the memory of the container itself. And
 * an object that Python took from a free list is on the line that first had its memory. The verdict that stays is that of the program's
 * own line, and of the objects nearest to the container, with the growth of all.
 */
#include <string.h>

#include "analyze/verdicts.h"
#include "lib/arena.h"

#define TYPES_TOGETHER 6

static bool belong_together(const struct verdict *a, const struct verdict *b)
{
	return a->site >= 0 && b->site >= 0 && a->cause == b->cause && a->container &&
	       b->container && !strcmp(a->container, b->container) &&
	       (a->kind == VERDICT_NOT_A_LEAK) == (b->kind == VERDICT_NOT_A_LEAK);
}

/* Code that came with Python or was installed; what it does is done for somebody. */
static bool is_library(const struct judge *judge, const struct verdict *verdict)
{
	const char *path = judge->process->sites[verdict->site].path;

	return !path || path[0] == '<' || strstr(path, "/lib/python") ||
	       strstr(path, "/site-packages/") || strstr(path, "/dist-packages/");
}

/* Whether a is the better one to name: the program's own line; that of the entries; the one that grows faster. */
static bool is_nearer(const struct judge *judge, const struct verdict *a, const struct verdict *b)
{
	bool a_is_library = is_library(judge, a), b_is_library = is_library(judge, b);

	if (a_is_library != b_is_library)
		return b_is_library;
	if (a->held_by_count != b->held_by_count)
		return a->held_by_count < b->held_by_count;
	return a->growth_per_s > b->growth_per_s;
}

static double sum(double a, double b)
{
	return isnan(b) ? a : isnan(a) ? b : a + b;
}

static bool has_type(const struct verdict *verdict, const char *name)
{
	for (size_t i = 0; i < verdict->type_count; i++)
		if (!strcmp(verdict->types[i].name, name))
			return true;
	return false;
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

void judge__group(struct judge *judge)
{
	for (size_t i = 0; i < judge->count; i++) {
		for (size_t k = i + 1; k < judge->count;) {
			struct verdict *one = &judge->list[i], *other = &judge->list[k], swap;

			if (!belong_together(one, other)) {
				k++;
				continue;
			}
			if (is_nearer(judge, other, one)) {
				swap = *one;
				*one = *other;
				*other = swap;
			}
			absorb(judge, one, other);
			*other = judge->list[--judge->count];
		}
	}
}
