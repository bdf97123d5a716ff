/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proc_maps.h - /proc/PID/maps, read at once and iterated
 *
 *	struct proc_maps *maps;
 *	struct mapping *m;
 *	proc_maps__read(pid, &maps);
 *	proc_maps__for_each(maps, m) ...
 *	proc_maps__free(maps);
 */
#ifndef PROC_MAPS_H
#define PROC_MAPS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct mapping {
	__u64 start, end; /* [start, end) */
	__u64 offset;     /* in the file, bytes */
	__u64 dev, ino;   /* makedev(major, minor); 0, 0 = no file */
	bool read, write, exec, shared;
	char *path; /* "" = anonymous; "[heap]", "[stack]" ...; " (deleted)" kept; \012 decoded */
};

struct proc_maps {
	struct mapping *mappings; /* by address, as the kernel prints them */
	size_t count;
};

#define proc_maps__for_each(maps, m)                                                               \
	for ((m) = (maps)->mappings; (m) < (maps)->mappings + (maps)->count; (m)++)

/* 0 or -errno; -ESRCH: no such process, or it has no address space left (ending, kernel thread). */
int proc_maps__read(pid_t pid, struct proc_maps **maps);
void proc_maps__free(struct proc_maps *maps);

/* The mapping that holds address, or NULL. */
const struct mapping *proc_maps__find(const struct proc_maps *maps, __u64 address);

/*
 * Parses text in the format of /proc/PID/maps; used by the tests and by proc_maps__read(). 0 or
 * -errno.
 */
int proc_maps__parse(const char *text, size_t length, struct proc_maps **maps);

/* File offset of a function of our own program, for a probe on it. 0, -ENOENT, or as proc_maps__read(). */
int proc_maps__own_offset(void (*function)(void), __u64 *offset);

#endif
