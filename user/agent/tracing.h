/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/tracing.h - a trace of one process by a process of our own
 *
 *	tracing__start(&order, &tracing)
 *	while (tracing__step(tracing)) poll(tracing__pollfds())
 *	tracing__take(tracing, ...)
 *	tracing__free(tracing)
 *
 * It is this program once more, as a person would start it: --pid PID --duration ... --format json --output -. What it reads may be
 * forged so that it fails or swells: it fails alone, and all that it took is gone with it. It ends itself when we die.
 */
#ifndef AGENT_TRACING_H
#define AGENT_TRACING_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct tracing_order {
	pid_t pid;
	double seconds;
	double budget;        /* of its time: 0.02 */
	const char *suppress; /* NULL = none */
};

struct tracing;

/* 0 or -errno. */
int tracing__start(const struct tracing_order *order, struct tracing **tracing);

#define TRACING_POLLFDS 2
/* What it is waited for; returns how many. */
size_t tracing__pollfds(const struct tracing *tracing, struct pollfd fds[TRACING_POLLFDS]);

/* Reads what has come. False: it has ended. Never blocks; kills one that takes far longer than it should. */
bool tracing__step(struct tracing *tracing);

/* Asks it to end and report now; its probes come out in good order. */
void tracing__stop(struct tracing *tracing);

/*
 * Of one that has ended: its report, which the caller frees, NUL behind its size bytes; or NULL, and why in problem. cpu_s: what it took of
 * the processors.
 */
char *tracing__take(struct tracing *tracing, size_t *size, char *problem, size_t problem_size,
		    double *cpu_s);

/* One that has not ended is killed; the kernel takes its probes out. NULL is fine. */
void tracing__free(struct tracing *tracing);

#endif
