/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/python_counts.h - what a Python's own books say of it, for next to nothing: how many blocks, how much in them, how often collected
 *
 * Of pymalloc one header of 48 bytes a pool is read, of the collector nine words. Nothing is stopped, no page is made for it nor brought
 * back from swap (but for the few that the table of arenas is in): see pools__count().
 */
#ifndef AGENT_PYTHON_COUNTS_H
#define AGENT_PYTHON_COUNTS_H

#include <linux/types.h>
#include <stdbool.h>

#include "agent/pythons.h"

/* REPORT_UNMEASURED where it is not known. */
struct python_counts {
	long long
		blocks; /* of at most 512 bytes that pymalloc has handed out, free lists of types included */
	long long object_bytes; /* of these blocks, by their size classes */
	long long
		pool_free; /* bytes of pymalloc's pools that are in no block: unused, headers, what is left at the end */
	long long collections[3]; /* of the main interpreter's collector, by generation */
	long long uncollectable;  /* objects that it found to be so */
	bool estimated; /* part of the pools is swapped out, and taken to be as full as the others; where it is most: not known */
};

/* 0, or -ESRCH: the process has ended, or executes another program: nothing is known then. */
int python_counts__read(const struct python_identity *identity, struct python_counts *counts);

#endif
