// SPDX-License-Identifier: BSD-2-Clause
/*
 * pool_text.c - one linear sweep over the text: where instructions begin, who jumps where
 *
 * Data or padding between functions may put the sweep out of step; x86 code falls back into step
 * within a few instructions, so that what is lost is at most the first ones of a function.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/pool_private.h"

#define LONGEST_INSN 15
#define MAX_FILLER 16 /* nops in a row */

/* An array that grows. */
struct growing {
	void *items;
	size_t count, room;
};

static void *append(struct growing *array, size_t size)
{
	if (array->count == array->room) {
		size_t room = array->room ? array->room * 2 : 4096;
		void *items = reallocarray(array->items, room, size);

		if (!items)
			return NULL;
		array->items = items;
		array->room = room;
	}
	return (char *)array->items + array->count++ * size;
}

/*
 * mov %reg64, 8(...) and movl $1, (...), whatever the registers, a displacement of 8 or of 32
 * bits.
 */
static bool is_anchor(const __u8 *bytes, size_t length, enum anchor_kind *kind)
{
	const __u8 *end = bytes + length;
	bool wide = false;
	__u32 last;
	__u8 mod;

	if ((*bytes & 0xf0) == 0x40) {
		wide = *bytes & 8;
		bytes++;
	}
	if (end - bytes < 3)
		return false;
	mod = bytes[1] >> 6;
	if (bytes[0] == 0x89 && wide && mod == 1) {
		*kind = ANCHOR_FREEBLOCK;
		return end[-1] == POOL_FREEBLOCK;
	}
	if (end - bytes < 6)
		return false;
	memcpy(&last, end - sizeof(last), sizeof(last));
	if (bytes[0] == 0x89 && wide && mod == 2) {
		*kind = ANCHOR_FREEBLOCK;
		return last == POOL_FREEBLOCK;
	}
	*kind = ANCHOR_ONE;
	return bytes[0] == 0xc7 && !wide && mod < 3 && last == 1;
}

static int note_anchor(const __u8 *bytes, __u32 offset, size_t length, struct growing *anchors)
{
	struct anchor *anchor;
	enum anchor_kind kind;

	if (!is_anchor(bytes, length, &kind))
		return 0;
	anchor = append(anchors, sizeof(*anchor));
	if (!anchor)
		return -ENOMEM;
	*anchor = (struct anchor){kind, offset};
	return 0;
}

static int note_edge(const struct code *code, const struct insn *insn, struct growing *edges)
{
	__u64 target = insn->target - code->address, *edge;

	if ((insn->kind != INSN_JUMP && insn->kind != INSN_JCC) || target >= code->size)
		return 0;
	edge = append(edges, sizeof(*edge));
	if (!edge)
		return -ENOMEM;
	*edge = target << 32 | (insn->address - code->address);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

static int sweep(struct text_map *map, struct growing *edges, struct growing *anchors)
{
	const struct code *code = map->code;
	struct insn insn;

	for (size_t at = 0; at < code->size;) {
		int err;

		if (!code__decode_quick(code, code->address + at, &insn)) {
			at++;
			continue;
		}
		map->starts[at / 64] |= 1ull << at % 64;
		err = note_edge(code, &insn, edges);
		if (!err && insn.kind == INSN_MOV)
			err = note_anchor(code->bytes + at, at, insn.length, anchors);
		if (err)
			return err;
		at += insn.length;
	}
	return 0;
}

int text_map__make(const struct code *code, struct text_map *map)
{
	struct growing edges = {0}, anchors = {0};
	int err;

	*map = (struct text_map){.code = code};
	if (!code->size || code->size > UINT32_MAX)
		return -ENOENT;
	map->starts = calloc(code->size / 64 + 1, sizeof(*map->starts));
	if (!map->starts)
		return -ENOMEM;
	err = sweep(map, &edges, &anchors);
	map->edges = edges.items;
	map->edge_count = edges.count;
	map->anchors = anchors.items;
	map->anchor_count = anchors.count;
	if (!err && edges.count)
		qsort(map->edges, map->edge_count, sizeof(*map->edges), by_number);
	return err;
}

void text_map__free(struct text_map *map)
{
	free(map->starts);
	free(map->edges);
	free(map->anchors);
	*map = (struct text_map){0};
}

static bool continues(const struct insn *insn)
{
	return insn->kind != INSN_JUMP && insn->kind != INSN_JUMP_INDIRECT &&
	       insn->kind != INSN_RET && insn->kind != INSN_STOP;
}

/* The instruction that ends at address. */
static bool ends_at(const struct text_map *map, __u64 address, struct insn *insn)
{
	__u64 offset = address - map->code->address;

	if (offset > map->code->size)
		return false;
	for (size_t length = 1; length <= LONGEST_INSN && length <= offset; length++) {
		__u64 at = offset - length;

		if (map->starts[at / 64] & 1ull << at % 64)
			return code__decode(map->code, address - length, insn) &&
			       insn->length == length;
	}
	return false;
}

/* Whether nothing but what fills the gap behind a jump or a ret is in front of this nop. */
static bool is_filler(const struct text_map *map, const struct insn *nop)
{
	struct insn insn = *nop;

	for (size_t i = 0; i < MAX_FILLER && insn.kind == INSN_NOP; i++) {
		size_t jumps;

		text_map__jumps_to(map, insn.address, &jumps);
		if (jumps)
			return false;
		if (!ends_at(map, insn.address, &insn))
			return true;
	}
	return !continues(&insn);
}

bool text_map__before(const struct text_map *map, __u64 address, struct insn *insn)
{
	if (!ends_at(map, address, insn) || !continues(insn))
		return false;
	return insn->kind != INSN_NOP || !is_filler(map, insn);
}

const __u64 *text_map__jumps_to(const struct text_map *map, __u64 address, size_t *count)
{
	__u64 offset = address - map->code->address;
	size_t low = 0, high = map->edge_count;

	*count = 0;
	if (offset >= map->code->size)
		return NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->edges[middle] >> 32 < offset)
			low = middle + 1;
		else
			high = middle;
	}
	while (*count < MAX_JUMPS && low + *count < map->edge_count &&
	       map->edges[low + *count] >> 32 == offset)
		++*count;
	return map->edges + low;
}
