/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * out_file.h - files that appear complete or not at all
 *
 * A file is opened before the work that fills it, so that a bad path is known at once, and written
 * under a temporary name beside its own. Commit puts it in place; discard, or dying, leaves what
 * was there before. "-" is standard output; what exists and is no regular file (/dev/null, a pipe)
 * is written directly.
 */
#ifndef OUT_FILE_H
#define OUT_FILE_H

#include <stdio.h>

struct out_file;

/* 0 or -errno, with *file untouched on failure. A pipe without a reader blocks, as everywhere. */
int out_file__open(const char *path, struct out_file **file);

/* Where to write; the stream belongs to the file. */
FILE *out_file__stream(struct out_file *file);

/*
 * Writes out what is buffered and puts the file in its place. Releases file, also when it fails
 * with -errno.
 */
int out_file__commit(struct out_file *file);

/* Forgets what was written and releases file; NULL is fine. */
void out_file__discard(struct out_file *file);

#endif
