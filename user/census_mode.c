// SPDX-License-Identifier: BSD-2-Clause
/*
 * census_mode.c - what remains where no probe is allowed: types that grow, who holds them, layers of memory; no lines
 */
#include "census_mode.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "discover/discover.h"
#include "heap/pools.h"
#include "heap/rss.h"
#include "inspection.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/stop.h"
#include "outputs.h"

#define POLL_MS 100
#define NOTE_EVERY_S 1.0

struct watched {
	struct target *target;
	struct pools *pools; /* NULL = no pymalloc */
	struct history *history;
	struct inspection inspection;
	__u64 rss, rss_start;
	bool ended;
};

struct run {
	const struct cli *cli;
	struct watched *list;
	size_t count;
	struct outputs outputs;
	struct suppressions suppressions;
	struct utsname host;
	time_t started;
	double start_s;
};

static int add(struct run *run, pid_t pid)
{
	struct watched *watched = &run->list[run->count];
	int err = target__discover(pid, &watched->target);

	if (err)
		return err;
	run->count++;
	err = target__supported(watched->target);
	if (err)
		return err;
	pools__open(watched->target, &watched->pools);
	watched->history = history__new();
	if (!watched->history || inspection__open(NULL, 0, watched->target, &watched->pools,
						  run->cli->budget, &watched->inspection))
		return log__fail(EXIT_FAILED, "no memory");
	return 0;
}

static bool all_ended(struct run *run)
{
	size_t ended = 0;

	for (size_t i = 0; i < run->count; i++) {
		struct pollfd gone = {.fd = run->list[i].target->pidfd, .events = POLLIN};

		run->list[i].ended |= poll(&gone, 1, 0) == 1;
		ended += run->list[i].ended;
	}
	return ended == run->count;
}

static int fill(struct run *run, bool final, struct report *report)
{
	int err = assemble__begin(report, run->count, run->started, clock__s() - run->start_s);

	report->host = run->host.nodename;
	report->kernel = run->host.release;
	report->top = run->cli->top;
	report->min_size = run->cli->min_size;
	for (size_t i = 0; !err && i < run->count; i++) {
		struct watched *watched = &run->list[i];
		struct report_process *process = &report->processes[i];

		if (!watched->ended && !rss__read(watched->target->pid, &watched->rss) &&
		    !watched->rss_start)
			watched->rss_start = watched->rss;
		err = assemble__untraced(watched->target, watched->rss, watched->rss_start,
					 watched->history, report->duration_s, process);
		process->end = watched->ended ? "the process ended" : NULL;
		if (!err && final)
			inspection__finish(&watched->inspection, process, report->duration_s);
		if (!err)
			err = inspection__judge(&watched->inspection, watched->history,
						&run->suppressions, process);
		if (!err && !final)
			inspection__consider(&watched->inspection, process, report->duration_s);
	}
	return err;
}

static int refresh(struct run *run, bool show)
{
	struct report report = {0};
	int err = fill(run, false, &report);

	if (!err && show && isatty(STDOUT_FILENO))
		outputs__show(&run->outputs, &report, true);
	assemble__end(&report);
	return err;
}

static int watch(struct run *run)
{
	double end_s = run->cli->duration_s ? run->start_s + run->cli->duration_s : INFINITY;
	double next_s = run->start_s + run->cli->interval_s, note_s = run->start_s, now_s;
	int err = 0;

	while (!err && !stop__requested() && !all_ended(run) && clock__s() < end_s) {
		poll(NULL, 0, POLL_MS);
		now_s = clock__s();
		if (now_s < fmin(note_s, next_s))
			continue;
		err = refresh(run, now_s >= next_s);
		note_s = now_s + NOTE_EVERY_S;
		if (now_s >= next_s)
			next_s = now_s + run->cli->interval_s;
	}
	return err ? log__fail(EXIT_FAILED, "cannot make the report: %s", strerror(-err)) : 0;
}

static int finish(struct run *run)
{
	struct report report = {0};
	int err, failed;

	all_ended(run);
	err = fill(run, true, &report);
	if (err) {
		assemble__end(&report);
		return log__fail(EXIT_FAILED, "cannot make the report: %s", strerror(-err));
	}
	outputs__show(&run->outputs, &report, false);
	failed = outputs__write(&run->outputs, &report);
	if (!failed && run->cli->fail_on_leak && analyze__has_leak(&report))
		failed = -EXIT_LEAK;
	assemble__end(&report);
	return failed;
}

static int prepare(struct run *run)
{
	const struct cli *cli = run->cli;
	int err = outputs__open(cli->outputs, cli->output_count, &run->outputs);

	if (!err && cli->suppress)
		err = suppressions__read(cli->suppress, &run->suppressions);
	if (!err && cli->command)
		err = log__fail(EXIT_USAGE, "--mode census looks at a --pid, it starts nothing");
	run->list = calloc(cli->pid_count + 1, sizeof(*run->list));
	if (!err && !run->list)
		err = log__fail(EXIT_FAILED, "no memory");
	for (size_t i = 0; !err && i < cli->pid_count; i++)
		err = add(run, cli->pids[i]);
	return err;
}

static void clear(struct run *run)
{
	outputs__discard(&run->outputs);
	suppressions__clear(&run->suppressions);
	for (size_t i = 0; i < run->count; i++) {
		struct watched *watched = &run->list[i];

		inspection__close(&watched->inspection);
		history__free(watched->history);
		pools__close(watched->pools);
		target__free(watched->target);
	}
	free(run->list);
}

int census_mode__run(const struct cli *cli)
{
	struct run run = {.cli = cli, .started = time(NULL)};
	int err = prepare(&run), failed;

	uname(&run.host);
	run.start_s = clock__s();
	if (!err) {
		log__info("reading started: %zu process%s, no probes; Ctrl-C ends it and reports",
			  run.count, run.count == 1 ? "" : "es");
		err = watch(&run);
		failed = finish(&run);
		err = err ? err : failed;
	}
	clear(&run);
	return err;
}
