// SPDX-License-Identifier: BSD-2-Clause
#include "heap/rss.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int rss__split(pid_t pid, __u64 *bytes, __u64 *own)
{
	unsigned long long resident, shared;
	char path[64];
	FILE *file;
	int fields;

	snprintf(path, sizeof(path), "/proc/%d/statm", pid);
	file = fopen(path, "re");
	if (!file)
		return -ESRCH;
	fields = fscanf(file, "%*u %llu %llu", &resident, &shared);
	fclose(file);
	/* A process that is ending has no memory left but still has a statm. */
	if (fields != 2 || !resident)
		return -ESRCH;
	*bytes = resident * sysconf(_SC_PAGESIZE);
	/* The counters are read one after the other. */
	*own = shared < resident ? *bytes - shared * sysconf(_SC_PAGESIZE) : 0;
	return 0;
}

int rss__read(pid_t pid, __u64 *bytes)
{
	__u64 own;

	return rss__split(pid, bytes, &own);
}
