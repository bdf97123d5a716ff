// SPDX-License-Identifier: BSD-2-Clause
/*
 * lines.c - the source of the files that hold most, with figures against each line
 *
 * Shown are the lines that hold most, as many a file as the report shows sites, and what is around them; any other line
 * in between has its figures too. The sites of a line (objects and what malloc gave, several functions on one line)
 * are one row. Where there is no text, there are the figures and the line's number.
 */
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "export/hot_files.h"
#include "export/label.h"
#include "export/line_rows.h"
#include "export/terminal.h"
#include "lib/text.h"

#define CONTEXT 3 /* lines shown before and after one that holds much */
#define WIDTH 200
#define TAB 8
#define GAP 2
#define NUMBER_WIDTH 6
#define TYPE_WIDTH 28
#define TEXT_MAX 8192

/* One file of one process, on its way out. */
struct view {
	struct line out;
	enum label_layer layer;
	const struct report_source *source; /* NULL = none was looked for */
	struct line_rows rows;
	size_t next;      /* the first row that is not behind us */
	size_t line_from; /* the column of the line's number */
};

/* Figures end where their column does. */
static void put_right(struct line *line, const char *text, size_t width)
{
	size_t used = text__columns(text);

	line__pad(line, line->column + (used < width ? width - used : 0));
	line__put(line, STYLE_PLAIN, text);
	line__pad(line, line->column + GAP);
}

/* Text begins where its column does, and is cut where that ends. */
static void put_left(struct line *line, const char *text, size_t width)
{
	size_t whole = line->width, end = line->column + width;

	line->width = end;
	line__put(line, STYLE_PLAIN, text);
	line->width = whole;
	line__pad(line, end + GAP);
}

static char *cell_live(const struct line_row *row, char *buffer, size_t size)
{
	return text__bytes(row->live_bytes, buffer, size);
}

static char *cell_error(const struct line_row *row, char *buffer, size_t size)
{
	if (row->scaled && row->live_bytes)
		snprintf(buffer, size, "±%.0f%%",
			 fmin(100 * row->error_bytes / row->live_bytes, 999));
	else
		snprintf(buffer, size, "%s", row->scaled ? "-" : "exact");
	return buffer;
}

static char *cell_growth(const struct line_row *row, char *buffer, size_t size)
{
	return terminal__growth(row->growth_per_s, buffer, size);
}

static char *cell_blocks(const struct line_row *row, char *buffer, size_t size)
{
	return text__count(row->live_count, buffer, size);
}

static char *cell_allocated(const struct line_row *row, char *buffer, size_t size)
{
	return text__bytes(row->alloc_bytes, buffer, size);
}

static const struct column {
	const char *titles[LABEL_LAYERS];
	size_t width;
	bool scaled_only;
	char *(*text)(const struct line_row *, char *, size_t);
} columns[] = {
	{{"LIVE", "LIVE", "LIVE"}, 10, false, cell_live},
	{{"ERROR", "ERROR", "ERROR"}, 5, true, cell_error},
	{{"GROWTH", "GROWTH", "GROWTH"}, 12, false, cell_growth},
	{{"BLOCKS", "PAGES", "MAPPINGS"}, 9, false, cell_blocks},
	{{"ALLOCATED", "TOUCHED", "MAPPED"}, 10, false, cell_allocated},
};

#define COLUMNS (sizeof(columns) / sizeof(*columns))

static void put_titles(struct view *view)
{
	struct line *line = &view->out;

	line__pad(line, INDENT);
	for (size_t i = 0; i < COLUMNS; i++) {
		if (view->rows.scaled || !columns[i].scaled_only)
			put_right(line, columns[i].titles[view->layer], columns[i].width);
	}
	put_left(line, "TYPES", TYPE_WIDTH);
	view->line_from = line->column;
	put_right(line, "LINE", NUMBER_WIDTH);
	line__put(line, STYLE_PLAIN, "SOURCE");
	line__end(line);
}

static void put_type(struct line *line, const struct line_row *row)
{
	char name[LABEL_MAX], count[32], text[LABEL_MAX + 32] = "";

	if (row->type)
		text__printable(row->type->name ? row->type->name : "?", name, sizeof(name));
	if (row->type && row->type_count)
		snprintf(text, sizeof(text), "%s %s",
			 text__count(row->type_count, count, sizeof(count)), name);
	else if (row->type)
		snprintf(text, sizeof(text), "of %s", name);
	put_left(line, text, TYPE_WIDTH);
}

static void put_figures(struct view *view, const struct line_row *row)
{
	char text[64];

	line__pad(&view->out, INDENT);
	for (size_t i = 0; i < COLUMNS; i++) {
		if (view->rows.scaled || !columns[i].scaled_only)
			put_right(&view->out, columns[i].text(row, text, sizeof(text)),
				  columns[i].width);
	}
	put_type(&view->out, row);
}

/* With tabs as blanks: everything else that is no character of its own becomes an escape. */
static char *expand_tabs(const char *text, char *buffer, size_t size)
{
	size_t end = 0, column = 0;

	for (; *text && end + TAB + 1 < size; text++) {
		size_t blanks = *text == '\t' ? TAB - column % TAB : 0;

		memset(buffer + end, ' ', blanks);
		end += blanks;
		if (!blanks)
			buffer[end++] = *text;
		column += blanks ? blanks : (*text & 0xc0) != 0x80;
	}
	buffer[end] = '\0';
	return buffer;
}

static const char *source_text(const struct view *view, int number)
{
	const struct report_source *source = view->source;

	if (!source || !source->lines)
		return "";
	return (size_t)number <= source->line_count ? source->lines[number - 1]
						    : "[not in the text that was read]";
}

/* One line of the file, with its figures if it has any. */
static void put_line(struct view *view, int number)
{
	char expanded[TEXT_MAX], text[TEXT_MAX];
	struct line *line = &view->out;

	while (view->next < view->rows.count && view->rows.list[view->next].line < number)
		view->next++;
	if (view->next < view->rows.count && view->rows.list[view->next].line == number) {
		view->rows.list[view->next].shown = true;
		put_figures(view, &view->rows.list[view->next]);
	}
	line__pad(line, view->line_from);
	snprintf(text, sizeof(text), "%*d", NUMBER_WIDTH, number);
	line__put(line, STYLE_PLAIN, text);
	expand_tabs(source_text(view, number), expanded, sizeof(expanded));
	if (*expanded) {
		line__pad(line, line->column + GAP);
		line__put(line, STYLE_PLAIN, text__printable(expanded, text, sizeof(text)));
	}
	line__end(line);
}

static void put_gap(struct view *view)
{
	line__pad(&view->out, view->line_from + NUMBER_WIDTH - 1);
	line__put(&view->out, STYLE_PLAIN, "…");
	line__end(&view->out);
}

/* The lines that hold much, with those around them where there is text. */
static void put_lines(struct view *view)
{
	const struct report_source *source = view->source;
	int context = source && source->lines ? CONTEXT : 0, shown = 0;
	int last = source && source->lines ? (int)source->line_count : 0;

	for (size_t i = 0; i < view->rows.count; i++) {
		int line = view->rows.list[i].line;
		int from = line > context ? line - context : 1;
		int to = line < last - context ? line + context : last;

		if (!view->rows.list[i].hot)
			continue;
		/* A line that the text does not have has no surroundings either. */
		if (line > last)
			from = to = line;
		if (last && shown && from > shown + 1)
			put_gap(view);
		for (int number = from > shown ? from : shown + 1; number <= to; number++)
			put_line(view, number);
		shown = to > shown ? to : shown;
	}
}

static void put_rest(struct view *view)
{
	char bytes[32], count[32];
	size_t lines = 0;
	__u64 rest = 0;

	for (size_t i = 0; i < view->rows.count; i++) {
		if (!view->rows.list[i].shown && view->rows.list[i].live_bytes) {
			rest += view->rows.list[i].live_bytes;
			lines++;
		}
	}
	if (!lines)
		return;
	line__pad(&view->out, INDENT);
	put_right(&view->out, text__bytes(rest, bytes, sizeof(bytes)), columns[0].width);
	line__printf(&view->out, STYLE_PLAIN, "on %s %s that %s less",
		     text__count(lines, count, sizeof(count)),
		     lines == 1 ? "other line" : "other lines", lines == 1 ? "holds" : "hold");
	line__end(&view->out);
}

static void put_file_head(struct view *view, const struct hot_file *file)
{
	const struct report_source *source = view->source;
	FILE *out = view->out.out;
	char bytes[32];

	fputc('\n', out);
	text__print(out, file->path);
	fprintf(out, ": %s\n", text__bytes(file->live_bytes, bytes, sizeof(bytes)));
	if (!source)
		fputs("  Its text was not read.\n", out);
	else if (source->problem)
		fprintf(out, "  Its text %s: %s.\n",
			source->lines ? "is not complete" : "could not be read", source->problem);
	if (source && source->newer)
		fputs("  Changed after the process started: this text may not be the code that "
		      "runs.\n",
		      out);
}

static const struct report_source *find_source(const struct report_process *process,
					       const char *path)
{
	for (size_t i = 0; i < process->source_count; i++) {
		if (!strcmp(process->sources[i].path, path))
			return &process->sources[i];
	}
	return NULL;
}

static int write_file(const struct report *report, const struct report_process *process,
		      enum label_layer layer, const struct hot_file *file, FILE *out)
{
	struct view view = {.layer = layer, .source = find_source(process, file->path)};
	int err = line_rows__collect(report, process, layer, file->path, &view.rows);

	if (!err) {
		line__start(&view.out, out, &(struct terminal_options){.width = WIDTH});
		put_file_head(&view, file);
		put_titles(&view);
		put_lines(&view);
		put_rest(&view);
	}
	free(view.rows.list);
	return err;
}

static void put_process_head(const struct report *report, const struct report_process *process,
			     FILE *out)
{
	char text[LABEL_MAX], number[32];

	fprintf(out, "%s, traced %s", label__process(process, text),
		text__seconds(report->duration_s, number, sizeof(number)));
	if (process->mode)
		fprintf(out, ", %s", text__printable(process->mode, text, sizeof(text)));
	fputc('\n', out);
}

/* What all of it is, and how much of that the files have. */
static void put_sum(const struct report_process *process, enum label_layer layer,
		    const struct hot_file *files, int count, FILE *out)
{
	static const char *const what[LABEL_LAYERS] = {
		[LABEL_HEAP] = "allocated on the heap since tracing began and alive",
		[LABEL_RESIDENT] = "resident, of pages first written to since tracing began",
		[LABEL_SPACE] = "mapped since tracing began",
	};
	__u64 all = 0, shown = 0;
	char bytes[32], part[32];

	for (size_t i = 0; i < process->site_count; i++)
		all += label__layer(process->sites[i].domain) == layer
			       ? process->sites[i].live_bytes
			       : 0;
	for (int i = 0; i < count; i++)
		shown += files[i].live_bytes;
	fprintf(out, "%s %s", text__bytes(all, bytes, sizeof(bytes)), what[layer]);
	if (count)
		fprintf(out, "; %s of it by lines of %s", text__bytes(shown, part, sizeof(part)),
			count == 1 ? "this file" : "these files");
	else
		fputs("; no line of Python is known to hold anything", out);
	fputs(".\n", out);
}

static int write_process(const struct report *report, const struct report_process *process,
			 FILE *out)
{
	enum label_layer layer = hot_files__layer(process);
	struct hot_file files[HOT_FILES_MAX];
	int count = hot_files__rank(process, layer, files);

	if (count < 0)
		return count;
	put_process_head(report, process, out);
	put_sum(process, layer, files, count, out);
	for (int i = 0; i < count; i++) {
		int err = write_file(report, process, layer, &files[i], out);

		if (err)
			return err;
	}
	return 0;
}

int lines__write(const struct report *report, FILE *out)
{
	for (size_t i = 0; i < report->process_count; i++) {
		int err;

		if (i)
			fputc('\n', out);
		err = write_process(report, &report->processes[i], out);
		if (err)
			return err;
	}
	return export__finish(out);
}
