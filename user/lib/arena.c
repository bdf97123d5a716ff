// SPDX-License-Identifier: BSD-2-Clause
/*
 * arena.c - see arena.h
 */
#include "lib/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64 << 10)
#define ALIGNMENT 16
#define FIRST_SLOTS 256 /* a power of two */

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) char bytes[];
};

struct arena {
	struct chunk *chunks; /* the newest first; only that one is filled further */
	const char **slots;   /* open addressing, linear probing; at most half full */
	size_t slot_count, strings;
};

struct arena *arena__new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return NULL;
	arena->slot_count = FIRST_SLOTS;
	arena->slots = calloc(arena->slot_count, sizeof(*arena->slots));
	if (!arena->slots) {
		free(arena);
		return NULL;
	}
	return arena;
}

void arena__free(struct arena *arena)
{
	if (!arena)
		return;
	while (arena->chunks) {
		struct chunk *next = arena->chunks->next;

		free(arena->chunks);
		arena->chunks = next;
	}
	free(arena->slots);
	free(arena);
}

void *arena__alloc(struct arena *arena, size_t count, size_t size)
{
	struct chunk *chunk = arena->chunks;
	size_t bytes;
	void *block;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!chunk || chunk->size - chunk->used < bytes) {
		size_t room = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->size = room;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	block = chunk->bytes + chunk->used;
	chunk->used += bytes;
	return block;
}

/* FNV-1a, mixed with an address that the target does not know: it cannot make its names collide. */
static size_t hash_of(const struct arena *arena, const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ull ^ (uintptr_t)arena;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash ^ hash >> 32;
}

/* The slot of text, or the free one where it belongs. */
static size_t slot_of(const struct arena *arena, const char *text)
{
	size_t at = hash_of(arena, text) & (arena->slot_count - 1);

	while (arena->slots[at] && strcmp(arena->slots[at], text))
		at = (at + 1) & (arena->slot_count - 1);
	return at;
}

static int grow(struct arena *arena)
{
	size_t old_count = arena->slot_count;
	const char **old = arena->slots;
	const char **slots = calloc(2 * old_count, sizeof(*slots));

	if (!slots)
		return -1;
	arena->slots = slots;
	arena->slot_count = 2 * old_count;
	for (size_t i = 0; i < old_count; i++)
		if (old[i])
			slots[slot_of(arena, old[i])] = old[i];
	free(old);
	return 0;
}

const char *arena__intern(struct arena *arena, const char *text)
{
	size_t at = slot_of(arena, text), size;
	char *copy;

	if (arena->slots[at])
		return arena->slots[at];
	if (2 * arena->strings >= arena->slot_count) {
		if (grow(arena))
			return NULL;
		at = slot_of(arena, text);
	}
	size = strlen(text) + 1;
	copy = arena__alloc(arena, size, 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, size);
	arena->slots[at] = copy;
	arena->strings++;
	return copy;
}
