// SPDX-License-Identifier: BSD-2-Clause
/*
 * merge_stacks.c - the stacks of several processes: those that are the same become one
 *
 * Texts of all are interned first, so that equal frames have equal pointers; then a hash table finds the stacks.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/merge_private.h"
#include "lib/error.h"

/* A median on its way into that of a stack. */
struct vote {
	size_t stack;
	double age_s;
	__u64 weight;
};

struct builder {
	struct profile *profile;
	size_t *slots; /* 1 + index of a stack, 0 = free; a power of two, at most half full */
	size_t slot_count;
	struct named_frame *frames; /* of the stack that is looked up, its caller behind them */
	struct vote *votes;
	size_t vote_count;
};

static int intern(struct arena *arena, const char **text)
{
	if (!*text)
		return 0;
	*text = arena__intern(arena, *text);
	return *text ? 0 : -ENOMEM;
}

static int intern_frame(struct arena *arena, const struct named_frame *frame,
			struct named_frame *to)
{
	*to = *frame;
	return intern(arena, &to->function) || intern(arena, &to->file) ||
			       intern(arena, &to->path) || intern(arena, &to->module)
		       ? -ENOMEM
		       : 0;
}

/* The stack as the new profile would have it, in builder->frames. */
static int translate(struct builder *builder, const struct profile_stack *stack,
		     struct profile_stack *to)
{
	struct arena *arena = builder->profile->arena;
	struct named_frame *frames = builder->frames;
	int err = 0;

	for (size_t i = 0; !err && i < stack->frame_count; i++)
		err = intern_frame(arena, &stack->frames[i], &frames[i]);
	if (!err && stack->caller)
		err = intern_frame(arena, stack->caller, &frames[stack->frame_count]);
	*to = (struct profile_stack){
		.domain = stack->domain,
		.frames = frames,
		.frame_count = stack->frame_count,
		.caller = stack->caller ? &frames[stack->frame_count] : NULL,
		.oldest_s = -1,
		.median_age_s = -1,
		.hash = stack->hash,
	};
	return err;
}

static __u64 mix(__u64 hash, __u64 number)
{
	hash = (hash ^ number) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static __u64 hash_frame(__u64 hash, const struct named_frame *frame)
{
	hash = mix(hash, (__u64)frame->kind << 32 | (__u32)frame->line);
	hash = mix(hash, (uintptr_t)frame->function);
	hash = mix(hash, (uintptr_t)frame->path);
	hash = mix(hash, (uintptr_t)frame->module);
	return mix(hash, frame->offset);
}

static __u64 hash_stack(const struct profile_stack *stack)
{
	__u64 hash = mix(stack->domain, stack->frame_count);

	for (size_t i = 0; i < stack->frame_count; i++)
		hash = hash_frame(hash, &stack->frames[i]);
	return stack->caller ? hash_frame(hash, stack->caller) : hash;
}

static bool same_frame(const struct named_frame *a, const struct named_frame *b)
{
	return a->kind == b->kind && a->line == b->line && a->function == b->function &&
	       a->file == b->file && a->path == b->path && a->module == b->module &&
	       a->offset == b->offset;
}

static bool same_stack(const struct profile_stack *a, const struct profile_stack *b)
{
	if (a->domain != b->domain || a->frame_count != b->frame_count || !a->caller != !b->caller)
		return false;
	for (size_t i = 0; i < a->frame_count; i++)
		if (!same_frame(&a->frames[i], &b->frames[i]))
			return false;
	return !a->caller || same_frame(a->caller, b->caller);
}

/* Its slot, or the free one where it belongs. */
static size_t *slot_of(const struct builder *builder, const struct profile_stack *stack)
{
	size_t at = hash_stack(stack) & (builder->slot_count - 1);

	while (builder->slots[at] &&
	       !same_stack(&builder->profile->stacks[builder->slots[at] - 1], stack))
		at = (at + 1) & (builder->slot_count - 1);
	return &builder->slots[at];
}

/* What was looked up is to stay: its frames move out of the builder's. */
static int keep(struct builder *builder, const struct profile_stack *stack)
{
	struct profile *profile = builder->profile;
	struct profile_stack *kept = &profile->stacks[profile->stack_count];
	size_t count = stack->frame_count + !!stack->caller;

	*kept = *stack;
	kept->frames = arena__alloc(profile->arena, count + 1, sizeof(*kept->frames));
	if (!kept->frames)
		return -ENOMEM;
	memcpy(kept->frames, builder->frames, count * sizeof(*kept->frames));
	if (stack->caller)
		kept->caller = &kept->frames[stack->frame_count];
	profile->stack_count++;
	return 0;
}

static void add_figures(struct profile_stack *to, const struct profile_stack *from)
{
	to->live_bytes += from->live_bytes;
	to->live_count += from->live_count;
	to->alloc_bytes += from->alloc_bytes;
	to->alloc_count += from->alloc_count;
	to->free_bytes += from->free_bytes;
	to->free_count += from->free_count;
	if (from->oldest_s > to->oldest_s)
		to->oldest_s = from->oldest_s;
	error__merge(&to->error, &from->error);
}

static int add_stack(struct builder *builder, const struct profile_stack *stack, size_t *index)
{
	struct profile_stack translated;
	size_t *slot;
	int err = translate(builder, stack, &translated);

	if (err)
		return err;
	slot = slot_of(builder, &translated);
	if (!*slot) {
		err = keep(builder, &translated);
		if (err)
			return err;
		*slot = builder->profile->stack_count;
	}
	*index = *slot - 1;
	add_figures(&builder->profile->stacks[*index], stack);
	if (stack->median_age_s >= 0 && stack->live_count)
		builder->votes[builder->vote_count++] =
			(struct vote){*index, stack->median_age_s, stack->live_count};
	return 0;
}

static int compare_votes(const void *a, const void *b)
{
	const struct vote *x = a, *y = b;

	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return x->age_s < y->age_s ? -1 : x->age_s > y->age_s;
}

/* Votes of one stack, by age. */
static double median_of(const struct vote *votes, size_t count)
{
	__u64 total = 0, sum = 0;
	size_t i = 0;

	for (size_t k = 0; k < count; k++)
		total += votes[k].weight;
	for (; i < count - 1; i++) {
		sum += votes[i].weight;
		if (sum >= total - sum)
			break;
	}
	return votes[i].age_s;
}

static void set_medians(struct builder *builder)
{
	const struct vote *votes = builder->votes;

	qsort(builder->votes, builder->vote_count, sizeof(*votes), compare_votes);
	for (size_t from = 0, to; from < builder->vote_count; from = to) {
		for (to = from; to < builder->vote_count && votes[to].stack == votes[from].stack;)
			to++;
		builder->profile->stacks[votes[from].stack].median_age_s =
			median_of(votes + from, to - from);
	}
}

static int open_builder(struct merge *merge, struct builder *builder)
{
	struct profile *profile = &merge->to->profile;
	size_t total = 0, deepest = 0;

	for (size_t i = 0; i < merge->count; i++) {
		const struct profile *from = &merge->members[i]->profile;

		total += from->stack_count;
		for (size_t k = 0; k < from->stack_count; k++)
			if (from->stacks[k].frame_count > deepest)
				deepest = from->stacks[k].frame_count;
	}
	for (builder->slot_count = 16; builder->slot_count < 2 * total;)
		builder->slot_count *= 2;
	builder->profile = profile;
	profile->arena = arena__new();
	if (!profile->arena)
		return -ENOMEM;
	profile->stacks = arena__alloc(profile->arena, total + 1, sizeof(*profile->stacks));
	builder->slots = arena__alloc(merge->scratch, builder->slot_count, sizeof(*builder->slots));
	builder->frames = arena__alloc(merge->scratch, deepest + 1, sizeof(*builder->frames));
	builder->votes = arena__alloc(merge->scratch, total + 1, sizeof(*builder->votes));
	merge->stack_of = arena__alloc(merge->scratch, merge->count, sizeof(*merge->stack_of));
	return profile->stacks && builder->slots && builder->frames && builder->votes &&
			       merge->stack_of
		       ? 0
		       : -ENOMEM;
}

int merge__stacks(struct merge *merge)
{
	struct builder builder = {0};
	int err;

	merge->to->profile = (struct profile){0};
	err = open_builder(merge, &builder);
	for (size_t i = 0; !err && i < merge->count; i++) {
		const struct profile *from = &merge->members[i]->profile;
		size_t *index = arena__alloc(merge->scratch, from->stack_count + 1, sizeof(*index));

		if (!index)
			return -ENOMEM;
		merge->stack_of[i] = index;
		for (size_t k = 0; !err && k < from->stack_count; k++)
			err = add_stack(&builder, &from->stacks[k], &index[k]);
	}
	if (!err)
		set_medians(&builder);
	return err;
}
