// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/page.c - the page: its frame, and the figures at its head
 *
 * page.js asks for the same page again and puts the elements that have an id of LIVE in the place of the old ones, so that there is one text
 * of everything, escaped in one place.
 */
#include "agent/page.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/page_private.h"
#include "lib/text.h"

char *page__pace(double bytes_per_s, char *buffer, size_t size)
{
	char amount[32];

	text__bytes(bytes_per_s, amount, sizeof(amount));
	snprintf(buffer, size, "%s%s/s", bytes_per_s >= 0.5 ? "+" : "", amount);
	return buffer;
}

char *page__amount(long long bytes, char *buffer, size_t size)
{
	if (bytes != REPORT_UNMEASURED)
		return text__bytes(bytes, buffer, size);
	snprintf(buffer, size, "–");
	return buffer;
}

bool page__grows(const struct host_process *process)
{
	return process->growth.low > 0 && isfinite(process->growth.slope);
}

static double weight(const struct host_process *process)
{
	return page__grows(process) ? process->growth.slope : 0;
}

static int by_growth(const void *a, const void *b)
{
	const struct host_process *x = *(const struct host_process *const *)a;
	const struct host_process *y = *(const struct host_process *const *)b;

	if (weight(x) != weight(y))
		return weight(x) < weight(y) ? 1 : -1;
	if (x->rss != y->rss)
		return x->rss < y->rss ? 1 : -1;
	return x->pid - y->pid;
}

static void put_figure(FILE *out, const char *name, const char *value)
{
	fprintf(out, "<div><dt>%s</dt><dd>%s</dd></div>\n", name, value);
}

static void put_figures(const struct host *host, FILE *out)
{
	struct host_figures figures;
	char text[64];

	host__figures(host, &figures);
	fputs("<dl id=\"figures\" class=\"figures\">\n", out);
	snprintf(text, sizeof(text), "%zu%s", figures.processes,
		 host__is_ready(host) ? "" : " so far");
	put_figure(out, "Python processes", text);
	snprintf(text, sizeof(text), "%zu", figures.traced);
	put_figure(out, "traced now", text);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)figures.traces);
	put_figure(out, "traces so far", text);
	put_figure(out, "the agent’s memory", text__bytes(figures.rss, text, sizeof(text)));
	put_figure(out, "the agent’s CPU time",
		   text__seconds(figures.cpu_s + figures.children_cpu_s, text, sizeof(text)));
	if (figures.left_out) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)figures.left_out);
		put_figure(out, "not watched: too many", text);
	}
	fputs("</dl>\n", out);
}

static void put_head(const struct host *host, FILE *out)
{
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      out);
	html__put(out, name, 0);
	fputs(" · pyleak-bpf</title>\n<link rel=\"icon\" href=\"data:,\">\n"
	      "<link rel=\"stylesheet\" href=\"/page.css\">\n"
	      "<script src=\"/page.js\" defer></script>\n</head>\n<body>\n"
	      "<header class=\"top\">\n<h1><a href=\"/\">pyleak-bpf</a> <span class=\"soft\">",
	      out);
	html__put(out, name, 0);
	fputs("</span></h1>\n<p id=\"status\" class=\"soft\" role=\"status\"></p>\n", out);
	put_figures(host, out);
	fputs("</header>\n<main>\n", out);
}

int page__write(const struct host *host, pid_t selected, FILE *out)
{
	const struct host_process *process = selected > 0 ? host__find(host, selected) : NULL;
	size_t count = host__count(host);
	const struct host_process **sorted = calloc(count + 1, sizeof(*sorted));
	int err;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		sorted[i] = host__at(host, i);
	qsort(sorted, count, sizeof(*sorted), by_growth);
	put_head(host, out);
	if (process)
		page__process(process, out);
	else if (selected > 0)
		fprintf(out,
			"<section id=\"selected\"><h2>Process %d</h2>"
			"<p class=\"soft\">It is not watched: it has ended, or is no Python.</p>"
			"</section>\n",
			selected);
	err = page__leaks(sorted, count, out);
	page__table(sorted, count, selected, out);
	fputs("</main>\n<footer class=\"soft\"><p>pyleak-bpf " PYLEAK_VERSION
	      " · <a href=\"/metrics\">metrics</a> · <a href=\"/api/v1/processes\">processes as "
	      "JSON</a> · <a href=\"/api/v1/agent\">agent</a></p></footer>\n</body>\n</html>\n",
	      out);
	free(sorted);
	return err;
}
