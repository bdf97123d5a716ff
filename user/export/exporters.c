// SPDX-License-Identifier: BSD-2-Clause
/*
 * exporters.c - the table of formats
 */
#include <errno.h>
#include <string.h>

#include "export/export.h"

static const struct exporter exporters[] = {
	{"json", ".json", json__write, false},
	{"folded", ".folded", folded__write, false},
	{"svg", ".svg", svg__write, false},
	{"html", ".html", html__write, false},
	{"lines", ".lines", lines__write, true},
	{"pprof", ".pb.gz", pprof__write, false},
	/* Not written yet; named, so that it is not taken for another's. */
	{"speedscope", ".speedscope.json", NULL, false},
};

#define EXPORTERS (sizeof(exporters) / sizeof(*exporters))

const struct exporter *exporter__by_name(const char *name)
{
	for (size_t i = 0; i < EXPORTERS; i++) {
		if (exporters[i].write && !strcmp(exporters[i].name, name))
			return &exporters[i];
	}
	return NULL;
}

static bool ends_with(const char *text, const char *ending)
{
	size_t length = strlen(text), tail = strlen(ending);

	return length >= tail && !strcmp(text + length - tail, ending);
}

const struct exporter *exporter__by_path(const char *path)
{
	const struct exporter *best = NULL;

	for (size_t i = 0; i < EXPORTERS; i++) {
		const struct exporter *row = &exporters[i];

		if (ends_with(path, row->ending) &&
		    (!best || strlen(row->ending) > strlen(best->ending)))
			best = row;
	}
	return best && best->write ? best : NULL;
}

static char *list(char *buffer, size_t size, bool endings)
{
	size_t end = 0;

	if (size)
		buffer[0] = '\0';
	for (size_t i = 0; i < EXPORTERS && end < size; i++) {
		if (!exporters[i].write)
			continue;
		end += snprintf(buffer + end, size - end, "%s%s", end ? ", " : "",
				endings ? exporters[i].ending : exporters[i].name);
	}
	return buffer;
}

char *exporter__names(char *buffer, size_t size)
{
	return list(buffer, size, false);
}

char *exporter__endings(char *buffer, size_t size)
{
	return list(buffer, size, true);
}

int export__finish(FILE *out)
{
	bool failed = ferror(out);

	if (fflush(out))
		return -errno;
	return failed ? -EIO : 0;
}
