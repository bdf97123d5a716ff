/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outputs.h - where the report goes: the files that were asked for, and the terminal
 */
#ifndef OUTPUTS_H
#define OUTPUTS_H

#include "cli.h"
#include "report.h"

struct exporter;
struct out_file;

struct output {
	const char *path;
	const struct exporter *exporter;
	struct out_file *file; /* NULL = done with */
};

struct outputs {
	struct output list[CLI_MAX_OUTPUTS];
	size_t count;
	bool stdout_taken; /* by one of them: no report for people there */
	bool shown;        /* a live report is on the terminal */
};

/* Opens every file, before there is anything to write. 0, or -exit_status after a line on stderr. */
int outputs__open(const struct cli_output *wanted, size_t count, struct outputs *outputs);

/*
 * Prints the report for people on stdout, unless an output has that or -q was given; live: one of many, which on a
 * terminal replaces the one before.
 */
void outputs__show(struct outputs *outputs, const struct report *report, bool live);

/* Writes and closes every file. 0, or -exit_status after a line on stderr for each that failed. */
int outputs__write(struct outputs *outputs, const struct report *report);

/* Gives up what is open still, and leaves nothing behind. */
void outputs__discard(struct outputs *outputs);

#endif
