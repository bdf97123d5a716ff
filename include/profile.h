/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.h - stacks with names: what symbolize/ makes of a snapshot, one per process
 */
#ifndef PROFILE_H
#define PROFILE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "error_sum.h"
#include "wire.h"

enum frame_kind {
	FRAME_PYTHON,
	FRAME_NATIVE,
	FRAME_NOTE, /* "[stack not known]", "[truncated]": said, not guessed */
};

/* Strings are interned in the profile: equal text, equal pointer. UTF-8, not escaped. */
struct named_frame {
	enum frame_kind kind;
	const char *function; /* qualname or symbol; NULL = native frame without a symbol */
	const char *file;     /* last component of path; python only */
	const char *path;     /* python only */
	const char *module;   /* native only: file name of the module, NULL = unmapped address */
	int line;             /* python only; 0 = unknown */
	__u64 offset; /* native only: from the symbol, or without one from the module's start */
};

struct profile_stack {
	enum domain domain;
	struct named_frame *frames; /* innermost first */
	size_t frame_count;
	/* Native caller of the allocator, whether it is among the frames or not; NULL = unknown. */
	const struct named_frame *caller;
	__u64 live_bytes, live_count;
	__u64 alloc_bytes, alloc_count, free_bytes, free_count;
	double oldest_s, median_age_s; /* < 0 = not measured */
	__u64 hash;                    /* with domain: identity across snapshots of one run */
	struct error_sum error;        /* of the live blocks, if those were looked at */
};

struct profile {
	struct profile_stack *stacks;
	size_t stack_count;
	void *arena; /* struct arena: owner of stacks, frames and strings */
};

#endif
