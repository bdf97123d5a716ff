/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smaps.h - the mappings of a process with what each has in memory (/proc/PID/smaps)
 */
#ifndef SMAPS_H
#define SMAPS_H

#include <stdio.h>

#include "lib/proc_maps.h"

struct smaps {
	struct proc_maps *maps;
	__u64 *rss; /* bytes, of each mapping; what the kernel counts as resident */
	__u64 total;
};

/* 0, or -ESRCH, -EPERM, -ENOMEM, -ENOENT (a kernel without it), -EINVAL (not understood). */
int smaps__read(pid_t pid, struct smaps *smaps);
void smaps__clear(struct smaps *smaps);

/* Parses text in that format, to the end of the file. As smaps__read(). */
int smaps__parse(FILE *file, struct smaps *smaps);

#endif
