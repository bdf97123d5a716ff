/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/sample_tables.h - fills the tables of sampled mode
 */
#ifndef TRACE_SAMPLE_TABLES_H
#define TRACE_SAMPLE_TABLES_H

#include <linux/types.h>

/* In angle brackets: the one in include/, not this file. */
#include <sample_tables.h>

/*
 * For the read-only data of the programs, before they are loaded; the same whatever the mean. Each
 * entry is rounded to the nearest.
 */
void sample_tables__fill(struct sample_tables *tables);

#endif
