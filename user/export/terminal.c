// SPDX-License-Identifier: BSD-2-Clause
/*
 * terminal.c - the report for a person, as wide as the terminal
 *
 * One line a fact at the head, then the lines of code that hold most. Text of the target is made
 * printable before it is measured or written; a line never exceeds the width.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "export/label.h"
#include "export/terminal.h"
#include "lib/text.h"

#define NARROWEST 60
#define STACKS_SHOWN 3 /* sites that get their callers printed */

static const char *const codes[] = {
	[STYLE_BOLD] = "1",   [STYLE_DIM] = "2",    [STYLE_WARN] = "33",
	[STYLE_HOT] = "1;31", [STYLE_PLACE] = "36",
};

void line__start(struct line *line, FILE *out, const struct terminal_options *options)
{
	*line = (struct line){.out = out, .colour = options->colour};
	line->width = options->width < NARROWEST ? NARROWEST : options->width;
}

size_t line__room(const struct line *line)
{
	return line->width > line->column ? line->width - line->column : 0;
}

void line__end(struct line *line)
{
	fputc('\n', line->out);
	line->column = 0;
}

/* Writes as many characters as fit into room columns, the last one "…" when some do not. */
static void put_cut(struct line *line, const char *text, size_t room)
{
	bool whole = text__columns(text) <= room;
	size_t used = 0;

	while (*text) {
		const char *next = text;
		char one[8];

		text__next(&next);
		snprintf(one, sizeof(one), "%.*s", (int)(next - text), text);
		if (!whole && used + text__columns(one) + 1 > room)
			break;
		used += text__columns(one);
		fputs(one, line->out);
		text = next;
	}
	if (!whole && room) {
		fputs("…", line->out);
		used++;
	}
	line->column += used;
}

void line__put(struct line *line, enum style style, const char *text)
{
	bool styled = line->colour && style != STYLE_PLAIN;
	size_t room = line__room(line);

	if (!room)
		return;
	if (styled)
		fprintf(line->out, "\033[%sm", codes[style]);
	put_cut(line, text, room);
	if (styled)
		fputs("\033[0m", line->out);
}

void line__printf(struct line *line, enum style style, const char *format, ...)
{
	char text[LABEL_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	line__put(line, style, text);
}

void line__pad(struct line *line, size_t column)
{
	for (; line->column < column && line__room(line); line->column++)
		fputc(' ', line->out);
}

void line__item(struct line *line, enum style style, const char *text, size_t indent)
{
	if (line->column > indent && text__columns(text) + 3 > line__room(line)) {
		line__end(line);
		line__pad(line, indent);
	}
	if (line->column > indent)
		line__put(line, STYLE_DIM, " · ");
	line__put(line, style, text);
}

/* Bytes of the first piece of text that fits into room columns, at a blank if there is one; all of it where it fits. */
static size_t piece(const char *text, size_t room)
{
	const char *at = text, *blank = NULL, *next = text;
	size_t used = 0;

	while (*at) {
		char one[8];

		text__next(&next);
		snprintf(one, sizeof(one), "%.*s", (int)(next - at), at);
		used += text__columns(one);
		if (used > room)
			break;
		if (*at == ' ')
			blank = at;
		at = next;
	}
	if (!*at)
		return at - text;
	if (*at == ' ')
		blank = at;
	if (blank && blank > text)
		return blank - text;
	return at > text ? at - text : next - text;
}

void line__wrap(struct line *line, enum style style, const char *text, size_t indent)
{
	while (*text) {
		char part[1024];
		size_t length;

		line__pad(line, indent);
		length = piece(text, line__room(line));
		snprintf(part, sizeof(part), "%.*s", (int)length, text);
		line__put(line, style, part);
		line__end(line);
		text += length;
		text += strspn(text, " ");
	}
}

/* The command line, one argument after the other. */
static void put_command(struct line *line, const struct report_process *process)
{
	char text[LABEL_MAX];

	for (size_t i = 0; process->cmdline && process->cmdline[i] && line__room(line) > 4; i++) {
		line__put(line, STYLE_DIM, i ? " " : "  ");
		line__put(line, STYLE_DIM,
			  text__printable(process->cmdline[i], text, sizeof(text)));
	}
}

static void print_head(struct line *line, const struct report *report,
		       const struct report_process *process)
{
	char text[LABEL_MAX], number[32];

	text__printable(process->comm ? process->comm : "?", text, sizeof(text));
	line__printf(line, STYLE_BOLD, "%s", text);
	line__printf(line, STYLE_BOLD, "  PID %d", process->pid);
	if (process->merged_count)
		line__printf(line, STYLE_BOLD, " and %zu %s", process->merged_count,
			     process->merged_count == 1 ? "child" : "children");
	put_command(line, process);
	line__end(line);

	line__pad(line, INDENT);
	if (process->python_version)
		line__printf(line, STYLE_PLAIN, "CPython %s%s",
			     text__printable(process->python_version, text, sizeof(text)),
			     process->free_threaded ? " free-threaded" : "");
	else
		line__put(line, STYLE_PLAIN, "no known Python");
	if (process->python_allocator)
		line__printf(line, STYLE_PLAIN, ", %s",
			     text__printable(process->python_allocator, text, sizeof(text)));
	for (size_t i = 0; i < process->allocator_count; i++)
		line__printf(line, STYLE_PLAIN, ", %s",
			     text__printable(process->allocators[i], text, sizeof(text)));
	snprintf(text, sizeof(text), "traced %s",
		 text__seconds(report->duration_s, number, sizeof(number)));
	line__item(line, STYLE_PLAIN, text, INDENT);
	if (process->mode)
		line__printf(line, STYLE_PLAIN, ", %s",
			     text__printable(process->mode, text, sizeof(text)));
	if (process->probe_count)
		line__printf(line, STYLE_PLAIN, ", %zu %s", process->probe_count,
			     process->probe_count == 1 ? "probe" : "probes");
	if (isfinite(process->overhead_pct))
		line__printf(line, STYLE_PLAIN, ", slowed %.1f %%", process->overhead_pct);
	line__end(line);
	if (process->end) {
		line__pad(line, INDENT);
		line__put(line, STYLE_WARN, "ended early: ");
		line__put(line, STYLE_WARN, text__printable(process->end, text, sizeof(text)));
		line__end(line);
	}
}

static void start_fact(struct line *line, const char *name)
{
	line__pad(line, INDENT);
	line__put(line, STYLE_DIM, name);
	line__pad(line, FACT_COLUMN);
}

static void put_share(struct line *line, const char *name, double share, const char *note)
{
	bool measured = isfinite(share);
	char said[512], item[768];

	text__printable(note ? note : "not measured", said, sizeof(said));
	if (!measured)
		snprintf(item, sizeof(item), "%s%s %s", name, note ? ":" : "", said);
	else if (fabs(share - 1) < 0.0005)
		snprintf(item, sizeof(item), "%s 100 %%", name);
	else
		snprintf(item, sizeof(item), "%s %.1f %%", name, 100 * share);
	if (measured && note) {
		size_t end = strlen(item);

		snprintf(item + end, sizeof(item) - end, " (%s)", said);
	}
	line__item(line, measured && share < 0.95 ? STYLE_WARN : STYLE_PLAIN, item, FACT_COLUMN);
}

static void print_coverage(struct line *line, const struct report_coverage *coverage)
{
	start_fact(line, "coverage");
	put_share(line, "object", coverage->object, coverage->object_note);
	put_share(line, "raw", coverage->raw, coverage->raw_note);
	put_share(line, "mmap", coverage->mmap, NULL);
	put_share(line, "brk", coverage->brk, NULL);
	if (isfinite(coverage->rss))
		put_share(line, "rss", coverage->rss, NULL);
	line__end(line);
}

/* What RSS consists of; layers that are nearly nothing are left out of the line. */
static void print_bridge(struct line *line, const struct rss_bridge *bridge)
{
	const struct {
		const char *name;
		__u64 bytes;
	} rows[] = {
		{"Python objects", bridge ? bridge->python_objects : 0},
		{"pymalloc free", bridge ? bridge->pymalloc_free : 0},
		{"malloc in use", bridge ? bridge->malloc_in_use : 0},
		{"malloc free", bridge ? bridge->malloc_free : 0},
		{"mapped", bridge ? bridge->mmap_anon : 0},
		{"stacks", bridge ? bridge->stacks : 0},
		{"files", bridge ? bridge->file_backed : 0},
		{"unexplained", bridge ? bridge->unexplained : 0},
	};

	if (!bridge)
		return;
	start_fact(line, "RSS is");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char item[64], bytes[32];

		if (rows[i].bytes < bridge->rss / 200)
			continue;
		snprintf(item, sizeof(item), "%s %s", rows[i].name,
			 text__bytes(rows[i].bytes, bytes, sizeof(bytes)));
		line__item(line, STYLE_PLAIN, item, FACT_COLUMN);
	}
	line__end(line);
}

static void print_memory(struct line *line, const struct report_memory *memory)
{
	char text[32], high[32];

	start_fact(line, "memory");
	if (memory->rss == REPORT_UNMEASURED) {
		line__put(line, STYLE_PLAIN, "RSS not measured");
	} else {
		line__printf(line, STYLE_PLAIN, "RSS %s",
			     text__bytes(memory->rss, text, sizeof(text)));
		if (memory->rss_start != REPORT_UNMEASURED) {
			double grown = memory->rss - memory->rss_start;

			line__printf(line, STYLE_PLAIN, " (%s%s", grown >= 0 ? "+" : "",
				     text__bytes(grown, text, sizeof(text)));
			if (isfinite(memory->growth_per_s))
				line__printf(
					line, STYLE_PLAIN, ", %s",
					terminal__growth(memory->growth_per_s, text, sizeof(text)));
			line__put(line, STYLE_PLAIN, ")");
		}
	}
	if (memory->limit != REPORT_UNMEASURED) {
		line__printf(line, STYLE_PLAIN, " · limit %s",
			     text__bytes(memory->limit, text, sizeof(text)));
		if (isfinite(memory->seconds_to_limit))
			line__printf(line, STYLE_WARN, ", reached in %s",
				     text__seconds(memory->seconds_to_limit, text, sizeof(text)));
		if (isfinite(memory->seconds_to_limit_low) &&
		    isfinite(memory->seconds_to_limit_high))
			line__printf(
				line, STYLE_WARN, " (%s to %s)",
				text__seconds(memory->seconds_to_limit_low, text, sizeof(text)),
				text__seconds(memory->seconds_to_limit_high, high, sizeof(high)));
	}
	line__end(line);
	print_bridge(line, memory->bridge);
}

static void print_lost(struct line *line, const struct report_lost *lost)
{
	char bytes[32], full[96], number[32], item[160];
	size_t items = 0;

	snprintf(full, sizeof(full), "blocks (%s) not recorded: live table full",
		 text__bytes(lost->live_full_bytes, bytes, sizeof(bytes)));
	/* Each begins with a noun in the plural, that loses its s behind a 1. */
	const struct {
		__u64 value;
		const char *what;
	} rows[] = {
		{lost->live_full, full},
		{lost->missed_frees, "releases not seen"},
		{lost->missing_exits, "calls without a result"},
		{lost->nest_full, "calls nested too deeply"},
		{lost->thread_state, "calls without thread state"},
		{lost->unreadable_arguments, "calls with unreadable arguments"},
		{lost->stacks, "blocks without a stack: stack table full"},
		{lost->unknown_stacks, "stacks whose names did not arrive"},
		{lost->truncated_stacks, "stacks cut: too deep"},
		{lost->unwind_errors, "stacks cut: unreadable frame"},
		{lost->unreadable_names, "functions without a name"},
		{lost->space_events, "changes of the address space"},
		{lost->faults, "page faults, ring full: their pages are their neighbours'"},
	};

	start_fact(line, "lost");
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int noun = strcspn(rows[i].what, " :");

		if (!rows[i].value)
			continue;
		snprintf(item, sizeof(item), "%s %.*s%s",
			 text__count(rows[i].value, number, sizeof(number)),
			 noun - (rows[i].value == 1), rows[i].what, rows[i].what + noun);
		line__item(line, STYLE_WARN, item, FACT_COLUMN);
		items++;
	}
	if (!items)
		line__put(line, STYLE_PLAIN, "nothing");
	line__end(line);
	if (!lost->unmatched_frees)
		return;
	line__pad(line, FACT_COLUMN);
	line__printf(line, STYLE_DIM, "(%s released %s older than the tracing: no loss)",
		     text__count(lost->unmatched_frees, number, sizeof(number)),
		     lost->unmatched_frees == 1 ? "block was" : "blocks were");
	line__end(line);
}

static void print_process(struct line *line, const struct report *report,
			  const struct report_process *process, bool live)
{
	print_head(line, report, process);
	terminal__verdicts(line, process, live);
	print_coverage(line, &process->coverage);
	print_memory(line, &process->memory);
	print_lost(line, &process->lost);
	line__end(line);
	terminal__sites(line, report, process, LABEL_HEAP, live ? 0 : STACKS_SHOWN);
	terminal__sites(line, report, process, LABEL_RESIDENT, live ? 0 : STACKS_SHOWN);
	terminal__sites(line, report, process, LABEL_SPACE, 0);
}

int terminal__print(const struct report *report, FILE *out, const struct terminal_options *options)
{
	struct line line;

	line__start(&line, out, options);
	for (size_t i = 0; i < report->process_count; i++)
		print_process(&line, report, &report->processes[i], options->live);
	if (!report->process_count) {
		line__put(&line, STYLE_PLAIN, "No process was traced.");
		line__end(&line);
	}
	return export__finish(out);
}
