// SPDX-License-Identifier: BSD-2-Clause
/*
 * terminal_sites.c - the tables of the terminal report: which lines hold how much
 */
#include <string.h>

#include "export/label.h"
#include "export/terminal.h"
#include "lib/text.h"

#define GAP 2
#define BENEATH 14 /* where further lines of a site begin */
#define CALLERS_MAX 24

struct table {
	const struct report_process *process;
	enum label_layer layer;
	size_t sites;        /* that hold something, shown or not */
	__u64 total, blocks; /* live bytes and blocks of them */
	bool scaled;         /* some figures are estimates */
};

static char *not_measured(char *buffer, size_t size)
{
	snprintf(buffer, size, "-");
	return buffer;
}

char *terminal__growth(double bytes_per_s, char *buffer, size_t size)
{
	char amount[32];

	if (!isfinite(bytes_per_s))
		return not_measured(buffer, size);
	text__bytes(bytes_per_s, amount, sizeof(amount));
	snprintf(buffer, size, "%s%s/s", bytes_per_s >= 0.5 ? "+" : "", amount);
	return buffer;
}

static char *cell_live(const struct table *table, const struct report_site *site, char *buffer,
		       size_t size)
{
	(void)table;
	return text__bytes(site->live_bytes, buffer, size);
}

static char *cell_error(const struct table *table, const struct report_site *site, char *buffer,
			size_t size)
{
	(void)table;
	if (isfinite(site->error_pct))
		snprintf(buffer, size, "±%.0f%%", fmin(site->error_pct, 999));
	else
		snprintf(buffer, size, "exact");
	return buffer;
}

static char *cell_share(const struct table *table, const struct report_site *site, char *buffer,
			size_t size)
{
	double share = table->total ? 100.0 * site->live_bytes / table->total : 0;

	if (share > 0 && share < 0.1)
		snprintf(buffer, size, "<0.1%%");
	else
		snprintf(buffer, size, share > 99.94 ? "%.0f%%" : "%.1f%%", share);
	return buffer;
}

static char *cell_growth(const struct table *table, const struct report_site *site, char *buffer,
			 size_t size)
{
	(void)table;
	return terminal__growth(site->growth_per_s, buffer, size);
}

static char *cell_blocks(const struct table *table, const struct report_site *site, char *buffer,
			 size_t size)
{
	(void)table;
	return text__count(site->live_count, buffer, size);
}

static char *cell_median(const struct table *table, const struct report_site *site, char *buffer,
			 size_t size)
{
	(void)table;
	if (!(site->median_age_s >= 0))
		return not_measured(buffer, size);
	return text__seconds(site->median_age_s, buffer, size);
}

static char *cell_oldest(const struct table *table, const struct report_site *site, char *buffer,
			 size_t size)
{
	(void)table;
	if (!(site->oldest_s >= 0))
		return not_measured(buffer, size);
	return text__seconds(site->oldest_s, buffer, size);
}

static char *cell_domain(const struct table *table, const struct report_site *site, char *buffer,
			 size_t size)
{
	(void)table;
	snprintf(buffer, size, "%s", label__domain(site->domain));
	return buffer;
}

/* A column is there from a certain width of the terminal on. */
static const struct column {
	const char *title;
	size_t width;
	size_t from_width;
	bool scaled_only;
	char *(*text)(const struct table *, const struct report_site *, char *, size_t);
} columns[] = {
	{"LIVE", 9, 0, false, cell_live},       {"ERROR", 5, 0, true, cell_error},
	{"SHARE", 6, 100, false, cell_share},   {"GROWTH", 12, 0, false, cell_growth},
	{"BLOCKS", 8, 70, false, cell_blocks},  {"AGE", 6, 90, false, cell_median},
	{"OLDEST", 6, 110, false, cell_oldest}, {"IN", 6, 76, false, cell_domain},
};

#define COLUMNS (sizeof(columns) / sizeof(*columns))

static bool column_shown(const struct column *column, const struct line *line,
			 const struct table *table)
{
	return line->width >= column->from_width && (table->scaled || !column->scaled_only);
}

/* Figures end where their column does, so that their digits stand below one another. */
static void put_cell(struct line *line, enum style style, const char *text, size_t width)
{
	size_t used = text__columns(text);

	line__pad(line, line->column + (used < width ? width - used : 0));
	line__put(line, style, text);
	line__pad(line, line->column + GAP);
}

static void put_titles(struct line *line, const struct table *table)
{
	line__pad(line, INDENT);
	for (size_t i = 0; i < COLUMNS; i++) {
		if (column_shown(&columns[i], line, table))
			put_cell(line, STYLE_DIM, columns[i].title, columns[i].width);
	}
	line__put(line, STYLE_DIM, "WHERE");
	line__end(line);
}

/* The end of a label says the place: when it is too long, its beginning goes. */
static void put_tail(struct line *line, enum style style, const char *text)
{
	size_t room = line__room(line);
	char tail[LABEL_MAX + 4];

	if (text__columns(text) <= room) {
		line__put(line, style, text);
		return;
	}
	while (*text && text__columns(text) + 1 > room)
		text__next(&text);
	snprintf(tail, sizeof(tail), "…%s", text);
	line__put(line, style, tail);
}

static const char *file_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

/*
 * Memory that the interpreter itself asks for needs no further explanation; what a library asks for
 * does. Who made a system call is always libc.
 */
static bool foreign(const struct report_process *process, const struct report_site *site)
{
	const struct named_frame *native = site->native;
	const char *exe = file_name(process->exe);

	if (!native || !native->module || !site->file || !label__is_heap(site->domain))
		return false;
	return strncmp(native->module, "libpython", 9) && (!exe || strcmp(native->module, exe));
}

static bool is_site(const struct report_site *site, const struct named_frame *frame)
{
	return frame->kind == FRAME_PYTHON && site->file && frame->line == site->line &&
	       site->function && frame->function && !strcmp(frame->function, site->function);
}

/* Who called the site, on the stack that holds most: as many as one line takes. */
static void print_callers(struct line *line, const struct report_process *process,
			  const struct report_site *site)
{
	const struct profile_stack *stack;
	char text[LABEL_MAX];
	size_t i = 0, shown = 0;

	if (!site->stack_count || site->stacks[0] >= process->profile.stack_count)
		return;
	stack = &process->profile.stacks[site->stacks[0]];
	while (i < stack->frame_count && !is_site(site, &stack->frames[i]))
		i++;
	for (i++; i < stack->frame_count && shown < CALLERS_MAX; i++) {
		if (stack->frames[i].kind == FRAME_NATIVE)
			continue;
		label__frame(&stack->frames[i], text);
		if (shown && text__columns(text) + 5 > line__room(line)) {
			line__put(line, STYLE_DIM, " ← …");
			break;
		}
		line__pad(line, BENEATH);
		line__put(line, STYLE_DIM, shown ? " ← " : "← ");
		put_tail(line, STYLE_DIM, text);
		shown++;
	}
	if (shown)
		line__end(line);
}

static void print_site(struct line *line, const struct table *table, const struct report_site *site,
		       bool first, bool with_stack)
{
	char text[LABEL_MAX];

	line__pad(line, INDENT);
	for (size_t i = 0; i < COLUMNS; i++) {
		if (!column_shown(&columns[i], line, table))
			continue;
		columns[i].text(table, site, text, sizeof(text));
		put_cell(line,
			 i       ? STYLE_PLAIN
			 : first ? STYLE_HOT
				 : STYLE_BOLD,
			 text, columns[i].width);
	}
	put_tail(line, STYLE_PLACE, label__site(site, text));
	line__end(line);
	if (foreign(table->process, site)) {
		line__pad(line, BENEATH);
		line__put(line, STYLE_PLAIN, "via ");
		put_tail(line, STYLE_PLAIN, label__frame(site->native, text));
		line__end(line);
	}
	if (with_stack)
		print_callers(line, table->process, site);
}

static void print_total(struct line *line, const struct table *table, size_t shown,
			__u64 shown_bytes)
{
	const char *noun = label__unit(table->layer);
	char live[32], number[32], count[32], rest[32];

	line__pad(line, INDENT);
	put_cell(line, STYLE_BOLD, text__bytes(table->total, live, sizeof(live)), columns[0].width);
	line__printf(line, STYLE_PLAIN, "in all: %s %s%s from %s %s",
		     text__count(table->blocks, number, sizeof(number)), noun,
		     table->blocks == 1 ? "" : "s", text__count(table->sites, count, sizeof(count)),
		     table->sites == 1 ? "place" : "places");
	if (shown < table->sites)
		line__printf(line, STYLE_DIM, ", %s of it not shown",
			     text__bytes(table->total - shown_bytes, rest, sizeof(rest)));
	line__end(line);
	line__end(line);
}

static bool belongs(const struct table *table, const struct report_site *site)
{
	return site->live_bytes && label__layer(site->domain) == table->layer;
}

static void add_up(struct table *table)
{
	for (size_t i = 0; i < table->process->site_count; i++) {
		const struct report_site *site = &table->process->sites[i];

		if (!belongs(table, site))
			continue;
		table->total += site->live_bytes;
		table->blocks += site->live_count;
		table->scaled |= isfinite(site->error_pct) && site->error_pct > 0;
		table->sites++;
	}
}

void terminal__sites(struct line *line, const struct report *report,
		     const struct report_process *process, enum label_layer layer, size_t stacks)
{
	static const struct {
		const char *title, *what;
	} heads[LABEL_LAYERS] = {
		[LABEL_HEAP] = {"Heap", ": allocated since tracing began and not released"},
		[LABEL_RESIDENT] = {"Resident memory",
				    ": pages by who wrote to them first since tracing began"},
		[LABEL_SPACE] = {"Address space",
				 ": mapped since tracing began; the heap is part of it"},
	};
	struct table table = {.process = process, .layer = layer};
	bool heap = layer == LABEL_HEAP;
	__u64 shown_bytes = 0;
	size_t shown = 0;

	add_up(&table);
	if (!table.sites && !heap)
		return;
	line__pad(line, INDENT);
	if (!table.sites) {
		line__put(
			line, STYLE_PLAIN,
			process->tracing.probes_used
				? "Nothing that was allocated on the heap since tracing began is "
				  "alive."
				: "No probe in this mode: which lines allocate on the heap is not "
				  "known.");
		line__end(line);
		line__end(line);
		return;
	}
	line__put(line, STYLE_BOLD, heads[layer].title);
	line__put(line, STYLE_DIM, heads[layer].what);
	line__end(line);
	put_titles(line, &table);
	for (size_t i = 0; i < process->site_count && shown < report->top; i++) {
		const struct report_site *site = &process->sites[i];

		if (!belongs(&table, site) || site->live_bytes < report->min_size)
			continue;
		print_site(line, &table, site, heap && !shown, shown < stacks);
		shown_bytes += site->live_bytes;
		shown++;
	}
	print_total(line, &table, shown, shown_bytes);
}
