/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line_rows.h - the figures of the lines of one file: a row is the sum of all sites of a line
 */
#ifndef LINE_ROWS_H
#define LINE_ROWS_H

#include "export/label.h"
#include "report.h"

struct line_row {
	int line;
	bool hot;   /* shown with its context */
	bool shown; /* has been written */
	__u64 live_bytes, live_count, alloc_bytes;
	double growth_per_s; /* NAN = not measured */
	double error_bytes;  /* 95 %; of estimates that do not depend on one another */
	bool scaled;
	const struct census_type *type; /* most of the live blocks' bytes; NULL = not known */
	__u64 type_count;               /* objects of it, of all sites of the line */
};

struct line_rows {
	struct line_row *list; /* by line */
	size_t count;
	bool scaled; /* some figures are estimates */
};

/*
 * The rows of path's sites in a view of memory. Hot are those that hold most, as many as the report shows sites. The
 * caller frees rows->list in any case. 0 or -ENOMEM.
 */
int line_rows__collect(const struct report *report, const struct report_process *process,
		       enum label_layer layer, const char *path, struct line_rows *rows);

#endif
