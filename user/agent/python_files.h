/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/python_files.h - which files have a CPython in them, remembered: most processes of a host share a few programs and libraries
 *
 * A process runs Python if it has mapped such a file, be it the program, libpython or the module of a server that embeds it. Each file
 * is looked into once, by the symbols that discover/ goes by, and remembered by device and inode; an inode may be given to another file
 * later, so what is remembered is checked now and then. Bounded: full, it is forgotten as a whole.
 */
#ifndef AGENT_PYTHON_FILES_H
#define AGENT_PYTHON_FILES_H

#include <linux/types.h>
#include <sys/types.h>

struct python_files;

/* A file as a process has mapped it: its first executable mapping. */
struct mapped_file {
	__u64 dev, ino;   /* as /proc/PID/maps has them */
	__u64 start, end; /* of that mapping ... */
	__u64 offset;     /* ... and where it is in the file */
};

/* NULL: no memory. About 300 KB, of which pages that are not needed stay untouched. */
struct python_files *python_files__new(void);
void python_files__free(struct python_files *files);

/*
 * 1: the process has mapped a CPython, and *file is the first file with one. 0: it has not, at this moment. -EAGAIN: it has mapped nothing
 * yet but its program and that program's loader, or so many unknown files that the rest is left for the next time. -ESRCH: it has no
 * address space: it has ended, or is a thread of the kernel. -EPERM, -EACCES: it may not be read.
 */
int python_files__look(struct python_files *files, pid_t pid, struct mapped_file *file);

/*
 * Opens what is mapped, wherever its path leads. *changed_ns: when it was last changed, its ctime. A descriptor, or -errno: -ENOENT it is
 * not mapped there any more, -ENOEXEC it is no regular file.
 */
int mapped_file__open(const struct mapped_file *file, pid_t pid, __u64 *changed_ns);

#endif
