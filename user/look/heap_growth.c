// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>

#include "look/heap_private.h"

static int by_name(const void *a, const void *b)
{
	const struct census_type *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Pointers to the rows, by name. */
static const struct census_type **sorted(const struct census *census)
{
	const struct census_type **rows = calloc(census->type_count + 1, sizeof(*rows));

	if (!rows)
		return NULL;
	for (size_t i = 0; i < census->type_count; i++)
		rows[i] = &census->types[i];
	qsort(rows, census->type_count, sizeof(*rows), by_name);
	return rows;
}

static long long bytes_of(const struct census_type *type)
{
	return type->own_bytes + type->buffer_bytes;
}

static int by_growth(const void *a, const void *b)
{
	const struct type_growth *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	if (x->more != y->more)
		return x->more < y->more ? 1 : -1;
	return strcmp(x->name, y->name);
}

/* Both lists are in the same order: those of one name meet. */
static size_t merge(const struct census_type **now, size_t now_count,
		    const struct census_type **then, size_t then_count, struct type_growth *rows)
{
	size_t count = 0;

	for (size_t n = 0, t = 0; n < now_count || t < then_count;) {
		int order = n == now_count    ? 1
			    : t == then_count ? -1
					      : strcmp(now[n]->name, then[t]->name);
		struct type_growth *row = &rows[count++];

		*row = (struct type_growth){.name = order <= 0 ? now[n]->name : then[t]->name};
		if (order <= 0) {
			row->count = now[n]->count;
			row->more += now[n]->count;
			row->bytes += bytes_of(now[n++]);
		}
		if (order >= 0) {
			row->more -= then[t]->count;
			row->bytes -= bytes_of(then[t++]);
		}
	}
	return count;
}

struct type_growth *heap_look__growth(const struct census *now, const struct census *then,
				      size_t *count)
{
	const struct census_type **now_rows = sorted(now), **then_rows = sorted(then);
	struct type_growth *rows = calloc(now->type_count + then->type_count + 1, sizeof(*rows));

	*count = 0;
	if (rows && now_rows && then_rows) {
		*count = merge(now_rows, now->type_count, then_rows, then->type_count, rows);
		qsort(rows, *count, sizeof(*rows), by_growth);
	} else {
		free(rows);
		rows = NULL;
	}
	free(now_rows);
	free(then_rows);
	return rows;
}
