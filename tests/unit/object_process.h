/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_process.h - a fixture of Python, stopped at a line that it reads, and what is needed to look at its objects
 *
 * Included after cmocka.h.
 */
#ifndef OBJECT_PROCESS_H
#define OBJECT_PROCESS_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discover/discover.h"
#include "objects/graph.h"

#define OBJECT_CACHE (16 << 20)
#define OBJECT_HANG 120 /* seconds until a fixture that hangs ends by itself */

struct object_process {
	pid_t pid;
	FILE *to, *from;
	struct target *target;
	struct pools *pools; /* or NULL */
	struct image *image;
	struct types *types;
};

static inline void object_process__run(struct object_process *process, char *const argv[])
{
	int in[2], out[2];

	assert_int_equal(pipe(in) || pipe(out), 0);
	process->pid = fork();
	if (!process->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		unsetenv("PYTHONMALLOC");
		alarm(OBJECT_HANG);
		execv(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	process->to = fdopen(in[1], "w");
	process->from = fdopen(out[0], "r");
	assert_true(process->to && process->from);
}

/* The next line that begins with word; the others are given to each, if there is one. */
static inline void object_process__read(struct object_process *process, const char *word,
					char **line, size_t *room,
					void (*each)(void *context, char *line), void *context)
{
	while (getline(line, room, process->from) > 0) {
		if (!strncmp(*line, word, strlen(word)))
			return;
		if (each)
			each(context, *line);
	}
	fail_msg("the fixture ended before %s", word);
}

static inline void object_process__look(struct object_process *process)
{
	__u32 version;

	usleep(50000); /* it waits in read() by now */
	assert_int_equal(target__discover(process->pid, &process->target), 0);
	version = process->target->python.major << 16 | process->target->python.minor << 8;
	if (pools__open(process->target, &process->pools))
		process->pools = NULL;
	assert_int_equal(image__open(process->pid, OBJECT_CACHE, &process->image), 0);
	assert_int_equal(types__open(process->image, py_objects__find(version), &process->types),
			 0);
}

static inline void object_process__go(struct object_process *process)
{
	fputc('\n', process->to);
	fflush(process->to);
}

static inline void object_process__stop(struct object_process *process)
{
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	fclose(process->to);
	fclose(process->from);
	types__close(process->types);
	image__close(process->image);
	pools__close(process->pools);
	target__free(process->target);
}

#endif
