/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/targets_json.h - the processes that there is a profile of, as Prometheus' HTTP service discovery wants them
 *
 * One target each, with its pid as parameter of the request (__param_pid), so that a continuous-profiling server asks for each one's
 * profile. The address is what we listen on: who reaches us by another name replaces it (__meta_url).
 */
#ifndef AGENT_TARGETS_JSON_H
#define AGENT_TARGETS_JSON_H

#include <stdio.h>

#include "agent/host.h"

/* 0 or -errno. */
int targets_json__write(const struct host *host, unsigned int port, FILE *out);

#endif
