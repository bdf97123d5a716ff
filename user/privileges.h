/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privileges.h - what we give up once everything is attached
 */
#ifndef PRIVILEGES_H
#define PRIVILEGES_H

#include <stdbool.h>

/*
 * Keeps the capabilities that reading the target and our maps needs, gives up all others, and cannot gain new ones
 * by exec. perf_probes: those that are put in later are perf events each, for which Debian's 6.1 wants CAP_SYS_ADMIN (with its
 * kernel.perf_event_paranoid of 3). Where that fails a warning says so: tracing goes on.
 */
void privileges__drop(bool perf_probes);

/* The same for the agent, which traces by executing this program again: what that needs is kept, and left to it. */
void privileges__drop_between_traces(void);

#endif
