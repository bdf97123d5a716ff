// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_roots.c - where paths begin: modules, threads, built-in types, the interpreters themselves
 *
 * The order of the list is the order of preference: of two paths of equal length the search keeps that from the earlier root.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "objects/dict.h"
#include "objects/who_private.h"

#define ROOTS_MAX (1u << 20)
#define MODULES_MAX (1u << 16)

void roots__add(struct root_reader *reader, __u64 address, const struct root *root)
{
	struct roots *roots = reader->roots;
	__u32 node = address ? graph__find(reader->graph, address) : NO_NODE;

	if (node == NO_NODE || roots->count == ROOTS_MAX)
		return;
	if (roots->count == roots->room) {
		size_t room = roots->room ? 2 * roots->room : 1024;
		struct root *list = realloc(roots->list, room * sizeof(*list));

		if (!list) {
			roots->no_memory = true;
			return;
		}
		roots->list = list;
		roots->room = room;
	}
	roots->list[roots->count] = *root;
	roots->list[roots->count++].node = node;
}

void roots__free(struct roots *roots)
{
	free(roots->list);
	*roots = (struct roots){0};
}

size_t interpreters__list(struct root_reader *reader, __u64 list[WHO_INTERPRETERS_MAX])
{
	const struct python *python = &reader->target->python;
	__u64 at = image__word(reader->image,
			       python->runtime + python->layout.runtime_interpreters_head);
	size_t count = 0;

	while (at && count < WHO_INTERPRETERS_MAX) {
		list[count++] = at;
		at = image__word(reader->image, at + python->layout.interp_next);
	}
	return count;
}

/* The list begins with the interpreter that was made last; the first one is the program's own. */
static void add_modules(struct root_reader *reader, __u64 interpreter, __u32 number)
{
	struct root root = {.kind = ROOT_MODULE, .source = FROM_MODULES, .index = number};
	struct dict_iter it;
	__u32 seen = 0;

	dict_iter__of_dict(
		&it, reader->types,
		image__word(reader->image, interpreter + reader->objects->interp_modules));
	while (seen++ < MODULES_MAX && dict_iter__next(&it)) {
		root.name = it.key;
		roots__add(reader, it.value, &root);
	}
}

static void add_interpreter(struct root_reader *reader, __u64 interpreter)
{
	const struct py_objects *objects = reader->objects;
	const struct {
		__u32 offset;
		enum who_root kind;
		const char *name;
	} fields[] = {
		{objects->interp_sysdict, ROOT_BUILTIN, "sys"},
		{objects->interp_builtins, ROOT_BUILTIN, "builtins"},
		{objects->interp_modules, ROOT_INTERPRETER, "sys.modules"},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct root root = {.kind = fields[i].kind,
				    .source = FROM_INTERPRETER,
				    .field = fields[i].name};

		roots__add(reader, image__word(reader->image, interpreter + fields[i].offset),
			   &root);
	}
}

/* Built-in types are in no heap, so that they are no nodes. */
static void add_static_types(struct root_reader *reader)
{
	static const struct {
		__u32 offset;
		const char *name;
	} fields[] = {
		{TYPE_DICT, "__dict__"},
		{TYPE_BASES, "__bases__"},
		{TYPE_MRO, "__mro__"},
	};

	for (__u32 i = 0; i < types__count(reader->types); i++) {
		const struct object_type *type = types__get(reader->types, i);

		if (type->flags & TYPE_HEAPTYPE)
			continue;
		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
			struct root root = {.kind = ROOT_BUILTIN,
					    .source = FROM_TYPE,
					    .name = type->address,
					    .field = fields[k].name};

			roots__add(reader,
				   image__word(reader->image, type->address + fields[k].offset),
				   &root);
		}
	}
}

int roots__find(struct root_reader *reader)
{
	__u64 interpreters[WHO_INTERPRETERS_MAX];
	size_t count = interpreters__list(reader, interpreters);

	for (size_t i = count; i-- > 0;)
		add_modules(reader, interpreters[i], count - 1 - i);
	for (size_t i = count; i-- > 0;)
		roots__add_locals(reader, interpreters[i]);
	add_static_types(reader);
	reader->roots->late = reader->roots->count;
	for (size_t i = count; i-- > 0;)
		add_interpreter(reader, interpreters[i]);
	for (size_t i = count; i-- > 0;)
		roots__add_frames(reader, interpreters[i]);
	for (size_t i = count; i-- > 0;)
		roots__add_states(reader, interpreters[i]);
	return reader->roots->no_memory ? -ENOMEM : 0;
}

/* ---- text ---- */

static void module_text(struct root_reader *reader, const struct root *root, char *text, size_t max)
{
	char name[WHO_LABEL_MAX];

	if (types__text(reader->types, root->name, name, sizeof(name)) <= 0)
		snprintf(name, sizeof(name), "?");
	if (root->index)
		snprintf(text, max, "module %s of interpreter %u", name, root->index);
	else
		snprintf(text, max, "module %s", name);
}

static void call_text(struct root_reader *reader, const struct root *root, bool with_thread,
		      char *text, size_t max)
{
	char thread[WHO_LABEL_MAX] = "several threads", code[WHO_LABEL_MAX];

	if (with_thread)
		thread__text(reader, root->thread, thread, sizeof(thread));
	code__text(reader, root->name, code, sizeof(code));
	snprintf(text, max, "%s, function %s", thread, code);
}

void root__text(struct root_reader *reader, const struct root *root, bool with_thread, char *text,
		size_t max)
{
	const struct object_type *type;

	switch (root->source) {
	case FROM_MODULES:
		module_text(reader, root, text, max);
		break;
	case FROM_LOCAL:
	case FROM_FRAME:
	case FROM_VALUE:
		call_text(reader, root, with_thread, text, max);
		break;
	case FROM_STATE:
		if (with_thread)
			thread__text(reader, root->thread, text, max);
		else
			snprintf(text, max, "several threads");
		break;
	case FROM_TYPE:
		type = types__at(reader->types, root->name);
		snprintf(text, max, "type %s", type ? types__name(reader->types, type) : "?");
		break;
	case FROM_INTERPRETER:
		snprintf(text, max, "interpreter");
		break;
	}
}

void root__object_text(struct root_reader *reader, const struct root *root, char *text, size_t max)
{
	char name[WHO_LABEL_MAX];

	switch (root->source) {
	case FROM_MODULES:
		text[0] = '\0';
		break;
	case FROM_LOCAL:
		code__local_name(reader, root->name, root->index, name, sizeof(name));
		snprintf(text, max, "local %s", name);
		break;
	case FROM_FRAME:
		snprintf(text, max, "frame");
		break;
	case FROM_VALUE:
		snprintf(text, max, "value in use");
		break;
	case FROM_STATE:
		snprintf(text, max, "thread state");
		break;
	case FROM_TYPE:
	case FROM_INTERPRETER:
		snprintf(text, max, "%s", root->field);
		break;
	}
}
