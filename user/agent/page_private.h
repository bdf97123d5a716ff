/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/page_private.h - what the files page*.c share
 */
#ifndef AGENT_PAGE_PRIVATE_H
#define AGENT_PAGE_PRIVATE_H

#include <stdbool.h>

#include "agent/html.h"
#include "agent/page.h"

/* "+2.7 MiB/s". Returns buffer. */
char *page__pace(double bytes_per_s, char *buffer, size_t size);
/* "81.2 MiB", "–" for REPORT_UNMEASURED. Returns buffer. */
char *page__amount(long long bytes, char *buffer, size_t size);
bool page__grows(const struct host_process *process);

/* ---- page_table.c ---- */

/* All processes, sorted: by growth, then by size. */
void page__table(const struct host_process *const *processes, size_t count, pid_t selected,
		 FILE *out);

/* ---- page_findings.c ---- */

/* Leaks of all processes, a card for each signature; how many there are. 0 or -ENOMEM. */
int page__leaks(const struct host_process *const *processes, size_t count, FILE *out);
/* What the last trace of one process found. */
void page__findings(const struct host_process *process, FILE *out);
/* Of a process: whether there is a leak, or a suspect, that is not suppressed. */
bool page__has(const struct host_process *process, enum verdict_kind kind);

/* ---- page_process.c ---- */

void page__process(const struct host_process *process, FILE *out);

#endif
