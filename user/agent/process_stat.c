// SPDX-License-Identifier: BSD-2-Clause
/*
 * process_stat.c - see process_stat.h; the fields are those of proc(5), numbered from 1
 */
#include "agent/process_stat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE 2048 /* 52 fields of at most 20 digits, and a name of at most 64 bytes */

enum { STATE = 3, PARENT, START_TIME = 22, START_CODE = 26, START_STACK = 28 };

/* The text after the name, which may have blanks and parentheses in it: field 3 on. NULL: there is none. */
static char *read_fields(pid_t pid, char text[TEXT_SIZE])
{
	char path[64], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	n = read(fd, text, TEXT_SIZE - 1);
	close(fd);
	if (n <= 0)
		return NULL;
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] ? end + 2 : NULL;
}

/* A field's text, of fields that begin with the third; "" = there are not so many. */
static const char *field(const char *fields, int number)
{
	for (int i = STATE; i < number && *fields; i++) {
		fields += strcspn(fields, " ");
		fields += *fields == ' ';
	}
	return fields;
}

static __u64 number_of(const char *text)
{
	unsigned long long number = 0;

	return sscanf(text, "%llu", &number) == 1 ? number : 0;
}

int process_stat__read(pid_t pid, struct process_stat *stat)
{
	char text[TEXT_SIZE];
	const char *fields = read_fields(pid, text);

	if (!fields || *fields == 'Z' || *fields == 'X')
		return -ESRCH;
	*stat = (struct process_stat){
		.parent = (pid_t)number_of(field(fields, PARENT)),
		.start_time = number_of(field(fields, START_TIME)),
		.image = number_of(field(fields, START_CODE)) * 31 +
			 number_of(field(fields, START_STACK)),
	};
	return 0;
}
