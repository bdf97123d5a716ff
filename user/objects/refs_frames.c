// SPDX-License-Identifier: BSD-2-Clause
/*
 * refs_frames.c - local variables and stacks of frames, generators and coroutines
 *
 * Up to 3.10 each frame is an object. Since 3.11 it is a piece of a thread's stack, or of a generator, and becomes an object of its own
 * only when a traceback or a caller of sys._getframe() keeps it.
 */
#include "objects/refs_private.h"

#define FRAME_CLEARED 4 /* gi_frame_state */
#define OWNED_BY_FRAME_OBJECT 2
#define LOCALS_MAX 65536
#define STACK_MAX (1 << 20)
#define TAG_MASK 3

static void add_locals(struct ref_iter *it, __u64 address, __u64 count, __u64 names)
{
	ref_iter__add(it, &(struct ref_span){.address = address,
					     .count = count,
					     .label = names,
					     .stride = 8,
					     .kind = REF_LOCAL});
}

/* co_nlocals, co_nlocalsplus: int. More than there can be: 0, and broken. */
static __u64 read_count(struct ref_iter *it, __u64 address)
{
	__u32 count = image__word32(types__image(it->types), address);

	if (count <= LOCALS_MAX)
		return count;
	it->broken = true;
	return 0;
}

static __u64 tuple_size(struct ref_iter *it, __u64 tuple)
{
	__u64 size = tuple ? image__word(types__image(it->types), tuple + VAR_SIZE) : 0;

	return size <= LOCALS_MAX ? size : 0;
}

/* Slots of the stack that are in use; none while the frame runs, when only its thread knows (nor does the collector visit them). */
static __u64 stack_size(struct ref_iter *it, __u64 frame, __u64 base)
{
	const struct py_objects *objects = types__objects(it->types);
	__u64 word = ref_iter__word(it, frame + objects->frame_stack);
	__s64 size = 0;

	switch (objects->frame_stack_kind) {
	case PY_STACK_TOP:
	case PY_STACK_POINTER:
		size = word ? (__s64)(word - base) / 8 : 0;
		break;
	case PY_STACK_DEPTH:
	case PY_STACK_INDEX:
		size = (__s32)word < 0 ? 0 : (__s32)word;
		break;
	}
	if (size >= 0 && size <= STACK_MAX)
		return size;
	it->broken = true;
	return 0;
}

/* ---- frame objects up to 3.10 ---- */

static void add_old_locals(struct ref_iter *it, __u64 frame, __u64 code)
{
	const struct py_objects *objects = types__objects(it->types);
	struct image *image = types__image(it->types);
	__u64 at = frame + objects->frame_localsplus;
	__u64 locals = read_count(it, code + objects->code_nlocals);
	__u64 cells = image__word(image, code + objects->code_cellvars);
	__u64 free = image__word(image, code + objects->code_freevars);

	add_locals(it, at, locals, image__word(image, code + objects->code_localnames));
	at += locals * 8;
	add_locals(it, at, tuple_size(it, cells), cells);
	at += tuple_size(it, cells) * 8;
	add_locals(it, at, tuple_size(it, free), free);
}

static void add_old_frame(struct ref_iter *it, __u64 frame)
{
	const struct py_objects *objects = types__objects(it->types);
	static const char *const names[PY_FRAME_FIELDS] = {"f_back",    "f_code",   "f_builtins",
							   "f_globals", "f_locals", "f_trace"};
	__u64 code = ref_iter__word(it, frame + objects->frame_fields[1]);
	__u64 base = ref_iter__word(it, frame + objects->frame_valuestack);

	for (__u32 i = 0; i < objects->frame_field_count; i++)
		ref_iter__add_field(it, frame + objects->frame_fields[i], names[i]);
	if (!code)
		return;
	add_old_locals(it, frame, code);
	add_locals(it, base, stack_size(it, frame, base), 0);
}

/* ---- since 3.11 ---- */

/* Tagged words are left out by refs.c: they are borrowed, or no objects. */
void ref_iter__add_interpreter_frame(struct ref_iter *it, __u64 frame)
{
	const struct py_objects *objects = types__objects(it->types);
	__u64 code = 0, locals, used, at = frame + objects->frame_localsplus;

	if (!objects->generator_iframe) /* up to 3.10 there are none */
		return;
	for (__u32 i = 0; i < objects->frame_field_count; i++) {
		__u64 word = ref_iter__word(it, frame + objects->frame_fields[i]);

		if (objects->frame_fields[i] == objects->frame_code)
			code = word & ~(__u64)TAG_MASK;
		if (!(word & TAG_MASK))
			ref_iter__add_field(it, frame + objects->frame_fields[i], "(of the frame)");
	}
	if (!code)
		return;
	locals = read_count(it, code + objects->code_nlocalsplus);
	add_locals(it, at, locals,
		   image__word(types__image(it->types), code + objects->code_localnames));
	used = stack_size(it, frame, at);
	if (used > locals)
		add_locals(it, at + locals * 8, used - locals, 0);
}

static void add_new_frame(struct ref_iter *it, __u64 address)
{
	const struct py_objects *objects = types__objects(it->types);
	static const char *const names[PY_FRAME_FIELDS] = {"f_back", "f_trace"};
	__u64 frame = ref_iter__word(it, address + objects->frame_object_iframe);
	const unsigned char *owner;

	for (int i = 0; i < PY_FRAME_FIELDS && objects->frame_object_fields[i]; i++)
		ref_iter__add_field(it, address + objects->frame_object_fields[i],
				    names[i] ? names[i] : "(of the frame)");
	if (!frame)
		return;
	owner = ref_iter__peek(it, frame + objects->frame_owner, 1, 1);
	if (!owner)
		it->broken = true;
	else if (*owner == OWNED_BY_FRAME_OBJECT)
		ref_iter__add_interpreter_frame(it, frame);
}

void ref_iter__add_frame(struct ref_iter *it, __u64 address)
{
	if (types__objects(it->types)->frame_object_iframe)
		add_new_frame(it, address);
	else
		add_old_frame(it, address);
}

void ref_iter__add_generator(struct ref_iter *it, __u64 address)
{
	const struct py_objects *objects = types__objects(it->types);
	const signed char *state;

	for (int i = 0; i < PY_GENERATOR_FIELDS && objects->generator_fields[i]; i++)
		ref_iter__add_field(it, address + objects->generator_fields[i],
				    "(of the generator)");
	if (objects->generator_frame) {
		ref_iter__add_field(it, address + objects->generator_frame, "gi_frame");
		return;
	}
	state = ref_iter__peek(it, address + objects->generator_frame_state, 1, 1);
	if (!state)
		it->broken = true;
	else if (*state < FRAME_CLEARED)
		ref_iter__add_interpreter_frame(it, address + objects->generator_iframe);
}
