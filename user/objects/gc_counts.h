/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/gc_counts.h - how often the cyclic garbage collector has run: a few words, no list of objects (that is gc_state.h)
 */
#ifndef OBJECTS_GC_COUNTS_H
#define OBJECTS_GC_COUNTS_H

#include "target.h"

/* gc.get_stats() of the main interpreter, by generation. */
struct gc_counts {
	__u64 collections[3], collected[3], uncollectable[3];
};

/*
 * Three or four small reads, of memory that the collector writes to: nothing is brought into memory, nothing stopped. What is there while a
 * collection runs is good: it counts when it is over. 0, or -ESRCH, -EPERM, -EFAULT (not to be read, or nonsense), -ENOTSUP: not this
 * version. python is of a supported one (PYTHON_OK).
 */
int gc_counts__read(pid_t pid, const struct python *python, struct gc_counts *counts);

#endif
