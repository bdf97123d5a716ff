// SPDX-License-Identifier: BSD-2-Clause
/*
 * bridge.c - adds up resident memory by kind; every page once
 *
 * smaps has the resident bytes of each mapping, and their sum is the rss. A mapping of one kind counts as a whole. One that holds
 * several (the kernel merges neighbours) is split by the pages that pagemap says are present; should that be more than smaps has
 * (the zero page is present, and not counted), smaps is right.
 */
#include "heap/bridge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/rss.h"
#include "heap/smaps.h"
#include "heap/stacks.h"
#include "lib/elf_image.h"

#define PAGE 4096ull
#define MAX_SEGMENTS 8

enum kind { KIND_FILE, KIND_STACK, KIND_POOLS, KIND_MALLOC, KIND_ANON, KINDS };

struct kind_range {
	__u64 start, end;
	enum kind kind;
};

/* What is known of pieces of anonymous memory. */
struct kind_list {
	struct kind_range *list;
	size_t count, room;
};

static int add_range(struct kind_list *ranges, __u64 start, __u64 end, enum kind kind)
{
	if (start >= end)
		return 0;
	if (ranges->count == ranges->room) {
		size_t room = ranges->room ? 2 * ranges->room : 256;
		struct kind_range *more = realloc(ranges->list, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		ranges->list = more;
		ranges->room = room;
	}
	ranges->list[ranges->count++] =
		(struct kind_range){.start = start, .end = end, .kind = kind};
	return 0;
}

/* .bss: anonymous memory that belongs to a file all the same. */
static int add_data_of(const struct module *module, struct kind_list *ranges)
{
	struct elf_image *elf;
	__u64 address, size;
	int err;

	if (module->fd < 0)
		return 0;
	err = elf_image__open(module->fd, &elf);
	if (err)
		return err == -ENOMEM ? err : 0;
	for (size_t i = 0; i < MAX_SEGMENTS && !err; i++) {
		__u64 start, end;

		if (elf_image__writable(elf, i, &address, &size))
			break;
		start = module->bias + address;
		end = (start + size + PAGE - 1) & ~(PAGE - 1);
		if (size <= module->end - module->start + (1ull << 32))
			err = add_range(ranges, start & ~(PAGE - 1), end, KIND_FILE);
	}
	elf_image__free(elf);
	return err;
}

static int by_start(const void *a, const void *b)
{
	const struct kind_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* What the allocators' books say goes before what threads and files do: a file may claim any size. */
static bool is_surer(enum kind a, enum kind b)
{
	bool booked = a == KIND_POOLS || a == KIND_MALLOC;

	return booked && b != KIND_POOLS && b != KIND_MALLOC;
}

/* Cuts what overlaps. */
static void cut_overlaps(struct kind_list *ranges)
{
	size_t kept = 0;

	if (ranges->count)
		qsort(ranges->list, ranges->count, sizeof(*ranges->list), by_start);
	for (size_t i = 0; i < ranges->count; i++) {
		struct kind_range range = ranges->list[i];
		struct kind_range *last = kept ? &ranges->list[kept - 1] : NULL;

		if (last && range.start < last->end && is_surer(range.kind, last->kind))
			last->end = range.start;
		else if (last && range.start < last->end)
			range.start = last->end;
		if (last && last->start == last->end)
			kept--;
		if (range.start < range.end)
			ranges->list[kept++] = range;
	}
	ranges->count = kept;
}

static int find_ranges(struct image *image, const struct target *target,
		       const struct block_totals *totals, const struct smaps *smaps,
		       struct kind_list *ranges)
{
	struct stack_range *stacks = NULL;
	size_t count = 0;
	int err = stacks__find(image, target, smaps->maps, &stacks, &count);

	for (size_t i = 0; i < count && !err; i++)
		err = add_range(ranges, stacks[i].start, stacks[i].end, KIND_STACK);
	free(stacks);
	for (size_t i = 0; i < totals->arena_count && !err; i++)
		err = add_range(ranges, totals->arenas[i].address,
				totals->arenas[i].address + totals->arenas[i].bytes, KIND_POOLS);
	for (size_t i = 0; i < totals->range_count && !err; i++)
		err = add_range(ranges, totals->ranges[i].start, totals->ranges[i].end,
				KIND_MALLOC);
	for (size_t i = 0; i < target->module_count && !err; i++)
		err = add_data_of(&target->modules[i], ranges);
	cut_overlaps(ranges);
	return err;
}

/* The kind of what no range says more about. */
static enum kind kind_of(const struct mapping *m, bool has_malloc)
{
	if (!strcmp(m->path, "[stack]"))
		return KIND_STACK;
	/* It may have grown since it was swept. */
	if (!strcmp(m->path, "[heap]") && has_malloc)
		return KIND_MALLOC;
	/* Shared memory without a name, mmap(-1, n) in Python: nobody but this process and its children has it. */
	if (m->shared && !strncmp(m->path, "/dev/zero", 9))
		return KIND_ANON;
	if (m->ino || m->shared || m->path[0] == '/')
		return KIND_FILE;
	/* [vdso], [vvar], [uprobes] ...: the kernel's own; [heap] and names given by prctl(2) are not */
	if (m->path[0] == '[' && strcmp(m->path, "[heap]") && strncmp(m->path, "[anon", 5))
		return KIND_FILE;
	return KIND_ANON;
}

/* Splits a mapping's resident bytes; *next is the first range that may touch it. */
static void add_mapping(struct image *image, const struct mapping *m, __u64 rss,
			const struct kind_list *ranges, enum kind rest, size_t *next,
			__u64 bytes[KINDS])
{
	__u64 left = rss;

	while (*next < ranges->count && ranges->list[*next].end <= m->start)
		++*next;
	for (size_t i = *next; i < ranges->count && ranges->list[i].start < m->end; i++) {
		const struct kind_range *range = &ranges->list[i];
		__u64 start = range->start > m->start ? range->start : m->start;
		__u64 end = range->end < m->end ? range->end : m->end, part;

		if (rest != KIND_ANON || !left)
			break;
		part = start == m->start && end == m->end
			       ? left
			       : image__resident(image, start, end - start);
		if (part > left)
			part = left;
		bytes[range->kind] += part;
		left -= part;
	}
	bytes[rest] += left;
}

static __u64 take(__u64 *from, __u64 wanted)
{
	__u64 got = wanted < *from ? wanted : *from;

	*from -= got;
	return got;
}

static void fill(const struct block_totals *totals, __u64 python_pool, __u64 python_malloc,
		 __u64 bytes[KINDS], struct rss_bridge *bridge)
{
	__u64 free_resident = 0;

	for (size_t i = 0; i < totals->malloc_arena_count; i++)
		free_resident += totals->malloc_arenas[i].free_resident;
	bridge->python_objects = take(&bytes[KIND_POOLS], python_pool);
	bridge->unexplained = take(&bytes[KIND_POOLS], totals->bad_pool_bytes);
	bridge->pymalloc_free = bytes[KIND_POOLS];
	bridge->unexplained += take(&bytes[KIND_MALLOC], totals->broken_resident);
	bridge->malloc_free = take(&bytes[KIND_MALLOC], free_resident);
	bridge->python_objects += take(&bytes[KIND_MALLOC], python_malloc);
	bridge->malloc_in_use = bytes[KIND_MALLOC];
	bridge->mmap_anon = bytes[KIND_ANON];
	bridge->stacks = bytes[KIND_STACK];
	bridge->file_backed = bytes[KIND_FILE];
}

int bridge__compute(struct image *image, const struct target *target,
		    const struct block_totals *totals, __u64 python_pool, __u64 python_malloc,
		    struct rss_bridge *bridge)
{
	struct kind_list ranges = {.list = NULL};
	__u64 bytes[KINDS] = {0};
	struct smaps smaps;
	size_t next = 0;
	int err;

	memset(bridge, 0, sizeof(*bridge));
	err = smaps__read(image__pid(image), &smaps);
	if (err == -ENOENT || err == -EINVAL) {
		/* A kernel without smaps has no pagemap either. */
		err = rss__read(image__pid(image), &bridge->rss);
		bridge->unexplained = bridge->rss;
		return err;
	}
	if (!err)
		err = find_ranges(image, target, totals, &smaps, &ranges);
	for (size_t i = 0; !err && i < smaps.maps->count; i++)
		add_mapping(image, &smaps.maps->mappings[i], smaps.rss[i], &ranges,
			    kind_of(&smaps.maps->mappings[i], totals->has_malloc), &next, bytes);
	if (!err) {
		bridge->rss = smaps.total;
		fill(totals, python_pool, python_malloc, bytes, bridge);
	}
	free(ranges.list);
	smaps__clear(&smaps);
	return err;
}
