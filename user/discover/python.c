// SPDX-License-Identifier: BSD-2-Clause
/*
 * python.c - is there a CPython in the process, which one, and can we read it?
 *
 * Found by its symbols, in the executable or in any library, so that programs that embed it are
 * found too.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "discover/discover_private.h"

#define OLDEST_MINOR 8
#define NEWEST_MINOR 14

/*
 * The exported PyObject_Malloc of a plain build only jumps through the allocator table: 27 to 43
 * bytes. Where link-time optimization has inlined pymalloc's fast path into it (247 bytes in
 * Debian's executable, 3.11) it has done so in its other callers too, which then never pass the
 * exported function.
 */
#define PLAIN_MALLOC_SIZE 96

/* -ENOENT: there is no CPython in the file. Else runtime is the address of _PyRuntime in it, 0 = it is older than 3.7. */
static int find_runtime(const struct elf_image *image, __u64 *runtime)
{
	struct elf_symbol symbol;
	int (*find)(const struct elf_image *image, const char *name, struct elf_symbol *symbol);

	/*
	 * A statically linked program may export nothing; libraries export it or are of no use to
	 * anyone.
	 */
	find = elf_image__soname(image) ? elf_image__find_exported : elf_image__find;
	*runtime = 0;
	if (!find(image, "_PyRuntime", &symbol))
		*runtime = symbol.address;
	/*
	 * Until 3.6 and in 2.7 the runtime was a handful of variables. PyPy prefixes its names with
	 * PyPy.
	 */
	else if (find(image, "_PyThreadState_Current", &symbol) ||
		 find(image, "Py_GetVersion", &symbol))
		return -ENOENT;
	return 0;
}

int discover__holds_python(int fd)
{
	struct elf_image *image;
	__u64 runtime;
	int err = elf_image__open(fd, &image);

	if (err)
		return err == -ENOEXEC ? 0 : err;
	err = find_runtime(image, &runtime);
	elf_image__free(image);
	return !err;
}

void python__look_at(struct python_search *search, const struct target *target, int module,
		     const struct elf_image *image)
{
	struct python_candidate candidate = {.module = module};

	if (search->count == PYTHON_MAX_CANDIDATES || find_runtime(image, &candidate.runtime))
		return;
	if (candidate.runtime)
		candidate.runtime += target->modules[module].bias;
	search->candidates[search->count++] = candidate;
}

/* 0, or what keeps us from having a layout. */
static enum python_flavour judge_version(const struct python_version *version)
{
	if (version->major < 0 || version->minor < 0)
		return PYTHON_UNKNOWN;
	if (version->major < 3 || version->minor < OLDEST_MINOR)
		return PYTHON_TOO_OLD;
	if (version->major > 3 || version->minor > NEWEST_MINOR)
		return PYTHON_TOO_NEW;
	if (version->free_threaded)
		return PYTHON_FREE_THREADED;
	if (version->debug)
		return PYTHON_DEBUG;
	/* Structures still change in alphas and betas. */
	if (version->early)
		return PYTHON_UNKNOWN;
	return PYTHON_OK;
}

/* The layout of this build: from the table, or from what the file says of itself. */
static enum python_flavour find_layout(const struct elf_image *image, __u64 runtime_in_file,
				       struct python *python)
{
	const struct py_layout *row = py_layout__find(python->major, python->minor);
	__u64 offsets[128];
	bool free_threaded = false;
	size_t size = sizeof(offsets);
	int err;

	if (row) {
		python->layout = *row;
		return PYTHON_OK;
	}
	if (elf_image__read(image, runtime_in_file, offsets, size))
		return PYTHON_UNKNOWN;
	err = py_layout__from_debug_offsets(offsets, size, &python->layout, &free_threaded);
	if (err != -EINVAL && free_threaded)
		return PYTHON_FREE_THREADED;
	if (err || python->layout.version != (__u32)(python->major << 16 | python->minor << 8))
		return PYTHON_UNKNOWN;
	return PYTHON_OK;
}

static void describe_build(const struct target *target, const struct elf_image *image,
			   struct python *python)
{
	__u64 bias = target->modules[python->module].bias;
	struct elf_symbol symbol;

	if (!elf_image__find(image, "PyCode_Type", &symbol))
		python->code_type = symbol.address + bias;
	if (!elf_image__find(image, "PyObject_Malloc", &symbol))
		python->inlined_allocator = symbol.size > PLAIN_MALLOC_SIZE;
	python_allocator__tell(target, image, python);
}

static void judge(const struct target *target, const struct python_candidate *candidate,
		  struct python *python)
{
	const struct module *module = &target->modules[candidate->module];
	struct python_version version;
	struct elf_image *image;

	*python = (struct python){.flavour = PYTHON_UNKNOWN,
				  .module = candidate->module,
				  .runtime = candidate->runtime};
	python->major = python->minor = python->micro = -1;
	if (module__image(module, &image))
		return;
	python_version__tell(module, image, &version);
	python->major = version.major;
	python->minor = version.minor;
	python->micro = version.micro;
	memcpy(python->version, version.text, sizeof(python->version));
	python->flavour = judge_version(&version);
	if (!candidate->runtime && python->flavour != PYTHON_UNKNOWN)
		python->flavour = PYTHON_TOO_OLD;
	if (python->flavour == PYTHON_OK)
		python->flavour = find_layout(image, candidate->runtime - module->bias, python);
	if (python->flavour == PYTHON_OK) {
		switch (python_state__check(target, &python->layout, python->runtime)) {
		case PYTHON_STATE_MISFIT:
			python->flavour = PYTHON_UNKNOWN;
			break;
		case PYTHON_STATE_EMPTY:
			break;
		case PYTHON_STATE_LIVE:
			python->initialized = true;
			break;
		}
	}
	if (python->flavour == PYTHON_OK)
		describe_build(target, image, python);
	elf_image__free(image);
}

int target__python_lives(const struct target *target)
{
	const struct python *python = &target->python;

	switch (python_state__check(target, &python->layout, python->runtime)) {
	case PYTHON_STATE_LIVE:
		return 1;
	case PYTHON_STATE_EMPTY:
		return 0;
	default:
		return -ENOENT;
	}
}

/* A program and a library it loads may both hold an interpreter; one of them runs. */
static int worth(const struct python *python)
{
	return python->flavour != PYTHON_OK ? 0 : python->initialized ? 2 : 1;
}

void python__conclude(const struct python_search *search, struct target *target)
{
	target->python = (struct python){.flavour = PYTHON_NONE, .module = -1};
	target->python.major = target->python.minor = target->python.micro = -1;
	for (size_t i = 0; i < search->count; i++) {
		struct python python;

		judge(target, &search->candidates[i], &python);
		if (i == 0 || worth(&python) > worth(&target->python))
			target->python = python;
	}
}
