/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/pythons.h - is this process a CPython, and which one?
 *
 *	pythons = pythons__new();
 *	if (pythons__identify(pythons, pid, &identity) == 1) {
 *		while (pythons__is(&identity)) ...
 *		python_identity__clear(&identity);
 *	}
 *	pythons__free(pythons);
 *
 * Asked of every process of a host, most of which are something else: for these it takes one pass over their maps. Nothing is printed,
 * whatever a process turns out to be. Strings come from processes that may be hostile: valid UTF-8, bounded, not escaped for anything.
 */
#ifndef AGENT_PYTHONS_H
#define AGENT_PYTHONS_H

#include <linux/types.h>
#include <stdbool.h>
#include <sys/types.h>

#include "target.h"

#define PYTHON_CMDLINE_MAX 1024 /* bytes, with the NUL */

struct pools;
struct pythons;

/* What is kept of a process: about 4 KB with all that it owns, no descriptor. */
struct python_identity {
	pid_t pid;
	__u64 start_time; /* clock ticks since boot, field 22 of /proc/PID/stat: with pid, which process this is */
	__u64 image; /* changes when it executes another program, or the same again */
	uid_t uid;   /* effective */
	char comm[64];
	char *cmdline; /* arguments with spaces between, cut at a character; "" = none to be read */
	char *cgroup;  /* "" = unknown */
	char python[32]; /* "3.11.2", "" = unknown */
	char *cannot_trace; /* why it can only be watched, a line for a person; NULL = it can be traced */
	struct pools *
		pools; /* pymalloc's books, NULL = there are none to be read: not supported, or PYTHONMALLOC=malloc */
	struct python details; /* as discover/ found it, without .module and .allocator */
};

/* NULL: no memory. */
struct pythons *pythons__new(void);
void pythons__free(struct pythons *pythons);

/*
 * 1: it is a CPython, supported or not, and identity is filled in; the caller clears it.
 * 0: it is none at this moment. One that embeds Python may load it later: ask again now and then.
 * -EAGAIN: it may well be one that is about to start: ask again soon, but not forever, for a program that is linked with libpython need
 *  not ever use it.
 * -ESRCH: no such process, it has ended, or is a thread of the kernel. -EPERM, -EACCES: it may not be read. -ENOMEM.
 */
int pythons__identify(struct pythons *pythons, pid_t pid, struct python_identity *identity);

/* Whether the process is still there, and with the image that was identified. One read of /proc/PID/stat. */
bool pythons__is(const struct python_identity *identity);

/* Frees what it owns; twice is fine. */
void python_identity__clear(struct python_identity *identity);

#endif
