// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_choose.c - who is traced: what was asked for, then what grows most surely; a few at a time
 *
 * A trace that finds nothing is not repeated soon, and each time later. One that ends in a suspicion is soon made again, for twice as long.
 * One that finds a leak is repeated to see that it is still there.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent/host_private.h"
#include "agent/trace_result.h"
#include "lib/clock.h"
#include "lib/log.h"

#define PAUSE_S 300.0 /* after a trace that found nothing; doubled each time */
#define PAUSE_MAX_S 14400.0
#define PAUSE_SUSPECT_S 60.0
#define LONGER_MOST 4       /* times host_options.trace_s */
#define PAUSE_LEAK_S 1800.0 /* after one that found a leak */
#define PAUSE_FAILED_S 600.0
#define NEAR_LIMIT_TRACE_S 20.0
#define JSON_MOST (8u << 20) /* of all reports that are kept */

static bool found(const struct trace_result *result, enum verdict_kind kind)
{
	for (size_t i = 0; i < result->finding_count; i++)
		if (result->findings[i].kind == kind && !result->findings[i].suppressed)
			return true;
	return false;
}

/* ---- the end of a trace ---- */

/* The oldest reports go first; what was found stays. */
static void drop_old_reports(struct host *host)
{
	while (host->json_bytes > JSON_MOST) {
		struct trace_result *oldest = NULL;

		for (size_t i = 0; i < host->count; i++) {
			struct trace_result *result = host->list[i]->shown.result;

			if (result && result->json && (!oldest || result->at < oldest->at))
				oldest = result;
		}
		if (!oldest)
			return;
		host->json_bytes -= oldest->json_size;
		free(oldest->json);
		oldest->json = NULL;
		oldest->json_size = 0;
	}
}

static void add_lost(struct report_lost *to, const struct report_lost *more)
{
	const __u64 *from = (const __u64 *)more;
	__u64 *sum = (__u64 *)to;

	_Static_assert(sizeof(*to) % sizeof(__u64) == 0, "counters, nothing else");
	for (size_t i = 0; i < sizeof(*to) / sizeof(*sum); i++)
		sum[i] += from[i];
}

/* When it is to be traced again, if it goes on to grow. */
static void set_pause(struct watched *watched, const struct trace_result *result)
{
	double pause_s = PAUSE_LEAK_S;

	if (found(result, VERDICT_LEAK)) {
		watched->pause_s = 0;
		watched->longer = 1;
	} else if (found(result, VERDICT_SUSPECT) && watched->longer < LONGER_MOST) {
		pause_s = PAUSE_SUSPECT_S;
		watched->longer *= 2;
	} else {
		watched->pause_s =
			fmin(watched->pause_s ? 2 * watched->pause_s : PAUSE_S, PAUSE_MAX_S);
		pause_s = watched->pause_s;
		watched->longer = 1;
	}
	watched->next_trace_s = clock__s() + pause_s;
}

static void keep_result(struct host *host, struct watched *watched, struct trace_result *result)
{
	struct host_process *process = &watched->shown;

	if (process->result) {
		host->json_bytes -= process->result->json_size;
		add_lost(&result->lost, &process->result->lost);
	}
	trace_result__free(process->result);
	process->result = result;
	host->json_bytes += result->json_size;
	drop_old_reports(host);
	set_pause(watched, result);
}

static void keep_problem(struct host *host, struct watched *watched, const char *problem)
{
	watched->shown.trace_problem = strdup(problem);
	watched->next_trace_s = clock__s() + PAUSE_FAILED_S;
	host->trace_failures++;
}

/* The trace is over: nothing of it is left. */
static void release(struct host *host, struct watched *watched)
{
	tracing__free(watched->tracing);
	watched->tracing = NULL;
	watched->asked_s = 0;
	watched->shown.attention = ATTENTION_WATCHED;
	host->traced--;
}

static void take_result(struct host *host, struct watched *watched)
{
	struct host_process *process = &watched->shown;
	struct trace_result *result;
	char problem[400] = "";
	double cpu_s;
	size_t size;
	char *json = tracing__take(watched->tracing, &size, problem, sizeof(problem), &cpu_s);
	int err = json ? trace_result__read(json, size, host->options.max_sites, &result) : 0;

	host->children_cpu_s += cpu_s;
	host->traces++;
	process->traces++;
	free(process->trace_problem);
	process->trace_problem = NULL;
	if (err)
		snprintf(problem, sizeof(problem), "its report cannot be read: %s", strerror(-err));
	if (json && !err)
		keep_result(host, watched, result);
	else
		keep_problem(host, watched, problem);
	release(host, watched);
	oom__traced(host, watched);
	if (host->options.traced)
		host->options.traced(host->options.context, process);
}

/* Those that are no more, but for what their trace has to say. */
static void follow_ending(struct host *host)
{
	struct watched **link = &host->ending, *watched;

	while ((watched = *link)) {
		if (tracing__step(watched->tracing)) {
			link = &watched->next;
			continue;
		}
		take_result(host, watched);
		*link = watched->next;
		watched__free(host, watched);
	}
}

bool chooser__follow(struct host *host)
{
	for (size_t i = 0; i < host->count; i++)
		if (host->list[i]->tracing && !tracing__step(host->list[i]->tracing))
			take_result(host, host->list[i]);
	follow_ending(host);
	return host->traced;
}

/* ---- its start ---- */

static double urgency(const struct watched *watched, double now_s)
{
	if (watched->tracing || watched->shown.cannot_trace)
		return 0;
	if (watched->asked_s > 0)
		return INFINITY;
	if (now_s < watched->next_trace_s || !(watched->suspicion > 0))
		return 0;
	return watched->near_limit ? 1e15 + watched->suspicion : watched->suspicion;
}

static double trace_seconds(const struct host *host, const struct watched *watched)
{
	if (watched->asked_s > 0)
		return watched->asked_s;
	return watched->near_limit ? fmin(NEAR_LIMIT_TRACE_S, host->options.trace_s)
				   : host->options.trace_s * watched->longer;
}

static void start(struct host *host, struct watched *watched)
{
	const struct host_options *options = &host->options;
	const struct tracing_order order = {
		.pid = watched->shown.pid,
		.seconds = trace_seconds(host, watched),
		.budget = fmin(options->budget, options->host_budget / options->max_traced),
		.suppress = options->suppress,
	};
	int err = tracing__start(&order, &watched->tracing);

	if (err) {
		watched->tracing = NULL;
		watched->asked_s = 0;
		free(watched->shown.trace_problem);
		keep_problem(host, watched, strerror(-err));
		return;
	}
	watched->shown.attention = ATTENTION_TRACED;
	host->traced++;
	log__debug("process %d is traced for %.0f s: it grows by %.0f bytes a second or more",
		   order.pid, order.seconds, watched->suspicion);
}

void chooser__step(struct host *host, double now_s)
{
	chooser__follow(host);
	for (;;) {
		struct watched *next = NULL;
		double most = 0;

		for (size_t i = 0; i < host->count; i++) {
			struct watched *watched = host->list[i];
			double now = urgency(watched, now_s);

			if (!watched->tracing)
				watched->shown.attention =
					now > 0 ? ATTENTION_WAITING : ATTENTION_WATCHED;
			if (now > most) {
				most = now;
				next = watched;
			}
		}
		if (!next || host->traced >= host->options.max_traced)
			return;
		start(host, next);
	}
}
