/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/python_builds.h - what is known of interpreters from the first process that ran them: the next one needs not be searched
 *
 * To find out which CPython a file has in it, and where its variables are, takes 10 to 20 ms; a host runs few files in many processes, of
 * which some live for seconds. What was found lies at the same distance from the file's code in each. That it does fit is checked
 * by what is there, each time.
 */
#ifndef AGENT_PYTHON_BUILDS_H
#define AGENT_PYTHON_BUILDS_H

#include "agent/python_files.h"
#include "target.h"

struct pools;
struct python_builds;

struct python_build {
	struct mapped_file file; /* as the first process had it mapped */
	__u64 changed_ns;
	struct python python;
	struct pools *pools; /* of the first process: a pattern for pools__open_like() */
};

/* NULL: no memory. */
struct python_builds *python_builds__new(void);
void python_builds__free(struct python_builds *builds);

/*
 * Remembers what was found in a process that has mapped file, if it is to be known again: the interpreter is supported and in that file, and
 * pymalloc (may be NULL) was found. pools remain the caller's.
 */
void python_builds__add(struct python_builds *builds, const struct mapped_file *file,
			const struct target *target, const struct pools *pools);

/* What is known of the file that a process has mapped: the very file, unchanged. NULL: nothing. Good until the next add. */
const struct python_build *python_builds__find(const struct python_builds *builds, pid_t pid,
					       const struct mapped_file *file);

/* The interpreter in another process. Its allocator is not known. */
void python_build__place(const struct python_build *build, const struct mapped_file *file,
			 struct python *python);

#endif
