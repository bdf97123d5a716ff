/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/process_stat.h - which process a PID stands for, and whether it still runs the same program: /proc/PID/stat
 */
#ifndef AGENT_PROCESS_STAT_H
#define AGENT_PROCESS_STAT_H

#include <linux/types.h>
#include <sys/types.h>

struct process_stat {
	pid_t parent;
	__u64 start_time; /* clock ticks since boot, field 22 */
	/*
	 * Of where code and stack begin (fields 26, 28), which exec(2) chooses anew at random; a child made by fork(2) has its
	 * parent's. 0 = we may not know (ptrace(2) rights), or there is no address space.
	 */
	__u64 image;
};

/* 0, or -ESRCH: no such process, or it has ended (a zombie). */
int process_stat__read(pid_t pid, struct process_stat *stat);

#endif
