/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/c_fields.h - C types that are seen in cycles and on paths: where their strong references are
 *
 * Each row has all that the type's tp_traverse visits in these versions, and no borrowed pointer; tests/unit/test_refs.c
 * compares them with gc.get_referents() of living objects.
 */
#ifndef OBJECTS_C_FIELDS_H
#define OBJECTS_C_FIELDS_H

#include <linux/types.h>
#include <stdbool.h>

#define C_FIELDS_MAX 18
#define C_PARTS_MAX 2
#define C_LINK_FIELDS 3

struct c_field {
	__u32 offset;
	const char *name;
};

/* A word at `at`: in the object, or in what the word at `via` of it points to (0 = the object). */
struct c_place {
	__u32 via, at;
};

enum c_part_kind {
	C_PART_END,
	C_PART_FIELD, /* one word that is elsewhere */
	C_PART_ITEMS, /* words from that place on, as many as `count` says; with a null count, `fixed` */
	C_PART_ARRAY, /* the same at the address that is there; unused ones are 0 */
	C_PART_LINKS, /* the address of the first link is there, of the next at `next` of each; the last has 0, or the object */
};

struct c_part {
	enum c_part_kind kind;
	struct c_place place, count;
	bool count_is_int; /* 32 bits */
	__u32 fixed, next;
	const char *name; /* of a field */
	struct c_field
		link_fields[C_LINK_FIELDS]; /* name NULL ends the list: 0 is an offset here */
};

struct c_fields {
	const char *type;      /* tp_name, complete */
	const char *shown;     /* what people call it, NULL = the same */
	__u32 since, until;    /* versions as in py_objects; 0 = no bound */
	__u32 basicsize;       /* of the type, where fields came in minor releases; 0 = any */
	struct c_place length; /* of a container: how many entries it has; both 0 = it is none */
	struct c_part parts[C_PARTS_MAX];
	struct c_field fields[C_FIELDS_MAX]; /* offset 0 ends the list */
};

/* The row of a type of this version (0x030b00) and tp_basicsize, NULL = not known. */
const struct c_fields *c_fields__find(__u32 version, const char *type, __u32 basicsize);

#endif
