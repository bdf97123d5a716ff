/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/overview.h - the host on a terminal: what grows most comes first, and what traces found
 */
#ifndef AGENT_OVERVIEW_H
#define AGENT_OVERVIEW_H

#include <stdio.h>

#include "agent/host.h"

struct terminal_options;

/* At most top processes; says how many are left out. 0 or -ENOMEM. */
int overview__print(const struct host *host, size_t top, FILE *out,
		    const struct terminal_options *options);

/* "python3 server.py", comm where there is no command line; made printable. Returns buffer. */
char *overview__name(const struct host_process *process, char *buffer, size_t size);

#endif
