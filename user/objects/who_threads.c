// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_threads.c - what running calls hold: local variables, and values in use
 *
 * A frame is a PyFrameObject up to 3.10 and an _PyInterpreterFrame since, in the thread's own stack of chunks or inside a generator.
 * Threads go on meanwhile: a frame whose code is no code object is left out, and an address counts only if an object is there.
 */
#include "objects/who_private.h"

#define THREADS_MAX (1u << 16)
#define FRAMES_MAX (1u << 18) /* of a process: a forged chain has no end */
#define STATE_WORDS 64        /* of a PyThreadState, which has its objects among the first */
#define FRAME_WORK 16         /* words that a frame takes beside its locals */

/* for (walk = start; call__next();): each Python frame of each thread of an interpreter. */
struct call {
	struct root_reader *reader;
	__u64 thread, next_thread, frame, next_frame, code;
	__u32 locals, stack; /* words from frame_localsplus on */
	__u32 threads, frames;
};

static const struct py_layout *layout_of(const struct call *call)
{
	return &call->reader->target->python.layout;
}

static void call__start(struct call *call, struct root_reader *reader, __u64 interpreter)
{
	*call = (struct call){.reader = reader};
	call->next_thread =
		image__word(reader->image, interpreter + layout_of(call)->interp_threads_head);
}

static bool next_thread(struct call *call)
{
	const struct py_layout *layout = layout_of(call);
	struct image *image = call->reader->image;

	if (!call->next_thread || call->threads++ == THREADS_MAX)
		return false;
	call->thread = call->next_thread;
	call->next_thread = image__word(image, call->thread + layout->tstate_next);
	call->next_frame = image__word(image, call->thread + layout->tstate_frame);
	if (layout->tstate_frame_in_cframe && call->next_frame)
		call->next_frame =
			image__word(image, call->next_frame + layout->cframe_current_frame);
	return true;
}

static bool has_code(struct call *call)
{
	const struct py_layout *layout = layout_of(call);
	struct image *image = call->reader->image;
	__u8 owner = 0;

	if (layout->owner_skip_from < 256 &&
	    (image__read(image, call->frame + layout->frame_owner, &owner, 1) ||
	     owner >= layout->owner_skip_from))
		return false;
	call->code = image__word(image, call->frame + layout->frame_code) &
		     ~(__u64)layout->frame_code_tag_mask;
	return code__is_one(call->reader, call->code);
}

static bool call__next(struct call *call)
{
	struct root_reader *reader = call->reader;

	while (call->next_frame || next_thread(call)) {
		__u32 stack;

		if (!call->next_frame)
			continue;
		if (call->frames++ == FRAMES_MAX || reader->work < FRAME_WORK)
			return false;
		reader->work -= FRAME_WORK;
		call->frame = call->next_frame;
		call->next_frame =
			image__word(reader->image, call->frame + layout_of(call)->frame_previous);
		if (!has_code(call))
			continue;
		call->locals = code__locals(reader, call->code);
		stack = image__word32(reader->image, call->code + reader->objects->code_stacksize);
		call->stack = stack <= LOCALS_MAX ? stack : 0;
		return true;
	}
	return false;
}

static __u64 call__word(const struct call *call, __u32 i)
{
	if (!call->reader->work)
		return 0;
	call->reader->work--;
	return image__word(call->reader->image,
			   call->frame + call->reader->objects->frame_localsplus + i * 8ull) &
	       ~(__u64)layout_of(call)->frame_code_tag_mask;
}

void roots__add_locals(struct root_reader *reader, __u64 interpreter)
{
	struct call call;

	for (call__start(&call, reader, interpreter); call__next(&call);) {
		struct root root = {.kind = ROOT_THREAD,
				    .source = FROM_LOCAL,
				    .name = call.code,
				    .thread = call.thread};

		for (root.index = 0; root.index < call.locals; root.index++)
			roots__add(reader, call__word(&call, root.index), &root);
	}
}

void roots__add_frames(struct root_reader *reader, __u64 interpreter)
{
	const struct py_objects *objects = reader->objects;
	struct call call;

	for (call__start(&call, reader, interpreter); call__next(&call);) {
		struct root root = {.kind = ROOT_THREAD,
				    .source = FROM_FRAME,
				    .name = call.code,
				    .thread = call.thread};

		for (__u32 i = 0; i < objects->frame_field_count; i++)
			roots__add(
				reader,
				image__word(reader->image, call.frame + objects->frame_fields[i]) &
					~(__u64)layout_of(&call)->frame_code_tag_mask,
				&root);
	}
}

/* Of a word that is the address of an object no more is asked; what is behind the end of a shorter state is seldom one. */
void roots__add_states(struct root_reader *reader, __u64 interpreter)
{
	struct call call;

	call__start(&call, reader, interpreter);
	while (next_thread(&call)) {
		struct root root = {
			.kind = ROOT_THREAD, .source = FROM_STATE, .thread = call.thread};

		for (__u32 i = 0; i < STATE_WORDS && reader->work; i++, reader->work--)
			roots__add(reader, image__word(reader->image, call.thread + i * 8ull),
				   &root);
	}
}

static bool call__uses(const struct call *call, __u64 address)
{
	for (__u32 i = call->locals; i < call->locals + call->stack; i++)
		if (call__word(call, i) == address)
			return true;
	return false;
}

bool root__of_value(struct root_reader *reader, __u64 address, struct root *root)
{
	__u64 interpreters[WHO_INTERPRETERS_MAX];
	size_t count = interpreters__list(reader, interpreters);
	struct call call;

	for (size_t i = 0; i < count; i++)
		for (call__start(&call, reader, interpreters[i]); call__next(&call);)
			if (call__uses(&call, address)) {
				*root = (struct root){.kind = ROOT_THREAD,
						      .source = FROM_VALUE,
						      .name = call.code,
						      .thread = call.thread};
				return true;
			}
	return false;
}
