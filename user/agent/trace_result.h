/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/trace_result.h - from the report of a trace to what the agent keeps of it
 */
#ifndef AGENT_TRACE_RESULT_H
#define AGENT_TRACE_RESULT_H

#include "agent/host.h"

/*
 * Takes json (allocated; NUL behind its size bytes) over, also when it fails. 0, -EINVAL: that is no report of one process, or -ENOMEM.
 */
int trace_result__read(char *json, size_t size, size_t max_sites, struct trace_result **result);

/* NULL is fine. */
void trace_result__free(struct trace_result *result);

#endif
