// SPDX-License-Identifier: BSD-2-Clause
/*
 * pools_arenas.c - pymalloc's table of arenas, copied
 *
 * Up to CPython 3.11 there is one, found by pools_find.c; since 3.12 each interpreter may have its
 * own. The target may move the table while it is read (it doubles in size): if the pointer to it
 * has changed, what was read is thrown away.
 */
#include <errno.h>
#include <stdlib.h>

#include "heap/pools_private.h"
#include "lib/proc_mem.h"

#define READ_TRIES 3

/* Offsets in struct _obmalloc_state, the same in 3.12 - 3.14: usedpools at 0, then */
#define STATE_ARENAS (USEDPOOLS_WORDS * 8)

static int arena_list__add(struct arena_list *arenas, const struct arena_object *arena, __u32 index,
			   __u32 pool_size)
{
	struct arena_range *range;

	if (arenas->count == arenas->room) {
		size_t room = arenas->room ? 2 * arenas->room : 64;

		range = realloc(arenas->list, room * sizeof(*range));
		if (!range)
			return -ENOMEM;
		arenas->list = range;
		arenas->room = room;
	}
	range = &arenas->list[arenas->count++];
	range->address = arena->address;
	range->first = (arena->address + pool_size - 1) & ~(__u64)(pool_size - 1);
	range->end = arena->pool_address;
	range->index = index;
	range->used = arena->ntotalpools - arena->nfreepools;
	return 0;
}

/* An entry that has no arena has a link to another such entry, or none. */
static bool entry_is_unused(const struct arena_object *entry, __u64 table)
{
	return !entry->address &&
	       (!entry->nextarena || (entry->nextarena - table) / sizeof(*entry) < MAX_ARENAS);
}

/*
 * The entries of the table, up to the first one that is neither an arena nor an unused entry: the
 * size of the table is a variable whose place is not known. It starts at 16 entries and doubles, so
 * reading in such steps never asks for less than the table has; what lies behind it is read, but
 * does not look like an entry or is empty.
 */
static int read_table(const struct pools *pools, __u64 table, struct arena_list *arenas)
{
	struct arena_object *entries = NULL;
	__u32 done = 0, upto = 16;
	int err = 0;

	for (; upto <= MAX_ARENAS && !err; done = upto, upto *= 2) {
		struct arena_object *more = realloc(entries, (upto - done) * sizeof(*entries));

		if (!more) {
			err = -ENOMEM;
			break;
		}
		entries = more;
		err = proc_mem__read(pools->pid, table + done * sizeof(*entries), entries,
				     (upto - done) * sizeof(*entries));
		for (__u32 i = done; i < upto && !err; i++) {
			const struct arena_object *entry = &entries[i - done];

			if (arena__is_plausible(entry, &pools->layout))
				err = arena_list__add(arenas, entry, i, pools->layout.pool_size);
			else if (!entry_is_unused(entry, table))
				err = -ENOENT;
		}
	}
	free(entries);
	return err == -ENOENT || err == -EFAULT ? 0 : err;
}

/*
 * <= 3.11: where the table is now; 0 = there is none. Of what the variables point to, the table with the most arenas: one into its
 * middle has fewer, and so has a block that was the table before it grew and still holds some of the old entries.
 */
static int static_table(const struct pools *pools, __u64 *table)
{
	struct arena_list list = {.list = NULL};
	size_t most = 0;
	int err = 0;

	*table = 0;
	for (size_t i = 0; i < pools->variable_count && !err; i++) {
		__u64 value;

		err = proc_mem__read(pools->pid, pools->variables[i], &value, sizeof(value));
		list.count = 0;
		if (!err && value && value != *table)
			err = read_table(pools, value, &list);
		if (!err && list.count > most) {
			most = list.count;
			*table = value;
		}
	}
	free(list.list);
	return err;
}

static int read_static_arenas(const struct pools *pools, struct arena_list *arenas)
{
	for (int tries = 0; tries < READ_TRIES; tries++) {
		__u64 table = 0, after = 0;
		int err = static_table(pools, &table);

		arenas->count = 0;
		if (!err && table)
			err = read_table(pools, table, arenas);
		if (!err)
			err = static_table(pools, &after);
		if (err || table == after)
			return err;
	}
	return -EAGAIN;
}

/*
 * >= 3.12: adds the arenas of the interpreter whose obmalloc state is at state. 0 or -errno,
 * -ENOENT: no state.
 */
static int read_state(const struct pools *pools, __u64 state, struct arena_list *arenas)
{
	__u64 words[USEDPOOLS_WORDS + 1];
	size_t before = arenas->count;

	for (int tries = 0; tries < READ_TRIES; tries++) {
		__u64 table = 0, after = 0;
		int err = proc_mem__read(pools->pid, state, words, sizeof(words));

		if (err)
			return err == -EFAULT ? -ENOENT : err;
		if (!usedpools__is_plausible(words, state, &pools->layout))
			continue; /* caught while a list changed, or not pymalloc */
		table = words[USEDPOOLS_WORDS];
		arenas->count = before;
		if (!table)
			return 0;
		err = read_table(pools, table, arenas);
		if (!err)
			err = proc_mem__read(pools->pid, state + STATE_ARENAS, &after,
					     sizeof(after));
		if (err || table == after)
			return err;
	}
	return -ENOENT;
}

/* Interpreters may share a state (3.13 and later) or have one of their own. */
static bool seen_before(const __u64 *seen, size_t count, __u64 state)
{
	for (size_t i = 0; i < count; i++)
		if (seen[i] == state)
			return true;
	return false;
}

static int read_arenas_of_interpreters(const struct pools *pools, struct arena_list *arenas)
{
	const struct py_layout *layout = &pools->layout;
	__u64 seen[MAX_INTERPRETERS], interpreter;
	int err;

	err = proc_mem__read(pools->pid, pools->runtime + layout->runtime_interpreters_head,
			     &interpreter, sizeof(interpreter));
	for (size_t count = 0; !err && interpreter && count < MAX_INTERPRETERS; count++) {
		__u64 state = interpreter + layout->interp_obmalloc;

		if (layout->interp_obmalloc_is_pointer)
			err = proc_mem__read(pools->pid, state, &state, sizeof(state));
		if (!err && state && !seen_before(seen, count, state)) {
			err = read_state(pools, state, arenas);
			if (err == -ENOENT)
				err = 0;
		}
		seen[count] = state;
		if (!err)
			err = proc_mem__read(pools->pid, interpreter + layout->interp_next,
					     &interpreter, sizeof(interpreter));
	}
	/* One that went away while it was read takes nothing from the others. */
	return err == -EFAULT && arenas->count ? 0 : err;
}

static int by_first(const void *a, const void *b)
{
	const struct arena_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

int pools__read_arenas(const struct pools *pools, struct arena_list *arenas)
{
	int err = pools->layout.interp_obmalloc ? read_arenas_of_interpreters(pools, arenas)
						: read_static_arenas(pools, arenas);

	if (err == -EFAULT)
		err = -ENOENT;
	if (err)
		return err;
	if (!arenas->count)
		return -ENOENT;
	qsort(arenas->list, arenas->count, sizeof(*arenas->list), by_first);
	return 0;
}
