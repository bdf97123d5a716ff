/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_read.h - a report read back from its JSON, schema pyleak.report/1
 *
 * What export/json.c writes comes back as the report that it was, as far as the JSON has it; every exporter works on it.
 * The text may come from a process that read a hostile one: sizes, depth and counts are bounded, a value of the wrong type
 * makes the whole text no report.
 */
#ifndef CAPTURE_REPORT_READ_H
#define CAPTURE_REPORT_READ_H

#include <stddef.h>

#include "report.h"

/* Bytes of text; more is refused. */
#define REPORT_READ_MAX (64UL << 20)

/*
 * text need not end in NUL. 0, -EINVAL (no such report: broken or too large, another schema, a wrong type or number),
 * -ENOMEM. A key that is not there, or null, is a figure that was not measured; counters are 0 then.
 *
 * What the schema does not have: a type's buffer bytes are in its own bytes, .top is 10 and .min_size 0, stacks have neither
 * hash nor caller nor error, .tracing has no prices, and .sources is empty. Stacks that the JSON leaves out, because nothing
 * of them lives, are there without frames: an index is the id.
 *
 * While it reads it needs about seven times the size of the text, afterwards a third of it.
 *
 * Free with report_read__free() and not with assemble__end().
 */
int report_read__json(const char *text, size_t size, struct report **report);

/* The report with everything that it points to; NULL is fine. */
void report_read__free(struct report *report);

#endif
