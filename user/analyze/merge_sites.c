// SPDX-License-Identifier: BSD-2-Clause
/*
 * merge_sites.c - sites of merged stacks, and what the sites of the members knew beside their stacks
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/merge_private.h"

static struct census_type *find_type(const struct type_sum *sum, const char *name)
{
	for (size_t i = 0; i < sum->count; i++)
		if (!strcmp(sum->list[i].name, name))
			return &sum->list[i];
	return NULL;
}

static size_t count_new(const struct type_sum *sum, const struct census_type *types, size_t count)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += !find_type(sum, types[i].name);
	return found;
}

static int compare_types(const void *a, const void *b)
{
	const struct census_type *x = a, *y = b;
	__u64 p = x->own_bytes + x->buffer_bytes, q = y->own_bytes + y->buffer_bytes;

	if (p != q)
		return p < q ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int make_room(struct type_sum *sum, struct arena *arena, size_t more)
{
	struct census_type *list;

	if (!more)
		return 0;
	list = arena__alloc(arena, sum->count + more, sizeof(*list));
	if (!list)
		return -ENOMEM;
	if (sum->count)
		memcpy(list, sum->list, sum->count * sizeof(*list));
	sum->list = list;
	return 0;
}

int type_sum__add(struct type_sum *sum, struct arena *arena, const struct census_type *types,
		  size_t count)
{
	if (make_room(sum, arena, count_new(sum, types, count)))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct census_type *type = find_type(sum, types[i].name);

		if (!type) {
			type = &sum->list[sum->count++];
			type->name = arena__intern(arena, types[i].name);
			if (!type->name)
				return -ENOMEM;
		}
		type->count += types[i].count;
		type->own_bytes += types[i].own_bytes;
		type->buffer_bytes += types[i].buffer_bytes;
	}
	if (sum->count)
		qsort(sum->list, sum->count, sizeof(*sum->list), compare_types);
	return 0;
}

static int index_sites(struct merge *merge)
{
	const struct report_process *to = merge->to;

	merge->site_of =
		arena__alloc(merge->scratch, to->profile.stack_count + 1, sizeof(*merge->site_of));
	if (!merge->site_of)
		return -ENOMEM;
	for (size_t i = 0; i < to->site_count; i++)
		for (size_t k = 0; k < to->sites[i].stack_count; k++)
			merge->site_of[to->sites[i].stacks[k]] = i;
	return 0;
}

/* All stacks of a site are of one place: any of them tells where that is now. */
long long merge__site(const struct merge *merge, size_t member, long long site)
{
	const struct report_process *process = merge->members[member];
	const struct report_site *old;

	if (site < 0 || (size_t)site >= process->site_count)
		return -1;
	old = &process->sites[site];
	if (!old->stack_count || old->stacks[0] >= process->profile.stack_count)
		return -1;
	return merge->site_of[merge->stack_of[member][old->stacks[0]]];
}

static int add_member(struct merge *merge, size_t member, struct type_sum *types)
{
	const struct report_process *process = merge->members[member];
	int err = 0;

	for (size_t i = 0; !err && i < process->site_count; i++) {
		const struct report_site *from = &process->sites[i];
		long long site = merge__site(merge, member, i);

		if (site < 0)
			continue;
		merge->to->sites[site].growth_per_s =
			merge__sum(merge->to->sites[site].growth_per_s, from->growth_per_s);
		err = type_sum__add(&types[site], merge->to->verdict_arena, from->types,
				    from->type_count);
	}
	return err;
}

int merge__sites(struct merge *merge)
{
	struct report_process *to = merge->to;
	struct type_sum *types;
	int err = analyze__sites(to);

	if (!err)
		err = index_sites(merge);
	if (err)
		return err;
	types = arena__alloc(merge->scratch, to->site_count + 1, sizeof(*types));
	if (!types)
		return -ENOMEM;
	for (size_t i = 0; !err && i < merge->count; i++)
		err = add_member(merge, i, types);
	for (size_t i = 0; i < to->site_count; i++) {
		to->sites[i].types = types[i].list;
		to->sites[i].type_count = types[i].count;
	}
	return err;
}
