// SPDX-License-Identifier: BSD-2-Clause
/*
 * inspector.c - glances and looks
 */
#include "inspect/inspect.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "heap/blocks.h"
#include "heap/bridge.h"
#include "inspect/limit.h"
#include "inspect/private.h"
#include "lib/clock.h"
#include "lib/proc_number.h"
#include "objects/census_take.h"

#define GLANCE_LEAST_S 2.0
#define LOOK_LEAST_S 8.0

int inspector__open(const struct target *target, struct pools *const *pools,
		    struct inspector **result)
{
	const struct py_objects *objects = py_objects__find(target->python.layout.version);
	struct inspector *inspector;

	if (!objects)
		return -ENOTSUP;
	inspector = calloc(1, sizeof(*inspector));
	if (!inspector)
		return -ENOMEM;
	inspector->target = target;
	inspector->pools = pools;
	inspector->objects = objects;
	inspector->names = arena__new();
	inspector->found = arena__new();
	inspector->glance_at_s = inspector->look_at_s = -INFINITY;
	inspector->evidence.limit = inspector->evidence.rss_peak = NAN;
	inspector->evidence.largest_block_bytes = NAN;
	if (!inspector->names || !inspector->found) {
		inspector__close(inspector);
		return -ENOMEM;
	}
	*result = inspector;
	return 0;
}

void inspector__close(struct inspector *inspector)
{
	if (!inspector)
		return;
	inspector__wait(inspector);
	image__close(inspector->image);
	arena__free(inspector->names);
	arena__free(inspector->found);
	free(inspector->types);
	free(inspector);
}

/* Memory as it is now: nothing of an earlier look is believed. */
static int refresh_image(struct inspector *inspector)
{
	if (inspector->image)
		return image__refresh(inspector->image);
	return image__open(inspector->target->pid, IMAGE_CACHE, &inspector->image);
}

/* Of /proc/PID/status; NAN where it is not there. */
static double status_number(pid_t pid, const char *name)
{
	__u64 number;

	return proc_number__status(pid, name, &number) ? NAN : (double)number;
}

/* The room that a limit leaves is counted from what the process has: a cgroup's other processes have their share of it. */
static void note_limit(struct inspector *inspector, double rss)
{
	struct memory_limit limit;

	inspector->evidence.limit = NAN;
	if (!limit__read(inspector->target->pid, inspector->target->cgroup, &limit) &&
	    limit.source != LIMIT_NONE)
		inspector->evidence.limit = rss + limit.room;
	inspector->evidence.rss_peak = status_number(inspector->target->pid, "VmHWM:");
}

static void thin_out(struct evidence *evidence)
{
	size_t kept = 1;

	for (size_t i = 2; i < evidence->point_count; i += 2)
		evidence->points[kept++] = evidence->points[i];
	evidence->point_count = kept;
}

static void note_largest(struct inspector *inspector, const struct census *census)
{
	if (!census->largest_count)
		return;
	inspector->evidence.largest_block_bytes = census->largest[0].bytes;
	inspector->evidence.largest_block_type =
		arena__intern(inspector->names, census->largest[0].type);
}

static void fill_point(struct inspector *inspector, const struct census *census,
		       const struct block_totals *totals, const struct gc_state *gc, double at_s)
{
	const struct rss_bridge *bridge = &inspector->bridge;
	struct evidence *evidence = &inspector->evidence;
	struct evidence_point *point;

	if (evidence->point_count == EVIDENCE_POINTS)
		thin_out(evidence);
	point = &evidence->points[evidence->point_count++];
	*point = (struct evidence_point){
		.at_s = at_s,
		.rss = bridge->rss,
		.python_bytes = census->object_bytes + census->buffer_bytes,
		.malloc_in_use = totals->has_malloc ? totals->mapped_bytes : NAN,
		.malloc_free = totals->has_malloc ? (double)bridge->malloc_free : NAN,
		.malloc_arenas = totals->has_malloc ? (double)totals->malloc_arena_count : NAN,
		.mmap_anon = bridge->mmap_anon,
		.threads = status_number(inspector->target->pid, "Threads:"),
		.garbage_bytes = NAN,
		.tracked = evidence->gc_known && !gc->incomplete ? (double)gc->tracked : NAN,
	};
	for (size_t i = 0; i < totals->arena_count; i++)
		point->arena_bytes += totals->arenas[i].resident;
	for (size_t i = 0; totals->has_malloc && i < totals->malloc_arena_count; i++)
		point->malloc_in_use += totals->malloc_arenas[i].in_use;
}

static int sweep(struct inspector *inspector, struct types *types, const struct gc_state *gc,
		 double at_s)
{
	struct blocks *blocks = NULL;
	struct census census = {0};
	int err;

	err = blocks__open(inspector->image, inspector->target, *inspector->pools, &blocks);
	if (err)
		return err;
	err = census__take(types, blocks, 1, &census);
	if (!err)
		err = bridge__compute(inspector->image, inspector->target, blocks__totals(blocks),
				      census.pool_bytes, census.malloc_bytes, &inspector->bridge);
	if (!err)
		err = types_seen__add(inspector, &census, at_s);
	if (!err) {
		inspector->evidence.bridge = &inspector->bridge;
		note_largest(inspector, &census);
		fill_point(inspector, &census, blocks__totals(blocks), gc, at_s);
		note_limit(inspector, inspector->bridge.rss);
	}
	census__free(&census);
	blocks__close(blocks);
	return err;
}

/* What a glance does, with types and the collector's state left for whoever goes on. */
static int glance(struct inspector *inspector, double at_s, struct types **types,
		  struct gc_state *gc)
{
	int err = refresh_image(inspector);

	if (err)
		return err;
	err = types__open(inspector->image, inspector->objects, types);
	if (err)
		return err;
	memset(gc, 0, sizeof(*gc));
	err = gc_state__read(inspector->image, inspector->target, inspector->objects, NULL, NULL,
			     gc);
	inspector->evidence.gc_known = !err;
	inspector->evidence.gc_enabled = gc->enabled;
	return sweep(inspector, *types, gc, at_s);
}

int inspector__glance(struct inspector *inspector, double at_s)
{
	double begin_s = clock__s();
	struct types *types = NULL;
	struct gc_state gc;
	int err = glance(inspector, at_s, &types, &gc);

	types__close(types);
	inspector->glance_took_s = clock__s() - begin_s;
	inspector->glance_at_s = at_s;
	return err;
}

/* Cycles that wait for the collector, in the last point and by type. */
static int note_cycles(struct scene *scene)
{
	struct inspector *inspector = scene->inspector;
	struct evidence *evidence = &inspector->evidence;
	struct evidence_point *point = &evidence->points[evidence->point_count - 1];
	const struct cycles *cycles = &scene->cycles;
	struct census_type *types;

	point->garbage_bytes = cycles->bytes;
	types = arena__alloc(inspector->found, cycles->type_count + 1, sizeof(*types));
	if (!types)
		return -ENOMEM;
	for (size_t i = 0; i < cycles->type_count; i++)
		types[i] = (struct census_type){
			.name = arena__intern(
				inspector->names,
				types__name(scene->types,
					    types__get(scene->types, cycles->types[i].type))),
			.count = cycles->types[i].count,
			.own_bytes = cycles->types[i].bytes,
		};
	evidence->cycle_types = types;
	evidence->cycle_type_count = cycles->type_count;
	evidence->cycle_reason = cycles->count ? cycle_reason__text(cycles->reason) : NULL;
	evidence->cycles_stay =
		cycles->reason == CYCLES_DISABLED || cycles->reason == CYCLES_FROZEN ||
		cycles->reason == CYCLES_UNCOLLECTABLE || cycles->reason == CYCLES_THRESHOLD;
	return 0;
}

/* The same of types: what grows may be made where no probe sees it, or has not yet. */
static int hold_types(struct scene *scene)
{
	struct evidence *evidence = &scene->inspector->evidence;
	struct evidence_type *types = (struct evidence_type *)evidence->types;
	int err = 0;

	for (size_t i = 0; !err && i < evidence->type_count && i < TYPES_HELD; i++) {
		struct who_query query = {.type = types[i].name, .samples = HOLDER_SAMPLES};

		if (types[i].last_bytes <= types[i].first_bytes)
			break;
		err = holders__find(scene, &query, &types[i].holders, &types[i].holder_count,
				    &types[i].refcount_excess_share);
		if (!err)
			types[i].sampled = HOLDER_SAMPLES;
		if (err == -ENOENT)
			err = 0;
	}
	return err;
}

static bool is_garbage(const struct scene *scene, __u32 node)
{
	return scene->garbage[node / 8] >> node % 8 & 1;
}

/*
 * What only garbage refers to is garbage as well, though the collector does not track it: as many references from garbage as it has
 * counts.
 */
static int spread_garbage(struct scene *scene)
{
	const struct graph *graph = scene->graph;
	__u32 *from_garbage, *queue;
	size_t head = 0, tail = 0;

	if (!scene->cycles.count)
		return 0;
	from_garbage = calloc(graph->count, sizeof(*from_garbage));
	queue = calloc(graph->count, sizeof(*queue));
	if (from_garbage && queue)
		for (; tail < scene->cycles.count; tail++)
			queue[tail] = scene->cycles.nodes[tail];
	while (head < tail) {
		__u32 node = queue[head++];

		for (__u64 e = graph->first[node]; e < graph->first[node + 1]; e++) {
			__u32 to = graph->to[e];

			if (is_garbage(scene, to) || graph->flags[to] & NODE_IMMORTAL ||
			    ++from_garbage[to] < graph->refcount[to])
				continue;
			scene->garbage[to / 8] |= 1u << to % 8;
			queue[tail++] = to;
		}
	}
	free(from_garbage);
	free(queue);
	return from_garbage && queue ? 0 : -ENOMEM;
}

static int read_scene(struct scene *scene)
{
	struct inspector *inspector = scene->inspector;
	int err;

	err = graph__read(inspector->image, inspector->target, *inspector->pools, scene->types, 0,
			  &scene->graph);
	if (err)
		return err;
	err = cycles__find(scene->graph, &scene->gc, &scene->cycles);
	if (err)
		return err;
	scene->garbage = calloc(scene->graph->count / 8 + 1, 1);
	if (!scene->garbage)
		return -ENOMEM;
	for (__u64 i = 0; i < scene->cycles.count; i++)
		scene->garbage[scene->cycles.nodes[i] / 8] |= 1u << scene->cycles.nodes[i] % 8;
	return spread_garbage(scene);
}

int inspector__look(struct inspector *inspector, double at_s, struct inspect_site *sites,
		    size_t site_count)
{
	struct scene scene = {.inspector = inspector, .at_s = at_s};
	double begin_s = clock__s();
	int err;

	arena__free(inspector->found);
	inspector->found = arena__new();
	inspector->evidence.sites = NULL;
	inspector->evidence.site_count = 0;
	inspector->evidence.types = NULL;
	inspector->evidence.type_count = 0;
	inspector->evidence.cycle_types = NULL;
	inspector->evidence.cycle_type_count = 0;
	err = inspector->found ? glance(inspector, at_s, &scene.types, &scene.gc) : -ENOMEM;
	inspector->glance_at_s = at_s;
	inspector->glance_took_s = clock__s() - begin_s;
	if (!err)
		err = read_scene(&scene);
	if (!err)
		err = note_cycles(&scene);
	if (!err)
		err = types_seen__list(inspector);
	if (!err)
		err = site_count ? join__sites(&scene, sites, site_count) : 0;
	if (!err)
		err = hold_types(&scene);
	free(scene.garbage);
	cycles__clear(&scene.cycles);
	graph__free(scene.graph);
	types__close(scene.types);
	inspector->look_at_s = at_s;
	inspector->look_took_s = clock__s() - begin_s;
	return err;
}

/* So much later that it is this share of the time at most. */
static double due(double at_s, double took_s, double share, double least_s)
{
	return at_s + fmax(least_s, share > 0 ? took_s / share : least_s);
}

double inspector__next_glance_s(const struct inspector *inspector, double share)
{
	return due(inspector->glance_at_s, inspector->glance_took_s, share, GLANCE_LEAST_S);
}

double inspector__next_look_s(const struct inspector *inspector, double share)
{
	return due(inspector->look_at_s, inspector->look_took_s, share, LOOK_LEAST_S);
}

const struct evidence *inspector__evidence(struct inspector *inspector)
{
	return &inspector->evidence;
}
