/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap_process.h - a Python that fills its heap, says with what, and waits
 *
 * Included after cmocka.h.
 */
#ifndef HEAP_PROCESS_H
#define HEAP_PROCESS_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discover/discover.h"
#include "heap/blocks.h"
#include "heap/image.h"
#include "heap/pools.h"

#define HEAP_FACTS 65536

/* Lines that a script may use: m for malloc, mallinfo2() and such; say() prints a fact. */
#define HEAP_PRELUDE                                                                               \
	"import ctypes, mmap, os, sys, threading, time\n"                                          \
	"libc = ctypes.CDLL(None)\n"                                                               \
	"size_t = ctypes.c_size_t\n"                                                               \
	"for name, kinds in dict(malloc=[size_t], calloc=[size_t, size_t], free=[size_t],\n"       \
	"                        malloc_usable_size=[size_t], memset=[size_t, ctypes.c_int, "      \
	"size_t],\n"                                                                               \
	"                        sbrk=[ctypes.c_ssize_t]).items():\n"                              \
	"    getattr(libc, name).argtypes = kinds\n"                                               \
	"    getattr(libc, name).restype = size_t\n"                                               \
	"def say(word, a, b=0):\n"                                                                 \
	"    print(word, '%x' % a, b)\n"                                                           \
	"def wait():\n"                                                                            \
	"    print('ready', flush=True)\n"                                                         \
	"    while True:\n"                                                                        \
	"        time.sleep(1000)\n"

struct heap_fact {
	char word[16];
	__u64 address, size;
	bool seen;
};

struct heap_process {
	pid_t pid;
	FILE *from;
	struct target *target;
	struct pools *pools; /* or NULL */
	struct image *image;
	struct heap_fact *facts;
	size_t count;
};

static inline void heap_process__run(struct heap_process *process, const char *python,
				     const char *script)
{
	int out[2];

	assert_int_equal(pipe(out), 0);
	process->pid = fork();
	if (!process->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
		dup2(out[1], 1);
		close(out[0]);
		close(out[1]);
		unsetenv("PYTHONMALLOC");
		execl(python, python, "-S", "-c", script, NULL);
		_exit(127);
	}
	close(out[1]);
	process->from = fdopen(out[0], "r");
	assert_non_null(process->from);
}

static inline void heap_process__listen(struct heap_process *process)
{
	char line[256];

	while (fgets(line, sizeof(line), process->from)) {
		struct heap_fact *fact = &process->facts[process->count];
		unsigned long long address, size;

		if (!strcmp(line, "ready\n")) {
			usleep(50000); /* it waits by now */
			return;
		}
		if (sscanf(line, "%15s %llx %llu", fact->word, &address, &size) != 3)
			continue;
		fact->address = address;
		fact->size = size;
		assert_true(++process->count < HEAP_FACTS);
	}
	fail_msg("the script ended");
}

/* script: HEAP_PRELUDE and more; ends in wait(). */
static inline void heap_process__start(struct heap_process *process, const char *python,
				       const char *script)
{
	memset(process, 0, sizeof(*process));
	process->facts = calloc(HEAP_FACTS, sizeof(*process->facts));
	assert_non_null(process->facts);
	heap_process__run(process, python, script);
	heap_process__listen(process);
	assert_int_equal(target__discover(process->pid, &process->target), 0);
	if (pools__open(process->target, &process->pools))
		process->pools = NULL;
	assert_int_equal(image__open(process->pid, 4 << 20, &process->image), 0);
}

static inline void heap_process__stop(struct heap_process *process)
{
	kill(process->pid, SIGKILL);
	waitpid(process->pid, NULL, 0);
	fclose(process->from);
	image__close(process->image);
	pools__close(process->pools);
	target__free(process->target);
	free(process->facts);
}

/* The first fact of this word, or NULL. */
static inline struct heap_fact *heap_process__fact(struct heap_process *process, const char *word)
{
	for (size_t i = 0; i < process->count; i++)
		if (!strcmp(process->facts[i].word, word))
			return &process->facts[i];
	return NULL;
}

#endif
