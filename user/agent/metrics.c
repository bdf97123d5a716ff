// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/metrics.c - families of processes and of the agent itself
 */
#include "agent/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/leak_log.h"
#include "agent/metrics_private.h"

#define GENERATIONS 3

void label_text__begin(struct label_text *labels, const char *first)
{
	labels->text = NULL;
	labels->stream = open_memstream(&labels->text, &labels->size);
	if (labels->stream)
		fputs(first, labels->stream);
}

char *label_text__end(struct label_text *labels)
{
	if (labels->stream && !fclose(labels->stream))
		return labels->text;
	free(labels->text);
	return NULL;
}

static char *process_labels(const struct host_process *process)
{
	struct label_text labels;
	char pid[16];

	label_text__begin(&labels, "");
	if (!labels.stream)
		return NULL;
	snprintf(pid, sizeof(pid), "%d", process->pid);
	exposition__label(labels.stream, "pid", pid);
	exposition__label(labels.stream, "comm", process->comm);
	exposition__label(labels.stream, "python", process->python);
	exposition__label(labels.stream, "cgroup", process->cgroup ? process->cgroup : "");
	return label_text__end(&labels);
}

static double amount(long long number)
{
	return number == REPORT_UNMEASURED ? NAN : number;
}

static double resident(const struct host_process *process)
{
	return amount(process->rss);
}

static double own(const struct host_process *process)
{
	return amount(process->own);
}

static double growth(const struct host_process *process)
{
	return process->growth.slope;
}

static double growth_low(const struct host_process *process)
{
	return isfinite(process->growth.low) ? process->growth.low : NAN;
}

static double limit(const struct host_process *process)
{
	return amount(process->limit);
}

static double seconds_to_limit(const struct host_process *process)
{
	return process->limit == REPORT_UNMEASURED ? NAN : process->seconds_to_limit;
}

static double object_bytes(const struct host_process *process)
{
	return amount(process->object_bytes);
}

static double blocks(const struct host_process *process)
{
	return amount(process->blocks);
}

static double pool_free(const struct host_process *process)
{
	return amount(process->pool_free);
}

static double uncollectable(const struct host_process *process)
{
	return amount(process->uncollectable);
}

static double traced(const struct host_process *process)
{
	return process->attention == ATTENTION_TRACED;
}

static double traces(const struct host_process *process)
{
	return process->traces;
}

static const struct {
	struct family family;
	double (*value)(const struct host_process *process);
} of_processes[] = {
	{{"process_resident_bytes", FAMILY_GAUGE, "Resident memory of the process."}, resident},
	{{"process_anonymous_bytes", FAMILY_GAUGE,
	  "Resident memory of the process that is of no file: a leak is among it."},
	 own},
	{{"process_growth_bytes_per_second", FAMILY_GAUGE,
	  "How fast the anonymous resident memory of the process grows (median slope)."},
	 growth},
	{{"process_growth_low_bytes_per_second", FAMILY_GAUGE,
	  "Lower bound of the growth, 95 %. Above 0, the process grows surely."},
	 growth_low},
	{{"process_limit_bytes", FAMILY_GAUGE,
	  "The nearest memory limit: of the cgroup, of the process or of the host."},
	 limit},
	{{"process_seconds_to_limit", FAMILY_GAUGE,
	  "Time until the limit is reached at this growth; +Inf without growth."},
	 seconds_to_limit},
	{{"python_objects_bytes", FAMILY_GAUGE, "Bytes of the blocks that pymalloc handed out."},
	 object_bytes},
	{{"python_blocks", FAMILY_GAUGE, "Blocks that pymalloc handed out."}, blocks},
	{{"pymalloc_free_bytes", FAMILY_GAUGE, "Bytes in pymalloc's arenas that are in no block."},
	 pool_free},
	{{"gc_uncollectable_total", FAMILY_COUNTER,
	  "Objects that the cyclic collector found and could not release."},
	 uncollectable},
	{{"process_traced", FAMILY_GAUGE, "1 while the process is traced, else 0."}, traced},
	{{"process_traces_total", FAMILY_COUNTER, "Traces that were made of the process."}, traces},
};

static void write_processes(struct metrics *metrics)
{
	for (size_t i = 0; i < sizeof(of_processes) / sizeof(*of_processes); i++) {
		exposition__family(metrics->out, &of_processes[i].family);
		for (size_t j = 0; j < metrics->count; j++)
			exposition__sample(metrics->out, &of_processes[i].family,
					   metrics->labels[j],
					   of_processes[i].value(host__at(metrics->host, j)));
	}
}

static void write_collections(struct metrics *metrics)
{
	static const struct family family = {"gc_collections_total", FAMILY_COUNTER,
					     "Runs of the cyclic collector, by generation."};
	struct label_text labels;
	char generation[16];

	exposition__family(metrics->out, &family);
	for (size_t i = 0; i < metrics->count; i++) {
		const struct host_process *process = host__at(metrics->host, i);

		for (int j = 0; j < GENERATIONS; j++) {
			char *text;

			if (process->collections[j] == REPORT_UNMEASURED)
				continue;
			label_text__begin(&labels, metrics->labels[i]);
			snprintf(generation, sizeof(generation), "%d", j);
			if (labels.stream)
				exposition__label(labels.stream, "generation", generation);
			text = label_text__end(&labels);
			if (text)
				exposition__sample(metrics->out, &family, text,
						   process->collections[j]);
			else
				metrics->err = -ENOMEM;
			free(text);
		}
	}
}

static void write_single(struct metrics *metrics, const char *labels, double value,
			 const struct family *family)
{
	exposition__family(metrics->out, family);
	exposition__sample(metrics->out, family, labels, value);
}

static void write_agent(struct metrics *metrics)
{
	struct host_figures figures;

	host__figures(metrics->host, &figures);
	const struct {
		struct family family;
		const char *labels;
		double value;
	} rows[] = {
		{{"agent_cpu_seconds_total", FAMILY_COUNTER,
		  "CPU time of the agent, without that of its traces."},
		 NULL,
		 figures.cpu_s},
		{{"agent_traces_cpu_seconds_total", FAMILY_COUNTER, "CPU time of its traces."},
		 NULL,
		 figures.children_cpu_s},
		{{"agent_resident_bytes", FAMILY_GAUGE, "Resident memory of the agent."},
		 NULL,
		 figures.rss},
		{{"agent_ready", FAMILY_GAUGE, "1 once every process of the host was looked at."},
		 NULL,
		 host__is_ready(metrics->host)},
		{{"agent_map_entries", FAMILY_GAUGE, "Entries of a table of the agent."},
		 "map=\"processes\"",
		 metrics->count},
		{{"agent_map_capacity", FAMILY_GAUGE, "Most entries of a table of the agent."},
		 "map=\"processes\"",
		 metrics->options->max_processes},
		{{"agent_processes_left_out", FAMILY_GAUGE,
		  "Python processes that are not watched because the table is full."},
		 NULL,
		 figures.left_out},
		{{"agent_traced", FAMILY_GAUGE, "Processes that are traced now."},
		 NULL,
		 figures.traced},
		{{"agent_traces_total", FAMILY_COUNTER, "Traces that ended."},
		 NULL,
		 figures.traces},
		{{"agent_trace_failures_total", FAMILY_COUNTER, "Traces that gave no report."},
		 NULL,
		 figures.trace_failures},
		{{"agent_lost_events_total", FAMILY_COUNTER,
		  "Starts and ends of processes that the kernel could not tell; a rescan makes "
		  "up for them."},
		 NULL,
		 figures.events_lost},
		{{"agent_growth_processes", FAMILY_GAUGE,
		  "Processes of which it is recorded which lines take memory."},
		 NULL,
		 figures.followed},
		{{"agent_growth_bytes", FAMILY_GAUGE, "Bytes kept of these records."},
		 NULL,
		 figures.growth_bytes},
		{{"agent_growth_capacity_bytes", FAMILY_GAUGE, "Most bytes kept of them."},
		 NULL,
		 figures.growth_room},
		{{"agent_growth_lost_total", FAMILY_COUNTER, "Records that found the ring full."},
		 NULL,
		 figures.faults_lost},
		{{"leaks_seen_total", FAMILY_COUNTER,
		  "Leaks of different signatures that were found since the agent started."},
		 NULL,
		 metrics->options->leaks ? leak_log__count(metrics->options->leaks) : NAN},
		{{"build_info", FAMILY_GAUGE, "1; the version is a label."},
		 "version=\"" PYLEAK_VERSION "\"",
		 1},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		write_single(metrics, rows[i].labels, rows[i].value, &rows[i].family);
}

/* 0, or -ENOMEM. */
static int make_labels(struct metrics *metrics)
{
	metrics->count = host__count(metrics->host);
	metrics->labels = calloc(metrics->count + 1, sizeof(*metrics->labels));
	if (!metrics->labels)
		return -ENOMEM;
	for (size_t i = 0; i < metrics->count; i++) {
		metrics->labels[i] = process_labels(host__at(metrics->host, i));
		if (!metrics->labels[i])
			return -ENOMEM;
	}
	return 0;
}

int metrics__write(const struct host *host, const struct metrics_options *options, FILE *out)
{
	struct metrics metrics = {.host = host, .options = options, .out = out};

	metrics.err = make_labels(&metrics);
	if (!metrics.err) {
		write_processes(&metrics);
		write_collections(&metrics);
		metrics__traced(&metrics);
		write_agent(&metrics);
	}
	for (size_t i = 0; metrics.labels && i < metrics.count; i++)
		free(metrics.labels[i]);
	free(metrics.labels);
	if (!metrics.err && (fflush(out) || ferror(out)))
		metrics.err = -EIO;
	return metrics.err;
}
