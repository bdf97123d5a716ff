/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hot_files.h - which source files hold most: those whose text the lines view shows
 */
#ifndef HOT_FILES_H
#define HOT_FILES_H

#include "export/label.h"
#include "report.h"

#define HOT_FILES_MAX 10

struct hot_file {
	const char *path; /* of the sites */
	__u64 live_bytes;
};

/* The view of memory to show: the first in which something lives that a line of Python made. */
enum label_layer hot_files__layer(const struct report_process *process);

/* Whether a site is a line of a file, in that view. */
bool hot_files__has(const struct report_site *site, enum label_layer layer);

/*
 * Fills files, those that hold most first, with at most HOT_FILES_MAX of those that hold anything. Returns their
 * number, or -ENOMEM.
 */
int hot_files__rank(const struct report_process *process, enum label_layer layer,
		    struct hot_file files[HOT_FILES_MAX]);

#endif
