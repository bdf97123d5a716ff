/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * family.h - --merge: which of the traced processes come of which, and a report that shows them as one
 *
 *	family__ask(&family)			for each process that was asked for, first of all
 *	family__add(&family, index, of)		for each child, as it comes
 *	family__merge(&family, &report)		before a report is shown
 */
#ifndef FAMILY_H
#define FAMILY_H

#include <stddef.h>

#include "cli.h"
#include "report.h"

/* Processes are known by their place in the report: those that were asked for come first. All zero at first. */
struct family {
	size_t asked;
	size_t of[CLI_MAX_PIDS]; /* by process, of children: the one that was asked for */
};

void family__ask(struct family *family);

/* A child, or a child's child: of is the number of the process that was asked for. */
void family__add(struct family *family, size_t index, size_t of);

/*
 * Leaves in the report the processes that were asked for, each with its children in it; see analyze__merge(). The
 * others are freed, with their profiles. 0 or -ENOMEM.
 */
int family__merge(const struct family *family, struct report *report);

#endif
