/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * who_private.h - what the command and its two ways to show the answer share
 */
#ifndef LOOK_WHO_PRIVATE_H
#define LOOK_WHO_PRIVATE_H

#include <stdio.h>

#include "export/export.h"
#include "lib/freeze.h"
#include "objects/who.h"
#include "target.h"

/* For a person: paths wrapped between steps. top: at most that many shapes. */
void who__print(const struct who *who, const struct target *target, size_t top, FILE *out,
		const struct terminal_options *options);

/* What is written to files. */
struct who_answer {
	const struct who *who;
	const struct target *target;
	const struct freeze_report *freeze; /* NULL = it was not to be stopped */
};

/* Schema pyleak.who/1, of a struct who_answer: 0 or -errno; see struct look_format. */
int who__write_json(const void *what, FILE *out);

#endif
