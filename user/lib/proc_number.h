/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc_number.h - one number of a file that has a name and a number on each line (/proc/PID/status, /proc/PID/limits, /proc/meminfo)
 */
#ifndef PROC_NUMBER_H
#define PROC_NUMBER_H

#include <linux/types.h>
#include <sys/types.h>

/*
 * The number after the name that a line begins with ("VmSwap:", "Max address space"), of the first such line. What the file
 * has in kB comes in bytes. 0; -ENOENT: no such line, or no number on it ("unlimited"); -ERANGE: it does not fit; -errno of
 * the file, -ESRCH if its process ended meanwhile.
 */
int proc_number__read(const char *path, const char *name, __u64 *number);

/* The same of /proc/PID/status. */
int proc_number__status(pid_t pid, const char *name, __u64 *number);

#endif
