// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/html.c - text of processes in HTML
 */
#include "agent/html.h"

#include <string.h>

#include "lib/text.h"

#define TEXT_MAX 4096

void html__put(FILE *out, const char *text, size_t most)
{
	char printable[TEXT_MAX + 1], whole[TEXT_MAX + 1];

	if (!text)
		return;
	if (!most || most > TEXT_MAX)
		most = TEXT_MAX;
	text__printable(text, whole, sizeof(whole));
	if (strlen(whole) < most) {
		text__markup(out, whole);
		return;
	}
	text__markup(out, text__printable(whole, printable, most));
	fputs("…", out);
}

void html__put_place(FILE *out, const char *file, int line, const char *function)
{
	html__put(out, file, 200);
	if (file && *file && line > 0)
		fprintf(out, ":%d", line);
	if (function && *function) {
		fputs(file && *file ? " in " : "", out);
		html__put(out, function, 300);
	}
}

void html__put_words(FILE *out, const char *name)
{
	for (; *name; name++)
		fputc(*name == '_' ? ' ' : *name, out);
}
