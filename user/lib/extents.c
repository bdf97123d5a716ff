// SPDX-License-Identifier: BSD-2-Clause
/*
 * extents.c - a sorted array of disjoint ranges
 *
 * A process has some thousands of mappings and changes them some hundred times a second; moving a
 * few kilobytes per change costs less than the system call that caused it, so the array stays an
 * array.
 *
 * Every change first makes room for the worst case and cannot fail after that: it happens or it
 * does not.
 */
#include "lib/extents.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct extents {
	struct extent *list; /* ascending, disjoint, none empty */
	size_t count, room;
};

struct extents *extents__new(void)
{
	return calloc(1, sizeof(struct extents));
}

void extents__free(struct extents *extents)
{
	if (!extents)
		return;
	free(extents->list);
	free(extents);
}

static int reserve(struct extents *extents, size_t more)
{
	size_t room = extents->room ? extents->room : 64;
	struct extent *list;

	if (more > SIZE_MAX / sizeof(*list) / 4 - extents->count)
		return -ENOMEM;
	while (room < extents->count + more)
		room *= 2;
	if (room == extents->room)
		return 0;
	list = realloc(extents->list, room * sizeof(*list));
	if (!list)
		return -ENOMEM;
	extents->list = list;
	extents->room = room;
	return 0;
}

/* Index of the first extent that ends after address. */
static size_t first_after(const struct extents *extents, __u64 address)
{
	size_t low = 0, high = extents->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (extents->list[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Puts an extent where there is none. Room has been reserved. */
static void insert(struct extents *extents, const struct extent *extent)
{
	size_t at = first_after(extents, extent->start);

	memmove(extents->list + at + 1, extents->list + at,
		(extents->count - at) * sizeof(*extents->list));
	extents->list[at] = *extent;
	extents->count++;
}

/* Cuts the extent that has address inside in two, if it was born before before_ns. */
static void split_at(struct extents *extents, __u64 address, __u64 before_ns)
{
	size_t at = first_after(extents, address);
	struct extent right;

	if (at == extents->count || extents->list[at].start >= address ||
	    extents->list[at].born_ns >= before_ns)
		return;
	right = extents->list[at];
	right.start = address;
	extents->list[at].end = address;
	insert(extents, &right);
}

/* Takes [start, end) from the extents born before before_ns. Room for two has been reserved. */
static void clear(struct extents *extents, __u64 start, __u64 end, __u64 before_ns)
{
	size_t from, to;

	split_at(extents, start, before_ns);
	split_at(extents, end, before_ns);

	from = to = first_after(extents, start);
	for (; from < extents->count && extents->list[from].start < end; from++)
		if (extents->list[from].born_ns >= before_ns)
			extents->list[to++] = extents->list[from];
	if (from == to)
		return;
	memmove(extents->list + to, extents->list + from,
		(extents->count - from) * sizeof(*extents->list));
	extents->count -= from - to;
}

/* No birth is excepted: a birth at the end of time does not happen. */
#define WHENEVER UINT64_MAX

int extents__add(struct extents *extents, const struct extent *extent)
{
	if (extent->start >= extent->end)
		return -EINVAL;
	if (reserve(extents, 3))
		return -ENOMEM;
	clear(extents, extent->start, extent->end, WHENEVER);
	insert(extents, extent);
	return 0;
}

int extents__remove(struct extents *extents, __u64 start, __u64 end, __u64 before_ns)
{
	if (start >= end)
		return 0;
	if (reserve(extents, 2))
		return -ENOMEM;
	clear(extents, start, end, before_ns);
	return 0;
}

/*
 * Copies of the pieces of [old_start, old_start + len) born before before_ns, shifted to start. The
 * caller frees them.
 * 0 or -ENOMEM.
 */
static int shifted_pieces(const struct extents *extents, __u64 old_start, __u64 len, __u64 start,
			  __u64 before_ns, struct extent **pieces, size_t *count)
{
	size_t first = first_after(extents, old_start), end = first;
	__u64 old_end = old_start + len;

	while (len && end < extents->count && extents->list[end].start < old_end)
		end++;
	*count = 0;
	*pieces = malloc((end - first + 1) * sizeof(**pieces));
	if (!*pieces)
		return -ENOMEM;
	for (size_t i = first; i < end; i++) {
		struct extent *piece = *pieces + *count;

		if (extents->list[i].born_ns >= before_ns)
			continue;
		*piece = extents->list[i];
		(*count)++;
		if (piece->start < old_start)
			piece->start = old_start;
		if (piece->end > old_end)
			piece->end = old_end;
		piece->start = piece->start - old_start + start;
		piece->end = piece->end - old_start + start;
	}
	return 0;
}

int extents__move(struct extents *extents, __u64 old_start, __u64 old_len, __u64 start, __u64 len,
		  const struct extent *growth, int keep_old, __u64 before_ns)
{
	__u64 kept = old_len < len ? old_len : len;
	struct extent *pieces;
	size_t count;

	if (old_start + old_len < old_start || start + len < start)
		return -EINVAL;
	if (shifted_pieces(extents, old_start, kept, start, before_ns, &pieces, &count))
		return -ENOMEM;
	if (reserve(extents, count + 5)) {
		free(pieces);
		return -ENOMEM;
	}

	if (!keep_old && old_len)
		clear(extents, old_start, old_start + old_len, before_ns);
	if (len)
		clear(extents, start, start + len, WHENEVER);
	for (size_t i = 0; i < count; i++)
		insert(extents, &pieces[i]);
	if (len > kept) {
		struct extent grown = *growth;

		grown.start = start + kept;
		grown.end = start + len;
		insert(extents, &grown);
	}
	free(pieces);
	return 0;
}

const struct extent *extents__all(const struct extents *extents, size_t *count)
{
	*count = extents->count;
	return extents->list;
}

static __u64 bytes_in(const struct extents *extents, __u64 start, __u64 end, bool traced)
{
	__u64 bytes = 0;

	for (size_t i = first_after(extents, start); i < extents->count; i++) {
		const struct extent *extent = &extents->list[i];
		__u64 from = extent->start > start ? extent->start : start;
		__u64 to = extent->end < end ? extent->end : end;

		if (extent->start >= end)
			break;
		if (!extent->stack != traced)
			bytes += to - from;
	}
	return bytes;
}

__u64 extents__traced_in(const struct extents *extents, __u64 start, __u64 end)
{
	return bytes_in(extents, start, end, true);
}

__u64 extents__untraced_in(const struct extents *extents, __u64 start, __u64 end)
{
	return bytes_in(extents, start, end, false);
}

const struct extent *extents__at(const struct extents *extents, __u64 address)
{
	size_t i = first_after(extents, address);

	return i < extents->count && extents->list[i].start <= address ? &extents->list[i] : NULL;
}
