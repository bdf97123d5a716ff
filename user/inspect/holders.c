// SPDX-License-Identifier: BSD-2-Clause
/*
 * holders.c - who holds objects, as evidence
 *
 * Whether a container grows is told by its length now and at an earlier look.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/private.h"

/* Its length about half the run ago: what filled up at the beginning is no growth. */
static void fill_growth(struct scene *scene, const struct who_step *step,
			struct evidence_holder *holder)
{
	struct marks *marks = marks__of(&scene->inspector->lengths, step->address);

	if (!marks)
		return;
	for (__u32 i = 0; i < marks->count && marks->at_s[i] < scene->at_s; i++) {
		if (i && marks->at_s[i] > scene->at_s / 2)
			break;
		holder->first_length = marks->value[i];
		holder->seconds = scene->at_s - marks->at_s[i];
	}
	marks__add(marks, scene->at_s, step->length);
}

/*
 * Most entries that a container can have: maxlen of a deque (Modules/_collectionsmodule.c), maxsize of an lru_cache
 * (Modules/_functoolsmodule.c; the same places in 3.8 - 3.14). NAN = no bound is known.
 */
#define DEQUE_MAXLEN 64
#define LRU_CACHE_MAXSIZE 96
#define LRU_CACHE "functools._lru_cache_wrapper"

static double bound_of(struct scene *scene, const struct who_step *step)
{
	struct image *image = scene->inspector->image;
	__s64 bound = -1;

	if (step->type && !strcmp(step->type, "collections.deque"))
		bound = image__word(image, step->address + DEQUE_MAXLEN);
	else if (step->type && !strcmp(step->type, LRU_CACHE))
		bound = image__word(image, step->address + LRU_CACHE_MAXSIZE);
	return bound > 0 ? (double)bound : NAN;
}

static int fill_container(struct scene *scene, const struct who_shape *shape,
			  struct evidence_holder *holder)
{
	const struct who_step *step = &shape->steps[shape->dominating];

	/* A step may have no name but its type's. */
	holder->container =
		arena__intern(scene->inspector->found, *step->label ? step->label : "[…]");
	holder->container_type =
		step->type ? arena__intern(scene->inspector->found, step->type) : NULL;
	if (!holder->container)
		return -ENOMEM;
	holder->last_length = step->length;
	holder->bound = bound_of(scene, step);
	fill_growth(scene, step, holder);
	return 0;
}

static int fill_holder(struct scene *scene, const struct who *who, const struct who_shape *shape,
		       struct evidence_holder *holder)
{
	*holder = (struct evidence_holder){
		.first_length = NAN,
		.last_length = NAN,
		.seconds = 0,
		.bound = NAN,
		.share = who->sampled ? (double)shape->samples / who->sampled : 0,
		.is_native_root = shape->root == ROOT_NATIVE,
	};
	for (size_t i = 0; i < shape->step_count && i < EVIDENCE_PATH; i++) {
		holder->path[i] = arena__intern(scene->inspector->found, shape->steps[i].text);
		if (!holder->path[i])
			return -ENOMEM;
		holder->path_count++;
	}
	return shape->dominating < shape->step_count ? fill_container(scene, shape, holder) : 0;
}

#define FEW_SHARE 0.5    /* of the samples, at most, behind the one root that most of them have */
#define ENOUGH_SAMPLES 4 /* to tell one root from many */

/* The object itself, or that it is part of, is what nobody refers to: each sample has a root of its own, not all of them the same. */
static bool is_own_root(const struct who_shape *shape)
{
	if (shape->root != ROOT_NATIVE)
		return false;
	return shape->step_count <= 1 || (shape->samples >= ENOUGH_SAMPLES &&
					  shape->steps[1].shared <= FEW_SHARE * shape->samples);
}

/* Samples that nothing but a reference which nobody has explains. */
static double excess(const struct who *who)
{
	double samples = 0;

	for (size_t i = 0; i < who->shape_count; i++)
		if (is_own_root(&who->shapes[i]))
			samples += who->shapes[i].samples;
	return who->sampled ? samples / who->sampled : 0;
}

int holders__find(struct scene *scene, const struct who_query *query,
		  const struct evidence_holder **holders, size_t *count,
		  double *refcount_excess_share)
{
	struct who who = {0};
	struct evidence_holder *list;
	int err = who__holds(scene->graph, scene->inspector->target, query, &who);
	size_t n = who.shape_count < HOLDERS_SHOWN ? who.shape_count : HOLDERS_SHOWN;

	*holders = NULL;
	*count = 0;
	if (err)
		goto out;
	*refcount_excess_share = excess(&who);
	list = arena__alloc(scene->inspector->found, n + 1, sizeof(*list));
	err = list ? 0 : -ENOMEM;
	for (size_t i = 0; !err && i < n; i++)
		err = fill_holder(scene, &who, &who.shapes[i], &list[i]);
	if (err)
		goto out;
	*holders = list;
	*count = n;
out:
	who__free(&who);
	return err;
}
