// SPDX-License-Identifier: BSD-2-Clause
/*
 * gc_counts.c - struct gc_generation_stats of each generation, in struct _gc_runtime_state (Include/internal/pycore_gc.h,
 * pycore_interp_structs.h): the same three words in CPython 3.8 - 3.14
 *
 * Where it lies is found anew each time: a program that embeds Python may end an interpreter and make another one.
 */
#include "objects/gc_counts.h"

#include <errno.h>

#include "lib/proc_mem.h"
#include "objects/py_objects.h"

#define MAX_INTERPRETERS 256
#define PLAUSIBLE_COUNT (1ull << 60)

struct generation_stats {
	__u64 collections, collected, uncollectable;
};

/* The first interpreter is the last one of the list. 0 or -errno, -EFAULT: there is none. */
static int main_interpreter(pid_t pid, const struct python *python, __u64 *found)
{
	const struct py_layout *layout = &python->layout;
	__u64 next;
	int err = proc_mem__read(pid, python->runtime + layout->runtime_interpreters_head, &next,
				 sizeof(next));

	*found = 0;
	for (int i = 0; !err && next && i < MAX_INTERPRETERS; i++) {
		*found = next;
		err = proc_mem__read(pid, next + layout->interp_next, &next, sizeof(next));
	}
	return err ? err : *found ? 0 : -EFAULT;
}

/* The row for this build. 0 or -errno. */
static int find_row(pid_t pid, const struct python *python, struct py_objects *objects)
{
	const struct py_objects *row = py_objects__find(python->layout.version);
	__u64 words[PY_DEBUG_WORDS];
	int err;

	if (!row || python->flavour != PYTHON_OK)
		return -ENOTSUP;
	*objects = *row;
	if (!row->debug_interp)
		return 0;
	err = proc_mem__read(pid, python->runtime, words, sizeof(words));
	if (!err)
		py_objects__refine(objects, words);
	return err;
}

static bool is_plausible(const struct generation_stats *stats)
{
	return stats->collections < PLAUSIBLE_COUNT && stats->collected < PLAUSIBLE_COUNT &&
	       stats->uncollectable < PLAUSIBLE_COUNT;
}

int gc_counts__read(pid_t pid, const struct python *python, struct gc_counts *counts)
{
	struct generation_stats stats[GC_GENERATION_COUNT];
	struct py_objects objects;
	__u64 base = python->runtime;
	int err = find_row(pid, python, &objects);

	if (!err && !objects.gc_in_runtime)
		err = main_interpreter(pid, python, &base);
	if (!err)
		err = proc_mem__read(pid, base + objects.gc + objects.gc_stats, stats,
				     sizeof(stats));
	for (int i = 0; i < GC_GENERATION_COUNT && !err; i++) {
		if (!is_plausible(&stats[i]))
			return -EFAULT;
		counts->collections[i] = stats[i].collections;
		counts->collected[i] = stats[i].collected;
		counts->uncollectable[i] = stats[i].uncollectable;
	}
	return err;
}
