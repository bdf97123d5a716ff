/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * render.h - what an exporter makes of a report, as text; after cmocka.h
 */
#ifndef RENDER_H
#define RENDER_H

#include <stdio.h>

#include "report.h"

typedef int (*write_fn)(const struct report *, FILE *);

/* NUL-terminated; the caller frees it. */
static char *render(write_fn write, const struct report *report)
{
	char *rendered = NULL;
	size_t size;
	FILE *out = open_memstream(&rendered, &size);

	assert_non_null(out);
	assert_int_equal(write(report, out), 0);
	fclose(out);
	return rendered;
}

#endif
