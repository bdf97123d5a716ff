// SPDX-License-Identifier: BSD-2-Clause
/*
 * report_read.c - see report_read.h
 */
#include "capture/report_read.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <string.h>

#include "capture/report_read_private.h"
#include "lib/arena.h"

#define DEPTH_MAX 16        /* the schema's is 7 */
#define PROCESSES_MAX 65536 /* no more exist */
/* Of all processes together: gaps between ids cost no text, but a place each. */
#define STACKS_MAX (1UL << 20)
#define TOP 10 /* the command line's default */

/* The arena holds this too. */
struct read_report {
	struct report report;
	struct arena *arena;
};

static void read_python(struct json_read *in, json *python, struct report_process *process)
{
	process->python_version = json_read__text(in, python, "version");
	process->python_allocator = json_read__text(in, python, "allocator");
	process->free_threaded = json_read__boolean(in, python, "free_threaded");
}

static void read_merged(struct json_read *in, json *from, struct report_process *process)
{
	json *merged = json_read__array(in, from, "merged");
	size_t count = json_read__length(merged);
	int *pids = json_read__room(in, count, sizeof(*pids));

	for (size_t i = 0; i < count && !in->err; i++) {
		__u64 pid = json_read__number_at(in, merged, i);

		if (pid > INT_MAX)
			json_read__fail(in, -EINVAL);
		else
			pids[i] = pid;
	}
	process->merged = pids;
	process->merged_count = count;
}

static void read_process(struct json_read *in, json *from, size_t room,
			 struct report_process *process)
{
	size_t words;

	process->pid = json_read__integer(in, from, "pid", INT_MAX, -1);
	if (process->pid < 0)
		json_read__fail(in, -EINVAL);
	read_merged(in, from, process);
	process->comm = json_read__text(in, from, "comm");
	process->exe = json_read__text(in, from, "exe");
	process->cgroup = json_read__text(in, from, "cgroup");
	process->cmdline = (char *const *)json_read__texts(in, from, "cmdline", &words);
	process->allocators = json_read__texts(in, from, "allocators", &process->allocator_count);
	process->end = json_read__text(in, from, "end");
	read_python(in, json_read__object(in, from, "python"), process);
	report_read__trace(in, json_read__object(in, from, "trace"), process);
	report_read__lost(in, json_read__object(in, from, "lost"), &process->lost);
	report_read__memory(in, json_read__object(in, from, "memory"), &process->memory);
	report_read__stacks(in, from, room, &process->profile);
	report_read__modules(in, from, process);
	report_read__sites(in, from, process);
	report_read__verdicts(in, from, process);
}

static void read_processes(struct json_read *in, json *root, struct report *report)
{
	json *processes = json_read__array(in, root, "processes");
	size_t count = json_read__length(processes), room = STACKS_MAX;

	if (!processes || count > PROCESSES_MAX)
		json_read__fail(in, -EINVAL);
	if (in->err)
		return;
	report->processes = json_read__room(in, count, sizeof(*report->processes));
	for (size_t i = 0; i < count && !in->err; i++) {
		struct report_process *process = &report->processes[i];

		read_process(in, json_read__item(in, processes, i), room, process);
		room -= process->profile.stack_count;
	}
	report->process_count = count;
}

static void read_root(struct json_read *in, json *root, struct report *report)
{
	const char *schema = json_read__text(in, root, "schema"), *started;

	if (!schema || strcmp(schema, REPORT_SCHEMA))
		json_read__fail(in, -EINVAL);
	report->version = json_read__text(in, root, "version");
	report->host = json_read__text(in, root, "host");
	report->kernel = json_read__text(in, root, "kernel");
	report->duration_s = json_read__real(in, root, "duration_s");
	report->top = TOP;
	started = json_read__text(in, root, "started");
	if (started && strlen(started) < sizeof(report->started))
		strcpy(report->started, started);
	else if (started)
		json_read__fail(in, -EINVAL);
	read_processes(in, root, report);
}

/* The whole text must be one value. */
static int parse(const char *text, size_t size, json **root)
{
	struct json_tokener *tokener;
	int err = 0;

	*root = NULL;
	if (!size || size > REPORT_READ_MAX)
		return -EINVAL;
	tokener = json_tokener_new_ex(DEPTH_MAX);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	*root = json_tokener_parse_ex(tokener, text, (int)size);
	if (!*root || json_tokener_get_parse_end(tokener) != size)
		err = -EINVAL;
	json_tokener_free(tokener);
	return err;
}

static struct read_report *new_report(void)
{
	struct arena *arena = arena__new();
	struct read_report *read = arena ? arena__alloc(arena, 1, sizeof(*read)) : NULL;

	if (read)
		read->arena = arena;
	else
		arena__free(arena);
	return read;
}

/* json-c takes some seven times the text, in small blocks: glibc would keep all of it for a process that is to be small. */
static void give_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

int report_read__json(const char *text, size_t size, struct report **report)
{
	struct json_read in = {0};
	struct read_report *read;
	json *root;
	int err;

	*report = NULL;
	err = parse(text, size, &root);
	if (err)
		goto out;
	read = new_report();
	if (!read) {
		err = -ENOMEM;
		goto out;
	}
	in.arena = read->arena;
	read_root(&in, root, &read->report);
	err = in.err;
	if (err)
		report_read__free(&read->report);
	else
		*report = &read->report;
out:
	json_object_put(root);
	give_back();
	return err;
}

void report_read__free(struct report *report)
{
	if (!report)
		return;
	arena__free(((struct read_report *)report)->arena);
	give_back();
}
