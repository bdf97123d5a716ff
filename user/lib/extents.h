/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extents.h - disjoint address ranges, each with an owner: the model of a process's address space
 *
 * Mapping over what is there replaces it; unmapping a part splits what it cuts.
 */
#ifndef EXTENTS_H
#define EXTENTS_H

#include <linux/types.h>
#include <stddef.h>

struct extent {
	__u64 start, end; /* [start, end) */
	__u64 born_ns;
	__u64 stack;  /* stack_key.hash; 0 = was there before tracing began */
	__u32 domain; /* enum domain */
	__u32 _pad;
};

struct extents;

/* NULL: no memory. */
struct extents *extents__new(void);
void extents__free(struct extents *extents);

/* Adds [extent->start, extent->end), replacing whatever overlapped. 0 or -ENOMEM, -EINVAL (empty). */
int extents__add(struct extents *extents, const struct extent *extent);

/*
 * Removes [start, end) from extents born before before_ns (a range that was taken again by another
 * thread while munmap was returning stays). 0 or -ENOMEM.
 */
int extents__remove(struct extents *extents, __u64 start, __u64 end, __u64 before_ns);

/*
 * Moves [old_start, old_start + old_len) to [start, start + len), as mremap(2): every piece keeps its owner,
 * growth belongs to growth->stack, born growth->born_ns. keep_old: MREMAP_DONTUNMAP. What was born since
 * before_ns stays, as in extents__remove(). 0 or -ENOMEM, -EINVAL (a range wraps around).
 */
int extents__move(struct extents *extents, __u64 old_start, __u64 old_len, __u64 start, __u64 len,
		  const struct extent *growth, int keep_old, __u64 before_ns);

/* Ascending by address; valid until the next change. */
const struct extent *extents__all(const struct extents *extents, size_t *count);

/* Bytes of [start, end) that are covered by extents with a stack != 0, and with stack 0. */
__u64 extents__traced_in(const struct extents *extents, __u64 start, __u64 end);
__u64 extents__untraced_in(const struct extents *extents, __u64 start, __u64 end);

/* The extent that holds address, or NULL; valid until the next change. */
const struct extent *extents__at(const struct extents *extents, __u64 address);

#endif
