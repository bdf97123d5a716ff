/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/refs.h - what an object refers to
 *
 *	struct ref_iter it;
 *	struct ref ref;
 *	refs__start(&it, types, address, type);
 *	while (refs__next(&it, &ref)) ...
 *
 * An object is a few spans of references: the items of a list, the entries of a dict, the fields of a function. For kinds that are
 * known every strong reference that its tp_traverse visits comes exactly once (`exact`); the body of any other is scanned for words
 * that could be objects (REF_GUESS). What a reference points to is not looked at here: in a forged heap it may be anything but 0.
 */
#ifndef OBJECTS_REFS_H
#define OBJECTS_REFS_H

#include "objects/types.h"

struct c_part;

enum ref_kind {
	REF_ITEM,      /* [index] */
	REF_KEY,       /* is a key of a dict, a member of a set */
	REF_VALUE,     /* [label]: the key's object */
	REF_ATTRIBUTE, /* .label: a str object */
	REF_SLOT,      /* __slots__, by offset: index; label: the class */
	REF_FIELD,     /* .field: static text: "__closure__", "__dict__", "cell_contents" ... */
	REF_LOCAL, /* local variable `index` of a frame or generator; label: the tuple of names, 0 = on the stack */
	REF_TYPE,  /* its class */
	REF_GUESS, /* a word at offset index */
	REF_WEAK,  /* a weak reference's object: keeps nothing alive */
};

struct ref {
	__u64 to;
	enum ref_kind kind;
	__u64 index, label;
	const char *field;
};

#define REF_SPANS 32
#define REF_LINE 1536 /* bytes read at a time: a multiple of all strides */

/* count references, one each stride bytes from address on. */
struct ref_span {
	__u64 address, count, first_index, label;
	__u64 keys; /* address of the first key of a shared table (attributes), one each keys_stride bytes; 0 */
	const char *field;
	enum ref_kind kind;
	__u32 stride, keys_stride;
	__u32 key_at, value_at; /* in an entry with a key: value_at; else both 0 */
};

struct ref_iter {
	struct types *types;
	bool want_labels; /* true since refs__start(); false: labels of attributes are not looked up but 0 */
	struct ref_span spans[REF_SPANS];
	__u32 span_count, span;
	__u64 at;                   /* in the span */
	const struct c_part *links; /* a chain of links: what each has */
	__u64 links_of;             /* the object that it ends with */
	__u64 chain; /* next link; deque: next block of items, and what is left of them */
	__u64 chain_left, chain_index, chain_skip;
	__u64 visited,
		most; /* words looked at since refs__start(), and how many may be: then it is broken, and ends */
	bool exact;       /* every strong reference of the object comes, once */
	bool broken;      /* something could not be read, or claimed to be larger than it can be */
	bool has_pending; /* the value of an entry whose key has been returned */
	struct ref pending;
	__u64 line_address;
	__u32 line_size;
	unsigned char line[REF_LINE];
};

/* type: of a settled table (types__settle()). */
void refs__start(struct ref_iter *it, struct types *types, __u64 address,
		 const struct object_type *type);

/* The same for a frame that is no object (3.11 and later): the _PyInterpreterFrame of a thread. */
void refs__start_frame(struct ref_iter *it, struct types *types, __u64 frame);

bool refs__next(struct ref_iter *it, struct ref *ref);

/* How a person would write it: "[3]", "['alice']", ".items", " (weak)"; UTF-8 as the target has it, not escaped, cut at max - 1. */
void refs__label(struct types *types, const struct ref *ref, char *text, size_t max);

#endif
