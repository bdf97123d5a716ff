// SPDX-License-Identifier: BSD-2-Clause
/*
 * page_owners_look.c - what the pagemap says: which pages are there
 */
#include "lib/page_owners_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void page_owners__begin(struct page_owners *owners)
{
	for (size_t i = 0; i < owners->chunk_count; i++)
		memset(owners->chunks[i]->seen, 0, sizeof(owners->chunks[i]->seen));
	owners->looked = true;
	owners->orphans = 0;
	owners->carry_end = 0;
	owners->carry = 0;
}

/* What the entry says of a page that we know something of. */
static void update(struct page_owners *owners, struct chunk *chunk, size_t i, __u64 entry)
{
	__u32 owner = chunk__owner(chunk, i);

	set_bit(chunk->seen, i);
	if (entry & PAGEMAP_PRESENT && !(entry & PAGEMAP_FILE)) {
		chunk__set_owner(owners, chunk, i, owner & ~OWNER_SWAPPED);
		return;
	}
	if (!(entry & PAGEMAP_PRESENT) && entry & PAGEMAP_SWAPPED) {
		if (owner)
			chunk__set_owner(owners, chunk, i, owner | OWNER_SWAPPED);
		return;
	}
	chunk__drop(owners, chunk, i);
}

/* Whether the process has got this page since the beginning, and no record says from whom. */
static bool is_orphan(const struct chunk *chunk, size_t i, __u64 entry)
{
	const __u64 wanted = PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE;

	return (entry & (wanted | PAGEMAP_FILE)) == wanted &&
	       !(chunk && (chunk__owner(chunk, i) || bit(chunk->old, i)));
}

/* Gives each orphan of [from, to) the nearest owner there, one below first. */
static void spread(struct page_owners *owners, struct chunk *chunk, size_t from, size_t to,
		   const __u64 *entries)
{
	__u32 near = 0;

	for (size_t i = from; i < to; i++) {
		if (chunk__owner(chunk, i))
			near = chunk__owner(chunk, i) & OWNER_INDEX;
		else if (near && is_orphan(chunk, i, entries[i - from]))
			chunk__set_owner(owners, chunk, i, near | OWNER_INFERRED);
	}
	near = 0;
	for (size_t i = to; i-- > from;) {
		if (chunk__owner(chunk, i))
			near = chunk__owner(chunk, i) & OWNER_INDEX;
		else if (near && is_orphan(chunk, i, entries[i - from]))
			chunk__set_owner(owners, chunk, i, near | OWNER_INFERRED);
	}
}

/* The same; where nobody owns anything there, the owner of the page before comes in. 0 or -ENOMEM. */
static int adopt(struct page_owners *owners, struct chunk *chunk, size_t from, size_t to,
		 const __u64 *entries)
{
	bool owned = false;

	if (chunk__make_room(chunk))
		return -ENOMEM;
	for (size_t i = from; !owned && i < to; i++)
		owned = chunk__owner(chunk, i);
	if (!owned && owners->carry && is_orphan(chunk, from, entries[0]))
		chunk__set_owner(owners, chunk, from, owners->carry | OWNER_INFERRED);
	spread(owners, chunk, from, to, entries);
	owners->carry = chunk__owner(chunk, to - 1) & OWNER_INDEX;
	return 0;
}

/* At the beginning: whatever is there, or in swap, is not ours. */
static int mark_old(struct page_owners *owners, __u64 address, size_t count, const __u64 *entries)
{
	struct chunk *chunk = chunk__at(owners, address);
	size_t first = address / owners->page_size % OWNERS_CHUNK;
	int err;

	for (size_t i = 0; i < count; i++) {
		__u64 entry = entries[i];
		bool anonymous = entry & PAGEMAP_PRESENT ? !(entry & PAGEMAP_FILE)
							 : !!(entry & PAGEMAP_SWAPPED);

		if (!anonymous || (chunk && chunk__owner(chunk, first + i)))
			continue;
		err = chunk ? 0 : chunk__make(owners, address, &chunk);
		if (err)
			return err;
		set_bit(chunk->old, first + i);
	}
	return 0;
}

/* Part of one chunk. */
static int read_part(struct page_owners *owners, __u64 address, const __u64 *entries, size_t count)
{
	struct chunk *chunk = chunk__at(owners, address);
	size_t first = address / owners->page_size % OWNERS_CHUNK, orphans = 0;
	int err;

	if (!owners->looked)
		return mark_old(owners, address, count, entries);
	if (address != owners->carry_end)
		owners->carry = 0;
	owners->carry_end = address + count * owners->page_size;
	for (size_t i = 0; i < count; i++) {
		if (chunk)
			update(owners, chunk, first + i, entries[i]);
		orphans += is_orphan(chunk, first + i, entries[i]);
	}
	if (!chunk || !chunk->owner)
		owners->carry = orphans ? owners->carry : 0;
	if (!orphans && !(chunk && chunk->owner))
		return 0;
	if (owners->carry || (chunk && chunk->owner)) {
		err = chunk__make(owners, address, &chunk);
		if (!err)
			err = adopt(owners, chunk, first, first + count, entries);
		if (err)
			return err;
		orphans = 0;
		for (size_t i = 0; i < count; i++) {
			set_bit(chunk->seen, first + i);
			orphans += is_orphan(chunk, first + i, entries[i]);
		}
	}
	owners->orphans += orphans;
	return 0;
}

int page_owners__read(struct page_owners *owners, __u64 address, const __u64 *entries, size_t count)
{
	int err = 0, failed;

	while (count) {
		size_t part = OWNERS_CHUNK - address / owners->page_size % OWNERS_CHUNK;

		if (part > count)
			part = count;
		failed = read_part(owners, address, entries, part);
		err = err ? err : failed;
		address += part * owners->page_size;
		entries += part;
		count -= part;
	}
	return err;
}

static void reject_page(struct page_owners *owners, struct chunk *chunk, size_t i)
{
	__u32 owner = chunk__owner(chunk, i) & OWNER_INDEX;

	if (owner && !(chunk__owner(chunk, i) & OWNER_INFERRED) &&
	    owners->stacks[owner]->sums.faulted)
		owners->stacks[owner]->sums.faulted--;
	chunk__drop(owners, chunk, i);
	set_bit(chunk->seen, i);
}

void page_owners__reject(struct page_owners *owners, __u64 start, __u64 end)
{
	chunk__for_each_page(owners, start, end, reject_page);
}

static void skip_page(struct page_owners *owners, struct chunk *chunk, size_t i)
{
	(void)owners;
	set_bit(chunk->seen, i);
}

void page_owners__skip(struct page_owners *owners, __u64 start, __u64 end)
{
	chunk__for_each_page(owners, start, end, skip_page);
}

/* Whether something is known of any page of the chunk. */
static bool is_empty(struct page_owners *owners, struct chunk *chunk)
{
	bool empty = true;

	for (size_t i = 0; i < OWNERS_CHUNK; i++) {
		if (!bit(chunk->seen, i))
			chunk__drop(owners, chunk, i);
		empty = empty && !chunk__owner(chunk, i) && !bit(chunk->old, i);
	}
	return empty;
}

void page_owners__end(struct page_owners *owners)
{
	size_t kept = 0;

	for (size_t i = 0; i < owners->chunk_count; i++) {
		struct chunk *chunk = owners->chunks[i];

		if (is_empty(owners, chunk)) {
			free(chunk->owner);
			free(chunk);
		} else {
			owners->chunks[kept++] = chunk;
		}
	}
	owners->chunk_count = kept;
}
