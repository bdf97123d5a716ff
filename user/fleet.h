/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fleet.h - every Python on this host: `--all` for a person at a terminal, `agent` for machines
 */
#ifndef FLEET_H
#define FLEET_H

#include <stdbool.h>

#include "fleet_options.h"

/* Whether this command line asks for one of the two. */
bool fleet__is_meant(int argc, char **argv);

/* 0, or -exit_status after a line on stderr. */
int fleet__run(int argc, char **argv);

/* `--all`: a table of the processes, verdicts as they come, and a report at the end. */
int all_mode__run(const struct fleet_options *options);

/* `agent`: no terminal; HTTP, and a line of JSON for each leak that is new. */
int agent_mode__run(struct fleet_options *options);

#endif
