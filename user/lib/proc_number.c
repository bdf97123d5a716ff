// SPDX-License-Identifier: BSD-2-Clause
#include "lib/proc_number.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KILOBYTE 1024ull

/* What follows the name on its line. 0, -ENOENT or -ERANGE. */
static int parse(const char *text, __u64 *number)
{
	unsigned long long value;
	char *end;

	text += strspn(text, " \t");
	/* No sign: strtoull() takes "-1" for a number near 2^64. */
	if (!isdigit((unsigned char)*text))
		return -ENOENT;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	if (!strncmp(end, " kB", 3) && __builtin_mul_overflow(value, KILOBYTE, &value))
		return -ERANGE;
	*number = value;
	return 0;
}

int proc_number__read(const char *path, const char *name, __u64 *number)
{
	FILE *file = fopen(path, "re");
	size_t length = strlen(name), room = 0;
	char *line = NULL;
	int err = -EAGAIN;

	if (!file)
		return -errno;
	while (err == -EAGAIN && getline(&line, &room, file) > 0)
		if (!strncmp(line, name, length))
			err = parse(line + length, number);
	/* A process that ends between open and read. */
	if (err == -EAGAIN)
		err = ferror(file) ? -ESRCH : -ENOENT;
	free(line);
	fclose(file);
	return err;
}

int proc_number__status(pid_t pid, const char *name, __u64 *number)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return proc_number__read(path, name, number);
}
