/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * export.h - a finished report, written in a format
 *
 * Exporters compute nothing about the target: they turn a const report into text on a stream, and
 * open no file. One file and one row of the table in exporters.c each.
 */
#ifndef EXPORT_H
#define EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report.h"

struct exporter {
	const char *name;   /* what -f takes */
	const char *ending; /* of the file names that ask for it */
	/* Writes all of it and flushes: 0, or -errno, -ENOSPC for instance. */
	int (*write)(const struct report *report, FILE *out);
	bool shows_source; /* needs the text of the source files in the report */
};

/* NULL: no such format. */
const struct exporter *exporter__by_name(const char *name);

/* The longest ending that path has decides. NULL: none of ours. */
const struct exporter *exporter__by_path(const char *path);

/* ".json, .folded, .svg", for a usage error. Returns buffer. */
char *exporter__endings(char *buffer, size_t size);

/* "json, folded, svg", likewise. Returns buffer. */
char *exporter__names(char *buffer, size_t size);

/* The formats. */
int json__write(const struct report *report, FILE *out);
int folded__write(const struct report *report, FILE *out);
int svg__write(const struct report *report, FILE *out);
int html__write(const struct report *report, FILE *out);
int lines__write(const struct report *report, FILE *out);
int pprof__write(const struct report *report, FILE *out);

struct terminal_options {
	bool colour;
	int width; /* columns; what does not fit is cut */
	bool live; /* a look at a run that goes on: the table, without stacks and advice */
};

/* The report for a person; obeys top and min_size. 0 or -errno. */
int terminal__print(const struct report *report, FILE *out, const struct terminal_options *options);

/* For exporters: flushes out; -errno of that, -EIO when an earlier write had failed, else 0. */
int export__finish(FILE *out);

#endif
