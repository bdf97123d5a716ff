// SPDX-License-Identifier: BSD-2-Clause
#include "inspect/memory_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "lib/open_below.h"
#include "lib/proc_number.h"

#define PATH_MOST 4096
#define NAME_MOST 32               /* of a file in a group's directory */
#define NO_LIMIT_FROM (1ull << 60) /* version 1 writes a number near 2^63 for "none" */

/* Where each version has its files, and what they are called. */
static const struct hierarchy {
	const char *root, *limit, *usage;
	const char *cache;      /* line of memory.stat: file pages that are not in use */
	const char *hits;       /* file, ... */
	const char *hits_field; /* ... and its line; "" = nothing else is in it */
} hierarchies[] = {
	{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file ", "memory.events",
	 "max "},
	{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
	 "total_inactive_file ", "memory.failcnt", ""},
};

#define HIERARCHIES (sizeof(hierarchies) / sizeof(hierarchies[0]))

/* The number in a file of a group; 0 or -errno, -ENOENT also for "max". */
static int read_number(const char *directory, const char *name, const char *field, __u64 *number)
{
	char path[PATH_MOST + NAME_MOST];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return proc_number__read(path, field, number);
}

/* "some avg10=1.23 avg60=...", in percent. */
static double read_stalled(const char *directory)
{
	char path[PATH_MOST + NAME_MOST];
	double percent = NAN;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.pressure", directory);
	file = fopen(path, "re");
	if (file) {
		if (fscanf(file, "some avg10=%lf", &percent) != 1)
			percent = NAN;
		fclose(file);
	}
	return percent / 100;
}

/* Takes the group if it has a limit, and less room than what was found before. */
static void consider(const struct hierarchy *kind, const char *directory,
		     struct memory_cgroup *nearest, bool *found)
{
	struct memory_cgroup group = {.stalled = NAN};
	__u64 used, cache = 0;

	if (read_number(directory, kind->limit, "", &group.limit) || group.limit >= NO_LIMIT_FROM ||
	    read_number(directory, kind->usage, "", &used))
		return;
	read_number(directory, "memory.stat", kind->cache, &cache);
	used = used > cache ? used - cache : 0;
	group.room = group.limit > used ? group.limit - used : 0;
	if (*found && nearest->room <= group.room)
		return;
	read_number(directory, kind->hits, kind->hits_field, &group.hits);
	group.stalled = read_stalled(directory);
	*nearest = group;
	*found = true;
}

/* The group and those around it, up to the root. */
static void consider_path(const struct hierarchy *kind, const char *path,
			  struct memory_cgroup *nearest, bool *found)
{
	char directory[PATH_MOST];
	size_t root = strlen(kind->root);
	char *end;

	if (snprintf(directory, sizeof(directory), "%s%s", kind->root, path) >=
	    (int)sizeof(directory))
		return;
	do {
		consider(kind, directory, nearest, found);
		end = strrchr(directory, '/');
		*end = '\0';
	} while (strlen(directory) >= root);
}

/* The root of the hierarchy as the process sees it: a directory of its own choice, so it must be a cgroup's. -1 = it is none. */
static int open_own(pid_t pid, const struct hierarchy *kind)
{
	struct statfs system;
	char path[64];
	int root, fd;

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	fd = open_below__directory(root, kind->root);
	close(root);
	if (fd < 0)
		return -1;
	if (fstatfs(fd, &system) ||
	    (system.f_type != CGROUP_SUPER_MAGIC && system.f_type != CGROUP2_SUPER_MAGIC)) {
		close(fd);
		return -1;
	}
	return fd;
}

static void consider_own(pid_t pid, const struct hierarchy *kind, struct memory_cgroup *nearest,
			 bool *found)
{
	int fd = open_own(pid, kind);
	char directory[64];

	if (fd < 0)
		return;
	snprintf(directory, sizeof(directory), "/proc/self/fd/%d", fd);
	consider(kind, directory, nearest, found);
	close(fd);
}

int memory_cgroup__nearest(pid_t pid, const char *path, struct memory_cgroup *nearest)
{
	bool found = false;

	if (!path || path[0] != '/')
		return -ENOENT;
	for (size_t i = 0; i < HIERARCHIES; i++) {
		/* A name that begins with two dots may be a group's, but no group leads out. */
		if (strstr(path, "/.."))
			consider_own(pid, &hierarchies[i], nearest, &found);
		else
			consider_path(&hierarchies[i], path, nearest, &found);
	}
	return found ? 0 : -ENOENT;
}
