// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/metrics_traced.c - families whose samples come from the last trace of each process, or from growth before one
 *
 * A label set occurs once: rows that have the same one, after it was cleaned and cut, are summed.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/metrics_private.h"
#include "pages/pages_report.h"

#define GROWN_SITES 3 /* of a process */

struct row {
	char *labels;
	double value;
};

struct rows {
	struct row *list;
	size_t count, room;
};

/* Takes labels over. */
static void add_row(struct metrics *metrics, struct rows *rows, char *labels, double value)
{
	if (!labels) {
		metrics->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < rows->count; i++) {
		if (!strcmp(rows->list[i].labels, labels)) {
			rows->list[i].value += value;
			free(labels);
			return;
		}
	}
	if (rows->count < rows->room)
		rows->list[rows->count++] = (struct row){labels, value};
	else
		free(labels);
}

static void put_place(FILE *labels, const char *file, int line, const char *function)
{
	char number[16] = "";

	if (line > 0)
		snprintf(number, sizeof(number), "%d", line);
	exposition__label(labels, "file", file ? file : "");
	exposition__label(labels, "line", number);
	exposition__label(labels, "function", function ? function : "");
}

static void add_sites(struct metrics *metrics, size_t index, const struct host_process *process,
		      struct rows *rows)
{
	const struct trace_result *result = process->result;

	for (size_t i = 0; i < result->site_count && i < metrics->options->max_sites; i++) {
		const struct site_figure *site = &result->sites[i];
		struct label_text labels;

		label_text__begin(&labels, metrics->labels[index]);
		if (labels.stream)
			put_place(labels.stream, site->file, site->line, site->function);
		add_row(metrics, rows, label_text__end(&labels), site->live_bytes);
	}
}

/* What is no leak, is put aside by --suppress, or has no measured growth is no series. */
static void add_leaks(struct metrics *metrics, size_t index, const struct host_process *process,
		      struct rows *rows)
{
	const struct trace_result *result = process->result;

	for (size_t i = 0; i < result->finding_count; i++) {
		const struct finding *finding = &result->findings[i];
		struct label_text labels;

		if (finding->kind != VERDICT_LEAK || finding->suppressed ||
		    isnan(finding->growth_per_s))
			continue;
		label_text__begin(&labels, metrics->labels[index]);
		if (labels.stream) {
			exposition__label(labels.stream, "signature", finding->signature);
			exposition__label(labels.stream, "cause",
					  verdict_cause__name(finding->cause));
			put_place(labels.stream, finding->file, finding->line, finding->function);
		}
		add_row(metrics, rows, label_text__end(&labels), finding->growth_per_s);
	}
}

static void add_lost(struct metrics *metrics, size_t index, const struct host_process *process,
		     struct rows *rows)
{
	const struct trace_result *result = process->result;

	const struct report_lost *lost = &result->lost;
	const struct {
		const char *reason;
		__u64 value;
	} reasons[] = {
		{"thread_state", lost->thread_state},
		{"nest_full", lost->nest_full},
		{"missing_exits", lost->missing_exits},
		{"unreadable_arguments", lost->unreadable_arguments},
		{"space_events", lost->space_events},
		{"stacks", lost->stacks},
		{"live_full", lost->live_full},
		{"unwind_errors", lost->unwind_errors},
		{"faults", lost->faults},
		{"missed_frees", lost->missed_frees},
		{"truncated_stacks", lost->truncated_stacks},
		{"unknown_stacks", lost->unknown_stacks},
		{"unreadable_names", lost->unreadable_names},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		struct label_text labels;

		label_text__begin(&labels, metrics->labels[index]);
		if (labels.stream)
			exposition__label(labels.stream, "reason", reasons[i].reason);
		add_row(metrics, rows, label_text__end(&labels), reasons[i].value);
	}
}

static void add_malloc_in_use(struct metrics *metrics, size_t index,
			      const struct host_process *process, struct rows *rows)
{
	const struct trace_result *result = process->result;

	if (result->has_bridge)
		add_row(metrics, rows, strdup(metrics->labels[index]),
			result->bridge.malloc_in_use);
}

static void add_malloc_free(struct metrics *metrics, size_t index,
			    const struct host_process *process, struct rows *rows)
{
	const struct trace_result *result = process->result;

	if (result->has_bridge)
		add_row(metrics, rows, strdup(metrics->labels[index]), result->bridge.malloc_free);
}

static void add_overhead(struct metrics *metrics, size_t index, const struct host_process *process,
			 struct rows *rows)
{
	const struct trace_result *result = process->result;

	if (isfinite(result->overhead_pct))
		add_row(metrics, rows, strdup(metrics->labels[index]), result->overhead_pct / 100);
}

static void add_time(struct metrics *metrics, size_t index, const struct host_process *process,
		     struct rows *rows)
{
	const struct trace_result *result = process->result;

	add_row(metrics, rows, strdup(metrics->labels[index]), result->at);
}

static void add_grown(struct metrics *metrics, size_t index, const struct host_process *process,
		      struct rows *rows)
{
	for (size_t i = 0; process->grown && i < process->grown->process.site_count; i++) {
		const struct report_site *site = &process->grown->process.sites[i];
		struct label_text labels;

		if (i == GROWN_SITES)
			return;
		label_text__begin(&labels, metrics->labels[index]);
		if (labels.stream)
			put_place(labels.stream, site->file, site->line, site->function);
		add_row(metrics, rows, label_text__end(&labels), site->live_bytes);
	}
}

static const struct {
	struct family family;
	void (*add)(struct metrics *metrics, size_t index, const struct host_process *process,
		    struct rows *rows);
	size_t most; /* rows; 0 = max_sites */
	bool growth; /* not from a trace: before one as well */
} families[] = {
	{{"malloc_in_use_bytes", FAMILY_GAUGE,
	  "Bytes of malloc's blocks that no Python object owns, at the last trace."},
	 add_malloc_in_use,
	 1,
	 false},
	{{"malloc_free_bytes", FAMILY_GAUGE,
	  "Resident bytes that malloc keeps free, at the last trace."},
	 add_malloc_free,
	 1,
	 false},
	{{"site_live_bytes", FAMILY_GAUGE,
	  "Heap bytes that a line allocated during the last trace and that were in use at its "
	  "end."},
	 add_sites,
	 0,
	 false},
	{{"leak_growth_bytes_per_second", FAMILY_GAUGE,
	  "Growth of a leak, at the last trace; suspects and suppressed leaks are not in it."},
	 add_leaks,
	 0,
	 false},
	{{"target_overhead_ratio", FAMILY_GAUGE,
	  "Share of its time that the last trace took from the process."},
	 add_overhead,
	 1,
	 false},
	{{"lost_events_total", FAMILY_COUNTER,
	  "What the traces of the process could not take in, by reason."},
	 add_lost,
	 16,
	 false},
	{{"trace_timestamp_seconds", FAMILY_GAUGE, "When the last trace ended, since 1970."},
	 add_time,
	 1,
	 false},
	{{"site_grown_bytes", FAMILY_GAUGE,
	  "Memory that a line took since the process is watched and that is still there, of a "
	  "process that grows; of its first lines. Sampled."},
	 add_grown,
	 GROWN_SITES,
	 true},
};

static void write_process(struct metrics *metrics, size_t which, size_t index)
{
	const struct host_process *process = host__at(metrics->host, index);
	struct rows rows = {.room = families[which].most};

	if (!process->result && !families[which].growth)
		return;
	if (!rows.room)
		rows.room = metrics->options->max_sites;
	rows.list = calloc(rows.room + 1, sizeof(*rows.list));
	if (!rows.list) {
		metrics->err = -ENOMEM;
		return;
	}
	families[which].add(metrics, index, process, &rows);
	for (size_t i = 0; i < rows.count; i++) {
		exposition__sample(metrics->out, &families[which].family, rows.list[i].labels,
				   rows.list[i].value);
		free(rows.list[i].labels);
	}
	free(rows.list);
}

void metrics__traced(struct metrics *metrics)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		exposition__family(metrics->out, &families[i].family);
		for (size_t j = 0; j < metrics->count; j++)
			write_process(metrics, i, j);
	}
}
