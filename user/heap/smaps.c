// SPDX-License-Identifier: BSD-2-Clause
/*
 * smaps.c - a mapping is a line as in /proc/PID/maps, then lines "Name: number kB"
 */
#include "heap/smaps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
	char *heads; /* the lines of the mappings, as proc_maps__parse() takes them */
	size_t bytes, room;
	struct smaps *smaps;
	size_t count, rss_room;
};

static int add_head(struct reading *reading, const char *line, size_t length)
{
	if (reading->bytes + length > reading->room) {
		size_t room = 2 * reading->room + length + 4096;
		char *more = realloc(reading->heads, room);

		if (!more)
			return -ENOMEM;
		reading->heads = more;
		reading->room = room;
	}
	if (reading->count == reading->rss_room) {
		size_t room = reading->rss_room ? 2 * reading->rss_room : 256;
		__u64 *more = realloc(reading->smaps->rss, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		reading->smaps->rss = more;
		reading->rss_room = room;
	}
	memcpy(reading->heads + reading->bytes, line, length);
	reading->bytes += length;
	reading->smaps->rss[reading->count++] = 0;
	return 0;
}

int smaps__parse(FILE *file, struct smaps *smaps)
{
	struct reading reading = {.smaps = smaps};
	char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int err = 0;

	memset(smaps, 0, sizeof(*smaps));
	while (!err && (length = getline(&line, &room, file)) > 0) {
		unsigned long long kilobytes;

		/* Names begin with capitals, addresses have none. */
		if (strchr("0123456789abcdef", line[0])) {
			err = add_head(&reading, line, length);
		} else if (reading.count && sscanf(line, "Rss: %llu kB", &kilobytes) == 1) {
			smaps->rss[reading.count - 1] = kilobytes << 10;
			smaps->total += kilobytes << 10;
		}
	}
	if (!err && ferror(file))
		err = -ESRCH; /* it ended while it was read */
	if (!err && !reading.count)
		err = -ESRCH; /* ending, or a kernel thread */
	if (!err)
		err = proc_maps__parse(reading.heads, reading.bytes, &smaps->maps);
	if (!err && smaps->maps->count != reading.count)
		err = -EINVAL;
	free(reading.heads);
	free(line);
	if (err)
		smaps__clear(smaps);
	return err;
}

int smaps__read(pid_t pid, struct smaps *smaps)
{
	char path[64];
	FILE *file;
	int err;

	memset(smaps, 0, sizeof(*smaps));
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	file = fopen(path, "re");
	if (!file) {
		err = errno;
		if (err == EACCES || err == EPERM)
			return -EPERM;
		snprintf(path, sizeof(path), "/proc/%d", pid);
		return err == ENOENT && access(path, F_OK) ? -ESRCH : -err;
	}
	err = smaps__parse(file, smaps);
	fclose(file);
	return err;
}

void smaps__clear(struct smaps *smaps)
{
	proc_maps__free(smaps->maps);
	free(smaps->rss);
	memset(smaps, 0, sizeof(*smaps));
}
