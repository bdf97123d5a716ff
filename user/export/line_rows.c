// SPDX-License-Identifier: BSD-2-Clause
#include "export/line_rows.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/hot_files.h"

static __u64 type_bytes(const struct census_type *type)
{
	return type ? type->own_bytes + type->buffer_bytes : 0;
}

static struct line_row row_of(const struct report_site *site)
{
	struct line_row row = {
		.line = site->line,
		.live_bytes = site->live_bytes,
		.live_count = site->live_count,
		.alloc_bytes = site->alloc_bytes,
		.growth_per_s = site->growth_per_s,
	};

	if (isfinite(site->error_pct) && site->error_pct > 0) {
		row.scaled = true;
		row.error_bytes = site->error_pct / 100 * site->live_bytes;
	}
	for (size_t i = 0; i < site->type_count; i++) {
		if (!row.type || type_bytes(&site->types[i]) > type_bytes(row.type))
			row.type = &site->types[i];
	}
	return row;
}

static void add_row(struct line_row *to, const struct line_row *more)
{
	to->live_bytes += more->live_bytes;
	to->live_count += more->live_count;
	to->alloc_bytes += more->alloc_bytes;
	if (!isfinite(to->growth_per_s))
		to->growth_per_s = more->growth_per_s;
	else if (isfinite(more->growth_per_s))
		to->growth_per_s += more->growth_per_s;
	to->error_bytes = hypot(to->error_bytes, more->error_bytes);
	to->scaled |= more->scaled;
	if (!to->type || type_bytes(more->type) > type_bytes(to->type))
		to->type = more->type;
}

static int by_line(const void *a, const void *b)
{
	const struct line_row *x = a, *y = b;

	return (x->line > y->line) - (x->line < y->line);
}

static int by_bytes(const void *a, const void *b)
{
	const struct line_row *x = *(struct line_row *const *)a, *y = *(struct line_row *const *)b;

	if (x->live_bytes != y->live_bytes)
		return x->live_bytes < y->live_bytes ? 1 : -1;
	return by_line(x, y);
}

static void merge_rows(struct line_rows *rows)
{
	size_t end = 0;

	qsort(rows->list, rows->count, sizeof(*rows->list), by_line);
	for (size_t i = 0; i < rows->count; i++) {
		if (end && rows->list[end - 1].line == rows->list[i].line)
			add_row(&rows->list[end - 1], &rows->list[i]);
		else
			rows->list[end++] = rows->list[i];
	}
	rows->count = end;
}

/* Marks the rows that hold most. 0 or -ENOMEM. */
static int mark_hot(struct line_rows *rows, const struct report *report)
{
	struct line_row **order = calloc(rows->count + 1, sizeof(*order));

	if (!order)
		return -ENOMEM;
	for (size_t i = 0; i < rows->count; i++)
		order[i] = &rows->list[i];
	qsort(order, rows->count, sizeof(*order), by_bytes);
	for (size_t i = 0; i < rows->count && i < report->top; i++)
		order[i]->hot = order[i]->live_bytes && order[i]->live_bytes >= report->min_size;
	free(order);
	return 0;
}

static int row_at(const void *number, const void *row)
{
	int line = *(const int *)number, at = ((const struct line_row *)row)->line;

	return (line > at) - (line < at);
}

/* What an object owns elsewhere is another site than the object: its row's type may be known from that alone. */
static void count_objects(struct line_rows *rows, const struct report_site *site)
{
	struct line_row *row =
		bsearch(&site->line, rows->list, rows->count, sizeof(*rows->list), row_at);

	for (size_t i = 0; row && row->type && i < site->type_count; i++) {
		const char *name = site->types[i].name;

		if (name && row->type->name && !strcmp(name, row->type->name))
			row->type_count += site->types[i].count;
	}
}

int line_rows__collect(const struct report *report, const struct report_process *process,
		       enum label_layer layer, const char *path, struct line_rows *rows)
{
	*rows = (struct line_rows){0};
	rows->list = calloc(process->site_count + 1, sizeof(*rows->list));
	if (!rows->list)
		return -ENOMEM;
	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];

		if (!hot_files__has(site, layer) || strcmp(site->path, path))
			continue;
		rows->list[rows->count++] = row_of(site);
		rows->scaled |= rows->list[rows->count - 1].scaled;
	}
	merge_rows(rows);
	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];

		if (hot_files__has(site, layer) && !strcmp(site->path, path))
			count_objects(rows, site);
	}
	return mark_hot(rows, report);
}
