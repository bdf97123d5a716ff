/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * terminal.h - what terminal.c, terminal_verdicts.c and the tables of terminal_sites.c share: lines of bounded width
 */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdarg.h>

#include "export/export.h"
#include "export/label.h"

#define INDENT 2
#define FACT_COLUMN 12 /* where the text after a fact's name begins */

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_WARN,
	STYLE_HOT,
	STYLE_PLACE,
};

/* A line being written; nothing goes beyond its width. */
struct line {
	FILE *out;
	bool colour;
	size_t width, column;
};

void line__start(struct line *line, FILE *out, const struct terminal_options *options);

/* Writes printable text, cut where the line ends. */
void line__put(struct line *line, enum style style, const char *text);

void line__printf(struct line *line, enum style style, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * One of several items, after " · " or, where it does not fit into this line, on the next one from
 * column indent.
 */
void line__item(struct line *line, enum style style, const char *text, size_t indent);

/* Blanks up to a column. */
void line__pad(struct line *line, size_t column);

/* Columns left. */
size_t line__room(const struct line *line);

void line__end(struct line *line);

/* Printable text on as many lines as it takes, from column indent on, broken at blanks; ends the line. */
void line__wrap(struct line *line, enum style style, const char *text, size_t indent);

/* "+2.7 MiB/s", "0 B/s", "-" for what was not measured. Returns buffer. */
char *terminal__growth(double bytes_per_s, char *buffer, size_t size);

/*
 * The table of a process's sites in one layer (nothing is printed where there are none, but of the heap it is said).
 * The first `stacks` of them get their callers.
 */
void terminal__sites(struct line *line, const struct report *report,
		     const struct report_process *process, enum label_layer layer, size_t stacks);

/* What the process's growth is: a block a verdict; live: a line. */
void terminal__verdicts(struct line *line, const struct report_process *process, bool live);

#endif
