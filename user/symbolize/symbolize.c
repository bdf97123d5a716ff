// SPDX-License-Identifier: BSD-2-Clause
/*
 * symbolize.c - joins stacks, code objects and ELF symbols
 *
 * A program has far fewer places in its code than stacks have frames. Each place is named once per
 * profile and shared: a frame of a stack is a copy of it, its strings are interned in the profile's
 * arena.
 */
#include "symbolize/symbolize.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "symbolize/linetable.h"
#include "symbolize/native.h"
#include "symbolize/pair_map.h"

#define MISSING SIZE_MAX

static const struct named_frame code_unknown = {
	.kind = FRAME_NOTE,
	.function = "[code not captured]",
};

struct symbolizer {
	struct images *images;
	struct pair_map codes; /* (code_key, target) -> index in snapshot.codes */
	size_t indexed;        /* codes that are in the map */
};

/* One profile being made. */
struct builder {
	const struct snapshot *snapshot;
	const struct target *target;
	__u32 target_index;
	struct symbolizer *symbolizer;
	struct arena *arena;
	struct pair_map places;  /* (index of the code, lasti) -> const struct named_frame * */
	struct pair_map callers; /* (address, module) -> const struct named_frame * */
};

struct symbolizer *symbolizer__new(void)
{
	struct symbolizer *symbolizer = calloc(1, sizeof(*symbolizer));

	if (!symbolizer)
		return NULL;
	symbolizer->images = images__new();
	if (!symbolizer->images) {
		free(symbolizer);
		return NULL;
	}
	return symbolizer;
}

void symbolizer__free(struct symbolizer *symbolizer)
{
	if (!symbolizer)
		return;
	images__free(symbolizer->images);
	pair_map__clear(&symbolizer->codes);
	free(symbolizer);
}

/* The tracer's list of codes only grows: index what is new. */
static int index_codes(struct symbolizer *symbolizer, const struct snapshot *snapshot)
{
	if (snapshot->code_count < symbolizer->indexed) { /* another tracer's, then */
		pair_map__clear(&symbolizer->codes);
		symbolizer->indexed = 0;
	}
	for (; symbolizer->indexed < snapshot->code_count; symbolizer->indexed++) {
		const struct code_info *code = &snapshot->codes[symbolizer->indexed];

		if (pair_map__put(&symbolizer->codes, code->code_key, code->target,
				  symbolizer->indexed))
			return -ENOMEM;
	}
	return 0;
}

static struct named_frame note(const char *text)
{
	return (struct named_frame){.kind = FRAME_NOTE, .function = text};
}

static const char *last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static int name_code(struct builder *builder, const struct code_info *code, long lasti,
		     struct named_frame *frame)
{
	const char *path = code->file ? code->file : "?";

	if (!code->file && !code->name) {
		*frame = code_unknown;
		return 0;
	}
	frame->kind = FRAME_PYTHON;
	frame->function = arena__intern(builder->arena, code->name ? code->name : "?");
	frame->path = arena__intern(builder->arena, path);
	frame->file = arena__intern(builder->arena, last_component(path));
	frame->line = linetable__line(builder->target->python.layout.line_format, code->lines,
				      code->lines_len, code->lines_size, code->first_line, lasti);
	if (frame->line < 0)
		frame->line = 0;
	return frame->function && frame->path && frame->file ? 0 : -ENOMEM;
}

/* NULL: no memory. */
static const struct named_frame *place_of(struct builder *builder, const struct frame *raw)
{
	size_t code = pair_map__get(&builder->symbolizer->codes, raw->code_key,
				    builder->target_index, MISSING);
	struct named_frame *frame;
	size_t known;

	if (code == MISSING)
		return &code_unknown;
	known = pair_map__get(&builder->places, code, (__s64)raw->lasti, 0);
	if (known)
		return (const struct named_frame *)known;
	frame = arena__alloc(builder->arena, 1, sizeof(*frame));
	if (!frame || name_code(builder, &builder->snapshot->codes[code], raw->lasti, frame) ||
	    pair_map__put(&builder->places, code, (__s64)raw->lasti, (uintptr_t)frame))
		return NULL;
	return frame;
}

/* Sets *frame to NULL where no caller is known. 0 or -ENOMEM. */
static int caller_of(struct builder *builder, const struct stack_info *info,
		     const struct named_frame **result)
{
	struct named_frame *frame;
	size_t known;

	*result = NULL;
	if (!info->known || !info->caller)
		return 0;
	known = pair_map__get(&builder->callers, info->caller, (__s64)info->caller_module, 0);
	if (known) {
		*result = (const struct named_frame *)known;
		return 0;
	}
	frame = arena__alloc(builder->arena, 1, sizeof(*frame));
	if (!frame ||
	    native__frame(builder->symbolizer->images, builder->target, info->caller_module,
			  info->caller, builder->arena, frame) ||
	    pair_map__put(&builder->callers, info->caller, (__s64)info->caller_module,
			  (uintptr_t)frame))
		return -ENOMEM;
	*result = frame;
	return 0;
}

/* Why a stack has no frames of its own; NULL = it has. */
static const char *why_empty(const struct stack_info *info)
{
	if (!info->key.hash)
		return "[stack table full]";
	if (!info->known)
		return "[stack not known]";
	return NULL;
}

static int name_frames(struct builder *builder, const struct stack_info *info,
		       struct profile_stack *stack)
{
	const char *empty = why_empty(info);
	size_t python = empty ? 0 : info->frame_count;

	/* Caller, cut and the note of an empty stack are the most that can come on top. */
	stack->frames = arena__alloc(builder->arena, python + 3, sizeof(*stack->frames));
	if (!stack->frames || caller_of(builder, info, &stack->caller))
		return -ENOMEM;
	if (stack->caller &&
	    (!python || !native__is_allocator(builder->target, info->caller_module)))
		stack->frames[stack->frame_count++] = *stack->caller;
	for (size_t i = 0; i < python; i++) {
		const struct named_frame *place = place_of(builder, &info->frames[i]);

		if (!place)
			return -ENOMEM;
		stack->frames[stack->frame_count++] = *place;
	}
	if (!empty && info->flags & STACK_UNREADABLE)
		stack->frames[stack->frame_count++] = note("[unreadable frame]");
	else if (!empty && info->flags & STACK_TRUNCATED)
		stack->frames[stack->frame_count++] = note("[truncated]");
	if (!stack->frame_count)
		stack->frames[stack->frame_count++] = note(empty ? empty : "[no Python frame]");
	return 0;
}

static int name_stack(struct builder *builder, const struct stack_info *info,
		      struct profile_stack *stack)
{
	stack->domain = info->key.domain;
	stack->hash = info->key.hash;
	stack->live_bytes = info->live_bytes;
	stack->live_count = info->live_count;
	stack->alloc_bytes = info->alloc_bytes;
	stack->alloc_count = info->alloc_count;
	stack->free_bytes = info->free_bytes;
	stack->free_count = info->free_count;
	stack->error = info->error;
	stack->oldest_s = info->oldest_s;
	stack->median_age_s = info->median_age_s;
	return name_frames(builder, info, stack);
}

static int name_stacks(struct builder *builder, struct profile *profile)
{
	const struct snapshot *snapshot = builder->snapshot;
	size_t count = 0;
	int err = 0;

	for (size_t i = 0; i < snapshot->stack_count; i++)
		count += snapshot->stacks[i].key.target == builder->target_index;
	profile->stacks = arena__alloc(builder->arena, count, sizeof(*profile->stacks));
	if (!profile->stacks)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->stack_count && !err; i++)
		if (snapshot->stacks[i].key.target == builder->target_index)
			err = name_stack(builder, &snapshot->stacks[i],
					 &profile->stacks[profile->stack_count++]);
	return err;
}

int symbolize__profile(const struct snapshot *snapshot, const struct target *target,
		       __u32 target_index, struct symbolizer *symbolizer, struct profile *profile)
{
	struct builder builder = {
		.snapshot = snapshot,
		.target = target,
		.target_index = target_index,
		.symbolizer = symbolizer,
		.arena = arena__new(),
	};
	int err;

	*profile = (struct profile){.arena = builder.arena};
	if (!builder.arena)
		return -ENOMEM;
	err = index_codes(symbolizer, snapshot);
	if (!err)
		err = name_stacks(&builder, profile);
	pair_map__clear(&builder.places);
	pair_map__clear(&builder.callers);
	if (err)
		profile__free(profile);
	return err;
}

void profile__free(struct profile *profile)
{
	if (!profile)
		return;
	arena__free(profile->arena);
	*profile = (struct profile){0};
}
