// SPDX-License-Identifier: BSD-2-Clause
/*
 * pools_find.c - pymalloc of CPython <= 3.11, whose tables are static variables without exported
 * names
 *
 * Stripped builds have no symbol for them, but their content gives them away. `usedpools` is an
 * array of 32 list heads, overlaid so that the head of an empty list holds its own address less 16,
 * twice; the others point to pools which say that they are of that very size class. No other data
 * looks like that 32 times in a row.
 *
 * A pool names the index of its arena, so `arenas` is a word P for which P[index] describes an
 * arena around that pool. Other variables (usable_arenas, nfp2lasta[]) may point to arenas[0] at
 * the moment too. All that do are kept; whoever reads them later takes the lowest, since the others
 * only ever point into the array or nowhere.
 */
#include "heap/pools_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/elf_image.h"
#include "lib/proc_maps.h"
#include "lib/proc_mem.h"

#define MAX_SEGMENTS 8
#define MAX_SEGMENT_BYTES (32ull << 20)
#define MAX_ADDRESS (1ull << 47)
#define BATCH 512

/* A writable segment of the interpreter's module, copied. */
struct segment {
	__u64 address;
	__u64 *words;
	size_t count;
};

struct segments {
	struct segment list[MAX_SEGMENTS];
	size_t count;
};

/* A pool of which we know the arena's index. */
struct sample {
	__u64 pool;
	__u32 arena;
};

static void segments__free(struct segments *segments)
{
	for (size_t i = 0; i < segments->count; i++)
		free(segments->list[i].words);
}

static int segments__read(const struct target *target, struct segments *segments)
{
	const struct module *module = &target->modules[target->python.module];
	struct elf_image *image;
	__u64 address, size;
	int err;

	err = elf_image__open(module->fd, &image);
	if (err)
		return err;
	for (size_t i = 0; segments->count < MAX_SEGMENTS; i++) {
		struct segment *segment = &segments->list[segments->count];

		if (elf_image__writable(image, i, &address, &size))
			break;
		size += address & 7;
		address &= ~7ull;
		if (size < 8 || size > MAX_SEGMENT_BYTES)
			continue;
		segment->address = address + module->bias;
		segment->count = size / 8;
		segment->words = malloc(segment->count * 8);
		if (!segment->words) {
			err = -ENOMEM;
			break;
		}
		segments->count++;
		err = proc_mem__read(target->pid, segment->address, segment->words,
				     segment->count * 8);
		if (err == -EFAULT) {
			free(segment->words);
			segments->count--;
			err = 0;
		}
		if (err)
			break;
	}
	elf_image__free(image);
	return err;
}

bool usedpools__is_plausible(const __u64 words[USEDPOOLS_WORDS], __u64 address,
			     const struct py_layout *layout)
{
	for (int class = 0; class < POOL_CLASSES; class ++) {
		__u64 first = words[2 * class], last = words[2 * class + 1];
		__u64 self = address + 16 * class - 16;

		if (first == self && last == self)
			continue;
		if (!first || !last || (first | last) & (layout->pool_size - 1))
			return false;
	}
	return true;
}

/*
 * Reads the pools that usedpools points to, and fills samples. Their number; 0 = this is not
 * usedpools.
 */
static size_t take_samples(const __u64 *words, __u64 address, const struct pools *pools,
			   struct sample samples[POOL_CLASSES])
{
	size_t count = 0, others = 0;

	for (__u32 class = 0; class < POOL_CLASSES; class ++) {
		struct pool_header header;

		if (words[2 * class] == address + 16 * class - 16)
			continue;
		/* Some may have changed since the words were copied. */
		if (proc_mem__read(pools->pid, words[2 * class], &header, sizeof(header)) ||
		    header.szidx != class || header.arenaindex >= MAX_ARENAS) {
			others++;
			continue;
		}
		samples[count].pool = words[2 * class];
		samples[count++].arena = header.arenaindex;
	}
	return count > others ? count : 0;
}

static size_t find_samples(const struct segments *segments, const struct pools *pools,
			   struct sample samples[POOL_CLASSES])
{
	for (size_t i = 0; i < segments->count; i++) {
		const struct segment *segment = &segments->list[i];

		for (size_t k = 0; k + USEDPOOLS_WORDS <= segment->count; k++) {
			__u64 address = segment->address + 8 * k;
			size_t count;

			if (!usedpools__is_plausible(segment->words + k, address, &pools->layout))
				continue;
			count = take_samples(segment->words + k, address, pools, samples);
			if (count)
				return count;
		}
	}
	return 0;
}

bool arena__is_plausible(const struct arena_object *arena, const struct py_layout *layout)
{
	__u32 most = layout->arena_size / layout->pool_size;

	/* One pool less where the arena is not aligned to pools. */
	return arena->address && !(arena->address & 4095) && arena->address < MAX_ADDRESS &&
	       arena->pool_address >= arena->address &&
	       arena->pool_address <= arena->address + layout->arena_size &&
	       arena->ntotalpools <= most && arena->ntotalpools >= most - 1 &&
	       arena->nfreepools <= arena->ntotalpools;
}

static bool arena_holds(const struct arena_object *arena, __u64 pool,
			const struct py_layout *layout)
{
	return arena__is_plausible(arena, layout) && pool >= arena->address &&
	       pool < arena->pool_address;
}

/* Whether table[] describes most of the samples' arenas. */
static bool table_fits(const struct pools *pools, __u64 table, const struct sample *samples,
		       size_t count)
{
	size_t fits = 0;

	for (size_t i = 0; i < count; i++) {
		struct arena_object arena;

		if (!proc_mem__read(pools->pid, table + sizeof(arena) * samples[i].arena, &arena,
				    sizeof(arena)))
			fits += arena_holds(&arena, samples[i].pool, &pools->layout);
	}
	return fits > count / 2;
}

/* Words that may be `arenas`, looked at by the batch. */
struct search {
	struct pools *pools;
	const struct sample *samples;
	size_t sample_count;
	struct proc_mem_part parts[BATCH];
	struct arena_object arenas[BATCH];
	__u64 variables[BATCH];
	size_t count;
};

static int search__flush(struct search *search)
{
	struct pools *pools = search->pools;
	int err = proc_mem__read_many(pools->pid, search->parts, search->count);

	for (size_t i = 0; !err && i < search->count; i++) {
		__u64 table = search->parts[i].address -
			      sizeof(struct arena_object) * search->samples[0].arena;

		if (search->parts[i].result ||
		    !arena_holds(&search->arenas[i], search->samples[0].pool, &pools->layout) ||
		    !table_fits(pools, table, search->samples, search->sample_count))
			continue;
		if (pools->variable_count < MAX_VARIABLES)
			pools->variables[pools->variable_count++] = search->variables[i];
	}
	search->count = 0;
	return err;
}

static int find_arenas(const struct segments *segments, const struct proc_maps *maps,
		       struct search *search)
{
	__u64 at_sample = sizeof(struct arena_object) * search->samples[0].arena;
	int err = 0;

	for (size_t i = 0; i < segments->count && !err; i++) {
		const struct segment *segment = &segments->list[i];

		for (size_t k = 0; k < segment->count && !err; k++) {
			__u64 table = segment->words[k];
			const struct mapping *mapping;

			if (!table || table & 7 || table >= MAX_ADDRESS)
				continue;
			mapping = proc_maps__find(maps, table + at_sample);
			if (!mapping || !mapping->write || mapping->ino)
				continue;
			search->variables[search->count] = segment->address + 8 * k;
			search->parts[search->count] = (struct proc_mem_part){
				.address = table + at_sample,
				.buffer = &search->arenas[search->count],
				.size = sizeof(struct arena_object),
			};
			if (++search->count == BATCH)
				err = search__flush(search);
		}
	}
	return err ? err : search__flush(search);
}

int pools__find_variables(const struct target *target, struct pools *pools)
{
	struct segments segments = {.count = 0};
	struct sample samples[POOL_CLASSES];
	struct proc_maps *maps = NULL;
	struct search *search = NULL;
	int err;

	pools->variable_count = 0;
	err = segments__read(target, &segments);
	if (err)
		goto out;
	search = calloc(1, sizeof(*search));
	if (!search) {
		err = -ENOMEM;
		goto out;
	}
	search->pools = pools;
	search->samples = samples;
	search->sample_count = find_samples(&segments, pools, samples);
	if (!search->sample_count) {
		err = -ENOENT;
		goto out;
	}
	err = proc_maps__read(target->pid, &maps);
	if (!err)
		err = find_arenas(&segments, maps, search);
	if (!err && !pools->variable_count)
		err = -ENOENT;
out:
	proc_maps__free(maps);
	free(search);
	segments__free(&segments);
	return err;
}
