/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discover.h - from a PID to a target: what the process is, which Python and malloc it runs
 *
 * Everything is read through /proc and the mapped files themselves; nothing in the target is
 * changed.
 */
#ifndef DISCOVER_H
#define DISCOVER_H

#include <sys/types.h>

#include "target.h"

/*
 * Fills a new target. 0 or -exit_status after one line on stderr (log__fail): no such process, one
 * of another PID namespace's view, 32-bit, ended meanwhile. A process that is not Python, or a
 * Python that is not supported, is no failure here: see target->python.flavour and
 * target__supported().
 */
int target__discover(pid_t pid, struct target **target);

/*
 * The same without modules, Python and allocators: what costs little. For who knows the files that the process has mapped from another
 * process, and fills in target->python from there (.module remains -1).
 */
int target__describe(pid_t pid, struct target **target);

/*
 * Whether target->python.layout fits what is at target->python.runtime: 1, 0 = the interpreter is not set up yet, or ended, -ENOENT = it
 * does not fit.
 */
int target__python_lives(const struct target *target);

/*
 * Whether the file behind fd has a CPython in it, of whichever version: 1, 0 (also what is no ELF file of this machine's class), or
 * -errno. What target__discover() goes by, for those who want to know it of a file once instead of each process that maps it.
 */
int discover__holds_python(int fd);

/*
 * 0 if this build can trace the target, else -EXIT_CANNOT_TRACE after one line that says why by
 * name.
 */
int target__supported(const struct target *target);

/*
 * 1 where a return probe would kill the target: it is under seccomp, and the kernel (x86-64, 6.11
 * to 6.13) lets filters see the system call by which return probes work. Else 0.
 */
int target__return_probe_hazard(const struct target *target);

/* Closes descriptors, frees strings; NULL is fine. */
void target__free(struct target *target);

/*
 * Reads the modules again (a library was loaded, or the process has just started). New modules are
 * appended, known ones keep their index; gone ones stay, for names. Looks for Python again too,
 * unless it was seen to be initialized, and for allocators in the new modules. Other threads may go on reading the target. 0 or -errno.
 */
int target__refresh_modules(struct target *target);

/* The module whose mapping holds address, or -1. */
int target__module_at(const struct target *target, __u64 address);

/* Row of the layout table for major.minor (3.8 - 3.12), or NULL. */
const struct py_layout *py_layout__find(int major, int minor);

/*
 * Layout of a 3.13+ build from its _Py_DebugOffsets (the first bytes of _PyRuntime) and the few
 * rows that these do not hold. 0, -EINVAL (not debug offsets, or nonsense), -ENOTSUP (a version
 * without a row), and sets *free_threaded in any case but -EINVAL.
 */
int py_layout__from_debug_offsets(const void *bytes, size_t size, struct py_layout *layout,
				  bool *free_threaded);

/*
 * What the kernel and our own rights allow. 0 or -EXIT_CANNOT_TRACE after one line that names the
 * missing requirement: capabilities, BTF, lockdown, uprobes, tracefs, PID namespace. Mounts tracefs
 * in a private mount namespace where it is not mounted.
 */
int requirements__check(void);

#endif
