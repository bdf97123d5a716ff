/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look/still.h - what the commands say of --freeze
 */
#ifndef LOOK_STILL_H
#define LOOK_STILL_H

#include "export/terminal.h"
#include "lib/freeze.h"
#include "lib/json_build.h"

#define STILL_LIMIT_S 2.0 /* how long a process is kept at most, at a time */

/* Stops it. 0, also where its threads did not stop in time (then report->whole is false); -EBUSY, -ESTALE and others as freeze__start(). */
int still__start(pid_t pid, int pidfd, struct freeze **freeze, struct freeze_report *report);

/* One line on stderr for -EBUSY and -ESTALE; -exit_status. Of others: 0. */
int still__fail(pid_t pid, int err);

/* One line. stops: how often it was stopped, for stopped_s in all. */
void still__print(struct line *line, const struct freeze_report *report, unsigned int stops);
/* "freeze": {...} */
void still__build(struct builder *b, struct json_object *parent, const struct freeze_report *report,
		  unsigned int stops);

#endif
