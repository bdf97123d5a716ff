/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * refs_private.h - what the parts of refs.c share
 */
#ifndef OBJECTS_REFS_PRIVATE_H
#define OBJECTS_REFS_PRIVATE_H

#include "objects/refs.h"

#define REF_COUNT_MAX (1ull << 28) /* what claims to have more items is none */

/* Adds a span; what is too many, or too large, makes the object broken. Spans of no words are left out. */
void ref_iter__add(struct ref_iter *it, const struct ref_span *span);

/* One word with a name, at an offset of the object. */
void ref_iter__add_field(struct ref_iter *it, __u64 address, const char *field);

/* Reads size bytes; goes through the line, which is filled with up to `more` bytes. NULL: unreadable. */
const void *ref_iter__peek(struct ref_iter *it, __u64 address, size_t size, size_t more);
__u64 ref_iter__word(struct ref_iter *it, __u64 address);

/* refs_frames.c */
void ref_iter__add_generator(struct ref_iter *it, __u64 address);
void ref_iter__add_frame(struct ref_iter *it, __u64 address);
void ref_iter__add_interpreter_frame(struct ref_iter *it, __u64 frame);

/* refs_kinds.c */
void ref_iter__add_native(struct ref_iter *it, __u64 address, const struct object_type *type);
/* Values that share their keys with others: of a split dict, or of an instance. */
void ref_iter__add_values(struct ref_iter *it, __u64 keys_address, __u64 values,
			  enum ref_kind kind);
/* deque: the span of its next block; false = that was all. */
bool ref_iter__add_chained(struct ref_iter *it);

/* refs_parts.c: what is known of a C type. */
void ref_iter__add_c_fields(struct ref_iter *it, __u64 address, const struct object_type *type);
/* The fields of the next link; false = that was all. */
bool ref_iter__add_link(struct ref_iter *it);

/* refs_class.c */
void ref_iter__add_class_part(struct ref_iter *it, __u64 address, const struct object_type *type);

#endif
