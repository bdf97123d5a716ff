// SPDX-License-Identifier: BSD-2-Clause
/*
 * types_seen.c - how many objects of each type there were, at the glances
 *
 * A type is followed from the first glance at which it is among the largest; a series that is full loses every second
 * point, the first and the last stay.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/private.h"

static struct type_series *find_series(struct inspector *inspector, const char *name)
{
	/* Names are interned: equal text, equal pointer. */
	for (size_t i = 0; i < inspector->type_count; i++)
		if (inspector->types[i].name == name)
			return &inspector->types[i];
	if (inspector->type_count == TYPES_FOLLOWED)
		return NULL;
	inspector->types[inspector->type_count].name = name;
	return &inspector->types[inspector->type_count++];
}

static void thin_out(struct type_series *series)
{
	__u32 kept = 1;

	for (__u32 i = 2; i < series->points; i += 2, kept++) {
		series->at_s[kept] = series->at_s[i];
		series->count[kept] = series->count[i];
		series->bytes[kept] = series->bytes[i];
	}
	series->points = kept;
}

static void series__add(struct type_series *series, double at_s, double count, double bytes)
{
	if (series->points == TYPE_POINTS)
		thin_out(series);
	series->at_s[series->points] = at_s;
	series->count[series->points] = count;
	series->bytes[series->points++] = bytes;
	series->peak_count = fmax(series->peak_count, count);
}

int types_seen__add(struct inspector *inspector, const struct census *census, double at_s)
{
	if (!inspector->types)
		inspector->types = calloc(TYPES_FOLLOWED, sizeof(*inspector->types));
	if (!inspector->types)
		return -ENOMEM;
	for (size_t i = 0; i < census->type_count; i++) {
		const struct census_type *type = &census->types[i];
		const char *name = arena__intern(inspector->names, type->name);
		struct type_series *series = name ? find_series(inspector, name) : NULL;

		if (!name)
			return -ENOMEM;
		if (!series)
			break; /* the others are smaller */
		series__add(series, at_s, type->count, type->own_bytes + type->buffer_bytes);
	}
	/* Those that are gone. */
	for (size_t i = 0; i < inspector->type_count; i++) {
		struct type_series *series = &inspector->types[i];

		if (series->points && series->at_s[series->points - 1] < at_s)
			series__add(series, at_s, 0, 0);
	}
	return 0;
}

static double grown(const struct type_series *series)
{
	return series->points ? series->bytes[series->points - 1] - series->bytes[0] : 0;
}

static int by_growth(const void *a, const void *b)
{
	double x = grown(*(struct type_series *const *)a);
	double y = grown(*(struct type_series *const *)b);

	return x > y ? -1 : x < y;
}

int types_seen__list(struct inspector *inspector)
{
	struct type_series **order =
		calloc(inspector->type_count + 1, sizeof(struct type_series *));
	struct evidence_type *list =
		arena__alloc(inspector->found, TYPES_SHOWN, sizeof(struct evidence_type));
	size_t count = inspector->type_count < TYPES_SHOWN ? inspector->type_count : TYPES_SHOWN;

	if (!order || !list) {
		free(order);
		return -ENOMEM;
	}
	for (size_t i = 0; i < inspector->type_count; i++)
		order[i] = &inspector->types[i];
	qsort(order, inspector->type_count, sizeof(*order), by_growth);
	for (size_t i = 0; i < count; i++) {
		const struct type_series *series = order[i];
		__u32 last = series->points ? series->points - 1 : 0;

		list[i] = (struct evidence_type){
			.name = series->name,
			.first_s = series->at_s[0],
			.last_s = series->at_s[last],
			.first_count = series->count[0],
			.last_count = series->count[last],
			.first_bytes = series->bytes[0],
			.last_bytes = series->bytes[last],
			.peak_count = series->peak_count,
			.at_s = series->at_s,
			.bytes = series->bytes,
			.point_count = series->points,
		};
	}
	inspector->evidence.types = list;
	inspector->evidence.type_count = count;
	free(order);
	return 0;
}
