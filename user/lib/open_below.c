// SPDX-License-Identifier: BSD-2-Clause
#include "lib/open_below.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRIES 32

int open_below__place(int place, struct stat *st)
{
	char path[64];
	int fd;

	if (fstat(place, st))
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -ENOEXEC;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place);
	/* For a regular file O_NONBLOCK only means not to wait for who has a lease on it. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* As a place alone: O_PATH. */
static int find(int folder, const char *path, __u64 flags, __u64 resolve)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC | flags,
			       .resolve = resolve | RESOLVE_NO_MAGICLINKS};
	int place = -1;

	/* -EAGAIN: something was renamed while ".." was followed, so it may have led out. */
	for (int i = 0; place < 0 && i < TRIES; i++) {
		place = syscall(SYS_openat2, folder, path, &how, sizeof(how));
		if (place < 0 && errno != EAGAIN)
			break;
	}
	return place < 0 ? -errno : place;
}

static int open_resolved(int folder, const char *path, __u64 resolve, struct stat *st)
{
	int place = find(folder, path, 0, resolve), fd;

	if (place < 0)
		return place;
	fd = open_below__place(place, st);
	close(place);
	return fd;
}

int open_below__root(int folder, const char *path, struct stat *st)
{
	return open_resolved(folder, path, RESOLVE_IN_ROOT, st);
}

int open_below__folder(int folder, const char *path, struct stat *st)
{
	return open_resolved(folder, path, RESOLVE_BENEATH, st);
}

int open_below__directory(int folder, const char *path)
{
	return find(folder, path, O_DIRECTORY, RESOLVE_IN_ROOT);
}
