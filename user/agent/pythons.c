// SPDX-License-Identifier: BSD-2-Clause
/*
 * pythons.c - see pythons.h
 *
 * The process goes on meanwhile: it may end, its number may be another's, it may execute another program. So what it is is read first and
 * once more at the end, and what was found in between counts only if it is the same.
 */
#include "agent/pythons.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/process_stat.h"
#include "agent/python_builds.h"
#include "agent/python_files.h"
#include "discover/discover.h"
#include "heap/pools.h"
#include "lib/log.h"

#define YOUNG_S 10.0 /* a process of this age may just be setting up its interpreter */
#define REASON_MAX 512

struct pythons {
	struct python_files *files;
	struct python_builds *builds;
};

struct pythons *pythons__new(void)
{
	struct pythons *pythons = calloc(1, sizeof(*pythons));

	if (!pythons)
		return NULL;
	pythons->files = python_files__new();
	pythons->builds = python_builds__new();
	if (!pythons->files || !pythons->builds) {
		pythons__free(pythons);
		return NULL;
	}
	return pythons;
}

void pythons__free(struct pythons *pythons)
{
	if (!pythons)
		return;
	python_files__free(pythons->files);
	python_builds__free(pythons->builds);
	free(pythons);
}

/* Cuts before a character that has bytes beyond the size. */
static void cut(char *text, size_t size)
{
	size_t end = size - 1;

	if (strlen(text) < size)
		return;
	while (end && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	text[end] = '\0';
}

/* The arguments with spaces between. NULL: no memory. */
static char *join(char *const *arguments)
{
	char *text = calloc(PYTHON_CMDLINE_MAX + 8, 1); /* a whole character more */
	size_t used = 0;

	for (size_t i = 0; text && arguments[i] && used < PYTHON_CMDLINE_MAX; i++)
		used += snprintf(text + used, PYTHON_CMDLINE_MAX + 8 - used, "%s%s", i ? " " : "",
				 arguments[i]);
	if (text)
		cut(text, PYTHON_CMDLINE_MAX);
	return text;
}

/* The second number of "Uid:", real, effective, saved, of the file system. 0 or -ESRCH. */
static int read_uid(pid_t pid, uid_t *uid)
{
	unsigned int effective;
	char path[64], line[256];
	int found = 0;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	while (status && !found && fgets(line, sizeof(line), status))
		found = sscanf(line, "Uid: %*u %u", &effective) == 1;
	if (status)
		fclose(status);
	if (!found)
		return -ESRCH;
	*uid = effective;
	return 0;
}

/* In seconds. */
static double age(const struct process_stat *stat)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec + now.tv_nsec * 1e-9 - (double)stat->start_time / sysconf(_SC_CLK_TCK);
}

/* Whether the interpreter may be there in a moment. */
static bool is_starting(const struct target *target, const struct process_stat *stat)
{
	const struct python *python = &target->python;

	if (python->flavour == PYTHON_OK)
		return !python->initialized;
	/* Caught half way. */
	return python->flavour == PYTHON_UNKNOWN && age(stat) < YOUNG_S;
}

/* 0, -ENOMEM, or -EAGAIN: there should be pools, and soon will. */
static int open_pools(const struct target *target, const struct process_stat *stat,
		      struct python_identity *identity)
{
	int err;

	if (identity->cannot_trace)
		return 0;
	err = pools__open(target, &identity->pools);
	if (!err || err == -ENOMEM || err == -ESRCH)
		return err;
	identity->pools = NULL;
	return !strncmp(target->python.allocator, "pymalloc", 8) && age(stat) < YOUNG_S ? -EAGAIN
											: 0;
}

/* Takes from the target what is kept of it. 0 or -errno. */
static int describe(struct target *target, const struct process_stat *stat,
		    struct python_identity *identity)
{
	char reason[REASON_MAX];
	bool supported;

	log__capture(reason, sizeof(reason));
	supported = !target__supported(target);
	log__capture(NULL, 0);
	identity->pid = target->pid;
	identity->start_time = stat->start_time;
	identity->image = stat->image;
	identity->details = target->python;
	snprintf(identity->comm, sizeof(identity->comm), "%s", target->comm);
	snprintf(identity->python, sizeof(identity->python), "%s", target->python.version);
	identity->cmdline = join(target->cmdline);
	identity->cgroup = target->cgroup;
	target->cgroup = NULL;
	if (!supported)
		identity->cannot_trace = strdup(reason);
	if (!identity->cmdline || (!supported && !identity->cannot_trace))
		return -ENOMEM;
	return read_uid(target->pid, &identity->uid);
}

/* Discovery has failed: what this means to those who ask of any process there is. An ending one has no maps any more. */
static int why_not(struct pythons *pythons, int status, pid_t pid)
{
	struct mapped_file file;
	int answer = python_files__look(pythons->files, pid, &file);

	if (answer != 1)
		return answer;
	return status == -EXIT_CANNOT_TRACE ? -EPERM : -EAGAIN;
}

static int quietly(int (*discover)(pid_t pid, struct target **target), pid_t pid,
		   struct target **target)
{
	char reason[REASON_MAX];
	int err;

	log__capture(reason, sizeof(reason));
	err = discover(pid, target);
	log__capture(NULL, 0);
	return err;
}

/* By all that it has mapped, which takes a while. As pythons__identify(), but for the last look. */
static int identify_anew(struct pythons *pythons, pid_t pid, const struct mapped_file *file,
			 const struct process_stat *stat, struct python_identity *identity)
{
	struct target *target;
	int err = quietly(target__discover, pid, &target);

	if (err)
		return why_not(pythons, err, pid);
	if (target->python.flavour == PYTHON_NONE || is_starting(target, stat)) {
		err = target->python.flavour == PYTHON_NONE ? 0 : -EAGAIN;
		target__free(target);
		return err;
	}
	err = describe(target, stat, identity);
	if (!err)
		err = open_pools(target, stat, identity);
	if (!err)
		python_builds__add(pythons->builds, file, target, identity->pools);
	target__free(target);
	return err ? err : 1;
}

/* By another process that runs the same file. As above; -ENOENT: not this one. */
static int identify_like(struct pythons *pythons, pid_t pid, const struct mapped_file *file,
			 const struct process_stat *stat, struct python_identity *identity)
{
	const struct python_build *build = python_builds__find(pythons->builds, pid, file);
	struct target *target;
	int err;

	if (!build)
		return -ENOENT;
	err = quietly(target__describe, pid, &target);
	if (err)
		return why_not(pythons, err, pid);
	python_build__place(build, file, &target->python);
	/* Where it is not alive, another interpreter that it has loaded may be. */
	err = target__python_lives(target) == 1 ? describe(target, stat, identity) : -ENOENT;
	if (!err)
		err = pools__open_like(build->pools, pid, file->start - build->file.start,
				       &identity->pools);
	err = !err ? 1 : err == -ENOMEM ? err : -ENOENT;
	target__free(target);
	return err;
}

int pythons__identify(struct pythons *pythons, pid_t pid, struct python_identity *identity)
{
	struct process_stat stat;
	struct mapped_file file;
	int answer = python_files__look(pythons->files, pid, &file);

	*identity = (struct python_identity){0};
	if (answer != 1)
		return answer;
	if (process_stat__read(pid, &stat))
		return -ESRCH;
	answer = identify_like(pythons, pid, &file, &stat, identity);
	if (answer == -ENOENT) {
		python_identity__clear(identity);
		answer = identify_anew(pythons, pid, &file, &stat, identity);
	}
	if (answer == 1 && !pythons__is(identity))
		answer = -EAGAIN;
	if (answer != 1)
		python_identity__clear(identity);
	return answer;
}

bool pythons__is(const struct python_identity *identity)
{
	struct process_stat stat;

	return !process_stat__read(identity->pid, &stat) &&
	       stat.start_time == identity->start_time && stat.image == identity->image;
}

void python_identity__clear(struct python_identity *identity)
{
	pools__close(identity->pools);
	free(identity->cmdline);
	free(identity->cgroup);
	free(identity->cannot_trace);
	*identity = (struct python_identity){0};
}
