// SPDX-License-Identifier: BSD-2-Clause
/*
 * gc_state.c - struct _gc_runtime_state (Include/internal/pycore_gc.h, pycore_interp_structs.h), and its lists
 *
 * Each generation is a ring of GC heads, linked both ways. A node counts if it points back to the one before it: where it does not, the
 * target has changed the list meanwhile (or the cache has two moments of it), and the list is walked anew, without the cache. Nothing
 * can go round without coming back to the list's head: a node has only one that it points back to.
 * While a collection runs, the links back hold counts, and part of the objects is in lists on its stack: that is waited for, a while.
 */
#include "objects/gc_state.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "lib/freeze.h"
#include "lib/proc_mem.h"

#define MAX_INTERPRETERS 256
#define STATE_SIZE 264 /* 3.14; less before */
#define PERMANENT GC_GENERATION_COUNT
#define OLDEST (GC_GENERATION_COUNT - 1)
#define LOOKS 3
#define LISTS (GC_GENERATION_COUNT + 1)
#define STATS_SIZE 24
#define COLLECTING_WAITS 40
#define COLLECTING_WAIT_NS 5000000
#define WALK_TRIES 4
#define FRESH_NODES 200000 /* most that are read one by one */
#define OBJECT_LEAST 32    /* bytes, of one with a GC head */
#define PLAUSIBLE_COUNT (1ull << 34)

struct walk {
	struct image *image;
	gc_visit visit;
	void *context;
	int generation;
	bool fresh; /* past the cache */
	__u64 head, count, most;
};

static int read_node(const struct walk *walk, __u64 node, __u64 links[2])
{
	return walk->fresh
		       ? proc_mem__read(image__pid(walk->image), node, links, 2 * sizeof(*links))
		       : image__read(walk->image, node, links, 2 * sizeof(*links));
}

/* From the head round to it. 0, -EAGAIN: it changed, or what visit says. */
static int walk_once(struct walk *walk)
{
	__u64 links[2], before = walk->head, node;
	__u64 most = walk->fresh && walk->most > FRESH_NODES ? FRESH_NODES : walk->most;
	int err = read_node(walk, walk->head, links);

	walk->count = 0;
	node = links[0] & GC_POINTER_MASK;
	while (!err && node != walk->head) {
		if (!node || walk->count >= most || read_node(walk, node, links) ||
		    (links[1] & GC_POINTER_MASK) != before)
			return -EAGAIN;
		walk->count++;
		if (walk->visit)
			err = walk->visit(walk->context, node + GC_HEAD_SIZE, walk->generation);
		before = node;
		node = links[0] & GC_POINTER_MASK;
	}
	return err == -EFAULT ? -EAGAIN : err;
}

/* 0 or -EAGAIN, with the most that a try has counted, or what visit says. */
static int walk_list(struct walk *walk)
{
	__u64 most_counted = 0;
	int err = -EAGAIN;

	for (int i = 0; i < WALK_TRIES && err == -EAGAIN; i++) {
		walk->fresh = i > 0;
		err = walk_once(walk);
		if (walk->count > most_counted)
			most_counted = walk->count;
	}
	if (err)
		walk->count = most_counted;
	return err;
}

/* The first interpreter is the last one of the list. 0 = there is none. */
static __u64 main_interpreter(struct image *image, const struct python *python)
{
	const struct py_layout *layout = &python->layout;
	__u64 found = 0, next;

	next = image__word(image, python->runtime + layout->runtime_interpreters_head);
	for (int i = 0; i < MAX_INTERPRETERS && next; i++) {
		found = next;
		next = image__word(image, found + layout->interp_next);
	}
	return found;
}

static __u64 word_at(const unsigned char *bytes, size_t offset)
{
	__u64 word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

/*
 * Debian's 3.13.5 has the generations at 20, unaligned, all others at 24; behind them is generation0, which points to the first one
 * (up to 3.13).
 */
static __u32 generations_at(struct image *image, __u64 state)
{
	const __u64 unaligned = state + GC_GENERATIONS - 4;
	const __u64 generation0 = state + GC_GENERATIONS + GC_GENERATION_COUNT * GC_GENERATION_SIZE;

	return image__word(image, generation0) == unaligned ? GC_GENERATIONS - 4 : GC_GENERATIONS;
}

/* Figures of one moment: past the cache. */
static int read_figures(struct image *image, const struct py_objects *objects, __u64 address,
			struct gc_state *state)
{
	const __u32 generations = generations_at(image, address);
	unsigned char bytes[STATE_SIZE];
	int err = proc_mem__read(image__pid(image), address, bytes, sizeof(bytes));

	if (err)
		return err;
	state->enabled = (__u32)word_at(bytes, GC_ENABLED);
	state->collecting = (__u32)word_at(bytes, objects->gc_collecting);
	state->incremental = !objects->gc_long_lived_total;
	if (objects->gc_long_lived_total) {
		state->long_lived_total = word_at(bytes, objects->gc_long_lived_total);
		state->long_lived_pending = word_at(bytes, objects->gc_long_lived_pending);
	}
	for (int i = 0; i < GC_GENERATION_COUNT; i++) {
		const unsigned char *from = bytes + generations + i * GC_GENERATION_SIZE;
		const unsigned char *stats = bytes + objects->gc_stats + i * STATS_SIZE;
		struct gc_generation *generation = &state->generations[i];

		generation->threshold = word_at(from, GC_THRESHOLD);
		generation->count = word_at(from, GC_THRESHOLD) >> 32;
		generation->collections = word_at(stats, 0);
		generation->collected = word_at(stats, 8);
		generation->uncollectable = word_at(stats, 16);
	}
	return 0;
}

static int wait_for_collection(struct image *image, const struct py_objects *objects, __u64 address,
			       struct gc_state *state)
{
	const struct timespec moment = {.tv_nsec = COLLECTING_WAIT_NS};
	int err = read_figures(image, objects, address, state);

	if (state->collecting && freeze__stands(image__pid(image)))
		return err;
	for (int i = 0; !err && state->collecting && i < COLLECTING_WAITS; i++) {
		nanosleep(&moment, NULL);
		err = read_figures(image, objects, address, state);
	}
	return err;
}

/* More objects than memory has room for are a trick. */
static __u64 most_objects(struct image *image)
{
	const struct mapping *mapping;
	__u64 bytes = 0;

	proc_maps__for_each (image__maps(image), mapping)
		if (mapping->write)
			bytes += mapping->end - mapping->start;
	return bytes / OBJECT_LEAST;
}

static __u64 list_head(struct image *image, const struct py_objects *objects, __u64 state,
		       __u32 list)
{
	return state + (list == PERMANENT
				? objects->gc_permanent
				: generations_at(image, state) + list * GC_GENERATION_SIZE);
}

static int walk_lists(struct image *image, const struct py_objects *objects, __u64 address,
		      gc_visit visit, void *context, struct gc_state *state)
{
	__u64 most = most_objects(image);

	for (__u32 i = 0; i < LISTS; i++) {
		struct walk walk = {
			.image = image,
			.visit = visit,
			.context = context,
			.generation = i,
			.head = list_head(image, objects, address, i),
			.most = most,
		};
		int err = walk_list(&walk);

		if (err == -EAGAIN)
			state->incomplete = true;
		else if (err)
			return err;
		if (i == PERMANENT)
			state->frozen = walk.count;
		else
			state->generations[i].objects = walk.count;
		state->tracked += walk.count;
	}
	return 0;
}

static __u64 state_address(struct image *image, const struct target *target,
			   const struct py_objects *objects)
{
	__u64 base = objects->gc_in_runtime ? target->python.runtime
					    : main_interpreter(image, &target->python);

	return base ? base + objects->gc : 0;
}

static __u64 garbage_length(struct image *image, __u64 list)
{
	__u64 length = list ? image__word(image, list + VAR_SIZE) : 0;

	return length < PLAUSIBLE_COUNT ? length : 0;
}

/* One look, between two readings of the figures. A collection of everything in between has moved what was counted. */
static int look(struct image *image, const struct py_objects *objects, __u64 address,
		gc_visit visit, void *context, struct gc_state *state, bool *moved)
{
	struct gc_state after = {0};
	int err;

	*state = (struct gc_state){0};
	err = wait_for_collection(image, objects, address, state);
	if (!err)
		err = walk_lists(image, objects, address, visit, context, state);
	if (!err)
		err = read_figures(image, objects, address, &after);
	*moved = state->collecting || after.collecting ||
		 state->generations[OLDEST].collections != after.generations[OLDEST].collections;
	if (*moved)
		state->incomplete = true;
	return err;
}

int gc_state__read(struct image *image, const struct target *target, const struct py_objects *row,
		   gc_visit visit, void *context, struct gc_state *state)
{
	struct py_objects objects;
	bool moved = true;
	__u64 address;
	int err;

	*state = (struct gc_state){0};
	if (!row || target->python.flavour != PYTHON_OK)
		return -ENOTSUP;
	objects = *row;
	err = py_objects__refine_from(image, target->python.runtime, &objects);
	address = err ? 0 : state_address(image, target, &objects);
	if (!address)
		return -EFAULT;
	for (int i = 0; i < LOOKS && !err && moved; i++) {
		err = look(image, &objects, address, visit, context, state, &moved);
		if (moved && freeze__stands(target->pid))
			break; /* in the middle of a collection, and it will not go on */
	}
	if (!err)
		state->garbage =
			garbage_length(image, image__word(image, address + objects.gc_garbage));
	return err;
}
