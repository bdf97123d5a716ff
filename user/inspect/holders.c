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

/* What is remembered of the container at address, NULL = there is no room for one more. */
static struct holder_marks *marks_of(struct inspector *inspector, __u64 address)
{
	for (size_t i = 0; i < inspector->holder_count; i++)
		if (inspector->holders[i].address == address)
			return &inspector->holders[i];
	if (inspector->holder_count == HOLDERS_FOLLOWED)
		return NULL;
	inspector->holders[inspector->holder_count].address = address;
	return &inspector->holders[inspector->holder_count++];
}

/* Its length about half the run ago: what filled up at the beginning is no growth. */
static void fill_growth(struct scene *scene, const struct who_step *step,
			struct evidence_holder *holder)
{
	struct holder_marks *marks = marks_of(scene->inspector, step->address);
	__u32 n;

	if (!marks)
		return;
	n = marks->count;
	for (__u32 i = 0; i < n && marks->at_s[i] < scene->at_s; i++) {
		if (i && marks->at_s[i] > scene->at_s / 2)
			break;
		holder->first_length = marks->length[i];
		holder->seconds = scene->at_s - marks->at_s[i];
	}
	if (n < HOLDER_MARKS && (!n || marks->at_s[n - 1] < scene->at_s)) {
		marks->at_s[n] = scene->at_s;
		marks->length[n] = step->length;
		marks->count++;
	}
}

/*
 * Most entries that a container can have: maxlen of a deque (Modules/_collectionsmodule.c), maxsize of the lru_cache that has the dict
 * (Modules/_functoolsmodule.c; the same places in 3.8 - 3.14). NAN = no bound is known.
 */
#define DEQUE_MAXLEN 64
#define LRU_CACHE_MAXSIZE 96
#define LRU_CACHE "functools._lru_cache_wrapper"

static double bound_of(struct scene *scene, const struct who_step *step,
		       const struct who_step *before)
{
	struct image *image = scene->inspector->image;
	__s64 bound = -1;

	if (step->type && !strcmp(step->type, "collections.deque"))
		bound = image__word(image, step->address + DEQUE_MAXLEN);
	else if (before && before->type && !strcmp(before->type, LRU_CACHE))
		bound = image__word(image, before->address + LRU_CACHE_MAXSIZE);
	return bound > 0 ? (double)bound : NAN;
}

static int fill_container(struct scene *scene, const struct who_shape *shape,
			  struct evidence_holder *holder)
{
	const struct who_step *step = &shape->steps[shape->dominating];
	const struct who_step *before = shape->dominating ? step - 1 : NULL, *named = step;

	/* A cache's dict is known by the function that it is the cache of. */
	if (before && before->type && !strcmp(before->type, LRU_CACHE))
		named = before;
	holder->container = arena__intern(scene->inspector->found, named->label);
	holder->container_type =
		named->type ? arena__intern(scene->inspector->found, named->type) : NULL;
	if (!holder->container)
		return -ENOMEM;
	holder->last_length = step->length;
	holder->bound = bound_of(scene, step, before);
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

/* Samples that nothing but a reference which nobody has explains: the object itself is the root. */
static double excess(const struct who *who)
{
	double samples = 0;

	for (size_t i = 0; i < who->shape_count; i++)
		if (who->shapes[i].root == ROOT_NATIVE && who->shapes[i].step_count <= 1)
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
