// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap.c - looks at a process's heap once, or every so often, and shows it: run() at the end
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "discover/discover.h"
#include "heap/image.h"
#include "heap/pools.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/stop.h"
#include "look/files.h"
#include "look/heap_private.h"
#include "look/look.h"
#include "look/still.h"
#include "objects/census_take.h"
#include "objects/types.h"

#define CACHE (48u << 20)
#define GC_CACHE (16u << 20)
#define WAIT_MS 100
#define STOPS_MAX 3
#define SHORT_STOPS_MAX 8 /* as long as all together are short */
#define SHORT_STOPS_S 0.2
#define BETWEEN_STOPS_MS 20
/* Of more, references are read only where --cycles asks for it: some 80 bytes and half a microsecond each. */
#define CYCLES_OBJECTS 1000000

static const struct look_format formats[] = {
	{"json", ".json", heap_look__write_json},
	{"svg", ".svg", heap_look__write_svg},
	{NULL, NULL, NULL},
};

struct subject {
	const struct cli *cli;
	struct target *target;
	struct pools *pools; /* NULL = no pymalloc */
	struct image *image;
	struct look_files files;
	struct heap_look first, last;
	bool ended; /* the process */
};

static int cannot_read(const struct subject *s, int err)
{
	int failed = still__fail(s->target->pid, err);

	if (err == -ESRCH)
		return log__fail(EXIT_CANNOT_TRACE, "process %d has ended", s->target->pid);
	if (failed)
		return failed;
	if (err == -EPERM || err == -EACCES)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d may not be read: run as root, or with CAP_SYS_PTRACE",
				 s->target->pid);
	return log__fail(EXIT_FAILED, "the heap of process %d cannot be read: %s", s->target->pid,
			 strerror(-err));
}

static int open_subject(struct subject *s)
{
	int err = target__discover(s->cli->pids[0], &s->target);

	if (!err)
		err = target__supported(s->target);
	if (err)
		return err;
	if (!py_objects__find(s->target->python.layout.version))
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: the objects of CPython %s are not known",
				 s->target->pid, s->target->python.version);
	err = pools__open(s->target, &s->pools);
	if (err && err != -ENOENT)
		return cannot_read(s, err);
	err = image__open(s->target->pid, CACHE, &s->image);
	return err ? cannot_read(s, err) : 0;
}

static void free_look(struct heap_look *look)
{
	census__free(&look->census);
	heap_cycles__free(&look->cycles);
	blocks__close(look->blocks);
	*look = (struct heap_look){0};
}

static int take_objects(struct subject *s, const struct py_objects *objects, struct heap_look *look)
{
	struct types *types;
	int err = types__open(s->image, objects, &types);

	if (err)
		return err;
	err = blocks__open(s->image, s->target, s->pools, &look->blocks);
	if (!err)
		err = census__take(types, look->blocks, look->top, &look->census);
	if (!err && (s->cli->cycles || look->census.objects <= CYCLES_OBJECTS))
		err = heap_cycles__take(s->image, s->target, s->pools, types, &look->cycles);
	types__close(types);
	return err;
}

/* The collector's lists are walked beside the sweep, with an image of its own: half a second of ten million objects. */
struct gc_walk {
	const struct target *target;
	const struct py_objects *objects;
	struct gc_state *state;
	int *status;
	pthread_t thread;
	bool beside;
};

static void *walk_gc(void *context)
{
	struct gc_walk *walk = context;
	struct image *image;

	*walk->status = image__open(walk->target->pid, GC_CACHE, &image);
	if (*walk->status)
		return NULL;
	*walk->status = gc_state__read(image, walk->target, walk->objects, NULL, NULL, walk->state);
	image__close(image);
	return NULL;
}

static void start_gc_walk(struct gc_walk *walk)
{
	walk->beside = !pthread_create(&walk->thread, NULL, walk_gc, walk);
	if (!walk->beside)
		walk_gc(walk);
}

static void end_gc_walk(struct gc_walk *walk)
{
	if (walk->beside)
		pthread_join(walk->thread, NULL);
}

static int take_memory(struct subject *s, const struct py_objects *objects, struct heap_look *look)
{
	int err = take_objects(s, objects, look);

	if (err)
		return err;
	look->totals = blocks__totals(look->blocks);
	return bridge__compute(s->image, s->target, look->totals, look->census.pool_bytes,
			       look->census.malloc_bytes, &look->bridge);
}

/* One look; what it has is of the same tenths of a second. */
static int take_once(struct subject *s, struct heap_look *look)
{
	const struct py_objects *objects = py_objects__find(s->target->python.layout.version);
	struct gc_walk walk = {
		.target = s->target,
		.objects = objects,
		.state = &look->gc,
		.status = &look->gc_status,
	};
	struct freeze *freeze = NULL;
	int err;

	*look = (struct heap_look){.target = s->target, .has_pools = s->pools};
	look->top = s->cli->top;
	look->at_s = clock__s();
	look->frozen = s->cli->freeze;
	err = look->frozen ? still__start(s->target->pid, s->target->pidfd, &freeze, &look->freeze)
			   : 0;
	if (!err)
		err = image__refresh(s->image);
	if (!err) {
		start_gc_walk(&walk);
		err = take_memory(s, objects, look);
		end_gc_walk(&walk);
	}
	freeze__end(freeze, &look->freeze);
	look->took_s = clock__s() - look->at_s;
	log__debug("objects took %.3f s, all %.3f s", look->census.took_s, look->took_s);
	return err;
}

/* Stopped in the middle of malloc(), or of a collection: at another moment there is more to be read. */
static bool is_awkward(const struct heap_look *look)
{
	const struct block_totals *totals = look->totals;

	return totals->bad_pools || totals->broken_heaps || look->gc.incomplete;
}

/* A program that allocates and collects without a pause is nearly always in the middle of one or the other. */
static bool may_stop_again(const struct heap_look *look)
{
	return look->stops < STOPS_MAX ||
	       (look->stops < SHORT_STOPS_MAX && look->freeze.stopped_s < SHORT_STOPS_S);
}

static int take_look(struct subject *s, struct heap_look *look)
{
	double stopped_s = 0;

	for (unsigned int stops = 1;; stops++) {
		int err = take_once(s, look);

		look->stops = stops;
		look->freeze.stopped_s += stopped_s;
		if (err || !look->freeze.whole || !may_stop_again(look) || !is_awkward(look))
			return err;
		stopped_s = look->freeze.stopped_s;
		free_look(look);
		poll(NULL, 0, BETWEEN_STOPS_MS);
	}
}

static void show(const struct subject *s, const struct heap_look *since, bool redraw)
{
	struct terminal_options options = look__terminal();

	if (s->files.stdout_taken || log__level() < 0)
		return;
	options.live = since;
	if (redraw && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	heap_look__print(&s->last, since, stdout, &options);
	fflush(stdout);
}

/* Until it is time, or there is nothing to wait for. */
static void sleep_until(struct subject *s, double until_s)
{
	struct pollfd gone = {.fd = s->target->pidfd, .events = POLLIN};

	while (!stop__requested() && !s->ended && clock__s() < until_s)
		s->ended = poll(&gone, 1, WAIT_MS) == 1;
}

/* Looks again and again. The last look is what there was before the process ended. */
static int watch(struct subject *s)
{
	double end_s = s->cli->duration_s ? s->first.at_s + s->cli->duration_s : INFINITY;
	int err = 0;

	while (!err && !stop__requested() && !s->ended && clock__s() < end_s) {
		struct heap_look look;
		double next_s = clock__s() + s->cli->interval_s;

		sleep_until(s, next_s < end_s ? next_s : end_s);
		if (stop__requested() || s->ended)
			break;
		err = take_look(s, &look);
		if (err) {
			free_look(&look);
			s->ended = err == -ESRCH;
			break;
		}
		free_look(&s->last);
		s->last = look;
		show(s, &s->first, true);
	}
	return s->ended ? 0 : err;
}

static int look_at(struct subject *s)
{
	int err = take_look(s, &s->last);

	/* A look of its own to compare with: the last one is replaced. */
	if (!err && s->cli->watch)
		err = take_look(s, &s->first);
	if (err)
		return cannot_read(s, err);
	show(s, NULL, s->cli->watch);
	err = s->cli->watch ? watch(s) : 0;
	return err ? cannot_read(s, err) : 0;
}

static int run(struct subject *s)
{
	int err;

	if (!s->cli->watch) /* soon over, nothing to put in order */
		stop__release();
	err = look_files__open(s->cli, formats, "heap", &s->files);
	if (!err)
		err = open_subject(s);
	if (!err)
		err = look_at(s);
	return err ? err : look_files__write(&s->files, &s->last);
}

int heap__run(const struct cli *cli)
{
	struct subject s = {.cli = cli};
	int err = run(&s);

	look_files__discard(&s.files);
	free_look(&s.first);
	free_look(&s.last);
	image__close(s.image);
	pools__close(s.pools);
	target__free(s.target);
	return err;
}
