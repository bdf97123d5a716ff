// SPDX-License-Identifier: BSD-2-Clause
/*
 * pair_map.c - open addressing with linear probing, at most half full
 */
#include "symbolize/pair_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct pair_slot {
	__u64 a, b;
	size_t value;
	bool used;
};

/* The table's own address goes in, so that a target cannot choose keys that collide. */
static size_t hash_of(const struct pair_map *map, __u64 a, __u64 b)
{
	__u64 seed = (uintptr_t)map->slots;
	__uint128_t product = (__uint128_t)(a ^ seed ^ 0x9e3779b97f4a7c15ull) *
			      ((b ^ seed << 17 ^ 0xd1b54a32d192ed03ull) | 1);

	return (__u64)product ^ (__u64)(product >> 64);
}

static struct pair_slot *slot_of(const struct pair_map *map, __u64 a, __u64 b)
{
	size_t at = hash_of(map, a, b) & (map->slot_count - 1);

	while (map->slots[at].used && (map->slots[at].a != a || map->slots[at].b != b))
		at = (at + 1) & (map->slot_count - 1);
	return &map->slots[at];
}

static int grow(struct pair_map *map)
{
	struct pair_map larger = {.slot_count = map->slot_count ? 2 * map->slot_count : 64};

	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->slot_count; i++) {
		const struct pair_slot *slot = &map->slots[i];

		if (slot->used)
			*slot_of(&larger, slot->a, slot->b) = *slot;
	}
	larger.count = map->count;
	free(map->slots);
	*map = larger;
	return 0;
}

int pair_map__put(struct pair_map *map, __u64 a, __u64 b, size_t value)
{
	struct pair_slot *slot;

	if (2 * map->count >= map->slot_count && grow(map))
		return -ENOMEM;
	slot = slot_of(map, a, b);
	map->count += !slot->used;
	*slot = (struct pair_slot){a, b, value, true};
	return 0;
}

size_t pair_map__get(const struct pair_map *map, __u64 a, __u64 b, size_t missing)
{
	const struct pair_slot *slot;

	if (!map->slot_count)
		return missing;
	slot = slot_of(map, a, b);
	return slot->used ? slot->value : missing;
}

void pair_map__clear(struct pair_map *map)
{
	free(map->slots);
	*map = (struct pair_map){0};
}
