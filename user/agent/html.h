/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/html.h - text of processes in HTML
 */
#ifndef AGENT_HTML_H
#define AGENT_HTML_H

#include <stddef.h>
#include <stdio.h>

/*
 * Writes text as content of an element, or as a value between double quotes: made printable, then escaped, cut with an ellipsis beyond most
 * bytes (0 = 4096).
 */
void html__put(FILE *out, const char *text, size_t most);

/* "app.py:42", "libfoo.so.1"; and " in Cache.put" where there is a function. Nothing where there is no place. */
void html__put_place(FILE *out, const char *file, int line, const char *function);

/* "object retention" of "object_retention". */
void html__put_words(FILE *out, const char *name);

#endif
