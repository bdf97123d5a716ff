// SPDX-License-Identifier: BSD-2-Clause
#include "heap/rss.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int rss__read(pid_t pid, __u64 *bytes)
{
	unsigned long long pages;
	char path[64];
	FILE *file;
	int fields;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	fields = fscanf(file, "%*u %llu", &pages);
	fclose(file);
	/* A process that is ending has no memory left but still has a statm. */
	if (fields != 1 || !pages)
		return -ESRCH;
	*bytes = pages * sysconf(_SC_PAGESIZE);
	return 0;
}
