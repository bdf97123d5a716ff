/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fake_host.h - a host of made-up processes, behind the functions of agent/host.h
 *
 * A test that defines these links before the library, whose own are left out then.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/host.h"

#define FAKE_PROCESSES 600

struct host {
	struct host_process processes[FAKE_PROCESSES];
	size_t count;
	bool ready;
	/* of host__trace() */
	int trace_err;
	pid_t asked_pid;
	double asked_s;
	unsigned int asked;
};

size_t host__count(const struct host *host)
{
	return host->count;
}

const struct host_process *host__at(const struct host *host, size_t index)
{
	return &host->processes[index];
}

const struct host_process *host__find(const struct host *host, pid_t pid)
{
	for (size_t i = 0; i < host->count; i++)
		if (host->processes[i].pid == pid)
			return &host->processes[i];
	return NULL;
}

bool host__is_ready(const struct host *host)
{
	return host->ready;
}

void host__figures(const struct host *host, struct host_figures *figures)
{
	*figures = (struct host_figures){
		.cpu_s = 1.5,
		.children_cpu_s = 2.25,
		.rss = 20 << 20,
		.processes = host->count,
		.traced = 1,
		.traces = 7,
		.trace_failures = 2,
		.left_out = 3,
		.events_lost = 4,
	};
}

int host__grown(struct host *host, pid_t pid, const struct pages_report **grown)
{
	const struct host_process *process = host__find(host, pid);

	if (!process)
		return -ESRCH;
	*grown = process->grown;
	return *grown ? 0 : -ENODATA;
}

int host__trace(struct host *host, pid_t pid, double seconds)
{
	host->asked++;
	host->asked_pid = pid;
	host->asked_s = seconds;
	return host->trace_err;
}

/* A process of which nothing but its name was read. */
static inline struct host_process *fake_process(struct host *host, pid_t pid, const char *comm)
{
	struct host_process *process = &host->processes[host->count++];

	*process = (struct host_process){
		.pid = pid,
		.start_time = 1000 + pid,
		.uid = 1000,
		.cmdline = (char *)"",
		.cgroup = (char *)"",
		.rss = REPORT_UNMEASURED,
		.own = REPORT_UNMEASURED,
		.growth = {.slope = NAN, .low = -INFINITY, .high = INFINITY},
		.limit = REPORT_UNMEASURED,
		.seconds_to_limit = NAN,
		.blocks = REPORT_UNMEASURED,
		.object_bytes = REPORT_UNMEASURED,
		.pool_free = REPORT_UNMEASURED,
		.collections = {REPORT_UNMEASURED, REPORT_UNMEASURED, REPORT_UNMEASURED},
		.uncollectable = REPORT_UNMEASURED,
	};
	snprintf(process->comm, sizeof(process->comm), "%s", comm);
	return process;
}

/* The same with all its figures. */
static inline struct host_process *fake_measured(struct host *host, pid_t pid, const char *comm,
						 double growth_per_s)
{
	struct host_process *process = fake_process(host, pid, comm);

	snprintf(process->python, sizeof(process->python), "3.11.2");
	process->cmdline = (char *)"python3 server.py --port 80";
	process->cgroup = (char *)"/system.slice/shop.service";
	process->rss = 81920 * 1024;
	process->own = 61440 * 1024;
	process->growth = (struct trend){
		.slope = growth_per_s,
		.low = growth_per_s > 0 ? 0.9 * growth_per_s : -5,
		.high = 1.1 * growth_per_s + 5,
		.seconds = 600,
		.points = 64,
	};
	process->limit = 512LL << 20;
	process->seconds_to_limit =
		growth_per_s > 0 ? (process->limit - process->rss) / growth_per_s : INFINITY;
	process->blocks = 12345;
	process->object_bytes = 9876543;
	process->pool_free = 40960;
	process->collections[0] = 300;
	process->collections[1] = 20;
	process->collections[2] = 1;
	process->uncollectable = 0;
	return process;
}

#endif
