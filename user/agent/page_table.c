// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/page_table.c - the table of processes
 *
 * The roles say what the elements are by themselves: narrow windows show rows as blocks, and browsers forget then that this is a table.
 */
#include <math.h>
#include <string.h>

#include "agent/page_private.h"
#include "lib/text.h"

#define ROWS_MAX 500
#define COMMAND_MAX 160
#define CGROUP_MAX 48

static void open_cell(FILE *out, const char *label, const char *class)
{
	fprintf(out, "<td role=\"cell\" data-label=\"%s\" class=\"%s\">", label, class);
}

static void put_name(const struct host_process *process, FILE *out)
{
	open_cell(out, "Process", "name");
	fputs("<b>", out);
	html__put(out, process->comm, 0);
	fputs("</b>", out);
	if (process->cmdline && *process->cmdline) {
		fputs(" <span class=\"soft command\">", out);
		html__put(out, process->cmdline, COMMAND_MAX);
		fputs("</span>", out);
	}
	fputs("</td>", out);
}

/* Its end says most: the name of the service or of the container. */
static void put_cgroup(const struct host_process *process, FILE *out)
{
	const char *path = process->cgroup ? process->cgroup : "";
	size_t length = strlen(path);
	const char *end = length > CGROUP_MAX ? path + length - CGROUP_MAX : path;

	while (((unsigned char)*end & 0xc0) == 0x80)
		end++;
	open_cell(out, "cgroup", "soft cgroup");
	fputs("<span title=\"", out);
	html__put(out, path, 0);
	fputs(end > path ? "\">…" : "\">", out);
	html__put(out, *path ? end : "–", 0);
	fputs("</span></td>", out);
}

static void put_growth(const struct host_process *process, double most, FILE *out)
{
	const struct trend *growth = &process->growth;
	char text[48], low[32], high[32];

	open_cell(out, "Growth", page__grows(process) ? "number grows" : "number soft");
	if (!isfinite(growth->slope)) {
		fputs("<span title=\"not known yet\">…</span></td>", out);
		return;
	}
	if (!page__grows(process)) {
		fputs("<span title=\"it does not grow, or not surely\">–</span></td>", out);
		return;
	}
	page__pace(growth->slope, text, sizeof(text));
	fprintf(out, "<span title=\"95 %%: %s/s to %s/s, over %.0f s\">%s</span>",
		text__bytes(growth->low, low, sizeof(low)),
		text__bytes(growth->high, high, sizeof(high)), growth->seconds, text);
	fprintf(out,
		"<svg class=\"bar\" viewBox=\"0 0 100 3\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\"><rect width=\"%.0f\" height=\"3\"/></svg></td>",
		fmax(1, 100 * growth->slope / most));
}

static void put_limit(const struct host_process *process, FILE *out)
{
	bool soon = isfinite(process->seconds_to_limit) && process->seconds_to_limit < 3600;
	char text[32];

	open_cell(out, "Limit in", page__grows(process) && soon ? "number near" : "number");
	if (page__grows(process) && isfinite(process->seconds_to_limit))
		fputs(text__seconds(process->seconds_to_limit, text, sizeof(text)), out);
	else
		fputs("<span class=\"soft\">–</span>", out);
	fputs("</td>", out);
}

static void put_badge(FILE *out, const char *class, const char *text, const char *title)
{
	fprintf(out, "<span class=\"badge %s\"", class);
	if (title) {
		fputs(" title=\"", out);
		html__put(out, title, 0);
		fputs("\"", out);
	}
	fprintf(out, ">%s</span> ", text);
}

static void put_state(const struct host_process *process, FILE *out)
{
	open_cell(out, "State", "state");
	if (page__has(process, VERDICT_LEAK))
		put_badge(out, "leak", "leak", NULL);
	else if (page__has(process, VERDICT_SUSPECT))
		put_badge(out, "suspect", "suspect", NULL);
	if (process->attention == ATTENTION_TRACED)
		put_badge(out, "traced", "traced", NULL);
	else if (process->attention == ATTENTION_WAITING)
		put_badge(out, "waits", "waits", "it grows; others are traced before it");
	else if (process->cannot_trace)
		put_badge(out, "plain", "watched only", process->cannot_trace);
	else
		put_badge(out, "plain", "watched", process->trace_problem);
	fputs("</td>", out);
}

static void put_row(const struct host_process *process, pid_t selected, double most, FILE *out)
{
	char text[32];

	fprintf(out,
		"<tr role=\"row\"%s><th role=\"rowheader\" scope=\"row\" data-label=\"PID\">"
		"<a href=\"/?pid=%d#selected\">%d</a></th>",
		process->pid == selected ? " class=\"selected\" aria-current=\"true\"" : "",
		process->pid, process->pid);
	put_name(process, out);
	open_cell(out, "Python", "python");
	html__put(out, process->python[0] ? process->python : "–", 0);
	fputs("</td>", out);
	put_cgroup(process, out);
	open_cell(out, "Resident", "number");
	fprintf(out, "%s</td>", page__amount(process->rss, text, sizeof(text)));
	put_growth(process, most, out);
	put_limit(process, out);
	put_state(process, out);
	fputs("</tr>\n", out);
}

static void put_headings(FILE *out)
{
	static const struct {
		const char *text, *class;
	} columns[] = {
		{"PID", ""},
		{"Process", ""},
		{"Python", ""},
		{"cgroup", ""},
		{"Resident", "number"},
		{"Growth", "number"},
		{"Limit in", "number"},
		{"State", ""},
	};

	fputs("<thead role=\"rowgroup\"><tr role=\"row\">", out);
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		fprintf(out, "<th role=\"columnheader\" scope=\"col\" class=\"%s\"%s>%s</th>",
			columns[i].class, i == 5 ? " aria-sort=\"descending\"" : "",
			columns[i].text);
	fputs("</tr></thead>\n", out);
}

void page__table(const struct host_process *const *processes, size_t count, pid_t selected,
		 FILE *out)
{
	size_t shown = count < ROWS_MAX ? count : ROWS_MAX;
	double most = count ? processes[0]->growth.slope : 0;

	fprintf(out,
		"<section id=\"processes\">\n<h2>Processes <span class=\"count\">%zu</span></h2>\n",
		count);
	if (!count) {
		fputs("<p class=\"soft\">No Python runs here, as far as has been looked.</p>\n"
		      "</section>\n",
		      out);
		return;
	}
	fputs("<table role=\"table\">\n<caption class=\"hidden\">Python processes, those that grow "
	      "fastest first</caption>\n",
	      out);
	put_headings(out);
	fputs("<tbody role=\"rowgroup\">\n", out);
	for (size_t i = 0; i < shown; i++)
		put_row(processes[i], selected, most, out);
	fputs("</tbody>\n</table>\n", out);
	if (shown < count)
		fprintf(out, "<p class=\"soft\">%zu more that grow less are not shown.</p>\n",
			count - shown);
	fputs("</section>\n", out);
}
