/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look/look.h - the subcommands that look at a process without a probe, from outside
 *
 * Each prints for a person on stdout, or writes the files that -o and -f ask for. 0, or -exit_status after one line on stderr:
 * -EXIT_CANNOT_TRACE where the process cannot be read, or is no Python that is supported. Nothing in the process is changed.
 */
#ifndef LOOK_H
#define LOOK_H

#include "cli.h"

/* What is alive, by type, and how the memory is laid out; again and again with --watch. */
int heap__run(const struct cli *cli);

/* Who holds objects of a type, or at an address. */
int who__run(const struct cli *cli);
/* The same of the objects that these blocks are, or that own them; cli->what is what they are called. */
int who__run_blocks(const struct cli *cli, __u64 *addresses, size_t count);

#endif
