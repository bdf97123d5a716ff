/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discover_private.h - between the files of discover/
 *
 * target.c lists the modules, shows each with its ELF image to python.c and allocator.c, which note
 * what they need, and then lets both draw their conclusions.
 */
#ifndef DISCOVER_PRIVATE_H
#define DISCOVER_PRIVATE_H

#include "discover/discover.h"
#include "lib/elf_image.h"
#include "lib/proc_maps.h"

/* modules.c: fills in the modules of maps; those already known keep their index. 0 or -errno. */
int modules__update(struct target *target, const struct proc_maps *maps);
void module__free(struct module *module);

/* Opens the ELF image of a module. 0 or -errno. */
int module__image(const struct module *module, struct elf_image **image);

/* A module that may hold the interpreter. */
struct python_candidate {
	int module;
	__u64 runtime; /* _PyRuntime in the process; 0 = older than 3.7 */
	bool debug;    /* built with Py_DEBUG */
};

#define PYTHON_MAX_CANDIDATES 8

struct python_search {
	struct python_candidate candidates[PYTHON_MAX_CANDIDATES];
	size_t count;
};

/* Notes the module if it is a CPython. */
void python__look_at(struct python_search *search, const struct target *target, int module,
		     const struct elf_image *image);

/* Decides which candidate is the live interpreter, and describes it in target->python. */
void python__conclude(const struct python_search *search, struct target *target);

/*
 * python_version.c: major, minor, micro and version of the candidate in image; -1 and "" where
 * unknown.
 */
struct python_version {
	int major, minor, micro;
	bool early; /* an alpha or beta */
	bool free_threaded;
	bool debug;
	char text[32];
};

void python_version__tell(const struct module *module, const struct elf_image *image,
			  struct python_version *version);

/* python_state.c: walks interpreters and thread states by the layout. */
enum python_state {
	PYTHON_STATE_MISFIT, /* what is there is not what the layout says */
	PYTHON_STATE_EMPTY,  /* not initialized yet, or finalized */
	PYTHON_STATE_LIVE,
};

enum python_state python_state__check(const struct target *target, const struct py_layout *layout,
				      __u64 runtime);

/* Whether the slot of pthread's thread-specific data holds the thread state, for any thread. */
bool python_state__tsd_fits(const struct target *target, const struct py_layout *layout,
			    __u64 runtime);

/* python_allocator.c: what serves PyObject_Malloc; fills python->allocator, "" = unknown. */
void python_allocator__tell(const struct target *target, const struct elf_image *image,
			    struct python *python);

/* allocator.c */
void allocator__look_at(struct target *target, int module, const struct elf_image *image);
/* Offsets of glibc's thread-specific data. */
void allocator__find_tsd(struct target *target);

#endif
