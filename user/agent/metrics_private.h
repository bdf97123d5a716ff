/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/metrics_private.h - what metrics.c and metrics_traced.c share
 */
#ifndef AGENT_METRICS_PRIVATE_H
#define AGENT_METRICS_PRIVATE_H

#include "agent/exposition.h"
#include "agent/metrics.h"

struct metrics {
	const struct host *host;
	const struct metrics_options *options;
	FILE *out;
	size_t count;
	char **labels; /* of each process, by its index: pid, comm, python, cgroup */
	int err;
};

/*
 * Labels being made, as text; label_text__end() gives what was written to `text`, which the caller frees, or NULL: no memory.
 */
struct label_text {
	FILE *stream;
	char *text;
	size_t size;
};

/* first: labels that are there already, "" = none. */
void label_text__begin(struct label_text *labels, const char *first);
char *label_text__end(struct label_text *labels);

/* Families whose samples come from the last trace of each process. */
void metrics__traced(struct metrics *metrics);

#endif
