// SPDX-License-Identifier: BSD-2-Clause
/*
 * modules.c - which of a process's files its stacks lead through
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "target.h"

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void keep(void *name)
{
	(void)name; /* the profile's */
}

/* The names in the native frames, as a tree of tsearch(3). 0 or -ENOMEM. */
static int collect_names(const struct profile *profile, void **names)
{
	const char *last = NULL;

	for (size_t i = 0; i < profile->stack_count; i++) {
		const struct profile_stack *stack = &profile->stacks[i];

		for (size_t j = 0; j < stack->frame_count; j++) {
			const char *name = stack->frames[j].module;

			if (!name || name == last)
				continue;
			if (!tsearch(name, names, compare))
				return -ENOMEM;
			last = name;
		}
	}
	return 0;
}

static void add(const struct module *module, struct report_process *process)
{
	process->modules[process->module_count++] = (struct report_module){
		.name = module->name,
		.path = module->path,
		.start = module->start,
		.end = module->end,
		.build_id = module->build_id,
	};
}

static bool is_executable(const struct module *module, const struct report_process *process)
{
	return process->exe && !strcmp(module->path, process->exe);
}

int analyze__modules(const struct target *target, struct report_process *process)
{
	void *names = NULL;
	int err = collect_names(&process->profile, &names);

	process->modules = calloc(target->module_count + 1, sizeof(*process->modules));
	if (!process->modules)
		err = -ENOMEM;
	for (size_t i = 0; !err && i < target->module_count; i++) {
		if (is_executable(&target->modules[i], process))
			add(&target->modules[i], process);
	}
	for (size_t i = 0; !err && i < target->module_count; i++) {
		const struct module *module = &target->modules[i];

		if (!is_executable(module, process) && tfind(module->name, &names, compare))
			add(module, process);
	}
	tdestroy(names, keep);
	return err;
}
