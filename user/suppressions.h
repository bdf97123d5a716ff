/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suppressions.h - a file of findings that are known and not to be counted
 *
 * A line is a list of key:pattern, all of which must match; keys: file function type signature; patterns as the shell's. A pattern with
 * spaces stands in double quotes. Empty lines and what follows # are skipped.
 *
 *	file:*vendored/cache.py type:app.Session	# grows to 10 MB, then stops
 *	signature:0f3a9c21d4e5b677
 */
#ifndef SUPPRESSIONS_H
#define SUPPRESSIONS_H

#include "verdict.h"

struct suppressions {
	struct suppression *list;
	size_t count;
};

/* 0, or -EXIT_USAGE after a line on stderr that says which line of the file is wrong and why. */
int suppressions__read(const char *path, struct suppressions *suppressions);

/* The same of a text in memory; name: what a message calls it. */
int suppressions__parse(const char *text, const char *name, struct suppressions *suppressions);
void suppressions__clear(struct suppressions *suppressions);

#endif
