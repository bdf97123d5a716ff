// SPDX-License-Identifier: BSD-2-Clause
/*
 * terminal_verdicts.c - what the figures mean, before the figures
 */
#include <string.h>

#include "export/label.h"
#include "export/terminal.h"
#include "lib/text.h"

#define DETAIL 14 /* column of what belongs to a verdict */
#define TYPES_SHOWN 4
#define TEXT_MAX 4096

static const struct {
	const char *text;
	enum style style;
} kinds[] = {
	[VERDICT_LEAK] = {"LEAK", STYLE_HOT},
	[VERDICT_SUSPECT] = {"SUSPECT", STYLE_WARN},
	[VERDICT_NOT_A_LEAK] = {"NO LEAK", STYLE_BOLD},
};

static void put_detail(struct line *line, const char *name, enum style style, const char *text)
{
	if (!text || !*text)
		return;
	line__pad(line, 4);
	line__put(line, STYLE_DIM, name);
	line__wrap(line, style, text, DETAIL);
}

/* Appends printable text; what does not fit is cut. */
static void add(char *text, const char *before, const char *more)
{
	size_t end = strlen(text);

	end += snprintf(text + end, TEXT_MAX - end, "%s", before);
	if (end < TEXT_MAX)
		text__printable(more, text + end, TEXT_MAX - end);
}

static void print_path(struct line *line, const struct verdict *verdict)
{
	char text[TEXT_MAX] = "";

	for (size_t i = 0; i < verdict->held_by_count; i++)
		add(text, i ? " → " : "", verdict->held_by[i]);
	put_detail(line, "held by", STYLE_PLACE, text);
}

static void print_types(struct line *line, const struct verdict *verdict)
{
	char text[TEXT_MAX] = "", number[32], bytes[32], rest[96];

	for (size_t i = 0; i < verdict->type_count && i < TYPES_SHOWN; i++) {
		const struct census_type *type = &verdict->types[i];

		snprintf(rest, sizeof(rest), " (%s)",
			 text__bytes(type->own_bytes + type->buffer_bytes, bytes, sizeof(bytes)));
		/* Arrays and tables that such objects own, and none of the objects. */
		add(text, i ? ", " : "",
		    type->count ? text__count(type->count, number, sizeof(number)) : "memory of");
		add(text, " ", type->name);
		add(text, "", rest);
	}
	put_detail(line, "types", STYLE_PLAIN, text);
}

static void print_growth(struct line *line, const struct verdict *verdict)
{
	char text[160], pace[32], low[32], high[32];

	if (!isfinite(verdict->growth_per_s))
		return;
	terminal__growth(verdict->growth_per_s, pace, sizeof(pace));
	if (isfinite(verdict->growth_low) && isfinite(verdict->growth_high))
		snprintf(text, sizeof(text), "%s (95 %%: %s to %s)", pace,
			 terminal__growth(verdict->growth_low, low, sizeof(low)),
			 terminal__growth(verdict->growth_high, high, sizeof(high)));
	else
		snprintf(text, sizeof(text), "%s", pace);
	put_detail(line, "growth", STYLE_PLAIN, text);
}

static void print_head(struct line *line, const struct verdict *verdict)
{
	char cause[64];

	snprintf(cause, sizeof(cause), "%s%s", verdict->cause == CAUSE_UNKNOWN ? "cause " : "",
		 verdict_cause__name(verdict->cause));
	for (char *c = cause; *c; c++)
		if (*c == '_')
			*c = ' ';
	line__pad(line, INDENT);
	line__put(line, verdict->suppressed ? STYLE_DIM : kinds[verdict->kind].style,
		  kinds[verdict->kind].text);
	line__printf(line, STYLE_PLAIN, "  %s, %.0f %% sure", cause, 100 * verdict->confidence);
	line__printf(line, STYLE_DIM, "  %s%s", verdict->signature,
		     verdict->suppressed ? ", suppressed" : "");
	line__end(line);
}

static void print_verdict(struct line *line, const struct verdict *verdict, bool live)
{
	char text[TEXT_MAX];

	print_head(line, verdict);
	text__printable(verdict->summary ? verdict->summary : "", text, sizeof(text));
	line__wrap(line, STYLE_BOLD, text, 4);
	if (live || verdict->suppressed)
		return;
	print_path(line, verdict);
	print_types(line, verdict);
	print_growth(line, verdict);
	for (size_t i = 0; i < verdict->evidence_count; i++)
		put_detail(line, i ? "" : "because", STYLE_PLAIN,
			   text__printable(verdict->evidence[i], text, sizeof(text)));
	text__printable(verdict->advice ? verdict->advice : "", text, sizeof(text));
	put_detail(line, "to do", STYLE_PLAIN, text);
}

void terminal__verdicts(struct line *line, const struct report_process *process, bool live)
{
	if (!process->verdicts.count)
		return;
	line__end(line);
	for (size_t i = 0; i < process->verdicts.count; i++) {
		print_verdict(line, &process->verdicts.list[i], live);
		if (!live || i + 1 == process->verdicts.count)
			line__end(line);
	}
}
