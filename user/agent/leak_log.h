/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/leak_log.h - a line of JSON for each leak that was not seen before, by its signature: the same leak in another worker is no news
 */
#ifndef AGENT_LEAK_LOG_H
#define AGENT_LEAK_LOG_H

#include <stdio.h>

#include "agent/host.h"

struct leak_log;

/* NULL: no memory. */
struct leak_log *leak_log__new(void);
void leak_log__free(struct leak_log *log);

/*
 * Writes a line for each leak of the process's last trace that is new; text is made printable. 0, or -errno: what could not be written is
 * new again the next time that it is found.
 */
int leak_log__add(struct leak_log *log, const struct host_process *process, FILE *out);

/* Leaks that are known; those beyond what there is room for are not counted. */
size_t leak_log__count(const struct leak_log *log);

#endif
