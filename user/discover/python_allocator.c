// SPDX-License-Identifier: BSD-2-Clause
/*
 * python_allocator.c - what serves PyObject_Malloc in a process: pymalloc, malloc, their debug
 * variants, mimalloc
 *
 * CPython calls allocators through tables of five words, {context, malloc, calloc, realloc, free},
 * one for each domain: raw, mem, obj. Since 3.12 they lie in _PyRuntime, before that in static
 * variables, which a stripped file does not name. Who is who follows from comparing the tables with
 * one another, without a single function name:
 *
 *	obj == raw			malloc serves everything
 *	obj == mem, != raw		pymalloc
 *	obj != mem, != raw		mimalloc (3.13)
 *	context = the debug record	the debug wrapper, around the table in the record
 *	any other context		something hooked in: tracemalloc, a profiler
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "discover/discover_private.h"
#include "lib/proc_mem.h"

#define ENVIRON_MAX (256U << 10)

/* PyMemAllocatorEx */
struct table {
	__u64 context, malloc, calloc, realloc, free;
};

/* debug_alloc_api_t */
struct debug_record {
	__u64 api_id; /* a char */
	struct table wrapped;
};

/* Where the tables are in the process. */
struct places {
	__u64 raw, mem, obj;
	__u64 debug; /* three debug_records, in the same order; 0 = unknown */
};

/* _PyRuntime.allocators.standard.obj.malloc, since 3.12; [minor - 12]. */
static const __u32 runtime_obj_malloc[] = {184, 792, 968};

static bool find_in_runtime(const struct python *python, struct places *places)
{
	size_t row = python->minor - 12;

	if (python->minor < 12 || row >= sizeof(runtime_obj_malloc) / sizeof(__u32))
		return false;
	places->obj = python->runtime + runtime_obj_malloc[row] - 8;
	places->mem = places->obj - sizeof(struct table);
	places->raw = places->mem - sizeof(struct table);
	places->debug = places->obj + sizeof(struct table);
	return true;
}

static bool find_static(const struct target *target, const struct elf_image *image,
			const struct python *python, struct places *places)
{
	const struct {
		const char *name;
		__u64 *place;
	} wanted[] = {
		{"_PyMem_Raw", &places->raw},
		{"_PyMem", &places->mem},
		{"_PyObject", &places->obj},
		{"_PyMem_Debug", &places->debug},
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct elf_symbol symbol;

		if (elf_image__find(image, wanted[i].name, &symbol) || symbol.function)
			return false;
		*wanted[i].place = symbol.address + target->modules[python->module].bias;
	}
	return true;
}

static const char *name_tables(const struct table *raw, const struct table *mem,
			       const struct table *obj)
{
	if (obj->context || raw->context)
		return "";
	if (obj->malloc == raw->malloc)
		return "malloc";
	return obj->malloc == mem->malloc ? "pymalloc" : "mimalloc";
}

static bool in_module(const struct target *target, const struct python *python, __u64 address)
{
	const struct module *module = &target->modules[python->module];

	return address >= module->start && address < module->end;
}

static const char *read_tables(const struct target *target, const struct python *python,
			       const struct places *places)
{
	struct debug_record records[3];
	struct table raw = {0}, mem = {0}, obj = {0};
	struct proc_mem_part parts[] = {
		{.address = places->raw, .buffer = &raw, .size = sizeof(raw)},
		{.address = places->mem, .buffer = &mem, .size = sizeof(mem)},
		{.address = places->obj, .buffer = &obj, .size = sizeof(obj)},
		{.address = places->debug, .buffer = records, .size = sizeof(records)},
	};
	const char *name;

	if (proc_mem__read_many(target->pid, parts, 4) || parts[0].result || parts[1].result ||
	    parts[2].result || parts[3].result)
		return "";
	/* Before relocation, or not what we think it is, or an embedder's own allocator. */
	if (!in_module(target, python, obj.malloc) || !in_module(target, python, raw.malloc))
		return "";
	if (obj.context != places->debug + 2 * sizeof(records[0]))
		return name_tables(&raw, &mem, &obj);
	name = name_tables(&records[0].wrapped, &records[1].wrapped, &records[2].wrapped);
	return !strcmp(name, "pymalloc") ? "pymalloc_debug"
	       : !strcmp(name, "malloc") ? "malloc_debug"
					 : "";
}

/* The value of a variable in the environment the process was started with, or NULL. */
static const char *find_variable(const char *environment, size_t length, const char *name)
{
	size_t name_length = strlen(name);

	for (const char *p = environment; p < environment + length; p += strlen(p) + 1) {
		if (!strncmp(p, name, name_length) && p[name_length] == '=')
			return p + name_length + 1;
	}
	return NULL;
}

/* -X dev asks for the debug allocator too. */
static bool has_dev_option(char *const *cmdline)
{
	for (; cmdline && *cmdline; cmdline++) {
		if (!strcmp(*cmdline, "-Xdev") ||
		    (!strcmp(*cmdline, "-X") && cmdline[1] && !strcmp(cmdline[1], "dev")))
			return true;
	}
	return false;
}

/*
 * What the start of the process asked for: all that is left to go by in stripped files before 3.12.
 */
static const char *ask_environment(const struct target *target)
{
	static const char *const known[] = {"pymalloc", "pymalloc_debug", "malloc", "malloc_debug"};
	char path[64], *text = malloc(ENVIRON_MAX + 1);
	const char *value, *name = "";
	size_t length = 0;
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", target->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && text && length < ENVIRON_MAX &&
	       (n = read(fd, text + length, ENVIRON_MAX - length)) > 0)
		length += n;
	if (fd >= 0)
		close(fd);
	if (n == 0) {
		text[length] = '\0';
		value = find_variable(text, length, "PYTHONMALLOC");
		if (!value || !*value || !strcmp(value, "default")) {
			const char *dev = find_variable(text, length, "PYTHONDEVMODE");

			name = (dev && *dev) || has_dev_option(target->cmdline) ? "pymalloc_debug"
										: "pymalloc";
		} else if (!strcmp(value, "debug")) {
			name = "pymalloc_debug";
		} else {
			for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
				name = !strcmp(value, known[i]) ? known[i] : name;
		}
	}
	free(text);
	return name;
}

void python_allocator__tell(const struct target *target, const struct elf_image *image,
			    struct python *python)
{
	struct places places = {0};
	const char *name;

	if (find_in_runtime(python, &places) || find_static(target, image, python, &places))
		name = read_tables(target, python, &places);
	else
		name = ask_environment(target);
	snprintf(python->allocator, sizeof(python->allocator), "%s", name);
}
