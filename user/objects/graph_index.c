// SPDX-License-Identifier: BSD-2-Clause
/*
 * graph_index.c - pages of bits, found by a hash table
 */
#include "objects/graph_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SHIFT 12
#define PAGE_WORDS 8 /* 4096 / 8 bits */
#define FIRST_SLOTS 4096
#define FIRST_PAGES 1024
#define ADDRESS_BITS 47
#define NOT_THERE (~0u)

struct page {
	__u64 number; /* address >> PAGE_SHIFT */
	__u64 bits[PAGE_WORDS];
	__u32 before;             /* bits in pages of smaller numbers */
	__u16 inside[PAGE_WORDS]; /* bits in this page's words before */
};

struct graph_index {
	struct page *pages;
	__u32 count, room;
	__u32 *slots; /* number of a page + 1, 0 = empty */
	__u32 slot_mask;
	__u32 last; /* page of the last address that was added */
};

struct graph_index *graph_index__new(void)
{
	struct graph_index *index = calloc(1, sizeof(*index));

	if (!index)
		return NULL;
	index->room = FIRST_PAGES;
	index->slot_mask = FIRST_SLOTS - 1;
	index->pages = malloc(index->room * sizeof(*index->pages));
	index->slots = calloc(FIRST_SLOTS, sizeof(*index->slots));
	if (index->pages && index->slots)
		return index;
	graph_index__free(index);
	return NULL;
}

void graph_index__free(struct graph_index *index)
{
	if (!index)
		return;
	free(index->pages);
	free(index->slots);
	free(index);
}

static __u32 first_slot(const struct graph_index *index, __u64 number)
{
	return (number * 0x9e3779b97f4a7c15ull >> 32) & index->slot_mask;
}

/* Without the processor's own instruction, which not all have, the compiler's is a call. */
static inline __u32 popcount(__u64 bits)
{
	bits -= bits >> 1 & 0x5555555555555555ull;
	bits = (bits & 0x3333333333333333ull) + (bits >> 2 & 0x3333333333333333ull);
	bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return bits * 0x0101010101010101ull >> 56;
}

/* The slot of a page, or the empty one where it would be. */
static __u32 slot_of(const struct graph_index *index, __u64 number)
{
	__u32 slot = first_slot(index, number);

	while (index->slots[slot] && index->pages[index->slots[slot] - 1].number != number)
		slot = (slot + 1) & index->slot_mask;
	return slot;
}

/* Puts all pages into `slots` slots. */
static int fill_slots(struct graph_index *index, __u32 slots)
{
	__u32 *fresh = calloc(slots, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	free(index->slots);
	index->slots = fresh;
	index->slot_mask = slots - 1;
	for (__u32 i = 0; i < index->count; i++)
		fresh[slot_of(index, index->pages[i].number)] = i + 1;
	return 0;
}

static int make_room(struct graph_index *index)
{
	struct page *pages;
	__u32 room = index->room + index->room / 2;

	if (index->count < index->room)
		return 0;
	pages = realloc(index->pages, room * sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	index->pages = pages;
	index->room = room;
	return index->room > index->slot_mask / 2 ? fill_slots(index, (index->slot_mask + 1) * 2)
						  : 0;
}

/* The page with this number, made where there is none; NULL: no memory. */
static struct page *page_at(struct graph_index *index, __u64 number)
{
	__u32 slot;

	if (index->count && index->pages[index->last].number == number)
		return &index->pages[index->last];
	slot = slot_of(index, number);
	if (!index->slots[slot]) {
		if (make_room(index))
			return NULL;
		slot = slot_of(index, number);
		index->pages[index->count] = (struct page){.number = number};
		index->slots[slot] = ++index->count;
	}
	index->last = index->slots[slot] - 1;
	return &index->pages[index->last];
}

int graph_index__add(struct graph_index *index, __u64 address)
{
	struct page *page;
	__u64 bit = 1ull << (address >> 3 & 63);
	__u64 *word;

	if (address & 7 || address >> ADDRESS_BITS)
		return 0;
	page = page_at(index, address >> PAGE_SHIFT);
	if (!page)
		return -ENOMEM;
	word = &page->bits[address >> 9 & (PAGE_WORDS - 1)];
	if (*word & bit)
		return 0;
	*word |= bit;
	return 1;
}

static int by_number(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

int graph_index__order(struct graph_index *index)
{
	__u32 before = 0;

	qsort(index->pages, index->count, sizeof(*index->pages), by_number);
	for (__u32 i = 0; i < index->count; i++) {
		struct page *page = &index->pages[i];
		__u32 inside = 0;

		page->before = before;
		for (int w = 0; w < PAGE_WORDS; w++) {
			page->inside[w] = inside;
			inside += popcount(page->bits[w]);
		}
		before += inside;
	}
	index->last = 0;
	return fill_slots(index, index->slot_mask + 1);
}

__u32 graph_index__rank(const struct graph_index *index, __u64 address)
{
	__u32 slot, word = address >> 9 & (PAGE_WORDS - 1);
	__u64 bit = 1ull << (address >> 3 & 63);
	const struct page *page;

	if (address & 7 || address >> ADDRESS_BITS)
		return NOT_THERE;
	slot = slot_of(index, address >> PAGE_SHIFT);
	if (!index->slots[slot])
		return NOT_THERE;
	page = &index->pages[index->slots[slot] - 1];
	if (!(page->bits[word] & bit))
		return NOT_THERE;
	return page->before + page->inside[word] + popcount(page->bits[word] & (bit - 1));
}
