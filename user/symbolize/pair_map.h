/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pair_map.h - from two numbers to a number
 */
#ifndef PAIR_MAP_H
#define PAIR_MAP_H

#include <linux/types.h>
#include <stddef.h>

/* Zeroed is empty. */
struct pair_map {
	struct pair_slot *slots;
	size_t slot_count, count;
};

/* Sets the value of (a, b), replacing one that it had. 0 or -ENOMEM. */
int pair_map__put(struct pair_map *map, __u64 a, __u64 b, size_t value);

/* The value of (a, b), or missing. */
size_t pair_map__get(const struct pair_map *map, __u64 a, __u64 b, size_t missing);

/* Empties the map and frees what it holds. */
void pair_map__clear(struct pair_map *map);

#endif
