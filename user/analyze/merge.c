// SPDX-License-Identifier: BSD-2-Clause
/*
 * merge.c - several processes as one; see analyze.h
 *
 * All is made anew beside the old, which is let go of when nothing can fail any more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/merge_private.h"

static bool has_module(const struct report_process *process, const char *name)
{
	for (size_t i = 0; i < process->module_count; i++)
		if (!strcmp(process->modules[i].name, name))
			return true;
	return false;
}

/* Frames know modules by name: of two with the same, the first counts. */
static int merge_modules(struct merge *merge)
{
	struct report_process *to = merge->to;
	struct report_module *modules;
	size_t room = 0;

	for (size_t i = 0; i < merge->count; i++)
		room += merge->members[i]->module_count;
	modules = calloc(room + 1, sizeof(*modules));
	if (!modules)
		return -ENOMEM;
	to->modules = modules;
	to->module_count = 0;
	for (size_t i = 0; i < merge->count; i++) {
		const struct report_process *from = merge->members[i];

		for (size_t k = 0; k < from->module_count; k++)
			if (!i || !has_module(to, from->modules[k].name))
				modules[to->module_count++] = from->modules[k];
	}
	return 0;
}

static bool is_known(const struct report_process *to, const int *pids, int pid)
{
	for (size_t i = 0; i < to->merged_count; i++)
		if (pids[i] == pid)
			return true;
	return pid == to->pid;
}

static void add_pid(struct report_process *to, int *pids, int pid)
{
	if (!is_known(to, pids, pid))
		pids[to->merged_count++] = pid;
}

/* Each once: a process that has become another program has been traced as two. */
static int list_pids(struct merge *merge)
{
	struct report_process *to = merge->to;
	size_t room = 0;
	int *pids;

	for (size_t i = 0; i < merge->count; i++)
		room += 1 + merge->members[i]->merged_count;
	pids = arena__alloc(to->verdict_arena, room, sizeof(*pids));
	if (!pids)
		return -ENOMEM;
	to->merged = pids;
	to->merged_count = 0;
	for (size_t i = 0; i < merge->count; i++) {
		const struct report_process *from = merge->members[i];

		add_pid(to, pids, from->pid);
		for (size_t k = 0; k < from->merged_count; k++)
			add_pid(to, pids, from->merged[k]);
	}
	return 0;
}

/* In the order of what needs what: sites are made with the tracing's figures, verdicts name sites. */
static int run(struct merge *merge)
{
	int (*const steps[])(struct merge *) = {
		list_pids,     merge_modules, merge__figures,
		merge__stacks, merge__sites,  merge__verdicts,
	};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(*steps); i++)
		err = steps[i](merge);
	return err;
}

/* What a merged process has of its own; the rest is shared with the one that it began as. */
static void free_made(struct report_process *process)
{
	analyze__free_sites(process);
	free(process->modules);
	arena__free(process->profile.arena);
	arena__free(process->verdict_arena);
}

int analyze__merge(struct report_process *into, const struct report_process *const *from,
		   size_t count)
{
	struct report_process to = *into;
	struct merge merge = {.count = count + 1, .to = &to};
	int err = -ENOMEM;

	if (!count)
		return 0;
	to.profile = (struct profile){0};
	to.sites = NULL;
	to.site_count = 0;
	to.modules = NULL;
	to.verdict_arena = arena__new();
	merge.scratch = arena__new();
	if (!to.verdict_arena || !merge.scratch)
		goto out;
	merge.members = arena__alloc(merge.scratch, merge.count, sizeof(*merge.members));
	if (!merge.members)
		goto out;
	merge.members[0] = into;
	memcpy(&merge.members[1], from, count * sizeof(*from));
	err = run(&merge);
out:
	arena__free(merge.scratch);
	free_made(err ? &to : into);
	if (err)
		return err;
	if (to.mode == to.tracing.mode)
		to.mode = into->tracing.mode; /* where it will be */
	*into = to;
	return 0;
}
