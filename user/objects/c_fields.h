/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/c_fields.h - C types that are seen in cycles and on paths: where their strong references are
 *
 * Each row has all fields that the type's tp_traverse visits in these versions, and no borrowed pointer; tests/e2e/test_refs.py
 * compares them with gc.get_referents() of living objects.
 */
#ifndef OBJECTS_C_FIELDS_H
#define OBJECTS_C_FIELDS_H

#include <linux/types.h>

#define C_FIELDS_MAX 18

struct c_field {
	__u32 offset;
	const char *name;
};

struct c_fields {
	const char *type;   /* tp_name, complete */
	__u32 since, until; /* versions as in py_objects; 0 = no bound */
	__u32 basicsize;    /* of the type, where fields came in minor releases; 0 = any */
	struct c_field fields[C_FIELDS_MAX]; /* offset 0 ends the list */
};

/* The row of a type of this version (0x030b00) and tp_basicsize, NULL = not known. */
const struct c_fields *c_fields__find(__u32 version, const char *type, __u32 basicsize);

#endif
