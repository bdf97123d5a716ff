// SPDX-License-Identifier: BSD-2-Clause
#include "sources.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "export/export.h"
#include "export/hot_files.h"
#include "lib/open_below.h"
#include "lib/text.h"
#include "outputs.h"

#define SECOND_NS 1000000000LL

struct sources {
	int root, folder;   /* O_PATH, -1 = could not be opened */
	int64_t started_ns; /* by the clock on the wall; INT64_MAX = not known */
	struct report_source list[HOT_FILES_MAX];
	char *texts[HOT_FILES_MAX]; /* of the lines */
	size_t count;
};

bool sources__wanted(const struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++) {
		if (outputs->list[i].exporter->shows_source)
			return true;
	}
	return false;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* When a process started, to a tick; it is not said to be earlier than it was. */
static int64_t start_ns(pid_t pid)
{
	int64_t tick_ns = SECOND_NS / sysconf(_SC_CLK_TCK);
	unsigned long long ticks = 0;
	char path[64], text[1024], *at;
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return INT64_MAX;
	size = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[size] = '\0';
	/* The second field is a name, which may have blanks and parentheses in it; starttime is the 22nd. */
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%llu", &ticks) != 1)
		return INT64_MAX;
	return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME) + (int64_t)(ticks + 1) * tick_ns;
}

static int open_folder(pid_t pid, const char *which)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

struct sources *sources__open(pid_t pid)
{
	struct sources *sources = calloc(1, sizeof(*sources));

	if (!sources)
		return NULL;
	sources->root = open_folder(pid, "root");
	sources->folder = open_folder(pid, "cwd");
	sources->started_ns = start_ns(pid);
	return sources;
}

/* For reading, or -errno. */
static int open_file(const struct sources *sources, const char *name, struct stat *st)
{
	/* Python before 3.9 names the main script as the command line did. */
	int fd = name[0] == '/' ? open_below__root(sources->root, name, st)
				: open_below__folder(sources->folder, name, st);

	if (fd >= 0 && st->st_size > SOURCE_BYTES_MAX) {
		close(fd);
		return -EFBIG;
	}
	return fd;
}

/* As much of size bytes as there is; -errno. */
static ssize_t read_all(int fd, char *bytes, size_t size)
{
	size_t end = 0;

	while (end < size) {
		ssize_t n = read(fd, bytes + end, size - end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		end += n;
	}
	return end;
}

/* The time is the file's owner's to choose: no product of it. */
static bool is_later(const struct timespec *time, int64_t than_ns)
{
	if (time->tv_sec != than_ns / SECOND_NS)
		return time->tv_sec > than_ns / SECOND_NS;
	return time->tv_nsec > than_ns % SECOND_NS;
}

/* The file as UTF-8, which the caller frees. 0 or -errno. */
static int read_text(const struct sources *sources, const char *path, struct stat *st, char **text)
{
	int fd = open_file(sources, path, st);
	char *bytes = NULL;
	ssize_t size;

	if (fd < 0)
		return fd;
	bytes = malloc(st->st_size + 1);
	size = bytes ? read_all(fd, bytes, st->st_size) : -ENOMEM;
	close(fd);
	if (size >= 0) {
		*text = text__utf8(bytes, size);
		size = *text ? 0 : -ENOMEM;
	}
	free(bytes);
	return size;
}

/* Without blanks at its end, and not too long. */
static void trim(char *line)
{
	size_t length = strlen(line);

	if (length > SOURCE_LINE_BYTES_MAX) {
		length = SOURCE_LINE_BYTES_MAX;
		/* Not within a character. */
		while (length && (line[length] & 0xc0) == 0x80)
			length--;
	}
	while (length && isspace((unsigned char)line[length - 1]))
		length--;
	line[length] = '\0';
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	while (*text && count <= SOURCE_LINES_MAX) {
		text += strcspn(text, "\n");
		text += *text == '\n';
		count++;
	}
	return count;
}

/* Cuts text into lines. 0 or -ENOMEM. */
static int split(char *text, struct report_source *source)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	const char **lines;
	size_t count;

	if (!strncmp(text, byte_order_mark, 3))
		text += 3;
	count = count_lines(text);
	if (count > SOURCE_LINES_MAX) {
		source->problem = "it has too many lines";
		count = SOURCE_LINES_MAX;
	}
	lines = calloc(count + 1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t length = strcspn(text, "\n");
		char *next = text + length + (text[length] == '\n');

		text[length] = '\0';
		lines[i] = text;
		trim(text);
		text = next;
	}
	source->lines = lines;
	source->line_count = count;
	return 0;
}

static const char *explain(int err)
{
	static const struct {
		int err;
		const char *text;
	} rows[] = {
		{-ENOENT, "there is no such file"},
		{-ENOTDIR, "there is no such file"},
		{-ENOEXEC, "it is not a regular file"},
		{-EFBIG, "it is larger than 4 MiB"},
		{-EACCES, "that is not allowed"},
		{-EPERM, "that is not allowed"},
		{-EXDEV, "it is outside of the process's current directory"},
		{-ELOOP, "its links lead nowhere"},
		{-ENOSYS, "openat2(), which opens it safely, is missing here"},
		{-EBADF, "where the process has its files is not known"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].err == err)
			return rows[i].text;
	}
	return "an error happened";
}

/* Text that was compiled without a file is called "<string>", "<frozen os>". */
static bool is_file_name(const char *path)
{
	return *path && *path != '<';
}

static int add_source(struct sources *sources, const char *path)
{
	struct report_source *source = &sources->list[sources->count];
	char **text = &sources->texts[sources->count];
	struct stat st;
	int err;

	*source = (struct report_source){.path = path};
	sources->count++;
	if (!is_file_name(path)) {
		source->problem = "it is not from a file";
		return 0;
	}
	err = read_text(sources, path, &st, text);
	if (err == -ENOMEM)
		return err;
	if (err) {
		source->problem = explain(err);
		return 0;
	}
	source->newer = is_later(&st.st_mtim, sources->started_ns);
	return split(*text, source);
}

static void clear(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++) {
		free((void *)sources->list[i].lines);
		free(sources->texts[i]);
		sources->texts[i] = NULL;
	}
	sources->count = 0;
}

int sources__read(struct sources *sources, struct report_process *process)
{
	struct hot_file files[HOT_FILES_MAX];
	int count, err = 0;

	if (!sources)
		return 0;
	clear(sources);
	count = hot_files__rank(process, hot_files__layer(process), files);
	for (int i = 0; !err && i < count; i++)
		err = add_source(sources, files[i].path);
	process->sources = sources->list;
	process->source_count = sources->count;
	return count < 0 ? count : err;
}

void sources__close(struct sources *sources)
{
	if (!sources)
		return;
	clear(sources);
	if (sources->root >= 0)
		close(sources->root);
	if (sources->folder >= 0)
		close(sources->folder);
	free(sources);
}
