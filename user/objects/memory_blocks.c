// SPDX-License-Identifier: BSD-2-Clause
#include "objects/memory_blocks.h"

#include <errno.h>
#include <stdlib.h>

#define PLACES (BLOCK_MAPPED + 1)
#define FIRST_ROOM 4096
/* An entry: address / 16 above, words below. Addresses have 47 bits and are multiples of 16. */
#define WORDS_BITS 20
#define ENTRY_ADDRESS(entry) ((entry) >> WORDS_BITS << 4)
#define ENTRY_WORDS(entry) ((entry) & ((1ull << WORDS_BITS) - 1))

struct entries {
	__u64 *list; /* ascending */
	size_t count, room;
};

struct memory_blocks {
	struct entries places[PLACES];
	struct malloc_range
		*covered; /* those of malloc, then pymalloc's arenas, which may be inside one */
	size_t covered_count;
};

struct memory_blocks *memory_blocks__new(void)
{
	return calloc(1, sizeof(struct memory_blocks));
}

void memory_blocks__free(struct memory_blocks *memory)
{
	if (!memory)
		return;
	for (int place = 0; place < PLACES; place++)
		free(memory->places[place].list);
	free(memory->covered);
	free(memory);
}

int memory_blocks__add(struct memory_blocks *memory, const struct heap_block *block)
{
	struct entries *entries = &memory->places[block->place];
	__u64 size = block->size < MEMORY_BLOCK_MOST ? block->size : MEMORY_BLOCK_MOST, *list;
	size_t room = entries->room ? entries->room + entries->room / 2 : FIRST_ROOM;

	if (block->address % 16 || size < sizeof(__u64))
		return 0;
	if (entries->count && ENTRY_ADDRESS(entries->list[entries->count - 1]) >= block->address)
		return 0;
	if (entries->count == entries->room) {
		list = realloc(entries->list, room * sizeof(*list));
		if (!list)
			return -ENOMEM;
		entries->list = list;
		entries->room = room;
	}
	entries->list[entries->count++] = block->address >> 4 << WORDS_BITS | size / sizeof(__u64);
	return 0;
}

int memory_blocks__cover(struct memory_blocks *memory, const struct block_totals *totals)
{
	size_t count = totals->range_count + totals->arena_count;

	memory->covered = calloc(count + 1, sizeof(*memory->covered));
	if (!memory->covered)
		return -ENOMEM;
	for (size_t i = 0; i < totals->range_count; i++)
		memory->covered[memory->covered_count++] = totals->ranges[i];
	for (size_t i = 0; i < totals->arena_count; i++)
		memory->covered[memory->covered_count++] = (struct malloc_range){
			.start = totals->arenas[i].address,
			.end = totals->arenas[i].address + totals->arenas[i].bytes,
		};
	return 0;
}

__u64 memory_blocks__size(const struct memory_blocks *memory, __u64 address)
{
	if (address % 16)
		return 0;
	for (int place = 0; place < PLACES; place++) {
		const struct entries *entries = &memory->places[place];
		size_t low = 0, high = entries->count;

		while (low < high) {
			size_t middle = low + (high - low) / 2;

			if (ENTRY_ADDRESS(entries->list[middle]) < address)
				low = middle + 1;
			else
				high = middle;
		}
		if (low < entries->count && ENTRY_ADDRESS(entries->list[low]) == address)
			return ENTRY_WORDS(entries->list[low]) * sizeof(__u64);
	}
	return 0;
}

bool memory_blocks__covers(const struct memory_blocks *memory, __u64 address)
{
	for (size_t i = 0; i < memory->covered_count; i++)
		if (address >= memory->covered[i].start && address < memory->covered[i].end)
			return true;
	return false;
}
