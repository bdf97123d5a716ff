/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * who_site.h - who holds what a line of code allocates: traces for a while, then asks for the live blocks of that line
 */
#ifndef WHO_SITE_H
#define WHO_SITE_H

#include <stdbool.h>

#include "cli.h"

/* Whether a question is of this kind: "site:FILE:LINE". */
bool who_site__is_one(const char *what);

/*
 * FILE is a path as the program has it, or its end after a slash. Traces in the mode that was asked for, 10 s unless -d says how long, and
 * answers as who__run() does. 0, or -exit_status after a line on stderr.
 */
int who_site__run(const struct cli *cli);

#endif
