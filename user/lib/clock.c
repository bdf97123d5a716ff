// SPDX-License-Identifier: BSD-2-Clause
#include "lib/clock.h"

#include <errno.h>
#include <time.h>

__u64 clock__ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

double clock__s(void)
{
	return clock__ns() / 1e9;
}

int clock__process_cpu(pid_t pid, double *seconds)
{
	struct timespec used;
	clockid_t id;

	if (clock_getcpuclockid(pid, &id) || clock_gettime(id, &used))
		return -ESRCH;
	*seconds = used.tv_sec + used.tv_nsec / 1e9;
	return 0;
}
