// SPDX-License-Identifier: BSD-2-Clause
/*
 * out_file.c - files that appear complete or not at all
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/out_file.h"

#define NAME_TRIES 16

struct out_file {
	FILE *stream;
	char *path;      /* where it goes; NULL = written directly */
	char *temporary; /* where it is until then */
};

static void out_file__free(struct out_file *file)
{
	if (file->stream && file->stream != stdout)
		fclose(file->stream);
	free(file->path);
	free(file->temporary);
	free(file);
}

static bool starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

static bool is_stdout(const char *path)
{
	return !strcmp(path, "-") || !strcmp(path, "/dev/stdout");
}

/*
 * A name for a descriptor leads to a file that others hold open: replacing it would not reach them.
 */
static bool is_descriptor(const char *path)
{
	return starts_with(path, "/dev/fd/") || starts_with(path, "/proc/") ||
	       !strcmp(path, "/dev/stderr");
}

static int open_directly(struct out_file *file, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	file->stream = fdopen(fd, "w");
	if (!file->stream) {
		int err = -errno;

		close(fd);
		return err;
	}
	return 0;
}

/*
 * A new file in path's directory. Made by open() and not by mkstemp(), for the umask to have its
 * say.
 */
static int open_temporary(struct out_file *file)
{
	const char *slash = strrchr(file->path, '/');
	int directory = slash ? slash - file->path + 1 : 0;
	int fd = -1;

	for (int try = 0; fd < 0 && try < NAME_TRIES; try++) {
		unsigned long long unique = 0;

		if (getrandom(&unique, sizeof(unique), 0) != sizeof(unique))
			return -EIO;
		free(file->temporary);
		if (asprintf(&file->temporary, "%.*s.pyleak-%016llx.tmp", directory, file->path,
			     unique) < 0) {
			file->temporary = NULL;
			return -ENOMEM;
		}
		fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0)
		goto failed;
	file->stream = fdopen(fd, "w");
	if (file->stream)
		return 0;
failed:;
	int err = -errno;

	if (fd >= 0) {
		close(fd);
		unlink(file->temporary);
	}
	return err;
}

/* What replaces a file keeps its mode, and its owner where we may give files away. */
static int keep_identity(struct out_file *file, const struct stat *old)
{
	int fd = fileno(file->stream);

	if (geteuid() == 0 && fchown(fd, old->st_uid, old->st_gid))
		return -errno;
	return fchmod(fd, old->st_mode & 0777) ? -errno : 0;
}

static int open_replacement(struct out_file *file, const char *path)
{
	struct stat old;
	bool exists = !stat(path, &old);
	int err;

	/*
	 * stat() and not readlink(): the kernel's guard against links planted in /tmp stays in
	 * force.
	 */
	if (!exists && (errno != ENOENT || !*path))
		return -errno;
	if (exists && S_ISDIR(old.st_mode))
		return -EISDIR;
	if (exists && !S_ISREG(old.st_mode))
		return open_directly(file, path);
	if (exists && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
		return -errno;

	file->path = exists ? realpath(path, NULL) : strdup(path);
	if (!file->path)
		return -errno;
	err = open_temporary(file);
	if (!err && exists) {
		err = keep_identity(file, &old);
		if (err)
			unlink(file->temporary);
	}
	return err;
}

int out_file__open(const char *path, struct out_file **file)
{
	struct out_file *new = calloc(1, sizeof(*new));
	int err = 0;

	if (!new)
		return -ENOMEM;
	if (is_stdout(path))
		new->stream = stdout;
	else if (is_descriptor(path))
		err = open_directly(new, path);
	else
		err = open_replacement(new, path);
	if (err)
		out_file__free(new);
	else
		*file = new;
	return err;
}

FILE *out_file__stream(struct out_file *file)
{
	return file->stream;
}

/* errno of an earlier failed write is gone by now; what it most likely was is said. */
static int finish_stream(struct out_file *file)
{
	bool failed = ferror(file->stream);
	int err = 0;

	if (fflush(file->stream))
		err = -errno;
	else if (failed)
		err = -EIO;
	if (file->stream != stdout) {
		if (fclose(file->stream) && !err)
			err = -errno;
		file->stream = NULL;
	}
	return err;
}

int out_file__commit(struct out_file *file)
{
	int err = finish_stream(file);

	if (file->temporary) {
		if (!err && rename(file->temporary, file->path))
			err = -errno;
		if (err)
			unlink(file->temporary);
	}
	out_file__free(file);
	return err;
}

void out_file__discard(struct out_file *file)
{
	if (!file)
		return;
	if (file->temporary)
		unlink(file->temporary);
	out_file__free(file);
}
