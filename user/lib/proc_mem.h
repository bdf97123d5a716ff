/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc_mem.h - reading another process's memory, by process_vm_readv(2); it is never written or
 * stopped
 */
#ifndef PROC_MEM_H
#define PROC_MEM_H

#include <linux/types.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads exactly size bytes. 0, -EFAULT (not mapped), -ESRCH (process gone), -EPERM. */
int proc_mem__read(pid_t pid, __u64 address, void *buffer, size_t size);

/* One part of a scattered read. */
struct proc_mem_part {
	__u64 address;
	void *buffer;
	size_t size;
	int result; /* 0 or -errno, set by the call */
};

/*
 * Reads many parts with few system calls; each part says whether it arrived. 0, or -ESRCH, -EPERM.
 */
int proc_mem__read_many(pid_t pid, struct proc_mem_part *parts, size_t count);

#endif
