// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/page_process.c - one process closely: its figures, what its last trace found, its flame graph
 */
#include <math.h>
#include <time.h>

#include "agent/page_private.h"
#include "lib/clock.h"
#include "lib/text.h"
#include "pages/pages_report.h"

#define SITES_SHOWN 10

static void open_fact(FILE *out, const char *name)
{
	fprintf(out, "<div><dt>%s</dt><dd>", name);
}

static void close_fact(FILE *out)
{
	fputs("</dd></div>\n", out);
}

static void put_text(FILE *out, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	open_fact(out, name);
	html__put(out, text, 0);
	close_fact(out);
}

static void put_amount(FILE *out, const char *name, long long bytes)
{
	char text[32];

	if (bytes != REPORT_UNMEASURED)
		put_text(out, name, text__bytes(bytes, text, sizeof(text)));
}

static void put_count(FILE *out, const char *name, long long number)
{
	char text[32];

	if (number != REPORT_UNMEASURED)
		put_text(out, name, text__count(number, text, sizeof(text)));
}

static void put_growth(const struct host_process *process, FILE *out)
{
	const struct trend *growth = &process->growth;
	char pace[48], low[48], high[48], over[32];

	if (!isfinite(growth->slope))
		return;
	open_fact(out, "Growth");
	fputs(page__pace(growth->slope, pace, sizeof(pace)), out);
	if (isfinite(growth->low) && isfinite(growth->high))
		fprintf(out, " <span class=\"soft\">(95 %%: %s to %s)</span>",
			page__pace(growth->low, low, sizeof(low)),
			page__pace(growth->high, high, sizeof(high)));
	fprintf(out, " <span class=\"soft\">over %s</span>",
		text__seconds(growth->seconds, over, sizeof(over)));
	close_fact(out);
}

static void put_limit(const struct host_process *process, FILE *out)
{
	char bytes[32], seconds[32];

	if (process->limit == REPORT_UNMEASURED)
		return;
	open_fact(out, "Limit");
	fputs(text__bytes(process->limit, bytes, sizeof(bytes)), out);
	if (page__grows(process) && isfinite(process->seconds_to_limit))
		fprintf(out, ", reached in %s",
			text__seconds(process->seconds_to_limit, seconds, sizeof(seconds)));
	close_fact(out);
}

static void put_collections(const struct host_process *process, FILE *out)
{
	char text[32];

	if (process->collections[0] == REPORT_UNMEASURED)
		return;
	open_fact(out, "Collector runs");
	for (int i = 0; i < 3; i++)
		if (process->collections[i] != REPORT_UNMEASURED)
			fprintf(out, "%s%s", i ? " / " : "",
				text__count(process->collections[i], text, sizeof(text)));
	close_fact(out);
}

static void put_facts(const struct host_process *process, FILE *out)
{
	char text[32];

	fputs("<dl class=\"facts wide\">\n", out);
	put_text(out, "Command line", process->cmdline);
	put_text(out, "cgroup", process->cgroup);
	put_text(out, "Python", process->python);
	put_count(out, "User id", process->uid);
	put_text(out, "Watched for",
		 text__seconds(fmax(0, clock__s() - process->found_s), text, sizeof(text)));
	put_amount(out, "Resident", process->rss);
	put_amount(out, "… of no file", process->own);
	put_growth(process, out);
	put_limit(process, out);
	put_count(out, "Python’s blocks", process->blocks);
	put_amount(out, "… their bytes", process->object_bytes);
	put_amount(out, "Free in pymalloc", process->pool_free);
	put_collections(process, out);
	put_count(out, "Uncollectable", process->uncollectable);
	put_text(out, "Cannot be traced", process->cannot_trace);
	put_text(out, "Last try to trace it", process->trace_problem);
	fputs("</dl>\n", out);
}

static void put_sites(const struct trace_result *result, FILE *out)
{
	size_t shown = result->site_count < SITES_SHOWN ? result->site_count : SITES_SHOWN;
	char text[32];

	if (!shown)
		return;
	fputs("<h3>Lines that hold most</h3>\n<ol class=\"sites\">\n", out);
	for (size_t i = 0; i < shown; i++) {
		const struct site_figure *site = &result->sites[i];

		fprintf(out, "<li><span class=\"number\">%s</span> <code>",
			text__bytes(site->live_bytes, text, sizeof(text)));
		html__put_place(out, site->file, site->line, site->function);
		fputs("</code></li>\n", out);
	}
	fputs("</ol>\n", out);
}

/* Of pages, by samples: what it says is where the memory is taken, and no more. */
static void put_grown(const struct pages_report *grown, FILE *out)
{
	const struct report_process *process = &grown->process;
	char text[48], over[32];

	fprintf(out,
		"<h3>Lines that took what stays</h3>\n<p class=\"soft\">Memory touched first since "
		"it "
		"is watched, for %s, and still there; from a sample of page faults. The line that "
		"takes most need not be the one that leaks.</p>\n<ol class=\"sites\">\n",
		text__seconds(grown->report.duration_s, over, sizeof(over)));
	for (size_t i = 0; i < process->site_count && i < SITES_SHOWN; i++) {
		const struct report_site *site = &process->sites[i];

		fprintf(out, "<li><span class=\"number\">%s</span> ",
			text__bytes(site->live_bytes, text, sizeof(text)));
		if (isfinite(site->growth_per_s))
			fprintf(out, "<span class=\"number soft\">%s</span> ",
				page__pace(site->growth_per_s, text, sizeof(text)));
		fputs("<code>", out);
		html__put_place(out, site->file, site->line, site->function);
		fputs("</code></li>\n", out);
	}
	fputs("</ol>\n", out);
}

static void put_bridge(const struct rss_bridge *bridge, FILE *out)
{
	const struct {
		const char *name;
		__u64 bytes;
	} rows[] = {
		{"Python objects", bridge->python_objects},
		{"free in pymalloc", bridge->pymalloc_free},
		{"in use by malloc", bridge->malloc_in_use},
		{"free in malloc", bridge->malloc_free},
		{"mapped", bridge->mmap_anon},
		{"stacks", bridge->stacks},
		{"files", bridge->file_backed},
		{"unexplained", bridge->unexplained},
	};
	char text[32];

	fputs("<h3>What its resident memory is</h3>\n<dl class=\"facts\">\n", out);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].bytes)
			put_text(out, rows[i].name, text__bytes(rows[i].bytes, text, sizeof(text)));
	fputs("</dl>\n", out);
}

static void put_when(const struct trace_result *result, FILE *out)
{
	char at[32], took[32];
	struct tm utc;

	fputs("<p class=\"soft\">Traced for ", out);
	fputs(text__seconds(result->duration_s, took, sizeof(took)), out);
	if (gmtime_r(&result->at, &utc) && strftime(at, sizeof(at), "%Y-%m-%d %H:%M:%S", &utc))
		fprintf(out, ", until <time datetime=\"%.10sT%sZ\">%s UTC</time>", at, at + 11, at);
	if (isfinite(result->overhead_pct))
		fprintf(out, ", slowed by %.1f %%", result->overhead_pct);
	if (result->lost.events)
		fprintf(out, ", %llu events lost", (unsigned long long)result->lost.events);
	fputs("</p>\n", out);
}

/* Of the last trace, by an address of its own so that the script can tell whether there is a new one; else of growth. */
static void put_graph(const struct host_process *process, FILE *out)
{
	bool traced = process->result && process->result->json;

	if (!traced && !process->grown)
		return;
	fprintf(out,
		"<iframe id=\"graph\" title=\"Flame graph of process %d\" "
		"sandbox=\"allow-scripts\" src=\"/api/v1/flamegraph?pid=%d",
		process->pid, process->pid);
	if (traced)
		fprintf(out, "&amp;at=%lld", (long long)process->result->at);
	else
		fputs("&amp;of=growth", out);
	fputs("\"></iframe>\n", out);
}

static void put_links(const struct host_process *process, FILE *out)
{
	int pid = process->pid;

	fputs("<p class=\"links\">", out);
	if (process->result && process->result->json)
		fprintf(out,
			"<a href=\"/api/v1/report?pid=%d\">Report as JSON</a> "
			"<a href=\"/api/v1/flamegraph?pid=%d\">Flame graph alone</a> "
			"<a href=\"/debug/pprof/heap?pid=%d\">pprof</a> ",
			pid, pid, pid);
	if (process->grown)
		fprintf(out,
			"<a href=\"/api/v1/flamegraph?pid=%d&amp;of=growth\">Flame graph of "
			"growth</a> "
			"<a href=\"/api/v1/report?pid=%d&amp;of=growth\">Growth as JSON</a> ",
			pid, pid);
	if (!process->cannot_trace)
		fprintf(out,
			"<a href=\"/debug/pprof/heap?pid=%d&amp;seconds=30\">Trace it for 30 s now "
			"(pprof)</a>",
			pid);
	fputs("</p>\n", out);
}

void page__process(const struct host_process *process, FILE *out)
{
	const struct trace_result *result = process->result;

	fprintf(out, "<section id=\"selected\">\n<h2>");
	html__put(out, process->comm, 0);
	fprintf(out,
		" <span class=\"count\">%d</span> <a class=\"close\" href=\"/\">close</a></h2>\n",
		process->pid);
	fputs("<div id=\"closely\">\n", out);
	put_facts(process, out);
	put_links(process, out);
	if (result)
		put_when(result, out);
	else
		fputs("<p class=\"soft\">It has not been traced.</p>\n", out);
	page__findings(process, out);
	if (result)
		put_sites(result, out);
	if (process->grown && process->grown->process.site_count)
		put_grown(process->grown, out);
	if (result && result->has_bridge)
		put_bridge(&result->bridge, out);
	fputs("</div>\n", out);
	put_graph(process, out);
	fputs("</section>\n", out);
}
