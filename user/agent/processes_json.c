// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/processes_json.c - what the agent knows, for programs
 *
 * A process is written as soon as its object is built: all of them at once would be many times the size of the text.
 */
#include "agent/processes_json.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/json_build.h"
#include "lib/text.h"
#include "pages/pages_report.h"

typedef struct json_object json;

/* Text that is empty is not known. */
static void put_text(struct builder *b, json *to, const char *key, const char *text)
{
	build__text(b, to, key, text && *text ? text : NULL);
}

static void put_time(struct builder *b, json *to, const char *key, time_t at)
{
	char text[32];

	if (text__time(at, text, sizeof(text))[0])
		build__put(b, to, key, json_object_new_string(text));
	else
		build__null(b, to, key);
}

static json *memory_object(struct builder *b, const struct host_process *process)
{
	const struct trend *growth = &process->growth;
	json *to = json_object_new_object(), *interval;

	build__measured(b, to, "rss", process->rss);
	build__measured(b, to, "anonymous", process->own);
	build__real(b, to, "growth_per_s", growth->slope);
	if (isfinite(growth->low) && isfinite(growth->high)) {
		interval = json_object_new_array();
		build__append(b, interval, build__number(growth->low));
		build__append(b, interval, build__number(growth->high));
		build__put(b, to, "growth_ci", interval);
	} else {
		build__null(b, to, "growth_ci");
	}
	build__real(b, to, "growth_over_s", growth->seconds);
	build__measured(b, to, "limit", process->limit);
	build__real(b, to, "seconds_to_limit", process->seconds_to_limit);
	return to;
}

static json *pymalloc_object(struct builder *b, const struct host_process *process)
{
	json *to = json_object_new_object();

	build__measured(b, to, "blocks", process->blocks);
	build__measured(b, to, "object_bytes", process->object_bytes);
	build__measured(b, to, "free_bytes", process->pool_free);
	return to;
}

static json *gc_object(struct builder *b, const struct host_process *process)
{
	static const char *const keys[] = {"collections_0", "collections_1", "collections_2"};
	json *to = json_object_new_object();

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		build__measured(b, to, keys[i], process->collections[i]);
	build__measured(b, to, "uncollectable", process->uncollectable);
	return to;
}

static json *finding_object(struct builder *b, const struct finding *finding)
{
	json *to = json_object_new_object();

	put_text(b, to, "kind", verdict_kind__name(finding->kind));
	put_text(b, to, "cause", verdict_cause__name(finding->cause));
	build__real(b, to, "confidence", finding->confidence);
	build__real(b, to, "growth_per_s", finding->growth_per_s);
	put_text(b, to, "signature", finding->signature);
	put_text(b, to, "file", finding->file);
	build__measured(b, to, "line", finding->line > 0 ? finding->line : REPORT_UNMEASURED);
	put_text(b, to, "function", finding->function);
	put_text(b, to, "type", finding->type);
	put_text(b, to, "holder", finding->holder);
	put_text(b, to, "summary", finding->summary);
	put_text(b, to, "advice", finding->advice);
	build__bool(b, to, "suppressed", finding->suppressed);
	return to;
}

static json *site_object(struct builder *b, const struct site_figure *site)
{
	json *to = json_object_new_object();

	put_text(b, to, "file", site->file);
	build__measured(b, to, "line", site->line > 0 ? site->line : REPORT_UNMEASURED);
	put_text(b, to, "function", site->function);
	build__count(b, to, "live_bytes", site->live_bytes);
	return to;
}

static json *lost_object(struct builder *b, const struct report_lost *lost)
{
	json *to = json_object_new_object();

	build__count(b, to, "events", lost->events);
	build__count(b, to, "stacks", lost->stacks);
	build__count(b, to, "live_full", lost->live_full);
	build__count(b, to, "unmatched_frees", lost->unmatched_frees);
	build__count(b, to, "unwind_errors", lost->unwind_errors);
	return to;
}

static json *trace_object(struct builder *b, const struct trace_result *result)
{
	json *to = json_object_new_object();
	json *findings = json_object_new_array(), *sites = json_object_new_array();

	put_time(b, to, "at", result->at);
	build__real(b, to, "duration_s", result->duration_s);
	build__real(b, to, "overhead_pct", result->overhead_pct);
	build__bool(b, to, "report", result->json != NULL);
	build__put(b, to, "lost", lost_object(b, &result->lost));
	for (size_t i = 0; i < result->finding_count; i++)
		build__append(b, findings, finding_object(b, &result->findings[i]));
	build__put(b, to, "findings", findings);
	for (size_t i = 0; i < result->site_count; i++)
		build__append(b, sites, site_object(b, &result->sites[i]));
	build__put(b, to, "sites", sites);
	build__count(b, to, "sites_left_out", result->sites_left_out);
	return to;
}

#define GROWN_SITES 5

static json *grown_site_object(struct builder *b, const struct report_site *site)
{
	json *to = json_object_new_object();

	put_text(b, to, "file", site->file);
	build__measured(b, to, "line", site->line > 0 ? site->line : REPORT_UNMEASURED);
	put_text(b, to, "function", site->function);
	build__count(b, to, "bytes", site->live_bytes);
	build__real(b, to, "error_pct", site->error_pct);
	build__real(b, to, "growth_per_s", site->growth_per_s);
	return to;
}

json *processes_json__grown(struct builder *b, const struct pages_report *grown)
{
	const struct report_process *process = &grown->process;
	json *to = json_object_new_object(), *sites = json_object_new_array();

	build__real(b, to, "over_s", grown->report.duration_s);
	for (size_t i = 0; i < process->site_count && i < GROWN_SITES; i++)
		build__append(b, sites, grown_site_object(b, &process->sites[i]));
	build__put(b, to, "sites", sites);
	return to;
}

static json *process_object(struct builder *b, const struct host_process *process, double now_s)
{
	static const char *const attentions[] = {
		[ATTENTION_WATCHED] = "watched",
		[ATTENTION_WAITING] = "waiting",
		[ATTENTION_TRACED] = "traced",
	};
	json *to = json_object_new_object();

	build__measured(b, to, "pid", process->pid);
	build__count(b, to, "start_ticks", process->start_time);
	build__count(b, to, "uid", process->uid);
	put_text(b, to, "comm", process->comm);
	put_text(b, to, "cmdline", process->cmdline);
	put_text(b, to, "cgroup", process->cgroup);
	put_text(b, to, "python", process->python);
	build__real(b, to, "watched_s", fmax(0, now_s - process->found_s));
	put_text(b, to, "attention", attentions[process->attention]);
	put_text(b, to, "cannot_trace", process->cannot_trace);
	build__put(b, to, "memory", memory_object(b, process));
	build__put(b, to, "pymalloc", pymalloc_object(b, process));
	build__put(b, to, "gc", gc_object(b, process));
	if (process->grown)
		build__put(b, to, "grown", processes_json__grown(b, process->grown));
	else
		build__null(b, to, "grown");
	build__count(b, to, "traces", process->traces);
	put_text(b, to, "trace_problem", process->trace_problem);
	if (process->result)
		build__put(b, to, "trace", trace_object(b, process->result));
	else
		build__null(b, to, "trace");
	return to;
}

int processes_json__write(const struct host *host, FILE *out)
{
	double now_s = clock__s();
	struct builder b = {false};
	int err = 0;

	fputs("[\n", out);
	for (size_t i = 0; i < host__count(host) && !err; i++) {
		fputs(i ? "," : "", out);
		err = build__write(&b, process_object(&b, host__at(host, i), now_s), false, out);
	}
	fputs("]\n", out);
	return err;
}

int agent_json__write(const struct host *host, FILE *out)
{
	json *to = json_object_new_object();
	struct builder b = {false};
	struct host_figures figures;

	host__figures(host, &figures);
	put_text(&b, to, "version", PYLEAK_VERSION);
	build__bool(&b, to, "ready", host__is_ready(host));
	build__count(&b, to, "processes", figures.processes);
	build__count(&b, to, "processes_left_out", figures.left_out);
	build__count(&b, to, "traced", figures.traced);
	build__count(&b, to, "traces", figures.traces);
	build__count(&b, to, "trace_failures", figures.trace_failures);
	build__count(&b, to, "events_lost", figures.events_lost);
	build__count(&b, to, "growth_followed", figures.followed);
	build__count(&b, to, "growth_lost", figures.faults_lost);
	build__count(&b, to, "growth_bytes", figures.growth_bytes);
	build__count(&b, to, "growth_bytes_most", figures.growth_room);
	build__real(&b, to, "cpu_s", figures.cpu_s);
	build__real(&b, to, "traces_cpu_s", figures.children_cpu_s);
	build__count(&b, to, "rss", figures.rss);
	return build__write(&b, to, false, out);
}
