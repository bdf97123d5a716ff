/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.h - memory that is freed at once, and strings in it that exist once each
 */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena;

/* NULL: no memory. */
struct arena *arena__new(void);
void arena__free(struct arena *arena);

/* Zeroed, aligned for any type; lives as long as the arena. NULL: no memory. */
void *arena__alloc(struct arena *arena, size_t count, size_t size);

/* The arena's only copy of text: equal text, equal pointer. NULL: no memory. */
const char *arena__intern(struct arena *arena, const char *text);

#endif
