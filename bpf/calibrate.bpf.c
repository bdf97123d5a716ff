// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * calibrate.bpf.c - the least that a probe's program can do, to price the probe itself
 *
 * The counters tell user space that the programs did run. They are bumped without a lock: one thread of one
 * child process of ours makes all the hits.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

__u64 enters, returns;

SEC("uprobe")
int calibrate_enter(void *context)
{
	enters++;
	return 0;
}

SEC("uretprobe")
int calibrate_return(void *context)
{
	returns++;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
