/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.h - a process, as discover/ found it
 */
#ifndef TARGET_H
#define TARGET_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "py_layout.h"

/* An ELF file mapped into the process. */
struct module {
	char *path; /* as the process sees it; never opened by this name */
	char *name; /* last component, without " (deleted)" */
	int fd;     /* the mapped file itself, read-only, -1 = could not be opened */
	__u64 dev, ino;
	__u64 start, end; /* lowest and highest mapped address */
	__u64 bias;       /* address in the process = ELF virtual address + bias */
	char *build_id; /* hexadecimal digits, NULL = it has none, or the file could not be read */
};

enum python_flavour {
	PYTHON_NONE, /* no CPython in the process */
	PYTHON_OK,
	PYTHON_TOO_OLD, /* 2.7, <= 3.7 */
	PYTHON_TOO_NEW,
	PYTHON_FREE_THREADED,
	PYTHON_DEBUG,
	PYTHON_UNKNOWN, /* CPython, but the version could not be told, or the layout did not fit */
};

struct python {
	enum python_flavour flavour;
	int major, minor, micro; /* -1 = unknown */
	char version[32];        /* "3.11.2" */
	int module;              /* index of the module that holds the interpreter */
	__u64 runtime;           /* address of _PyRuntime */
	__u64 code_type;         /* address of PyCode_Type, 0 = unknown */
	bool initialized;        /* at least one thread state existed at discovery */
	bool inlined_allocator;  /* the exported functions see part of the allocations only */
	char allocator[16];      /* "pymalloc", "pymalloc_debug", "malloc", ... or "" = unknown */
	struct py_layout layout;
};

/* One malloc implementation in the process; several may be in use. */
struct allocator {
	char name[32]; /* "glibc 2.36", "musl", "jemalloc", "tcmalloc", "mimalloc" */
	int module;    /* index of the module that defines it */
};

#define TARGET_MAX_ALLOCATORS 8

struct target {
	pid_t pid;
	int pidfd;
	char comm[64];
	char *exe;
	char **cmdline; /* NULL-terminated */
	char *cgroup;
	int seccomp; /* 0 none, 1 strict, 2 filter; proc(5) Seccomp */

	/* Both only grow, and what is in them stays where it is: another thread may read them meanwhile. */
	struct module *modules;
	size_t module_count;
	struct allocator allocators
		[TARGET_MAX_ALLOCATORS]; /* the first serves malloc(3); those loaded later come last */
	size_t allocator_count;
	size_t searched; /* of the modules, for allocators: the first ones */
	struct python python;

	/* glibc's thread-specific data; 0 = not glibc */
	__u32 tsd_first_block;
	__u32 tsd_blocks;
};

#endif
