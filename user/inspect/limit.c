// SPDX-License-Identifier: BSD-2-Clause
#include "inspect/limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/proc_number.h"

#define PATH_MAX_BYTES 4096
#define NO_LIMIT_FROM (1ull << 60) /* cgroup v1 writes a number near 2^63 for "none" */

/* Where each version of cgroups has its files, and what they are called. */
static const struct {
	const char *root, *limit, *usage;
} hierarchies[] = {
	{"/sys/fs/cgroup", "memory.max", "memory.current"},
	{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"},
};

static void consider(struct memory_limit *limit, enum limit_source source, __u64 bytes, __u64 used)
{
	__u64 room = bytes > used ? bytes - used : 0;

	if (limit->source != LIMIT_NONE && limit->room <= room)
		return;
	*limit = (struct memory_limit){.source = source, .bytes = bytes, .room = room};
}

/* The number in a file of a cgroup; 0 or -ENOENT, also for "max". */
static int read_number(const char *root, const char *group, const char *name, __u64 *number)
{
	char path[PATH_MAX_BYTES], text[32], *end;
	ssize_t n = -1;
	int fd;

	if (snprintf(path, sizeof(path), "%s%s/%s", root, group, name) >= (int)sizeof(path))
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n <= 0)
		return -ENOENT;
	text[n] = '\0';
	*number = strtoull(text, &end, 10);
	return end == text ? -ENOENT : 0;
}

/* The group and those around it, up to the root. */
static void consider_cgroups(struct memory_limit *limit, const char *cgroup)
{
	char group[PATH_MAX_BYTES];

	if (!cgroup || cgroup[0] != '/' || strlen(cgroup) >= sizeof(group) || strstr(cgroup, "/.."))
		return;
	for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
		__u64 most, used;

		strcpy(group, cgroup);
		for (char *end = group; end; *end = '\0') {
			if (!read_number(hierarchies[i].root, group, hierarchies[i].limit, &most) &&
			    most < NO_LIMIT_FROM &&
			    !read_number(hierarchies[i].root, group, hierarchies[i].usage, &used))
				consider(limit, LIMIT_CGROUP, most, used);
			end = strrchr(group, '/');
			if (!end)
				break;
		}
	}
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

	*limit = (struct memory_limit){0};
	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (access(path, F_OK))
		return -ESRCH;
	consider_cgroups(limit, cgroup);
	consider_address_space(limit, pid);
	consider_host(limit);
	return 0;
}
