// SPDX-License-Identifier: BSD-2-Clause
/*
 * join.c - what the live blocks of a site are: by address, from the stacks' side to the heap's
 *
 * A block is an object (which begins inside it, behind a head of at most MOST_HEAD bytes), or memory that an object owns: the array of
 * a list, the table of a dict, a buffer. Owners are found the other way round, by going through all objects that own memory.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/private.h"
#include "objects/classify.h"

#define MOST_HEAD 48
#define AGE_BOUNDS 8
#define OPAQUE_WORDS 128 /* of an object of an unknown C type, looked at for addresses of blocks */
#define OBJECT_HEAD_WORDS 2 /* reference count and type */
#define BEHIND_WORDS 64     /* of what such an address leads to */
#define WORDS_MAX (1u << 24)
#define MALLOC_ALIGNMENT 16

/* A sampled block and what it turned out to be. */
struct joined {
	__u64 address, size;
	__u32 site; /* in the list of this look */
	__u32 node; /* the object, or the owner; NO_NODE */
	bool owned; /* by it; not the object itself */
};

static int by_address(const void *a, const void *b)
{
	const struct joined *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/* The first node at or behind address. */
static __u32 node_from(const struct graph *graph, __u64 address)
{
	__u32 low = 0, high = graph->count;

	while (low < high) {
		__u32 middle = low + (high - low) / 2;

		if (graph->address[middle] < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void find_objects(const struct graph *graph, struct joined *blocks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		__u32 node = node_from(graph, blocks[i].address);
		__u64 behind;

		if (node == graph->count)
			continue;
		behind = graph->address[node] - blocks[i].address;
		if (behind <= MOST_HEAD && behind < blocks[i].size)
			blocks[i].node = node;
	}
}

/* The block that holds address, NULL = none of these. Sorted. */
static struct joined *block_at(struct joined *blocks, size_t count, __u64 address)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (blocks[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || address - blocks[low - 1].address >= blocks[low - 1].size)
		return NULL;
	return &blocks[low - 1];
}

static bool may_own(const struct object_type *type)
{
	switch (type->kind) {
	case KIND_LIST:
	case KIND_DICT:
	case KIND_SET:
	case KIND_BYTEARRAY:
	case KIND_STR:
	case KIND_DEQUE:
	case KIND_ARRAY:
	case KIND_NDARRAY:
		return true;
	default:
		return type->is_class && type->flags & TYPE_MANAGED_DICT;
	}
}

/* The blocks of this look, and how many of them are nobody's yet. */
struct unowned {
	struct joined *blocks;
	size_t count, missing;
	__u64 words_left; /* of objects of unknown types, and of what they point to, that may be looked at */
};

static void give(struct joined *block, __u32 node, struct unowned *unowned)
{
	if (!block || block->node != NO_NODE)
		return;
	block->node = node;
	block->owned = true;
	unowned->missing--;
}

/* Whether an object begins there; it then has what is its own. */
static bool is_object(const struct graph *graph, __u64 address)
{
	__u32 node = node_from(graph, address);

	return node < graph->count && graph->address[node] == address;
}

/* deeper: what lies behind the words is looked at as well. */
static void find_in_words(struct scene *scene, const __u64 *words, size_t count, __u32 node,
			  bool deeper, struct unowned *unowned)
{
	__u64 behind[BEHIND_WORDS];

	for (size_t i = 0; i < count && unowned->missing && unowned->words_left; i++) {
		struct joined *block = block_at(unowned->blocks, unowned->count, words[i]);

		unowned->words_left--;
		if (block && block->address == words[i])
			give(block, node, unowned);
		if (!deeper || !words[i] || words[i] % MALLOC_ALIGNMENT ||
		    is_object(scene->graph, words[i]) ||
		    image__read(scene->inspector->image, words[i], behind, sizeof(behind)))
			continue;
		find_in_words(scene, behind, BEHIND_WORDS, node, false, unowned);
	}
}

/*
 * An object of C code that has a block's address in it is its owner (ctypes' buffers, what extension modules hang on theirs), and
 * so it is of what is hung on that (zlib's windows).
 */
static void find_in_opaque(struct scene *scene, const struct object_type *type, __u32 node,
			   struct unowned *unowned)
{
	__u64 words[OPAQUE_WORDS];
	size_t count = type->native_basicsize / sizeof(*words);

	if (count > OPAQUE_WORDS)
		count = OPAQUE_WORDS;
	if (count <= OBJECT_HEAD_WORDS ||
	    image__read(scene->inspector->image, scene->graph->address[node], words,
			count * sizeof(*words)))
		return;
	find_in_words(scene, words + OBJECT_HEAD_WORDS, count - OBJECT_HEAD_WORDS, node, true,
		      unowned);
}

static void find_owners(struct scene *scene, struct joined *blocks, size_t count)
{
	struct unowned unowned = {.blocks = blocks, .count = count, .words_left = WORDS_MAX};
	const struct graph *graph = scene->graph;

	for (size_t i = 0; i < count; i++)
		unowned.missing += blocks[i].node == NO_NODE;
	for (__u32 node = 0; unowned.missing && node < graph->count; node++) {
		const struct object_type *type = types__get(scene->types, graph->type[node]);
		struct object_size size;

		if (type && type->kind == KIND_OPAQUE && unowned.words_left) {
			find_in_opaque(scene, type, node, &unowned);
		} else if (type && may_own(type)) {
			classify__size(scene->types, graph->address[node], type, &size);
			if (size.buffer_address)
				give(block_at(blocks, count, size.buffer_address), node, &unowned);
		}
	}
}

/* Brings a spread of a site's blocks to its front, at most INSPECT_BLOCKS. */
static size_t sample(struct inspect_site *site)
{
	size_t n = site->block_count < INSPECT_BLOCKS ? site->block_count : INSPECT_BLOCKS;

	for (size_t i = 0; i < n; i++) {
		size_t from = i * site->block_count / n;
		struct inspect_block block = site->blocks[i];

		site->blocks[i] = site->blocks[from];
		site->blocks[from] = block;
	}
	return n;
}

/* Blocks by age, in powers of two of the time since tracing began. */
static void fill_ages(const struct inspect_site *site, double at_s, struct evidence_site *found)
{
	double scale = site->block_count ? site->live_count / site->block_count : 0;

	for (size_t k = 0; k < AGE_BOUNDS; k++)
		found->age_bounds[k] = at_s * (k + 0.5) / AGE_BOUNDS;
	found->age_count = AGE_BOUNDS;
	for (size_t i = 0; i < site->block_count; i++) {
		for (size_t k = 0; k < AGE_BOUNDS; k++) {
			if (site->blocks[i].age_s < found->age_bounds[k])
				break;
			found->older_bytes[k] += scale * site->blocks[i].size;
		}
	}
}

/* Of what had been allocated at an earlier look, halfway through at best: how much is alive. */
static void fill_survival(struct scene *scene, const struct inspect_site *site,
			  struct evidence_site *found)
{
	struct marks *marks = marks__of(&scene->inspector->allocated, site->key);
	double best = -1, age_s, survivors = 0;

	found->recorded = 0;
	if (!marks)
		return;
	for (__u32 i = 0; i < marks->count; i++)
		if (marks->at_s[i] <= scene->at_s * 0.7 && marks->at_s[i] > best) {
			best = marks->at_s[i];
			found->recorded = marks->value[i];
		}
	marks__add(marks, scene->at_s, site->alloc_count);
	if (best < 0 || !site->block_count)
		return;
	age_s = scene->at_s - best;
	for (size_t i = 0; i < site->block_count; i++)
		survivors += site->blocks[i].age_s >= age_s;
	found->survivors = fmin(survivors * site->live_count / site->block_count, found->recorded);
}

/* Figures of one type of a site, while they are added up. */
struct tally {
	__u32 type;
	double count, own, buffer;
};

static int by_bytes(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;
	double left = x->own + x->buffer, right = y->own + y->buffer;

	return left > right ? -1 : left < right;
}

#define TALLIES 64

static void tally(struct tally *tallies, size_t *count, const struct joined *block, __u32 type)
{
	size_t i = 0;

	while (i < *count && tallies[i].type != type)
		i++;
	if (i == TALLIES)
		return; /* so mixed a site has no types worth naming */
	if (i == *count)
		tallies[(*count)++] = (struct tally){.type = type};
	tallies[i].count += !block->owned;
	tallies[i].own += block->owned ? 0 : block->size;
	tallies[i].buffer += block->owned ? block->size : 0;
}

static int fill_types(struct scene *scene, const struct inspect_site *site,
		      const struct joined *blocks, size_t count, struct evidence_site *found)
{
	struct tally tallies[TALLIES] = {{0}};
	struct census_type *types;
	size_t type_count = 0;
	double scale = count ? site->live_count / count : 0, garbage = 0;

	for (size_t i = 0; i < count; i++) {
		if (blocks[i].node == NO_NODE)
			continue;
		found->object_blocks++;
		garbage += scene->garbage[blocks[i].node / 8] >> blocks[i].node % 8 & 1;
		tally(tallies, &type_count, &blocks[i], scene->graph->type[blocks[i].node]);
	}
	found->sampled_blocks = count;
	found->garbage_share = found->object_blocks ? garbage / found->object_blocks : 0;
	qsort(tallies, type_count, sizeof(*tallies), by_bytes);
	types = arena__alloc(scene->inspector->found, type_count + 1, sizeof(*types));
	if (!types)
		return -ENOMEM;
	for (size_t i = 0; i < type_count; i++) {
		const struct object_type *type = types__get(scene->types, tallies[i].type);

		types[i] = (struct census_type){
			.name = type ? arena__intern(scene->inspector->names,
						     types__name(scene->types, type))
				     : "?",
			.count = llround(tallies[i].count * scale),
			.own_bytes = llround(tallies[i].own * scale),
			.buffer_bytes = llround(tallies[i].buffer * scale),
		};
	}
	found->types = types;
	found->type_count = type_count;
	return 0;
}

static int fill_holders(struct scene *scene, const struct joined *blocks, size_t count,
			struct evidence_site *found)
{
	struct who_query query = {.samples = HOLDER_SAMPLES};
	int err;

	query.addresses = calloc(count + 1, sizeof(*query.addresses));
	if (!query.addresses)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (blocks[i].node != NO_NODE)
			query.addresses[query.address_count++] =
				scene->graph->address[blocks[i].node];
	err = query.address_count
		      ? holders__find(scene, &query, &found->holders, &found->holder_count,
				      &found->refcount_excess_share)
		      : 0;
	free(query.addresses);
	return err == -ENOENT ? 0 : err;
}

static int by_site(const void *a, const void *b)
{
	const struct joined *x = a, *y = b;

	return x->site < y->site ? -1 : x->site > y->site ? 1 : by_address(a, b);
}

static int fill_sites(struct scene *scene, const struct inspect_site *sites, size_t count,
		      struct joined *blocks, size_t block_count)
{
	struct evidence *evidence = &scene->inspector->evidence;
	struct evidence_site *found =
		arena__alloc(scene->inspector->found, count + 1, sizeof(*found));
	size_t from = 0, to;
	int err = found ? 0 : -ENOMEM;

	qsort(blocks, block_count, sizeof(*blocks), by_site);
	for (size_t i = 0; !err && i < count; i++, from = to) {
		for (to = from; to < block_count && blocks[to].site == i; to++)
			;
		found[i].site = sites[i].site;
		fill_ages(&sites[i], scene->at_s, &found[i]);
		fill_survival(scene, &sites[i], &found[i]);
		err = fill_types(scene, &sites[i], blocks + from, to - from, &found[i]);
		if (!err)
			err = fill_holders(scene, blocks + from, to - from, &found[i]);
	}
	if (!err) {
		evidence->sites = found;
		evidence->site_count = count;
	}
	return err;
}

int join__sites(struct scene *scene, struct inspect_site *sites, size_t count)
{
	size_t room = 0, n = 0;
	struct joined *blocks;
	int err;

	for (size_t i = 0; i < count; i++)
		room += sites[i].block_count < INSPECT_BLOCKS ? sites[i].block_count
							      : INSPECT_BLOCKS;
	blocks = calloc(room + 1, sizeof(*blocks));
	if (!blocks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		size_t taken = sample(&sites[i]);

		for (size_t k = 0; k < taken; k++)
			blocks[n++] = (struct joined){
				.address = sites[i].blocks[k].address,
				.size = sites[i].blocks[k].size,
				.site = i,
				.node = NO_NODE,
			};
	}
	qsort(blocks, n, sizeof(*blocks), by_address);
	find_objects(scene->graph, blocks, n);
	find_owners(scene, blocks, n);
	err = fill_sites(scene, sites, count, blocks, n);
	free(blocks);
	return err;
}
