/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/page.h - what a browser shows of a host: leaks, processes by growth, one of them closely
 *
 * Whole without a script; with one (page.js) it keeps itself up to date. Nothing in it is loaded from anywhere else.
 */
#ifndef AGENT_PAGE_H
#define AGENT_PAGE_H

#include <stdio.h>

#include "agent/host.h"

/* selected: the process to be shown closely; 0, or one that is not watched: none. 0 or -errno. */
int page__write(const struct host *host, pid_t selected, FILE *out);

#endif
