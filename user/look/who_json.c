// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_json.c - who holds it, for programs: schema pyleak.who/1
 *
 * What does not apply, or was not measured, is null.
 */
#include "lib/json_build.h"
#include "look/still.h"
#include "look/who_private.h"

typedef struct json_object json;

static json *step_object(struct builder *builder, const struct who_step *step)
{
	json *to = json_object_new_object();

	build__text(builder, to, "text", step->text);
	build__text(builder, to, "label", step->label);
	build__text(builder, to, "type", step->type);
	if (step->address)
		build__address(builder, to, "address", step->address);
	else
		build__null(builder, to, "address");
	if (step->container)
		build__count(builder, to, "length", step->length);
	else
		build__null(builder, to, "length");
	if (step->has_grew)
		build__put(builder, to, "grew", json_object_new_int64(step->grew));
	else
		build__null(builder, to, "grew");
	build__count(builder, to, "shared", step->shared);
	build__bool(builder, to, "guessed", step->guessed);
	build__bool(builder, to, "repeated", step->repeated);
	return to;
}

static json *shape_object(struct builder *builder, const struct who_shape *shape)
{
	json *to = json_object_new_object(), *steps = json_object_new_array();

	build__text(builder, to, "root", who_root__name(shape->root));
	build__count(builder, to, "samples", shape->samples);
	build__address(builder, to, "example", shape->example);
	if (shape->dominating < shape->step_count)
		build__count(builder, to, "dominating", shape->dominating);
	else
		build__null(builder, to, "dominating");
	for (size_t i = 0; i < shape->step_count; i++)
		build__append(builder, steps, step_object(builder, &shape->steps[i]));
	build__put(builder, to, "steps", steps);
	return to;
}

static json *answer(struct builder *builder, const struct who *who, const struct target *target)
{
	json *to = json_object_new_object(), *shapes = json_object_new_array();

	build__text(builder, to, "schema", "pyleak.who/1");
	build__text(builder, to, "version", PYLEAK_VERSION);
	build__count(builder, to, "pid", target->pid);
	build__text(builder, to, "comm", target->comm);
	build__text(builder, to, "python", target->python.version);
	build__text(builder, to, "what", who->what);
	build__count(builder, to, "found", who->found);
	build__count(builder, to, "sampled", who->sampled);
	build__count(builder, to, "unreachable", who->unreachable);
	build__count(builder, to, "nodes", who->nodes);
	build__count(builder, to, "edges", who->edges);
	build__real(builder, to, "took_s", who->took_s);
	if (who->has_grew)
		build__real(builder, to, "grew_over_s", who->grew_over_s);
	else
		build__null(builder, to, "grew_over_s");
	for (size_t i = 0; i < who->shape_count; i++)
		build__append(builder, shapes, shape_object(builder, &who->shapes[i]));
	build__put(builder, to, "shapes", shapes);
	return to;
}

int who__write_json(const void *what, FILE *out)
{
	const struct who_answer *all = what;
	struct builder builder = {0};
	struct json_object *top = answer(&builder, all->who, all->target);

	if (all->freeze)
		still__build(&builder, top, all->freeze, 1);
	else
		build__null(&builder, top, "freeze");
	return build__write(&builder, top, true, out);
}
