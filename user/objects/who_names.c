// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_names.c - what threads, functions and their variables are called
 */
#include <stdio.h>
#include <string.h>

#include "objects/dict.h"
#include "objects/who_private.h"

#define THREADS_MAX (1u << 16) /* in threading._active */
#define ATTRIBUTES_MAX 512     /* of a Thread object */
#define WORDS_MAX 65536        /* that are looked at for them */
#define LONG_DIGIT 24          /* PyLongObject: first digit, of 30 bits */

/* An attribute of an instance by name; 0 = none. */
static __u64 attribute(struct root_reader *reader, __u64 object, const char *name)
{
	const struct object_type *type =
		types__at(reader->types, image__word(reader->image, object + OBJECT_TYPE));
	struct ref_iter it;
	struct ref ref;
	char text[64];
	__u64 dict = 0;

	if (!type)
		return 0;
	refs__start(&it, reader->types, object, type);
	it.most = WORDS_MAX;
	for (int i = 0; i < ATTRIBUTES_MAX && refs__next(&it, &ref); i++) {
		if (ref.kind == REF_ATTRIBUTE &&
		    types__text(reader->types, ref.label, text, sizeof(text)) > 0 &&
		    !strcmp(text, name))
			return ref.to;
		if (ref.kind == REF_FIELD && !strcmp(ref.field, "__dict__"))
			dict = ref.to;
	}
	return dict ? dict__get(reader->types, dict, name) : 0;
}

/* threading._active: identifiers and the Thread objects. */
static __u64 active_threads(struct root_reader *reader, __u64 interpreter)
{
	__u64 modules = image__word(reader->image, interpreter + reader->objects->interp_modules);
	__u64 threading = modules ? dict__get(reader->types, modules, "threading") : 0;
	__u64 dict = threading ? image__word(reader->image, threading + MODULE_DICT) : 0;

	return dict ? dict__get(reader->types, dict, "_active") : 0;
}

/* An identifier is an address of some 47 bits: two digits. */
static __u64 identifier(struct root_reader *reader, __u64 object)
{
	__u32 digits[2];

	if (image__read(reader->image, object + LONG_DIGIT, digits, sizeof(digits)))
		return 0;
	return digits[0] | (__u64)digits[1] << 30;
}

static bool find_thread_name(struct root_reader *reader, __u64 id, char *name, size_t max)
{
	__u64 interpreters[WHO_INTERPRETERS_MAX];
	size_t count = interpreters__list(reader, interpreters);

	for (size_t i = 0; i < count; i++) {
		__u64 active = active_threads(reader, interpreters[i]);
		struct dict_iter it;
		__u32 seen = 0;

		if (!active)
			continue;
		dict_iter__of_dict(&it, reader->types, active);
		while (seen++ < THREADS_MAX && dict_iter__next(&it))
			if (identifier(reader, it.key) == id)
				return types__text(reader->types,
						   attribute(reader, it.value, "_name"), name,
						   max) > 0;
	}
	return false;
}

void thread__text(struct root_reader *reader, __u64 thread, char *text, size_t max)
{
	const struct py_layout *layout = &reader->target->python.layout;
	__u64 id = image__word(reader->image, thread + layout->tstate_thread_id);
	char name[WHO_LABEL_MAX];

	if (find_thread_name(reader, id, name, sizeof(name)))
		snprintf(text, max, "thread %s", name);
	else if (layout->tstate_native_thread_id)
		snprintf(text, max, "thread %llu",
			 image__word(reader->image, thread + layout->tstate_native_thread_id));
	else
		snprintf(text, max, "thread %#llx", id);
}

/* ---- code ---- */

bool code__is_one(struct root_reader *reader, __u64 address)
{
	const struct object_type *type =
		types__at(reader->types, image__word(reader->image, address + OBJECT_TYPE));

	return type && type->kind == KIND_CODE;
}

static __u64 tuple_size(struct image *image, __u64 tuple)
{
	__u64 size = tuple ? image__word(image, tuple + VAR_SIZE) : 0;

	return size <= LOCALS_MAX ? size : 0;
}

__u32 code__locals(struct root_reader *reader, __u64 code)
{
	const struct py_objects *objects = reader->objects;
	struct image *image = reader->image;
	__u64 n;

	if (objects->code_nlocalsplus)
		n = image__word32(image, code + objects->code_nlocalsplus);
	else
		n = image__word32(image, code + objects->code_nlocals) +
		    tuple_size(image, image__word(image, code + objects->code_cellvars)) +
		    tuple_size(image, image__word(image, code + objects->code_freevars));
	return n <= LOCALS_MAX ? n : 0;
}

/* Item of a tuple of names. */
static bool name_in(struct root_reader *reader, __u64 tuple, __u64 index, char *text, size_t max)
{
	__u64 item;

	if (!tuple || index >= tuple_size(reader->image, tuple))
		return false;
	item = image__word(reader->image, tuple + reader->objects->tuple_items + index * 8);
	return types__text(reader->types, item, text, max) > 0;
}

void code__local_name(struct root_reader *reader, __u64 code, __u32 index, char *text, size_t max)
{
	const struct py_objects *objects = reader->objects;
	struct image *image = reader->image;
	const __u32 parts[] = {objects->code_localnames, objects->code_cellvars,
			       objects->code_freevars};

	/* One tuple has all since 3.11; before, cells and free variables follow the locals. */
	for (size_t i = 0; i < (objects->code_nlocalsplus ? 1 : 3); i++) {
		__u64 names = image__word(image, code + parts[i]);

		if (name_in(reader, names, index, text, max))
			return;
		if (index < tuple_size(image, names))
			break;
		index -= tuple_size(image, names);
	}
	snprintf(text, max, "?");
}

void code__free_name(struct root_reader *reader, __u64 code, __u32 index, __u32 count, char *text,
		     size_t max)
{
	__u32 locals = code__locals(reader, code);

	if (index < count && count <= locals)
		code__local_name(reader, code, locals - count + index, text, max);
	else
		snprintf(text, max, "?");
}

void code__text(struct root_reader *reader, __u64 code, char *text, size_t max)
{
	const struct py_layout *layout = &reader->target->python.layout;
	char name[WHO_LABEL_MAX], file[WHO_LABEL_MAX * 4];
	const char *base;

	if (!code__is_one(reader, code) ||
	    types__text(reader->types, image__word(reader->image, code + layout->code_name), name,
			sizeof(name)) <= 0)
		snprintf(name, sizeof(name), "?");
	if (!code__is_one(reader, code) ||
	    types__text(reader->types, image__word(reader->image, code + layout->code_filename),
			file, sizeof(file)) <= 0)
		snprintf(file, sizeof(file), "?");
	base = strrchr(file, '/');
	snprintf(text, max, "%s (%s)", name, base ? base + 1 : file);
}
