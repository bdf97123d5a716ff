/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/gc_state.h - the cyclic garbage collector's own figures, and its lists
 */
#ifndef OBJECTS_GC_STATE_H
#define OBJECTS_GC_STATE_H

#include "objects/types.h"
#include "target.h"

struct gc_generation {
	__u32 threshold, count;
	__u64 collections, collected, uncollectable;
	__u64 objects; /* in its list, as far as it was walked */
};

struct gc_state {
	bool enabled, collecting;
	bool incremental; /* 3.14.0 - 3.14.4: generations 1 and 2 are the two spaces of the old one */
	struct gc_generation generations[3];
	__u64 frozen;  /* objects in the permanent generation (gc.freeze()) */
	__u64 garbage; /* length of gc.garbage */
	__u64 long_lived_total, long_lived_pending;
	__u64 tracked; /* sum of all lists */
	bool incomplete; /* a list was not walked to its end: it is being collected, or changed at every try */
};

/*
 * Called for each tracked object of the first interpreter, perhaps twice: a list that changes while it is walked is walked again.
 * Returns 0 to go on.
 */
typedef int (*gc_visit)(void *context, __u64 object, int generation); /* 3 = permanent */

/*
 * visit may be NULL; what it returns, if not 0, ends the walk and is returned. 0, or -ESRCH, -EPERM, -EFAULT (not to be read), -ENOTSUP:
 * not this version.
 */
int gc_state__read(struct image *image, const struct target *target,
		   const struct py_objects *objects, gc_visit visit, void *context,
		   struct gc_state *state);

#endif
