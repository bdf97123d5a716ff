/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * census_mode.h - a run without BPF: the heaps are read now and then, and judged by what that shows
 */
#ifndef CENSUS_MODE_H
#define CENSUS_MODE_H

#include "cli.h"

/* As a traced run, to its end. 0, or -exit_status after a line on stderr. */
int census_mode__run(const struct cli *cli);

#endif
