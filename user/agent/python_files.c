// SPDX-License-Identifier: BSD-2-Clause
/*
 * python_files.c - see python_files.h
 *
 * Of /proc/PID/maps only the lines of executable mappings of files are of interest, and of these the numbers: this is the one thing that is
 * done for every process of the host, so it takes the text as it comes, without keeping it.
 */
#include "agent/python_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "discover/discover.h"
#include "lib/clock.h"
#include "lib/open_below.h"

#define SLOTS 8192 /* a power of two */
#define SLOTS_USED_MAX (SLOTS * 3 / 4)
#define CHECK_AFTER_S 300.0
#define TEXT_SIZE (32U << 10)
#define OPENED_MAX                                                                                 \
	512 /* in one look: more only where somebody wants us to be busy, and there is a next time */

struct file {
	__u64 dev, ino;   /* as maps has them; 0, 0 = free slot */
	__u64 changed_ns; /* its ctime: another one, and it may be another file */
	float checked_s;
	bool has_python;
};

struct python_files {
	struct file slots[SLOTS];
	size_t used;
	char text[TEXT_SIZE]; /* of maps, a piece at a time */
};

/* What is looked for in the maps of one process. */
struct search {
	struct python_files *files;
	pid_t pid;
	struct mapped_file last;
	size_t distinct; /* files, about: as they follow one another */
	size_t opened;   /* files that had to be looked into */
	bool loader;     /* one of them is a loader, by its name */
	bool any;        /* there are mappings at all */
	bool found;
};

/* An executable mapping of a file. */
struct line {
	struct mapped_file file;
	const char *name; /* the path's last component */
};

struct python_files *python_files__new(void)
{
	return calloc(1, sizeof(struct python_files));
}

void python_files__free(struct python_files *files)
{
	free(files);
}

/* The slot that has the file, or is free for it. */
static struct file *slot_of(struct python_files *files, __u64 dev, __u64 ino)
{
	__u64 hash = (ino * 0x9E3779B97F4A7C15ull) ^ (dev * 0xC2B2AE3D27D4EB4Full);
	size_t at = (hash >> 32) % SLOTS;

	while (files->slots[at].ino && (files->slots[at].ino != ino || files->slots[at].dev != dev))
		at = (at + 1) % SLOTS;
	return &files->slots[at];
}

int mapped_file__open(const struct mapped_file *file, pid_t pid, __u64 *changed_ns)
{
	struct stat st;
	char path[96];
	int place, fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid, file->start, file->end);
	place = open(path, O_PATH | O_CLOEXEC);
	if (place < 0)
		return -errno;
	fd = open_below__place(place, &st);
	close(place);
	if (fd >= 0)
		*changed_ns = st.st_ctim.tv_sec * 1000000000ull + st.st_ctim.tv_nsec;
	return fd;
}

/* For a file that cannot be opened. target__discover() will say what is the matter with it. */
static bool is_python_by_name(const char *name)
{
	return !strncmp(name, "libpython", 9) || !strncmp(name, "python", 6);
}

/* Opens the file and fills in its slot, unless it cannot be opened. */
static bool judge(struct file *file, pid_t pid, const struct line *line, double now_s)
{
	__u64 changed_ns;
	int fd = mapped_file__open(&line->file, pid, &changed_ns);

	if (fd == -ENOEXEC)
		return false; /* a device */
	if (fd < 0)
		return is_python_by_name(line->name);
	if (!file->ino || file->changed_ns != changed_ns)
		file->has_python = discover__holds_python(fd) == 1;
	close(fd);
	file->dev = line->file.dev;
	file->ino = line->file.ino;
	file->changed_ns = changed_ns;
	file->checked_s = now_s;
	return file->has_python;
}

static bool has_python(struct search *search, const struct line *line)
{
	struct python_files *files = search->files;
	struct file *file = slot_of(files, line->file.dev, line->file.ino);
	double now_s = clock__s();
	bool known = file->ino, answer;

	if (known && now_s - file->checked_s < CHECK_AFTER_S)
		return file->has_python;
	if (!known && files->used == SLOTS_USED_MAX) {
		memset(files->slots, 0, sizeof(files->slots));
		files->used = 0;
		file = slot_of(files, line->file.dev, line->file.ino);
	}
	search->opened++;
	answer = judge(file, search->pid, line, now_s);
	files->used += !known && file->ino;
	return answer;
}

/* "7f3c1a000000-7f3c1a021000 r-xp 00028000 fe:01 1835030   /usr/lib/libc.so.6", NUL-terminated. */
static bool parse_line(const char *text, struct line *line)
{
	struct mapped_file *file = &line->file;
	unsigned long major, minor;
	char *at, *path;

	file->start = strtoull(text, &at, 16);
	if (*at++ != '-')
		return false;
	file->end = strtoull(at, &at, 16);
	/* " r-xp " */
	if (strnlen(at, 6) < 6 || at[3] != 'x')
		return false;
	file->offset = strtoull(at + 6, &at, 16);
	major = strtoul(at, &at, 16);
	if (*at++ != ':')
		return false;
	minor = strtoul(at, &at, 16);
	file->dev = makedev(major, minor);
	file->ino = strtoull(at, &at, 10);
	path = strrchr(at, '/');
	line->name = path ? path + 1 : at;
	return file->ino;
}

static void look_at_line(struct search *search, const char *text)
{
	struct line line;

	search->any = true;
	if (!parse_line(text, &line) ||
	    (line.file.dev == search->last.dev && line.file.ino == search->last.ino))
		return;
	search->last = line.file;
	search->distinct++;
	/* musl's is the whole libc: for many a program there is nothing to come. */
	search->loader |= !strncmp(line.name, "ld-", 3) && strncmp(line.name, "ld-musl", 7);
	search->found = has_python(search, &line);
}

static bool is_done(const struct search *search)
{
	return search->found || search->opened == OPENED_MAX;
}

/* Every whole line of the text, as far as need be; returns the bytes that were used up. */
static size_t look_at_lines(struct search *search, char *text, size_t length)
{
	size_t at = 0;
	char *end;

	while (!is_done(search) && (end = memchr(text + at, '\n', length - at))) {
		*end = '\0';
		look_at_line(search, text + at);
		at = end + 1 - text;
	}
	return at;
}

/* A line is shorter than a page and the numbers, as the kernel prints it (fs/proc/task_mmu.c): the buffer holds one. */
static int look_through(struct search *search, int fd)
{
	char *text = search->files->text;
	size_t used = 0, done;

	while (!is_done(search)) {
		ssize_t n = read(fd, text + used, TEXT_SIZE - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		used += n;
		done = look_at_lines(search, text, used);
		if (!done && used == TEXT_SIZE)
			return -EINVAL;
		memmove(text, text + done, used - done);
		used -= done;
	}
	return 0;
}

int python_files__look(struct python_files *files, pid_t pid, struct mapped_file *file)
{
	struct search search = {.files = files, .pid = pid};
	char path[64];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	err = look_through(&search, fd);
	close(fd);
	if (err)
		return err;
	if (!search.any)
		return -ESRCH;
	if (search.found) {
		*file = search.last;
		return 1;
	}
	if (search.opened == OPENED_MAX)
		return -EAGAIN;
	return search.distinct <= 2 && search.loader ? -EAGAIN : 0;
}
