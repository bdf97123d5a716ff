// SPDX-License-Identifier: BSD-2-Clause
/*
 * who.c - from a question to shapes: samples, search, trails, paths, shapes, texts
 */
#include "objects/who.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "objects/c_fields.h"
#include "objects/who_private.h"

#define MENDS_MAX                                                                                  \
	4 /* it takes half as long as reading the graph, and what is asked many times is no single answer */
#define LENGTH_MAX (1ull << 40) /* what claims to have more entries has none */

/* One question on its way. */
struct job {
	struct root_reader reader;
	struct py_objects objects; /* the row as it is for this build */
	bool may_mend, mended;     /* the graph: not too often before; now */
	struct roots roots;
	struct who *who;
	struct samples samples;
	struct search search;
	struct trail *trails;
	struct trail_edges edges;
	struct path *paths;
};

const char *who__printable(struct who *who, const char *text)
{
	char buffer[4 * WHO_LABEL_MAX];
	const char *interned =
		arena__intern(who->arena, text__printable(text, buffer, sizeof(buffer)));

	return interned ? interned : "?";
}

/* ---- the way there ---- */

/* What no root reaches is looked at again before it is believed. */
static int search(struct job *job)
{
	int err = search__run(&job->search, job->reader.graph, &job->roots);

	if (err || search__has_all(&job->search, &job->samples))
		return err;
	job->mended = job->may_mend;
	if (job->mended)
		err = search__mend(&job->search, &job->reader, &job->samples);
	if (!err && job->mended && !search__has_all(&job->search, &job->samples))
		err = search__through_memory(&job->search, &job->reader);
	if (err)
		return err;
	return search__has_all(&job->search, &job->samples) ? 0 : search__run_native(&job->search);
}

/* Keeps the samples that are alive; proven: of these, those whose path is still there. How many that are. */
static size_t keep_samples(struct job *job, bool proven)
{
	struct samples *samples = &job->samples;
	size_t kept = 0;

	for (size_t i = 0; i < samples->count; i++) {
		if (!node__is_alive(&job->reader, samples->nodes[i]) ||
		    (proven && !edges__have_all(&job->edges, &job->trails[i])))
			continue;
		samples->nodes[kept] = samples->nodes[i];
		job->trails[kept++] = job->trails[i];
	}
	if (kept || !proven)
		samples->count = kept;
	return kept;
}

/* Where memory is handed out anew while it is read, a path leads to what is something else by now. */
static int drop_stale(struct job *job)
{
	struct samples *samples = &job->samples;

	image__forget(job->reader.image);
	if (!keep_samples(job, true))
		keep_samples(job, false);
	for (size_t i = 0; i < samples->count; i++)
		job->who->unreachable += !job->trails[i].count;
	job->who->sampled = samples->count;
	return samples->count ? 0 : -ENOENT;
}

static int find_paths(struct job *job)
{
	int err = roots__find(&job->reader);

	job->trails = calloc(job->samples.count, sizeof(*job->trails));
	job->paths = calloc(job->samples.count, sizeof(*job->paths));
	if (!job->trails || !job->paths)
		err = -ENOMEM;
	if (!err)
		err = search(job);
	if (err)
		return err;
	for (size_t i = 0; i < job->samples.count; i++)
		search__trail(&job->search, job->samples.nodes[i], &job->trails[i]);
	err = edges__find(&job->search, job->reader.types, job->trails, job->samples.count,
			  &job->edges);
	if (!err)
		err = drop_stale(job);
	for (size_t i = 0; !err && i < job->samples.count; i++)
		err = path__make(&job->reader, &job->edges, &job->trails[i], job->who->arena,
				 &job->paths[i]);
	return err;
}

/* ---- what it looks like ---- */

/* Entries of a container; false: the object is none. */
static bool read_length(struct types *types, __u64 address, __u64 *length)
{
	static const struct {
		enum object_kind kind;
		__u32 offset;
	} lengths[] = {
		{KIND_LIST, VAR_SIZE},  {KIND_TUPLE, VAR_SIZE}, {KIND_DEQUE, VAR_SIZE},
		{KIND_DICT, DICT_USED}, {KIND_SET, SET_USED},
	};
	const struct object_type *type =
		types__at(types, image__word(types__image(types), address + OBJECT_TYPE));

	for (size_t i = 0; type && i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		if (type->kind != lengths[i].kind)
			continue;
		*length = image__word(types__image(types), address + lengths[i].offset);
		return *length < LENGTH_MAX;
	}
	if (!type || !type->fields || !type->fields->length.at)
		return false;
	if (type->fields->length.via)
		address = image__word(types__image(types), address + type->fields->length.via);
	*length = address ? image__word(types__image(types), address + type->fields->length.at) : 0;
	return *length < LENGTH_MAX;
}

/* "Session", where the path begins in the module that it is of. */
static const char *short_name(const struct who_shape *shape, const char *name)
{
	const char *module = shape->steps[0].label;
	size_t length;

	if (shape->root != ROOT_MODULE || strncmp(module, "module ", 7))
		return name;
	module += 7;
	length = strlen(module);
	return !strncmp(name, module, length) && name[length] == '.' ? name + length + 1 : name;
}

static const char *step_text(struct who *who, const struct who_shape *shape,
			     const struct who_step *step, const struct object_type *of)
{
	const char *type = of->kind == KIND_TYPE ? "class" : short_name(shape, step->type);
	char text[4 * WHO_LABEL_MAX], count[32], what[2 * WHO_LABEL_MAX];

	if (of->fields && of->fields->shown && !of->is_class)
		type = of->fields->shown;
	if (step->container)
		snprintf(what, sizeof(what), "%s, %s %s", type,
			 text__count(step->length, count, sizeof(count)),
			 step->length == 1 ? "entry" : "entries");
	else
		snprintf(what, sizeof(what), "%s", type);
	if (step->label[0])
		snprintf(text, sizeof(text), "%s (%s)%s", step->label, what,
			 step->repeated ? " …" : "");
	else
		snprintf(text, sizeof(text), "%s", what);
	return who__printable(who, text);
}

static void finish_step(struct job *job, const struct who_shape *shape, struct who_step *step)
{
	const struct graph *graph = job->reader.graph;
	__u32 node = step->address ? graph__find(graph, step->address) : NO_NODE;
	const struct object_type *type;

	step->text = step->label;
	if (node == NO_NODE)
		return;
	type = types__get(graph->types, graph->type[node]);
	if (!type)
		return;
	step->type = who__printable(job->who, types__name(graph->types, type));
	step->container = read_length(graph->types, step->address, &step->length);
	/* The root of a module's path says what it is. */
	if (step != shape->steps || type->kind != KIND_MODULE)
		step->text = step_text(job->who, shape, step, type);
}

static int make_shapes(struct job *job)
{
	struct who *who = job->who;
	int err = shapes__make(job->paths, job->samples.count, job->reader.graph, who);

	for (size_t i = 0; !err && i < who->shape_count; i++) {
		for (size_t k = 0; k < who->shapes[i].step_count; k++)
			finish_step(job, &who->shapes[i], &who->shapes[i].steps[k]);
		shape__dominate(&who->shapes[i]);
	}
	return err;
}

int who__holds(struct graph *graph, const struct target *target, const struct who_query *query,
	       struct who *who)
{
	struct job job = {.who = who};
	double start = clock__s();
	int err;

	*who = (struct who){.nodes = graph->count, .edges = graph->edge_count, .looked_s = start};
	who->arena = arena__new();
	if (!who->arena)
		return -ENOMEM;
	job.reader = (struct root_reader){
		.graph = graph,
		.target = target,
		.types = graph->types,
		.image = types__image(graph->types),
		.objects = &job.objects,
		.roots = &job.roots,
		.work = WHO_WORK,
	};
	job.may_mend = graph->mended < MENDS_MAX;
	job.objects = *types__objects(graph->types);
	py_objects__refine_from(job.reader.image, target->python.runtime, &job.objects);
	err = samples__choose(graph, query, who, &job.samples);
	if (!err)
		err = find_paths(&job);
	if (!err)
		err = make_shapes(&job);
	graph->mended += job.mended;
	who->took_s = clock__s() - start;
	roots__free(&job.roots);
	search__end(&job.search);
	edges__free(&job.edges);
	samples__free(&job.samples);
	free(job.trails);
	free(job.paths);
	return err;
}

static void look_again_at(struct types *types, struct who_step *step)
{
	__u64 length;

	step->has_grew = step->container && read_length(types, step->address, &length);
	if (step->has_grew)
		step->grew = (long long)length - (long long)step->length;
}

int who__look_again(struct who *who, struct types *types)
{
	int err = image__refresh(types__image(types));

	if (err)
		return err;
	for (size_t i = 0; i < who->shape_count; i++)
		for (size_t k = 0; k < who->shapes[i].step_count; k++)
			look_again_at(types, &who->shapes[i].steps[k]);
	who->has_grew = true;
	who->grew_over_s = clock__s() - who->looked_s;
	return 0;
}

void who__free(struct who *who)
{
	if (who->arena)
		arena__free(who->arena);
	*who = (struct who){0};
}

const char *who_root__name(enum who_root root)
{
	static const char *const names[] = {
		[ROOT_MODULE] = "module",   [ROOT_THREAD] = "thread",
		[ROOT_BUILTIN] = "builtin", [ROOT_INTERPRETER] = "interpreter",
		[ROOT_NATIVE] = "native",
	};

	return names[root];
}
