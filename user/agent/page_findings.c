// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/page_findings.c - what traces found, a card each
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/page_private.h"
#include "lib/text.h"

#define CARDS_MAX 50 /* on a page */
#define LINKS_MAX 8  /* processes that a card names */

/* One leak, in all processes that have it. */
struct leak {
	const struct finding *finding; /* in the first of them */
	double growth_per_s;
	pid_t pids[LINKS_MAX];
	size_t processes;
};

bool page__has(const struct host_process *process, enum verdict_kind kind)
{
	for (size_t i = 0; process->result && i < process->result->finding_count; i++)
		if (process->result->findings[i].kind == kind &&
		    !process->result->findings[i].suppressed)
			return true;
	return false;
}

static void put_fact(FILE *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	fprintf(out, "<div><dt>%s</dt><dd>", name);
	html__put(out, text, 1000);
	fputs("</dd></div>\n", out);
}

static void put_links(const struct leak *leak, FILE *out)
{
	size_t shown = leak->processes < LINKS_MAX ? leak->processes : LINKS_MAX;

	fprintf(out, "<div><dt>%s</dt><dd>", leak->processes == 1 ? "Process" : "Processes");
	for (size_t i = 0; i < shown; i++)
		fprintf(out, "%s<a href=\"/?pid=%d#selected\">%d</a>", i ? ", " : "", leak->pids[i],
			leak->pids[i]);
	if (shown < leak->processes)
		fprintf(out, " and %zu more", leak->processes - shown);
	fputs("</dd></div>\n", out);
}

static void put_facts(const struct finding *finding, const struct leak *leak, FILE *out)
{
	fputs("<dl class=\"facts\">\n", out);
	if ((finding->file && *finding->file) || (finding->function && *finding->function)) {
		fputs("<div><dt>Line</dt><dd><code>", out);
		html__put_place(out, finding->file, finding->line, finding->function);
		fputs("</code></dd></div>\n", out);
	}
	put_fact(out, "Type", finding->type);
	put_fact(out, "Held by", finding->holder);
	fputs("<div><dt>Cause</dt><dd>", out);
	html__put_words(out, verdict_cause__name(finding->cause));
	fputs("</dd></div>\n", out);
	if (isfinite(finding->confidence))
		fprintf(out,
			"<div><dt>Confidence</dt><dd>%.0f %% <svg class=\"gauge\" viewBox=\"0 0 "
			"100 6\" "
			"preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"%.0f\" "
			"height=\"6\"/></svg></dd></div>\n",
			100 * finding->confidence, 100 * finding->confidence);
	put_fact(out, "Signature", finding->signature);
	if (leak)
		put_links(leak, out);
	fputs("</dl>\n", out);
}

static void put_card(const struct finding *finding, double growth_per_s, const struct leak *leak,
		     FILE *out)
{
	static const struct {
		const char *class, *word;
	} kinds[] = {
		[VERDICT_LEAK] = {"leak", "Leak"},
		[VERDICT_SUSPECT] = {"suspect", "Suspect"},
		[VERDICT_NOT_A_LEAK] = {"fine", "No leak"},
	};
	char pace[48];

	fprintf(out, "<article class=\"card %s\">\n<p class=\"kind\"><b>%s</b>",
		finding->suppressed ? "fine" : kinds[finding->kind].class,
		kinds[finding->kind].word);
	if (isfinite(growth_per_s))
		fprintf(out, " <span class=\"pace\">%s</span>",
			page__pace(growth_per_s, pace, sizeof(pace)));
	fputs(finding->suppressed ? " <span class=\"soft\">suppressed</span></p>\n<h3>"
				  : "</p>\n<h3>",
	      out);
	html__put(out, finding->summary, 1000);
	fputs("</h3>\n", out);
	put_facts(finding, leak, out);
	if (finding->advice && *finding->advice) {
		fputs("<p class=\"advice\">", out);
		html__put(out, finding->advice, 2000);
		fputs("</p>\n", out);
	}
	fputs("</article>\n", out);
}

void page__findings(const struct host_process *process, FILE *out)
{
	const struct trace_result *result = process->result;
	size_t shown = 0;

	if (!result)
		return;
	fputs("<div class=\"cards\">\n", out);
	for (; shown < result->finding_count && shown < CARDS_MAX; shown++)
		put_card(&result->findings[shown], result->findings[shown].growth_per_s, NULL, out);
	fputs("</div>\n", out);
	if (!result->finding_count)
		fputs("<p class=\"soft\">The last trace found nothing that grows.</p>\n", out);
	if (shown < result->finding_count)
		fprintf(out, "<p class=\"soft\">%zu more findings are in the report.</p>\n",
			result->finding_count - shown);
}

static void add_leak(struct leak *leaks, size_t *count, size_t *left_out,
		     const struct host_process *process, const struct finding *finding)
{
	struct leak *leak = leaks;

	while (leak < leaks + *count && strcmp(leak->finding->signature, finding->signature))
		leak++;
	if (leak == leaks + *count) {
		if (*count == CARDS_MAX) {
			++*left_out;
			return;
		}
		*leak = (struct leak){.finding = finding};
		++*count;
	}
	if (isfinite(finding->growth_per_s))
		leak->growth_per_s += finding->growth_per_s;
	for (size_t i = 0; i < leak->processes && i < LINKS_MAX; i++)
		if (leak->pids[i] == process->pid)
			return;
	if (leak->processes < LINKS_MAX)
		leak->pids[leak->processes] = process->pid;
	leak->processes++;
}

static int by_pace(const void *a, const void *b)
{
	const struct leak *x = a, *y = b;

	return (x->growth_per_s < y->growth_per_s) - (x->growth_per_s > y->growth_per_s);
}

static size_t find_leaks(const struct host_process *const *processes, size_t process_count,
			 struct leak *leaks, size_t *left_out)
{
	size_t count = 0;

	*left_out = 0;
	for (size_t i = 0; i < process_count; i++) {
		const struct trace_result *result = processes[i]->result;

		for (size_t j = 0; result && j < result->finding_count; j++)
			if (result->findings[j].kind == VERDICT_LEAK &&
			    !result->findings[j].suppressed)
				add_leak(leaks, &count, left_out, processes[i],
					 &result->findings[j]);
	}
	qsort(leaks, count, sizeof(*leaks), by_pace);
	return count;
}

int page__leaks(const struct host_process *const *processes, size_t count, FILE *out)
{
	struct leak *leaks = calloc(CARDS_MAX, sizeof(*leaks));
	size_t found, left_out;

	if (!leaks)
		return -ENOMEM;
	found = find_leaks(processes, count, leaks, &left_out);
	fprintf(out, "<section id=\"leaks\">\n<h2>Leaks <span class=\"count\">%zu</span></h2>\n",
		found + left_out);
	if (!found)
		fputs("<p class=\"soft\">None was found. A process that grows is traced when its "
		      "turn comes.</p>\n",
		      out);
	fputs("<div class=\"cards\">\n", out);
	for (size_t i = 0; i < found; i++)
		put_card(leaks[i].finding, leaks[i].growth_per_s, &leaks[i], out);
	fputs("</div>\n", out);
	if (left_out)
		fprintf(out, "<p class=\"soft\">%zu more are not shown.</p>\n", left_out);
	fputs("</section>\n", out);
	free(leaks);
	return 0;
}
