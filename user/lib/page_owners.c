// SPDX-License-Identifier: BSD-2-Clause
/*
 * page_owners.c - what the records say: who took a page, what was unmapped and moved
 *
 * Chunks are found by bisection.
 */
#include "lib/page_owners_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 2 KiB each where something is owned: what a hostile process can make us take. 128 GiB of new memory. */
#define CHUNKS_MAX (1U << 16)
#define STACKS_MAX (1U << 22)

struct page_owners *page_owners__new(__u64 page_size)
{
	struct page_owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return NULL;
	owners->page_size = page_size;
	owners->chunk_bytes = page_size * OWNERS_CHUNK;
	owners->stack_count = 1;
	return owners;
}

void page_owners__free(struct page_owners *owners)
{
	if (!owners)
		return;
	for (size_t i = 0; i < owners->chunk_count; i++) {
		free(owners->chunks[i]->owner);
		free(owners->chunks[i]);
	}
	HASH_CLEAR(hh, owners->by_hash);
	for (size_t i = 1; i < owners->stack_count; i++)
		free(owners->stacks[i]);
	free(owners->stacks);
	free(owners->chunks);
	free(owners);
}

/* Index of the first chunk that ends above address. */
static size_t lower_bound(const struct page_owners *owners, __u64 address)
{
	__u64 base = address & ~(owners->chunk_bytes - 1);
	size_t low = 0, high = owners->chunk_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (owners->chunks[middle]->base < base)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct chunk *chunk__at(const struct page_owners *owners, __u64 address)
{
	size_t i = lower_bound(owners, address);

	if (i == owners->chunk_count || owners->chunks[i]->base > address)
		return NULL;
	return owners->chunks[i];
}

/* The chunk that holds address, made where there is none. 0 or -ENOMEM, -ENOSPC. */
int chunk__make(struct page_owners *owners, __u64 address, struct chunk **result)
{
	struct chunk *chunk = chunk__at(owners, address), **grown;
	size_t i = lower_bound(owners, address), capacity;

	*result = chunk;
	if (chunk)
		return 0;
	if (owners->chunk_count >= CHUNKS_MAX)
		return -ENOSPC;
	if (owners->chunk_count == owners->chunk_capacity) {
		capacity = owners->chunk_capacity ? 2 * owners->chunk_capacity : 64;
		grown = realloc(owners->chunks, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		owners->chunks = grown;
		owners->chunk_capacity = capacity;
	}
	chunk = calloc(1, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	chunk->base = address & ~(owners->chunk_bytes - 1);
	memmove(owners->chunks + i + 1, owners->chunks + i,
		(owners->chunk_count - i) * sizeof(*owners->chunks));
	owners->chunks[i] = chunk;
	owners->chunk_count++;
	*result = chunk;
	return 0;
}

int chunk__make_room(struct chunk *chunk)
{
	if (!chunk->owner)
		chunk->owner = calloc(OWNERS_CHUNK, sizeof(*chunk->owner));
	return chunk->owner ? 0 : -ENOMEM;
}

static int make_stack(struct page_owners *owners, __u64 hash, struct stack **result)
{
	struct stack *stack, **grown;
	size_t capacity;

	HASH_FIND(hh, owners->by_hash, &hash, sizeof(hash), stack);
	*result = stack;
	if (stack)
		return 0;
	if (owners->stack_count >= STACKS_MAX)
		return -ENOSPC;
	if (owners->stack_count >= owners->stack_capacity) {
		capacity = owners->stack_capacity ? 2 * owners->stack_capacity : 64;
		grown = realloc(owners->stacks, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		owners->stacks = grown;
		owners->stack_capacity = capacity;
	}
	stack = calloc(1, sizeof(*stack));
	if (!stack)
		return -ENOMEM;
	stack->hash = hash;
	stack->index = owners->stack_count;
	owners->stacks[owners->stack_count++] = stack;
	HASH_ADD(hh, owners->by_hash, hash, sizeof(stack->hash), stack);
	*result = stack;
	return 0;
}

/* The only place that changes an owner, so that the sums are right. chunk->owner is there unless owner is 0. */
void chunk__set_owner(struct page_owners *owners, struct chunk *chunk, size_t i, __u32 owner)
{
	__u32 before = chunk__owner(chunk, i);
	struct page_sums *sums;

	if (before == owner)
		return;
	if (before && !(before & OWNER_SWAPPED)) {
		sums = &owners->stacks[before & OWNER_INDEX]->sums;
		sums->resident--;
		sums->inferred -= !!(before & OWNER_INFERRED);
		owners->inferred -= !!(before & OWNER_INFERRED);
		owners->resident--;
	}
	if (owner && !(owner & OWNER_SWAPPED)) {
		sums = &owners->stacks[owner & OWNER_INDEX]->sums;
		sums->resident++;
		sums->inferred += !!(owner & OWNER_INFERRED);
		owners->inferred += !!(owner & OWNER_INFERRED);
		owners->resident++;
	}
	chunk->owner[i] = owner;
}

int page_owners__own(struct page_owners *owners, __u64 address, __u64 stack_hash, __u32 weight,
		     bool was_present)
{
	struct chunk *chunk;
	struct stack *stack;
	size_t i = address / owners->page_size % OWNERS_CHUNK;
	int err = chunk__make(owners, address, &chunk);

	if (err)
		return err;
	if (was_present && (bit(chunk->old, i) || chunk__owner(chunk, i)))
		return 0;
	err = chunk__make_room(chunk);
	if (!err)
		err = make_stack(owners, stack_hash, &stack);
	if (err)
		return err;
	clear_bit(chunk->old, i);
	chunk__set_owner(owners, chunk, i, stack->index);
	stack->sums.faulted += weight;
	return 0;
}

void chunk__drop(struct page_owners *owners, struct chunk *chunk, size_t i)
{
	chunk__set_owner(owners, chunk, i, 0);
	clear_bit(chunk->old, i);
}

/* Pages [*from, *to) of the chunk that are in [start, end). */
static void cut(const struct page_owners *owners, const struct chunk *chunk, __u64 start, __u64 end,
		size_t *from, size_t *to)
{
	__u64 last = chunk->base + (owners->chunk_bytes - 1);

	*from = start > chunk->base ? (start - chunk->base) / owners->page_size : 0;
	*to = end > last ? OWNERS_CHUNK
			 : (end - chunk->base + owners->page_size - 1) / owners->page_size;
}

/* Calls visit for every page of a known chunk in [start, end). */
void chunk__for_each_page(struct page_owners *owners, __u64 start, __u64 end,
			  void (*visit)(struct page_owners *, struct chunk *, size_t))
{
	size_t from, to;

	for (size_t at = lower_bound(owners, start); at < owners->chunk_count; at++) {
		struct chunk *chunk = owners->chunks[at];

		if (chunk->base >= end)
			break;
		cut(owners, chunk, start, end, &from, &to);
		for (size_t i = from; i < to; i++)
			visit(owners, chunk, i);
	}
}

void page_owners__forget(struct page_owners *owners, __u64 start, __u64 end)
{
	chunk__for_each_page(owners, start, end, chunk__drop);
}

/* Moves what is known of one page; where there is no room at the new place, it is forgotten. */
static int move_page(struct page_owners *owners, struct chunk *from, size_t i, __u64 to_address)
{
	size_t to_i = to_address / owners->page_size % OWNERS_CHUNK;
	__u32 owner = chunk__owner(from, i);
	bool old = bit(from->old, i);
	struct chunk *to;
	int err;

	if (!owner && !old)
		return 0;
	chunk__drop(owners, from, i);
	err = chunk__make(owners, to_address, &to);
	if (!err && owner)
		err = chunk__make_room(to);
	if (err)
		return err;
	if (owner)
		chunk__set_owner(owners, to, to_i, owner);
	if (old)
		set_bit(to->old, to_i);
	return 0;
}

int page_owners__move(struct page_owners *owners, __u64 old_start, __u64 old_len, __u64 start,
		      __u64 len)
{
	__u64 old_end = old_start + old_len, kept = old_len < len ? old_len : len, at;
	size_t from, to, next;
	int err = 0, failed;

	if (old_end < old_start || start + len < start)
		return 0;
	if (start == old_start) {
		page_owners__forget(owners, start + len < old_end ? start + len : old_end, old_end);
		return 0;
	}
	page_owners__forget(owners, start, start + len);
	for (at = old_start; at < old_end;) {
		struct chunk *chunk;

		next = lower_bound(owners, at); /* anew: chunks may have been made */
		if (next == owners->chunk_count || owners->chunks[next]->base >= old_end)
			break;
		chunk = owners->chunks[next];
		cut(owners, chunk, at, old_end, &from, &to);
		for (size_t i = from; i < to; i++) {
			__u64 offset = chunk->base + i * owners->page_size - old_start;

			if (offset >= kept) {
				chunk__drop(owners, chunk, i);
				continue;
			}
			failed = move_page(owners, chunk, i, start + offset);
			err = err ? err : failed;
		}
		at = chunk->base + owners->chunk_bytes;
		if (at < chunk->base)
			break;
	}
	return err;
}

__u64 page_owners__next_owned(const struct page_owners *owners, __u64 address)
{
	for (size_t i = lower_bound(owners, address); i < owners->chunk_count; i++)
		if (owners->chunks[i]->owner)
			return owners->chunks[i]->base;
	return ~0ULL;
}

struct page_sums page_owners__sums(const struct page_owners *owners, __u64 stack_hash)
{
	struct stack *stack;

	HASH_FIND(hh, owners->by_hash, &stack_hash, sizeof(stack_hash), stack);
	return stack ? stack->sums : (struct page_sums){0};
}

__u64 page_owners__resident(const struct page_owners *owners)
{
	return owners->resident;
}

__u64 page_owners__inferred(const struct page_owners *owners)
{
	return owners->inferred;
}

__u64 page_owners__orphans(const struct page_owners *owners)
{
	return owners->orphans;
}
