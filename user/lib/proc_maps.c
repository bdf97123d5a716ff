// SPDX-License-Identifier: BSD-2-Clause
/*
 * proc_maps.c - see proc_maps.h
 *
 * A line of /proc/PID/maps, proc(5):
 *
 *	7f3c1a000000-7f3c1a021000 r-xp 00028000 fe:01 1835030    /usr/lib/x86_64-linux-gnu/libc.so.6
 *
 * The numbers are hexadecimal but for the inode. The path is everything to the end of the line,
 * spaces too; of its bytes only the newline is escaped, as \012, so a name that really holds these
 * four characters reads the same.
 */
#include "lib/proc_maps.h"

#include <errno.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define READ_STEP (1UL << 16)
#define TEXT_MAX (1UL << 30) /* ten million mappings; vm.max_map_count is 65530 by default */

/* What the caller holds, and what it points into. */
struct owned_maps {
	struct proc_maps maps;
	char *text;
};

static bool parse_number(const char **cursor, const char *end, unsigned base, __u64 *value)
{
	const char *p = *cursor;
	__u64 sum = 0;

	for (; p < end; p++) {
		unsigned digit;

		if (*p >= '0' && *p <= '9')
			digit = *p - '0';
		else if (*p >= 'a' && *p <= 'f')
			digit = *p - 'a' + 10;
		else
			break;
		if (digit >= base)
			break;
		if (sum > (~0ULL - digit) / base)
			return false;
		sum = sum * base + digit;
	}
	if (p == *cursor)
		return false;
	*cursor = p;
	*value = sum;
	return true;
}

static bool skip(const char **cursor, const char *end, char expected)
{
	if (*cursor == end || **cursor != expected)
		return false;
	(*cursor)++;
	return true;
}

/* Four letters, "r-xp"; 's' in the last place = shared. */
static bool parse_permissions(const char **cursor, const char *end, struct mapping *m)
{
	const char *p = *cursor;

	if (end - p < 4)
		return false;
	m->read = p[0] == 'r';
	m->write = p[1] == 'w';
	m->exec = p[2] == 'x';
	m->shared = p[3] == 's';
	*cursor = p + 4;
	return (m->read || p[0] == '-') && (m->write || p[1] == '-') && (m->exec || p[2] == '-') &&
	       (m->shared || p[3] == 'p');
}

/*
 * Takes [path, end) of our copy of the text, where *end is the newline: decodes and terminates it.
 */
static void decode_path(char *path, char *end)
{
	char *to = path;

	for (char *from = path; from < end;) {
		if (end - from >= 4 && !memcmp(from, "\\012", 4)) {
			*to++ = '\n';
			from += 4;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

static bool parse_line(char *line, char *end, struct mapping *m)
{
	const char *p = line;
	__u64 major, minor;

	if (!parse_number(&p, end, 16, &m->start) || !skip(&p, end, '-') ||
	    !parse_number(&p, end, 16, &m->end) || !skip(&p, end, ' ') ||
	    !parse_permissions(&p, end, m) || !skip(&p, end, ' ') ||
	    !parse_number(&p, end, 16, &m->offset) || !skip(&p, end, ' ') ||
	    !parse_number(&p, end, 16, &major) || !skip(&p, end, ':') ||
	    !parse_number(&p, end, 16, &minor) || !skip(&p, end, ' ') ||
	    !parse_number(&p, end, 10, &m->ino))
		return false;
	if (m->start >= m->end || memchr(line, '\0', end - line))
		return false;
	if (p < end && *p != ' ')
		return false;
	while (p < end && *p == ' ')
		p++;
	m->dev = makedev(major, minor);
	m->path = line + (p - line);
	decode_path(m->path, end);
	return true;
}

/* Takes text, length bytes and one to spare, whatever the outcome. */
static int parse_owned(char *text, size_t length, struct proc_maps **result)
{
	struct owned_maps *owned = calloc(1, sizeof(*owned));
	char *line = text, *end = text + length;
	size_t lines = 0;

	if (!owned) {
		free(text);
		return -ENOMEM;
	}
	owned->text = text;
	for (size_t i = 0; i < length; i++)
		lines += text[i] == '\n';
	owned->maps.mappings = calloc(lines ? lines : 1, sizeof(struct mapping));
	if (!owned->maps.mappings) {
		proc_maps__free(&owned->maps);
		return -ENOMEM;
	}
	while (line < end) {
		char *newline = memchr(line, '\n', end - line);

		/* Without its newline a line is cut, and its last number not to be trusted. */
		if (!newline ||
		    !parse_line(line, newline, &owned->maps.mappings[owned->maps.count])) {
			proc_maps__free(&owned->maps);
			return -EINVAL;
		}
		owned->maps.count++;
		line = newline + 1;
	}
	*result = &owned->maps;
	return 0;
}

int proc_maps__parse(const char *text, size_t length, struct proc_maps **maps)
{
	char *copy;

	*maps = NULL;
	if (length > TEXT_MAX)
		return -E2BIG;
	copy = malloc(length + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, length);
	return parse_owned(copy, length, maps);
}

/* Reads fd to its end. 0 or -errno. */
static int read_all(int fd, char **text, size_t *length)
{
	size_t size = 0, used = 0;
	char *buffer = NULL;

	for (;;) {
		ssize_t n;

		if (size - used < READ_STEP) {
			char *bigger;

			size = size ? size * 2 : READ_STEP * 2;
			bigger = size > TEXT_MAX ? NULL : realloc(buffer, size);
			if (!bigger) {
				free(buffer);
				return -ENOMEM;
			}
			buffer = bigger;
		}
		/* One byte stays free for parse_owned(). */
		n = read(fd, buffer + used, size - used - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int err = -errno;

			free(buffer);
			return err;
		}
		if (n == 0)
			break;
		used += n;
	}
	*text = buffer;
	*length = used;
	return 0;
}

/* -ESRCH where there is nothing to read: no process, a kernel thread, one that is ending. */
static int read_text(pid_t pid, char **text, size_t *length)
{
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	err = read_all(fd, text, length);
	close(fd);
	if (!err && *length == 0) {
		free(*text);
		*text = NULL;
		err = -ESRCH;
	}
	return err;
}

int proc_maps__read(pid_t pid, struct proc_maps **maps)
{
	size_t length = 0;
	char *text = NULL;
	int err = -ESRCH;

	*maps = NULL;
	/*
	 * An open file stays with the address space of that moment; exec leaves it empty, and a new
	 * one is needed.
	 */
	for (int tries = 0; tries < 3 && err == -ESRCH; tries++)
		err = read_text(pid, &text, &length);
	return err ? err : parse_owned(text, length, maps);
}

void proc_maps__free(struct proc_maps *maps)
{
	struct owned_maps *owned = (struct owned_maps *)maps;

	if (!owned)
		return;
	free(owned->maps.mappings);
	free(owned->text);
	free(owned);
}

const struct mapping *proc_maps__find(const struct proc_maps *maps, __u64 address)
{
	size_t low = 0, high = maps->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct mapping *m = &maps->mappings[middle];

		if (address < m->start)
			high = middle;
		else if (address >= m->end)
			low = middle + 1;
		else
			return m;
	}
	return NULL;
}

int proc_maps__own_offset(void (*function)(void), __u64 *offset)
{
	__u64 address = (uintptr_t)function;
	const struct mapping *mapping;
	struct proc_maps *maps;
	int err = proc_maps__read(getpid(), &maps);

	if (err)
		return err;
	mapping = proc_maps__find(maps, address);
	if (mapping)
		*offset = address - mapping->start + mapping->offset;
	else
		err = -ENOENT;
	proc_maps__free(maps);
	return err;
}
