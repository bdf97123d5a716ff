// SPDX-License-Identifier: BSD-2-Clause
/*
 * python_builds.c - see python_builds.h
 */
#include "agent/python_builds.h"

#include <stdlib.h>
#include <unistd.h>

#include "heap/pools.h"

#define BUILDS_MAX 64 /* interpreters of a host; beyond that the oldest is forgotten */

struct python_builds {
	struct python_build list[BUILDS_MAX];
	size_t count, next;
};

struct python_builds *python_builds__new(void)
{
	return calloc(1, sizeof(struct python_builds));
}

void python_builds__free(struct python_builds *builds)
{
	if (!builds)
		return;
	for (size_t i = 0; i < builds->count; i++)
		pools__close(builds->list[i].pools);
	free(builds);
}

static bool is_mapping_of(const struct python_build *build, const struct mapped_file *file)
{
	return build->file.dev == file->dev && build->file.ino == file->ino &&
	       build->file.offset == file->offset;
}

/* 0 or -errno. */
static int when_changed(const struct mapped_file *file, pid_t pid, __u64 *changed_ns)
{
	int fd = mapped_file__open(file, pid, changed_ns);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static bool is_in_file(const struct target *target, const struct mapped_file *file)
{
	const struct python *python = &target->python;
	const struct module *module;

	if (python->flavour != PYTHON_OK || python->module < 0 ||
	    (size_t)python->module >= target->module_count)
		return false;
	module = &target->modules[python->module];
	return module->dev == file->dev && module->ino == file->ino;
}

/* The place of one that was there before, or of the oldest. */
static struct python_build *place_for(struct python_builds *builds, const struct mapped_file *file)
{
	struct python_build *build;

	for (size_t i = 0; i < builds->count; i++)
		if (is_mapping_of(&builds->list[i], file))
			return &builds->list[i];
	build = &builds->list[builds->next];
	builds->next = (builds->next + 1) % BUILDS_MAX;
	builds->count += builds->count < BUILDS_MAX;
	return build;
}

void python_builds__add(struct python_builds *builds, const struct mapped_file *file,
			const struct target *target, const struct pools *pools)
{
	struct pools *pattern;
	struct python_build *build;
	__u64 changed_ns;

	if (!pools || !is_in_file(target, file) || when_changed(file, target->pid, &changed_ns) ||
	    pools__open_like(pools, target->pid, 0, &pattern))
		return;
	build = place_for(builds, file);
	pools__close(build->pools);
	*build = (struct python_build){
		.file = *file,
		.changed_ns = changed_ns,
		.python = target->python,
		.pools = pattern,
	};
}

const struct python_build *python_builds__find(const struct python_builds *builds, pid_t pid,
					       const struct mapped_file *file)
{
	__u64 changed_ns;

	for (size_t i = 0; i < builds->count; i++) {
		const struct python_build *build = &builds->list[i];

		if (is_mapping_of(build, file))
			return when_changed(file, pid, &changed_ns) ||
					       changed_ns != build->changed_ns
				       ? NULL
				       : build;
	}
	return NULL;
}

void python_build__place(const struct python_build *build, const struct mapped_file *file,
			 struct python *python)
{
	__u64 shift = file->start - build->file.start;

	*python = build->python;
	python->module = -1;
	python->allocator[0] = '\0';
	python->runtime += shift;
	if (python->code_type)
		python->code_type += shift;
}
