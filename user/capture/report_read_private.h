/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report_read_private.h - the parts of report_read.c: each reads keys of one process object into the report's process
 *
 * What is wrong is in in->err afterwards, see json_read.h; the process is then half filled and good for nothing.
 */
#ifndef REPORT_READ_PRIVATE_H
#define REPORT_READ_PRIVATE_H

#include "capture/json_read.h"
#include "report.h"

/* The keys "trace", "lost" and "memory". */
void report_read__trace(struct json_read *in, json *from, struct report_process *process);
void report_read__lost(struct json_read *in, json *from, struct report_lost *lost);
void report_read__memory(struct json_read *in, json *from, struct report_memory *memory);

/* The key "stacks"; ids below room. */
void report_read__stacks(struct json_read *in, json *from, size_t room, struct profile *profile);

/* The key "modules". */
void report_read__modules(struct json_read *in, json *from, struct report_process *process);

/* The key "sites"; after the stacks. */
void report_read__sites(struct json_read *in, json *from, struct report_process *process);

/* The key "verdicts"; after the sites. */
void report_read__verdicts(struct json_read *in, json *from, struct report_process *process);

/* The key "types" of a site or a verdict. */
const struct census_type *report_read__types(struct json_read *in, json *from, size_t *count);

#endif
