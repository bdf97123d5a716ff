// SPDX-License-Identifier: BSD-2-Clause
#include "inspect/limit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "inspect/memory_cgroup.h"
#include "lib/proc_number.h"

static void consider(struct memory_limit *limit, enum limit_source source, __u64 bytes, __u64 used)
{
	__u64 room = bytes > used ? bytes - used : 0;

	if (limit->source == LIMIT_NONE || room < limit->room)
		*limit = (struct memory_limit){
			.source = source,
			.bytes = bytes,
			.room = room,
			.stalled = NAN,
		};
}

static void consider_cgroup(struct memory_limit *limit, pid_t pid, const char *path)
{
	struct memory_cgroup group;

	if (memory_cgroup__nearest(pid, path, &group))
		return;
	*limit = (struct memory_limit){
		.source = LIMIT_CGROUP,
		.bytes = group.limit,
		.room = group.room,
		.hits = group.hits,
		.stalled = group.stalled,
	};
}

static void consider_address_space(struct memory_limit *limit, pid_t pid)
{
	__u64 most, used;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	if (!proc_number__read(path, "Max address space", &most) &&
	    !proc_number__status(pid, "VmSize:", &used))
		consider(limit, LIMIT_ADDRESS_SPACE, most, used);
}

static void consider_host(struct memory_limit *limit)
{
	__u64 total, available;

	if (!proc_number__read("/proc/meminfo", "MemTotal:", &total) &&
	    !proc_number__read("/proc/meminfo", "MemAvailable:", &available) && available <= total)
		consider(limit, LIMIT_HOST, total, total - available);
}

int limit__read(pid_t pid, const char *cgroup, struct memory_limit *limit)
{
	char path[64];

	*limit = (struct memory_limit){.stalled = NAN};
	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (access(path, F_OK))
		return -ESRCH;
	consider_cgroup(limit, pid, cgroup);
	consider_address_space(limit, pid);
	consider_host(limit);
	return 0;
}
