/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * native.h - names for machine addresses, from the files that the target maps
 */
#ifndef NATIVE_H
#define NATIVE_H

#include "lib/arena.h"
#include "profile.h"
#include "target.h"

/* ELF images by file, opened when first needed and shared by all processes that map the file. */
struct images;

/* NULL: no memory. */
struct images *images__new(void);
void images__free(struct images *images);

/*
 * Describes the frame whose call returns to address; module: index in target->modules, -1 = none. A
 * file that cannot be opened or has no symbol there leaves the symbol NULL. Strings go to the
 * arena. 0 or -ENOMEM.
 */
int native__frame(struct images *images, const struct target *target, int module, __u64 address,
		  struct arena *arena, struct named_frame *frame);

/*
 * Whether the module is the interpreter, or defines malloc: their frames say nothing of who
 * allocated.
 */
bool native__is_allocator(const struct target *target, int module);

#endif
