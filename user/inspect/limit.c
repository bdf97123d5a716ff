// SPDX-License-Identifier: BSD-2-Clause
#include "inspect/limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_MAX_BYTES 4096
#define KILOBYTE 1024ull
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

/* The line of a /proc file that begins with a name, what follows it read by format. Number of values, or -errno. */
static int scan_line(const char *path, const char *name, const char *format, char value[32])
{
	FILE *file = fopen(path, "re");
	char line[512];
	int found = -ENOENT;

	if (!file)
		return -errno;
	while (found < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			found = sscanf(line + strlen(name), format, value);
	fclose(file);
	return found;
}

static int scan_kilobytes(const char *path, const char *name, __u64 *bytes)
{
	char value[32];
	int found = scan_line(path, name, "%31s", value);

	if (found != 1)
		return found < 0 ? found : -ENOENT;
	*bytes = strtoull(value, NULL, 10) * KILOBYTE;
	return 0;
}

static void consider_address_space(struct memory_limit *limit, pid_t pid)
{
	char path[64], value[32];
	__u64 used;

	snprintf(path, sizeof(path), "/proc/%d/limits", pid);
	if (scan_line(path, "Max address space", "%31s", value) != 1 || !strcmp(value, "unlimited"))
		return;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (!scan_kilobytes(path, "VmSize:", &used))
		consider(limit, LIMIT_ADDRESS_SPACE, strtoull(value, NULL, 10), used);
}

static void consider_host(struct memory_limit *limit)
{
	__u64 total, available;

	if (!scan_kilobytes("/proc/meminfo", "MemTotal:", &total) &&
	    !scan_kilobytes("/proc/meminfo", "MemAvailable:", &available) && available <= total)
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
