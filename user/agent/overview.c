// SPDX-License-Identifier: BSD-2-Clause
#include "agent/overview.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "export/terminal.h"
#include "lib/text.h"
#include "pages/pages_report.h"

#define FINDINGS_SHOWN 2 /* of a process */

char *overview__name(const struct host_process *process, char *buffer, size_t size)
{
	return text__printable(process->cmdline && *process->cmdline ? process->cmdline
								     : process->comm,
			       buffer, size);
}

/* Leaks first, then by what grows most. */
static double weight(const struct host_process *process)
{
	double growth = process->growth.low > 0 ? process->growth.slope : 0;

	for (size_t i = 0; process->result && i < process->result->finding_count; i++)
		if (process->result->findings[i].kind == VERDICT_LEAK &&
		    !process->result->findings[i].suppressed)
			return 1e18 + growth;
	return growth;
}

static int by_weight(const void *a, const void *b)
{
	const struct host_process *x = *(const struct host_process *const *)a;
	const struct host_process *y = *(const struct host_process *const *)b;
	double first = weight(x), second = weight(y);

	if (first != second)
		return first < second ? 1 : -1;
	return x->rss != y->rss ? (x->rss < y->rss ? 1 : -1) : x->pid - y->pid;
}

static void growth_text(const struct host_process *process, char *text, size_t size)
{
	char bytes[32];

	if (!isfinite(process->growth.slope))
		snprintf(text, size, "?");
	else if (!(process->growth.low > 0))
		snprintf(text, size, "-");
	else
		snprintf(text, size, "+%s/s",
			 text__bytes(process->growth.slope, bytes, sizeof(bytes)));
}

static void state_text(const struct host_process *process, char *text, size_t size)
{
	char limit[32];

	if (process->attention == ATTENTION_TRACED)
		snprintf(text, size, "traced");
	else if (process->attention == ATTENTION_WAITING)
		snprintf(text, size, "waits");
	else if (process->cannot_trace)
		snprintf(text, size, "watched only");
	else if (isfinite(process->seconds_to_limit))
		snprintf(text, size, "limit in %s",
			 text__seconds(process->seconds_to_limit, limit, sizeof(limit)));
	else
		snprintf(text, size, "%s", process->traces ? "was traced" : "watched");
}

static void print_process(struct line *line, const struct host_process *process)
{
	char rss[32], growth[48], state[64], name[512];
	bool grows = process->growth.low > 0;

	growth_text(process, growth, sizeof(growth));
	state_text(process, state, sizeof(state));
	if (process->rss == REPORT_UNMEASURED)
		snprintf(rss, sizeof(rss), "?");
	else
		text__bytes(process->rss, rss, sizeof(rss));
	line__printf(line, STYLE_PLAIN, "%8d  %-8s %11s ", process->pid, process->python, rss);
	line__printf(line, grows ? STYLE_WARN : STYLE_DIM, "%14s ", growth);
	line__printf(line, STYLE_DIM, " %-18s ", state);
	line__put(line, STYLE_PLAIN, overview__name(process, name, sizeof(name)));
	line__end(line);
}

static void print_finding(struct line *line, const struct finding *finding)
{
	char text[1024];

	line__printf(line, finding->kind == VERDICT_LEAK ? STYLE_HOT : STYLE_WARN,
		     "          %s %.0f %%: ", finding->kind == VERDICT_LEAK ? "leak" : "suspect",
		     100 * finding->confidence);
	line__put(line, STYLE_PLAIN, text__printable(finding->summary, text, sizeof(text)));
	line__end(line);
}

/* Which line takes most of what stays; where there is nothing better. */
static void print_grown(struct line *line, const struct host_process *process)
{
	const struct report_process *grown = &process->grown->process;
	const struct report_site *site = grown->sites;
	char bytes[32], text[512], file[256], number[16] = "";

	if (!grown->site_count)
		return;
	if (site->line > 0)
		snprintf(number, sizeof(number), ":%d", site->line);
	line__printf(line, STYLE_DIM, "          took %s of what stays: ",
		     text__bytes(site->live_bytes, bytes, sizeof(bytes)));
	line__put(line, STYLE_PLAIN,
		  text__printable(site->function ? site->function : "?", text, sizeof(text)));
	if (site->file) {
		text__printable(site->file, file, sizeof(file));
		line__printf(line, STYLE_PLAIN, " (%s%s)", file, number);
	}
	line__end(line);
}

static void print_findings(struct line *line, const struct host_process *process)
{
	size_t shown = 0;

	for (size_t i = 0; process->result && i < process->result->finding_count; i++) {
		const struct finding *finding = &process->result->findings[i];

		if (finding->kind != VERDICT_NOT_A_LEAK && !finding->suppressed &&
		    shown++ < FINDINGS_SHOWN)
			print_finding(line, finding);
	}
	if (!shown && process->grown)
		print_grown(line, process);
	if (process->trace_problem) {
		char text[512];

		line__printf(line, STYLE_DIM, "          could not be traced: %s",
			     text__printable(process->trace_problem, text, sizeof(text)));
		line__end(line);
	}
}

static void print_head(struct line *line, const struct host *host)
{
	struct host_figures figures;
	char rss[32];

	host__figures(host, &figures);
	line__printf(line, STYLE_BOLD, "%zu Python process%s", figures.processes,
		     figures.processes == 1 ? "" : "es");
	line__printf(line, STYLE_DIM, "   %zu traced now, %llu traces so far; we use %s",
		     figures.traced, (unsigned long long)figures.traces,
		     text__bytes(figures.rss, rss, sizeof(rss)));
	if (figures.left_out)
		line__printf(line, STYLE_WARN, "   %llu more are not watched (--max-processes)",
			     figures.left_out);
	line__end(line);
	line__printf(line, STYLE_DIM, "%8s  %-8s %11s %14s  %-18s %s", "PID", "PYTHON", "RESIDENT",
		     "GROWTH", "STATE", "COMMAND");
	line__end(line);
}

int overview__print(const struct host *host, size_t top, FILE *out,
		    const struct terminal_options *options)
{
	size_t count = host__count(host);
	const struct host_process **list = calloc(count + 1, sizeof(*list));
	struct line line;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		list[i] = host__at(host, i);
	qsort(list, count, sizeof(*list), by_weight);
	line__start(&line, out, options);
	print_head(&line, host);
	for (size_t i = 0; i < count && i < top; i++) {
		print_process(&line, list[i]);
		print_findings(&line, list[i]);
	}
	if (count > top) {
		line__printf(&line, STYLE_DIM, "          and %zu more (--top)", count - top);
		line__end(&line);
	}
	free(list);
	return 0;
}
