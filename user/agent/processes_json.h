/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/processes_json.h - what the agent knows, for programs
 *
 * Sizes in bytes, times in seconds, timestamps RFC 3339 UTC; what was not measured is null. Text of a process is made printable, as everywhere.
 */
#ifndef AGENT_PROCESSES_JSON_H
#define AGENT_PROCESSES_JSON_H

#include <stdio.h>

#include "agent/host.h"

struct builder;
struct json_object;

/* An array with an object for each process, in no order. 0 or -errno. */
int processes_json__write(const struct host *host, FILE *out);

/* An object: the lines that took what stays; see lib/json_build.h. */
struct json_object *processes_json__grown(struct builder *b, const struct pages_report *grown);

/* An object: what the agent itself costs, and what it could not take in. 0 or -errno. */
int agent_json__write(const struct host *host, FILE *out);

#endif
