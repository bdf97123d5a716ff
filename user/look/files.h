/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look/files.h - the files that a look is written to
 *
 *	static const struct look_format formats[] = {{"json", ".json", write_json}, {NULL, NULL, NULL}};
 *	look_files__open(cli, formats, "heap", &files);		before there is anything to write
 *	look_files__write(&files, what);			or
 *	look_files__discard(&files);
 */
#ifndef LOOK_FILES_H
#define LOOK_FILES_H

#include <stdbool.h>
#include <stdio.h>

#include "cli.h"
#include "export/export.h"

struct out_file;

struct look_format {
	const char *name, *ending;
	int (*write)(const void *what, FILE *out); /* all of it, and flushes; 0 or -errno */
};

struct look_files {
	const struct cli *cli;
	struct {
		struct out_file *file;
		const struct look_format *format;
	} list[CLI_MAX_OUTPUTS];
	bool stdout_taken; /* by one of them: no text for people there */
};

/* 0, or -exit_status after a line on stderr. */
int look_files__open(const struct cli *cli, const struct look_format *formats,
		     const char *subcommand, struct look_files *files);
int look_files__write(struct look_files *files, const void *what);
void look_files__discard(struct look_files *files);

/* How stdout is to be written to. */
struct terminal_options look__terminal(void);

#endif
