/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/metrics.h - what the agent knows of a host, as Prometheus scrapes it
 *
 * Names are those of the contract. A process has a bounded number of series, and none once it has ended. Of what comes from traces
 * (sites, leaks, overhead, losses, malloc's share) it is the last one's; a process that was never traced has none of it.
 */
#ifndef AGENT_METRICS_H
#define AGENT_METRICS_H

#include <stdio.h>

#include "agent/host.h"

struct leak_log;

struct metrics_options {
	size_t max_sites;             /* and as many leaks, of each process */
	size_t max_processes;         /* that the host's table has room for */
	const struct leak_log *leaks; /* leaks that were seen so far; NULL = they are not counted */
};

/* 0 or -errno: what is in out is not whole then. */
int metrics__write(const struct host *host, const struct metrics_options *options, FILE *out);

#endif
