/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open_below.h - another process's files, opened where that process finds them
 *
 * Paths and links belong to that process, which may have made them to lead us elsewhere. No path leads out of the folder
 * that it is looked up in, none through the links of /proc, and only a regular file is ever opened: opening a device or a
 * pipe has effects, or waits. By openat2 (Linux 5.6): where that is missing, or a sandbox forbids it, nothing is opened.
 *
 * Each returns a descriptor for reading, with st filled in, or -errno: -ENOEXEC: it is not a regular file; -EXDEV: it leads
 * out; -ELOOP: too many links, or one of /proc; -ENOSYS: there is no openat2; -EAGAIN: somebody moves folders all the
 * time, or holds a lease on the file (fcntl(2)) that opening it would wait for.
 */
#ifndef OPEN_BELOW_H
#define OPEN_BELOW_H

#include <sys/stat.h>

/*
 * folder is a process's root directory (/proc/PID/root), which ".." stays in and "/", also of a link, leads to. Never
 * -EXDEV.
 */
int open_below__root(int folder, const char *path, struct stat *st);

/* folder is any directory; a path that leaves it, by "/", ".." or a link, is refused. */
int open_below__folder(int folder, const char *path, struct stat *st);

/* A directory, found as open_below__root() does, as a place (O_PATH): what is in it is still that process's. Also -ENOTDIR. */
int open_below__directory(int folder, const char *path);

/* The file that a descriptor stands for which is only a place (O_PATH). It remains the caller's. */
int open_below__place(int place, struct stat *st);

#endif
