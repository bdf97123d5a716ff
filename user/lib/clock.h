/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - the time, and what a process has used of it
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <linux/types.h>
#include <sys/types.h>

/* CLOCK_MONOTONIC, the clock of bpf_ktime_get_ns(). */
__u64 clock__ns(void);
double clock__s(void);

/* CPU seconds of all threads of a process, user and system; 0, or -ESRCH. */
int clock__process_cpu(pid_t pid, double *seconds);

#endif
