/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbolize.h - from a snapshot's numbers to stacks with names
 */
#ifndef SYMBOLIZE_H
#define SYMBOLIZE_H

#include "profile.h"
#include "snapshot.h"
#include "target.h"

/* What is kept from one snapshot to the next: ELF images and the index of the code objects. */
struct symbolizer;

/* NULL: no memory. One may serve many targets of the same tracer. */
struct symbolizer *symbolizer__new(void);
void symbolizer__free(struct symbolizer *symbolizer);

/*
 * Names the stacks of one target, in the snapshot's order, those of which nothing lives included.
 *
 * Frames run innermost first: the native caller of the allocator, unless it is the interpreter or
 * an allocator itself and there are Python frames; then the Python frames; then a note where the
 * stack was cut. What is not known is a note too: "[code not captured]", "[stack not known]",
 * "[stack table full]". No stack is without a frame.
 *
 * target: for its layout, its modules and their open files. profile: overwritten; the caller frees
 * it with profile__free(); it refers to nothing else. 0 or -ENOMEM (nothing to free then).
 */
int symbolize__profile(const struct snapshot *snapshot, const struct target *target,
		       __u32 target_index, struct symbolizer *symbolizer, struct profile *profile);

/* Frees what a profile holds and empties it; NULL and empty are fine. */
void profile__free(struct profile *profile);

#endif
