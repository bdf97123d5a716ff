// SPDX-License-Identifier: BSD-2-Clause
/*
 * target.c - see discover.h
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "discover/discover_private.h"
#include "lib/log.h"
#include "lib/text.h"

#define TEXT_MAX (128U << 10) /* of cmdline, status, cgroup; the rest is cut */
#define ARGUMENTS_MAX 1024

/* A file of /proc/PID, NUL-terminated. NULL: not there. Caller frees. */
static char *read_file(pid_t pid, const char *name, size_t *length)
{
	char path[64], *text;
	size_t used = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	text = malloc(TEXT_MAX + 1);
	while (text && used < TEXT_MAX && (n = read(fd, text + used, TEXT_MAX - used)) > 0)
		used += n;
	close(fd);
	if (!text || n < 0) {
		free(text);
		return NULL;
	}
	text[used] = '\0';
	if (length)
		*length = used;
	return text;
}

/* The line of status that begins with name ("Seccomp:"), after the name and blanks, or NULL. */
static const char *status_field(const char *status, const char *name)
{
	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, strlen(name))) {
			line += strlen(name);
			return line + strspn(line, " \t");
		}
	}
	return NULL;
}

static void read_comm(struct target *target)
{
	size_t length = 0;
	char *bytes = read_file(target->pid, "comm", &length), *comm;

	/* The last newline is the kernel's; the name may hold others. */
	if (bytes && length && bytes[length - 1] == '\n')
		bytes[length - 1] = '\0';
	comm = bytes ? text__utf8(bytes, strlen(bytes)) : NULL;
	if (comm) /* at most 15 bytes, and 3 for each that is no UTF-8: fits */
		snprintf(target->comm, sizeof(target->comm), "%s", comm);
	free(comm);
	free(bytes);
}

static int read_cmdline(struct target *target)
{
	size_t length = 0, count = 0;
	char *text = read_file(target->pid, "cmdline", &length);
	int err = 0;

	target->cmdline = calloc(ARGUMENTS_MAX + 1, sizeof(*target->cmdline));
	if (!target->cmdline)
		err = -ENOMEM;
	for (size_t at = 0; !err && at < length && count < ARGUMENTS_MAX; count++) {
		target->cmdline[count] = text__utf8(text + at, strlen(text + at));
		if (!target->cmdline[count])
			err = -ENOMEM;
		at += strlen(text + at) + 1;
	}
	free(text);
	return err;
}

static int read_exe(struct target *target)
{
	char path[64], link[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", target->pid);
	n = readlink(path, link, sizeof(link) - 1);
	link[n < 0 ? 0 : n] = '\0';
	target->exe = text__utf8(link, strlen(link));
	return target->exe ? 0 : -ENOMEM;
}

/* "0::/path" is the unified hierarchy; without one, the memory controller's. */
static int read_cgroup(struct target *target)
{
	char *text = read_file(target->pid, "cgroup", NULL);
	const char *found = "", *fallback = "";
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		if (!strcmp(line, "0:"))
			found = path;
		else if (strstr(controllers, "memory"))
			fallback = path;
	}
	/* With the memory controller in version 1 the unified hierarchy is there and empty. */
	if (*fallback)
		found = fallback;
	target->cgroup = text__utf8(found, strlen(found));
	free(text);
	return target->cgroup ? 0 : -ENOMEM;
}

/* Refuses what is no process that could be read. Fills seccomp. */
static int check_status(struct target *target)
{
	char *status = read_file(target->pid, "status", NULL);
	const char *field = status ? status_field(status, "State:") : NULL;
	char name[128];
	int err = 0;

	if (!field) {
		err = log__fail(EXIT_FAILED, "no process with PID %d", target->pid);
	} else if (*field == 'Z' || *field == 'X') {
		err = log__fail(EXIT_FAILED, "process %d has ended (it is a zombie)", target->pid);
	} else if ((field = status_field(status, "Tgid:")) && atoi(field) != target->pid) {
		err = log__fail(EXIT_FAILED,
				"%d is a thread of process %d: give the PID of the process",
				target->pid, atoi(field));
	} else if (!status_field(status, "VmSize:")) {
		err = log__fail(EXIT_CANNOT_TRACE,
				"%d (%s) is a kernel thread: it has no memory to trace",
				target->pid, text__printable(target->comm, name, sizeof(name)));
	} else {
		field = status_field(status, "Seccomp:");
		target->seccomp = field ? atoi(field) : 0;
	}
	free(status);
	return err;
}

/* A 32-bit program runs on our kernel as well, with pointers and a layout of its own. */
static int check_class(const struct target *target)
{
	unsigned char ident[5] = {0};
	char path[64], name[128];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", target->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = pread(fd, ident, sizeof(ident), 0);
		close(fd);
	}
	if (n == sizeof(ident) && !memcmp(ident, "\177ELF", 4) && ident[4] == 1)
		return log__fail(
			EXIT_CANNOT_TRACE,
			"process %d (%s) is a 32-bit program: only 64-bit ones are supported",
			target->pid, text__printable(target->comm, name, sizeof(name)));
	return 0;
}

static int open_pidfd(struct target *target)
{
	target->pidfd = syscall(SYS_pidfd_open, target->pid, 0);
	/*
	 * The PID of a thread that is not the first one is EINVAL, since 6.9 ENOENT: check_status()
	 * says it.
	 */
	if (target->pidfd < 0 && errno == ESRCH)
		return log__fail(EXIT_FAILED, "no process with PID %d", target->pid);
	return 0;
}

static int read_modules(struct target *target)
{
	struct python_search search = {0};
	struct proc_maps *maps;
	int err;

	err = proc_maps__read(target->pid, &maps);
	if (err)
		return err;
	err = modules__update(target, maps);
	proc_maps__free(maps);
	if (err)
		return err;

	/* Once seen alive an interpreter stays what it is. */
	for (size_t i = target->python.initialized ? target->searched : 0; i < target->module_count;
	     i++) {
		struct elf_image *image;

		if (module__image(&target->modules[i], &image))
			continue;
		if (i >= target->searched)
			allocator__look_at(target, i, image);
		python__look_at(&search, target, i, image);
		elf_image__free(image);
	}
	target->searched = target->module_count;
	if (!target->python.initialized) {
		python__conclude(&search, target);
		allocator__find_tsd(target);
	}
	return 0;
}

int target__refresh_modules(struct target *target)
{
	return read_modules(target);
}

/* All but the modules. 0 or -exit_status. */
static int describe(struct target *target)
{
	int err = target->pid > 0 ? open_pidfd(target)
				  : log__fail(EXIT_FAILED, "no process with PID %d", target->pid);

	if (err)
		return err;
	read_comm(target);
	err = check_status(target);
	if (!err)
		err = check_class(target);
	if (!err && (read_cmdline(target) || read_exe(target) || read_cgroup(target)))
		err = log__fail(EXIT_FAILED, "no memory");
	return err;
}

int target__describe(pid_t pid, struct target **result)
{
	struct target *target = calloc(1, sizeof(*target));
	int err;

	*result = NULL;
	if (!target)
		return log__fail(EXIT_FAILED, "no memory");
	target->pid = pid;
	target->pidfd = -1;
	target->python.module = -1;
	err = describe(target);
	if (err)
		target__free(target);
	else
		*result = target;
	return err;
}

int target__discover(pid_t pid, struct target **result)
{
	int err = target__describe(pid, result);

	if (err)
		return err;
	err = read_modules(*result);
	if (err == -EACCES || err == -EPERM)
		err = log__fail(EXIT_CANNOT_TRACE, "may not read process %d: run with sudo", pid);
	else if (err == -ESRCH)
		err = log__fail(EXIT_FAILED, "process %d has just ended", pid);
	else if (err)
		err = log__fail(EXIT_FAILED, "cannot read process %d: %s", pid, strerror(-err));
	if (err) {
		target__free(*result);
		*result = NULL;
	}
	return err;
}

void target__free(struct target *target)
{
	if (!target)
		return;
	for (size_t i = 0; i < target->module_count; i++)
		module__free(&target->modules[i]);
	free(target->modules);
	for (size_t i = 0; target->cmdline && target->cmdline[i]; i++)
		free(target->cmdline[i]);
	free(target->cmdline);
	free(target->exe);
	free(target->cgroup);
	if (target->pidfd >= 0)
		close(target->pidfd);
	free(target);
}

int target__module_at(const struct target *target, __u64 address)
{
	for (size_t i = 0; i < target->module_count; i++) {
		if (address - target->modules[i].start <
		    target->modules[i].end - target->modules[i].start)
			return i;
	}
	return -1;
}
