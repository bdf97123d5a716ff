/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect/limit.h - how much memory a process may still take, and who says so
 *
 * Of all limits that hold for it (its memory cgroup and those around it, its resource limits, the host's memory) the one that leaves
 * least room is the one it will meet. A limit of a cgroup is shared: what others in it use is gone.
 */
#ifndef INSPECT_LIMIT_H
#define INSPECT_LIMIT_H

#include <linux/types.h>
#include <sys/types.h>

enum limit_source { LIMIT_NONE, LIMIT_CGROUP, LIMIT_ADDRESS_SPACE, LIMIT_HOST };

struct memory_limit {
	enum limit_source source;
	__u64 bytes; /* the limit itself; of the host: its memory */
	__u64 room; /* bytes until it is met; what the page cache would give up at once counts as free */
	/* of a cgroup, which alone says so */
	__u64 hits; /* allocations that met it so far (memory.events: max; memory.failcnt) */
	double stalled; /* of the last 10 s, in which something waited for memory (memory.pressure); NAN = not measured */
};

/*
 * cgroup: path of the process's memory cgroup as in /proc/PID/cgroup ("/system.slice/app.service"), NULL = unknown. 0 or -ESRCH;
 * LIMIT_NONE where nothing could be read.
 */
int limit__read(pid_t pid, const char *cgroup, struct memory_limit *limit);

#endif
