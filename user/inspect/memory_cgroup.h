/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect/memory_cgroup.h - what a memory cgroup says of itself, in version 1 and 2
 *
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst of Linux 6.18. A number of memory.current or memory.usage_in_bytes has
 * file pages in it that nobody uses and that go at once when there is need: what counts as used is the rest.
 */
#ifndef INSPECT_MEMORY_CGROUP_H
#define INSPECT_MEMORY_CGROUP_H

#include <linux/types.h>
#include <sys/types.h>

struct memory_cgroup {
	__u64 limit;    /* bytes */
	__u64 room;     /* bytes until it is met */
	__u64 hits;     /* allocations that met it so far (memory.events: max; memory.failcnt) */
	double stalled; /* of the last 10 s, in which something in it waited for memory (memory.pressure); NAN = not measured */
};

/*
 * Of the group and those around it that have a limit, the one that leaves the least room. path: as in /proc/PID/cgroup
 * ("/system.slice/app.service"), NULL = unknown. Where it lies outside of our own cgroup namespace ("/../..."), as for an agent in a pod:
 * the group as the process sees it below its own root. 0 or -ENOENT: none has a limit, or it cannot be read.
 */
int memory_cgroup__nearest(pid_t pid, const char *path, struct memory_cgroup *nearest);

#endif
