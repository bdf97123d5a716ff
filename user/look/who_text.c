// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_text.c - who holds it, for a person
 */
#include <math.h>

#include "export/terminal.h"
#include "lib/text.h"
#include "look/who_private.h"

#define PATH_COLUMN 14

static void print_head(struct line *line, const struct who *who, const struct target *target)
{
	char found[32], sampled[32], comm[4 * sizeof(target->comm)];

	line__put(line, STYLE_BOLD, who->what);
	line__printf(line, STYLE_PLAIN, " in %s (%d): %s %s",
		     text__printable(target->comm, comm, sizeof(comm)), target->pid,
		     text__count(who->found, found, sizeof(found)),
		     who->found == 1 ? "object" : "objects");
	if (who->sampled < who->found)
		line__printf(line, STYLE_PLAIN, ", %s of them looked at",
			     text__count(who->sampled, sampled, sizeof(sampled)));
	line__end(line);
}

static void print_share(struct line *line, __u64 samples, const struct who *who)
{
	line__pad(line, INDENT);
	line__printf(line, STYLE_BOLD, "%llu of %llu", samples, who->sampled);
	line__pad(line, PATH_COLUMN);
}

/* A step that does not fit goes to the next line. */
static void print_path(struct line *line, const struct who_shape *shape)
{
	for (size_t i = 0; i < shape->step_count; i++) {
		const struct who_step *step = &shape->steps[i];

		if (i && text__columns(step->text) + 3 > line__room(line)) {
			line__end(line);
			line__pad(line, PATH_COLUMN);
			line__put(line, STYLE_DIM, "→ ");
		} else if (i) {
			line__put(line, STYLE_DIM, " → ");
		}
		line__put(line, i == shape->dominating ? STYLE_HOT : STYLE_PLAIN, step->text);
	}
	line__end(line);
}

static void print_growth(struct line *line, const struct who *who, const struct who_step *step)
{
	char grew[32], over[32];

	if (!step->has_grew)
		return;
	if (!step->grew) {
		line__printf(line, STYLE_PLAIN, ", unchanged for %s",
			     text__seconds(who->grew_over_s, over, sizeof(over)));
		return;
	}
	line__printf(line, step->grew > 0 ? STYLE_WARN : STYLE_PLAIN, ", %c%s in %s",
		     step->grew > 0 ? '+' : '-',
		     text__count(step->grew > 0 ? step->grew : -step->grew, grew, sizeof(grew)),
		     text__seconds(who->grew_over_s, over, sizeof(over)));
}

static void print_dominating(struct line *line, const struct who *who,
			     const struct who_shape *shape)
{
	const struct who_step *step = &shape->steps[shape->dominating];
	char count[32];

	line__pad(line, PATH_COLUMN);
	line__put(line, STYLE_DIM, "most are in ");
	line__printf(line, STYLE_PLAIN, "%s: %s %s", step->label[0] ? step->label : step->type,
		     text__count(step->length, count, sizeof(count)),
		     step->length == 1 ? "entry" : "entries");
	print_growth(line, who, step);
	line__end(line);
}

static bool is_guessed(const struct who_shape *shape)
{
	for (size_t i = 0; i < shape->step_count; i++)
		if (shape->steps[i].guessed)
			return true;
	return false;
}

static void print_note(struct line *line, const char *text)
{
	line__pad(line, PATH_COLUMN);
	line__put(line, STYLE_DIM, text);
	line__end(line);
}

static void print_shape(struct line *line, const struct who *who, const struct who_shape *shape)
{
	print_share(line, shape->samples, who);
	print_path(line, shape);
	if (shape->dominating < shape->step_count)
		print_dominating(line, who, shape);
	if (is_guessed(shape))
		print_note(line, "? = a word in an object of a C type that is not known");
	if (shape->root == ROOT_NATIVE)
		print_note(line, "it has more references than Python objects account for: C code "
				 "keeps it");
}

void who__print(const struct who *who, const struct target *target, size_t top, FILE *out,
		const struct terminal_options *options)
{
	struct line line;

	line__start(&line, out, options);
	print_head(&line, who, target);
	for (size_t i = 0; i < who->shape_count && i < top; i++)
		print_shape(&line, who, &who->shapes[i]);
	if (who->shape_count > top) {
		line__pad(&line, PATH_COLUMN);
		line__printf(&line, STYLE_DIM, "and %zu more kinds of paths (-t N shows them)",
			     who->shape_count - top);
		line__end(&line);
	}
	if (who->unreachable) {
		print_share(&line, who->unreachable, who);
		line__put(&line, STYLE_PLAIN,
			  "held by nothing: garbage in cycles that was not collected, or on its "
			  "way out");
		line__end(&line);
	}
}
