/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/types.h - the types of a process's objects, each read once
 *
 *	types__open(image, objects, &types)
 *	types__at()		for each address that may be a type
 *	types__settle()		when many have been seen: which are classes made by Python code, what the others are
 *	types__name()		for those that are shown
 *
 * No symbol is needed: a type is what looks like one and whose type's type ... is its own type (type is an instance of itself).
 */
#ifndef OBJECTS_TYPES_H
#define OBJECTS_TYPES_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "heap/image.h"
#include "objects/py_objects.h"

#define TYPES_MAX 65535 /* more than any program has; further ones are counted and left out */
#define TYPE_NAME_MAX 200

/* The layout of what an object is natively: its own type, or the built-in one that its class is derived from. */
enum object_kind {
	KIND_OPAQUE, /* of a C type that we do not know */
	KIND_PLAIN,  /* object: nothing but what a class adds */
	KIND_LIST,
	KIND_TUPLE,
	KIND_DICT, /* OrderedDict, defaultdict and Counter as well: what they add is small */
	KIND_SET,  /* frozenset as well */
	KIND_STR,
	KIND_BYTES,
	KIND_BYTEARRAY,
	KIND_INT, /* bool as well */
	KIND_FLOAT,
	KIND_FUNCTION,
	KIND_METHOD,
	KIND_CFUNCTION,
	KIND_CELL,
	KIND_MODULE,
	KIND_TYPE,
	KIND_GENERATOR, /* coroutines and asynchronous generators as well */
	KIND_FRAME,
	KIND_CODE,
	KIND_WEAKREF,
	KIND_DEQUE,
	KIND_ARRAY,   /* array.array */
	KIND_NDARRAY, /* numpy.ndarray */
	OBJECT_KINDS,
};

struct c_fields;

struct object_type {
	__u64 address;
	__u32 id;    /* 0 .. types__count() - 1 */
	__u32 flags; /* tp_flags */
	__u32 basicsize, itemsize;
	__s32 weaklistoffset, dictoffset;
	__u64 base, traverse;
	__u32 head; /* bytes in front of the object in its block: GC head, words of managed dict and weak references */
	/* since types__settle() */
	enum object_kind kind;
	bool is_class; /* made by a class statement (or type()): instances have what basicsize adds to the native part */
	__u32 native_basicsize; /* of the native part; basicsize where it is no class */
	__s32 native_dictoffset;
	__u32 added_from; /* of the native part: where that begins which a C type adds to one of this kind; its end where it adds nothing */
	const struct c_fields *fields; /* KIND_OPAQUE, but known: objects/c_fields.h; NULL */
};

struct types;

/* objects: of that version. image must outlive the types. 0 or -ENOMEM. */
int types__open(struct image *image, const struct py_objects *objects, struct types **types);
void types__close(struct types *types);

/* The type at address, NULL if there is none; valid until types__close(). A wrong answer is possible for memory that was forged. */
const struct object_type *types__at(struct types *types, __u64 address);

/* Whether address was asked for before, and what the answer was. Nothing is read, nothing is remembered. */
bool types__seen(const struct types *types, __u64 address, const struct object_type **type);

/* Fills in what the types seen so far are; to be called again when there are more. */
void types__settle(struct types *types);

/* Number of types, and the one of this id. */
__u32 types__count(const struct types *types);
const struct object_type *types__get(const struct types *types, __u32 id);

/*
 * "module.Qualname", without "builtins."; "?" where it cannot be read. Valid UTF-8, what is none in the target being U+FFFD; cut
 * below TYPE_NAME_MAX bytes, a module's name below half of that; not escaped for anything. Of the types.
 */
const char *types__name(struct types *types, const struct object_type *type);

/*
 * Text of the str object at address, valid UTF-8, NUL and lone surrogates being U+FFFD; cut at a character, below max bytes. Returns
 * bytes, or -EFAULT: no str there.
 */
int types__text(struct types *types, __u64 str, char *text, size_t max);

/* Types left out because there were TYPES_MAX. */
__u64 types__left_out(const struct types *types);

/* How the numbers of this target's version are to be read. */
const struct py_objects *types__objects(const struct types *types);
struct image *types__image(const struct types *types);

/*
 * Takes so many entries of dicts from what may be looked at in all, 16 million since types__open(); false: there are no more. Tables of
 * classes and modules are small; forged ones have 2^28 entries each, and no value in any of them.
 */
bool types__spend(struct types *types, __u64 entries);

#endif
