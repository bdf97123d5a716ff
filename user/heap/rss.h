/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rss.h - resident memory of a process
 */
#ifndef RSS_H
#define RSS_H

#include <linux/types.h>
#include <sys/types.h>

/* Resident bytes by /proc/PID/statm, exact to the kernel's per-CPU counters. 0, or -ESRCH. */
int rss__read(pid_t pid, __u64 *bytes);

/* The same, and how much of it is of no file and not shared: what the process has allocated. */
int rss__split(pid_t pid, __u64 *bytes, __u64 *own);

#endif
