// SPDX-License-Identifier: BSD-2-Clause
/*
 * host.c - the table of processes, and the turn of each part
 */
#include "agent/host.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/host_private.h"
#include "heap/rss.h"
#include "lib/clock.h"
#include "lib/log.h"

#define EVENTS_AT_ONCE 64
#define TICK_MS 250 /* while traces are under way */
#define CLOSING_S 30.0
#define COUNTS_SHARE 0.005
#define COUNTS_SAVED_S 0.05

void host_options__init(struct host_options *options)
{
	*options = (struct host_options){
		.interval_s = 5,
		.census_interval_s = 60,
		.trace_s = 60,
		.budget = 0.02,
		.host_budget = 0.05,
		.max_traced = 2,
		.max_processes = 4096,
		.max_sites = 20,
		.growth_stacks = true,
	};
}

int host__open(const struct host_options *options, struct host **result)
{
	struct host *host = calloc(1, sizeof(*host));
	int err;

	if (!host)
		return log__fail(EXIT_FAILED, "no memory");
	host->options = *options;
	host->epoll = epoll_create1(EPOLL_CLOEXEC);
	err = host->epoll < 0 ? log__fail(EXIT_FAILED, "epoll: %s", strerror(errno))
			      : finder__open(host);
	if (!err)
		host_pages__switch(host, clock__s());
	if (err) {
		host__close(host);
		return err;
	}
	*result = host;
	return 0;
}

void host__set_options(struct host *host, const struct host_options *options)
{
	host->options = *options;
	host_pages__switch(host, clock__s());
	/* Perhaps others are wanted now. From the end: what is removed makes room for the last one. */
	for (size_t i = host->count; i-- > 0;)
		if (!finder__wants(options, &host->list[i]->identity))
			host__remove(host, host->list[i]);
	memset(host->others, 0, host->pid_max / 8);
	host->next_scan_s = 0;
}

int host__fd(const struct host *host)
{
	return host->epoll;
}

static double next_due(const struct host *host)
{
	double due = finder__due(host);

	for (size_t i = 0; i < host->count; i++)
		due = fmin(due, host->list[i]->next_read_s);
	return due;
}

int host__timeout(const struct host *host)
{
	double wait_s = next_due(host) - clock__s();

	if (host->traced && wait_s > TICK_MS / 1e3)
		return TICK_MS;
	return wait_s <= 0 ? 0 : wait_s > 60 ? 60000 : (int)(wait_s * 1000) + 1;
}

/* Which ones have ended, by their descriptors; the others are looked after in the course of things. */
static void reap(struct host *host)
{
	struct epoll_event ready[EVENTS_AT_ONCE];
	int count = epoll_wait(host->epoll, ready, EVENTS_AT_ONCE, 0);

	for (int i = 0; i < count; i++) {
		struct watched *watched =
			ready[i].data.u64 ? host__watched(host, ready[i].data.u64) : NULL;

		if (watched)
			host__remove(host, watched);
	}
}

static void read_one(struct host *host, struct watched *watched, double now_s)
{
	if (!watched__read(watched, &host->options, now_s)) {
		host__remove(host, watched);
		return;
	}
	host_pages__step(host, watched, now_s);
	if (watched__may_be_killed(watched))
		oom__near(host, watched, now_s);
}

static void read_all(struct host *host, double now_s)
{
	/* From the end: what is removed makes room for the last one. */
	for (size_t i = host->count; i-- > 0;)
		if (now_s >= host->list[i]->next_read_s)
			read_one(host, host->list[i], now_s);
}

/* The one whose count is due for longest; NULL: none is. */
static struct watched *to_be_counted(const struct host *host, double now_s)
{
	struct watched *first = NULL;

	for (size_t i = 0; i < host->count; i++)
		if (host->list[i]->next_census_s <= now_s &&
		    (!first || host->list[i]->next_census_s < first->next_census_s))
			first = host->list[i];
	return first;
}

/*
 * What all counts may take together is a share of one processor. What a large heap's has taken beyond it is waited for
 * afterwards: on a host of very many, or very large ones, each is counted less often.
 */
static void count_blocks(struct host *host, double now_s)
{
	struct watched *watched;

	host->count_credit_s += COUNTS_SHARE * (now_s - host->counted_s);
	host->count_credit_s = fmin(host->count_credit_s, COUNTS_SAVED_S);
	host->counted_s = now_s;
	while (host->count_credit_s > 0 && (watched = to_be_counted(host, now_s))) {
		double begin_s = clock__s();

		watched__count(host, watched);
		watched->next_census_s = now_s + host->options.census_interval_s;
		host->count_credit_s -= clock__s() - begin_s;
	}
}

int host__tick(struct host *host)
{
	double now_s = clock__s();

	finder__step(host, now_s);
	reap(host);
	host_pages__read(host, now_s);
	read_all(host, now_s);
	count_blocks(host, now_s);
	chooser__step(host, now_s);
	return 0;
}

bool host__is_ready(const struct host *host)
{
	return host->scanned && !host->first_scan;
}

void host__figures(const struct host *host, struct host_figures *figures)
{
	*figures = (struct host_figures){
		.children_cpu_s = host->children_cpu_s,
		.processes = host->count,
		.traced = host->traced,
		.traces = host->traces,
		.trace_failures = host->trace_failures,
		.left_out = host->left_out,
		.events_lost = host->events_lost,
	};
	for (size_t i = 0; i < host->count; i++)
		figures->followed += host->list[i]->pages != NULL;
	if (host->growth) {
		figures->faults_lost = growth_events__lost(host->growth);
		figures->growth_bytes = code_store__bytes(host->codes);
		figures->growth_room = code_store__most(host->codes);
	}
	clock__process_cpu(getpid(), &figures->cpu_s);
	rss__read(getpid(), &figures->rss);
}

int host__trace(struct host *host, pid_t pid, double seconds)
{
	struct watched *watched = host__watched(host, pid);
	size_t waiting = 0;

	if (!watched)
		return -ESRCH;
	if (watched->shown.cannot_trace)
		return -EPERM;
	if (watched->tracing || watched->asked_s > 0)
		return 0;
	for (size_t i = 0; i < host->count; i++)
		waiting += host->list[i]->asked_s > 0 && !host->list[i]->tracing;
	if (waiting >= 4 * host->options.max_traced)
		return -EBUSY;
	watched->asked_s = seconds;
	return 0;
}

/* Those that trace take their probes out in good order, which costs the processes less than if the kernel did at once. */
void host__finish(struct host *host)
{
	double until_s = clock__s() + CLOSING_S;

	for (size_t i = 0; i < host->count; i++)
		if (host->list[i]->tracing)
			tracing__stop(host->list[i]->tracing);
	while (chooser__follow(host) && clock__s() < until_s)
		usleep(20000);
}

void host__close(struct host *host)
{
	struct watched *watched;

	if (!host)
		return;
	while (host->count)
		host__remove(host, host->list[host->count - 1]);
	while ((watched = host->ending)) {
		host->ending = watched->next;
		watched__free(host, watched);
	}
	finder__close(host);
	host_pages__close(host);
	free(host->list);
	if (host->epoll >= 0)
		close(host->epoll);
	free(host);
}
