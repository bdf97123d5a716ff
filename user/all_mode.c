// SPDX-License-Identifier: BSD-2-Clause
/*
 * all_mode.c - `--all`: the host on a terminal, and at the end the reports of those that were traced, as one
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/overview.h"
#include "analyze/analyze.h"
#include "capture/report_read.h"
#include "discover/discover.h"
#include "export/export.h"
#include "fleet.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/screen.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "outputs.h"
#include "privileges.h"

struct all {
	const struct fleet_options *options;
	struct host *host;
	struct outputs outputs;
	double start_s;
	time_t started;
};

/* Reports of processes that may have ended since are gone with them: what is in the table now is reported. */
struct merged {
	struct report report;
	struct report **parts; /* owners of what the processes point to */
	size_t count;
};

static int add_part(struct merged *merged, const struct trace_result *result)
{
	struct report *part;
	int err = report_read__json(result->json, result->json_size, &part);

	if (err)
		return err;
	merged->parts[merged->count++] = part;
	for (size_t i = 0; i < part->process_count; i++)
		merged->report.processes[merged->report.process_count++] = part->processes[i];
	merged->report.host = part->host;
	merged->report.kernel = part->kernel;
	return 0;
}

static int merge(const struct all *all, struct merged *merged)
{
	size_t count = host__count(all->host);
	int err = 0;

	*merged = (struct merged){.report = {.version = PYLEAK_VERSION, .host = "", .kernel = ""}};
	merged->parts = calloc(count + 1, sizeof(struct report *));
	merged->report.processes = calloc(count + 1, sizeof(*merged->report.processes));
	if (!merged->parts || !merged->report.processes)
		return -ENOMEM;
	merged->report.duration_s = clock__s() - all->start_s;
	merged->report.top = 10;
	text__time(all->started, merged->report.started, sizeof(merged->report.started));
	for (size_t i = 0; !err && i < count; i++) {
		const struct trace_result *result = host__at(all->host, i)->result;

		if (result && result->json)
			err = add_part(merged, result);
	}
	return err;
}

static void free_merged(struct merged *merged)
{
	for (size_t i = 0; i < merged->count; i++)
		report_read__free(merged->parts[i]);
	free(merged->parts);
	free(merged->report.processes);
}

static int finish(struct all *all)
{
	struct merged merged;
	int err = merge(all, &merged), failed;

	if (err) {
		free_merged(&merged);
		return log__fail(EXIT_FAILED, "cannot make the report: %s", strerror(-err));
	}
	failed = outputs__write(&all->outputs, &merged.report);
	if (!failed && all->options->fail_on_leak && analyze__has_leak(&merged.report))
		failed = -EXIT_LEAK;
	free_merged(&merged);
	return failed;
}

static void show(const struct all *all, bool live)
{
	const struct terminal_options options = {
		.colour = screen__colour(),
		.width = screen__width(),
		.live = live,
	};

	if (all->outputs.stdout_taken || log__level() < 0)
		return;
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	overview__print(all->host, all->options->top, stdout, &options);
	fflush(stdout);
}

static int watch(struct all *all)
{
	double show_s = clock__s() + 1, end_s = all->options->duration_s
							? all->start_s + all->options->duration_s
							: INFINITY;
	int err = 0;

	while (!err && !stop__requested() && clock__s() < end_s) {
		struct pollfd ready = {.fd = host__fd(all->host), .events = POLLIN};
		double wait_ms =
			fmin(host__timeout(all->host), 1000 * (fmin(end_s, show_s) - clock__s()));

		poll(&ready, 1, fmax(wait_ms, 0));
		err = host__tick(all->host);
		if (clock__s() < show_s)
			continue;
		if (isatty(STDOUT_FILENO))
			show(all, true);
		show_s = clock__s() + all->options->host.interval_s;
	}
	return err;
}

int all_mode__run(const struct fleet_options *options)
{
	struct all all = {.options = options, .start_s = clock__s(), .started = time(NULL)};
	int err = outputs__open(options->outputs, options->output_count, &all.outputs), failed;

	if (!err)
		err = requirements__check();
	if (!err)
		err = host__open(&options->host, &all.host);
	if (!err) {
		privileges__drop_between_traces();
		log__info("watching every Python on this host; Ctrl-C ends it and reports");
		err = watch(&all);
		host__finish(all.host);
		show(&all, false);
		failed = finish(&all);
		err = err ? err : failed;
	}
	outputs__discard(&all.outputs);
	host__close(all.host);
	return err;
}
