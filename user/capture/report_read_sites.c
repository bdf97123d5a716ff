// SPDX-License-Identifier: BSD-2-Clause
/*
 * report_read_sites.c - stacks with their frames, and the sites that they end at
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "capture/report_read_private.h"
#include "export/label.h"

static enum domain read_domain(struct json_read *in, json *from)
{
	const char *name = json_read__text(in, from, "domain");

	for (int i = DOMAIN_RAW; name && i < DOMAIN_MAX; i++) {
		if (!strcmp(name, label__domain(i)))
			return i;
	}
	json_read__fail(in, -EINVAL);
	return DOMAIN_RAW;
}

/* Less than nothing is what is not known. */
static double read_age(struct json_read *in, json *from, const char *key)
{
	double seconds = json_read__real(in, from, key);

	return isfinite(seconds) ? seconds : -1;
}

static enum frame_kind read_kind(struct json_read *in, json *from)
{
	static const char *const kinds[] = {
		[FRAME_PYTHON] = "python",
		[FRAME_NATIVE] = "native",
		[FRAME_NOTE] = "note",
	};
	const char *name = json_read__text(in, from, "kind");

	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!strcmp(name, kinds[i]))
			return i;
	}
	json_read__fail(in, -EINVAL);
	return FRAME_NOTE;
}

static void read_frame(struct json_read *in, json *from, struct named_frame *frame)
{
	frame->kind = read_kind(in, from);
	frame->function = json_read__text(in, from, "function");
	if (frame->kind == FRAME_PYTHON) {
		frame->file = json_read__text(in, from, "file");
		frame->path = json_read__text(in, from, "path");
		frame->line = json_read__integer(in, from, "line", INT_MAX, 0);
	} else if (frame->kind == FRAME_NATIVE) {
		frame->module = json_read__text(in, from, "module");
		frame->offset = json_read__count(in, from, "offset");
	}
}

static void read_stack(struct json_read *in, json *from, struct profile_stack *stack)
{
	json *frames = json_read__array(in, from, "frames");
	size_t count = json_read__length(frames);

	stack->domain = read_domain(in, from);
	stack->live_bytes = json_read__count(in, from, "live_bytes");
	stack->live_count = json_read__count(in, from, "live_count");
	stack->alloc_bytes = json_read__count(in, from, "alloc_bytes");
	stack->alloc_count = json_read__count(in, from, "alloc_count");
	stack->free_bytes = json_read__count(in, from, "free_bytes");
	stack->free_count = json_read__count(in, from, "free_count");
	stack->oldest_s = read_age(in, from, "oldest_s");
	stack->median_age_s = read_age(in, from, "median_age_s");
	stack->frames = json_read__room(in, count, sizeof(*stack->frames));
	for (size_t i = 0; i < count && !in->err; i++)
		read_frame(in, json_read__item(in, frames, i), &stack->frames[i]);
	stack->frame_count = count;
}

/* They rise: nothing is said twice, and the last one is the largest. */
static __u64 read_id(struct json_read *in, json *stacks, size_t index)
{
	return json_read__integer(in, json_read__item(in, stacks, index), "id", LLONG_MAX, -1);
}

void report_read__stacks(struct json_read *in, json *from, size_t room, struct profile *profile)
{
	json *stacks = json_read__array(in, from, "stacks");
	size_t count = json_read__length(stacks), next = 0;
	__u64 last = count ? read_id(in, stacks, count - 1) : 0;

	if (count && last >= room)
		json_read__fail(in, -EINVAL);
	if (in->err || !count)
		return;
	profile->stacks = json_read__room(in, last + 1, sizeof(*profile->stacks));
	for (size_t i = 0; i < count && !in->err; i++) {
		__u64 id = read_id(in, stacks, i);

		if (id < next || id > last) {
			json_read__fail(in, -EINVAL);
			return;
		}
		/* Of what is left out it is known that nothing lives. */
		for (; next < id; next++)
			profile->stacks[next].domain = DOMAIN_RAW;
		read_stack(in, json_read__item(in, stacks, i), &profile->stacks[next++]);
	}
	profile->stack_count = next;
}

void report_read__modules(struct json_read *in, json *from, struct report_process *process)
{
	json *modules = json_read__array(in, from, "modules");
	size_t count = json_read__length(modules);

	process->modules = json_read__room(in, count, sizeof(*process->modules));
	for (size_t i = 0; i < count && !in->err; i++) {
		json *module = json_read__item(in, modules, i);

		process->modules[i] = (struct report_module){
			.name = json_read__text(in, module, "name"),
			.path = json_read__text(in, module, "path"),
			.start = json_read__count(in, module, "start"),
			.end = json_read__count(in, module, "end"),
			.build_id = json_read__text(in, module, "build_id"),
		};
		if (!process->modules[i].name)
			json_read__fail(in, -EINVAL);
	}
	process->module_count = count;
}

static void read_site_stacks(struct json_read *in, json *from, const struct profile *profile,
			     struct report_site *site)
{
	json *stacks = json_read__array(in, from, "stacks");
	size_t count = json_read__length(stacks);

	site->stacks = json_read__room(in, count, sizeof(*site->stacks));
	for (size_t i = 0; i < count && !in->err; i++) {
		__u64 id = json_read__number_at(in, stacks, i);

		/* A stack that was there has a place for its frames, though it may have none. */
		if (in->err || id >= profile->stack_count || !profile->stacks[id].frames) {
			json_read__fail(in, -EINVAL);
			return;
		}
		site->stacks[i] = id;
	}
	site->stack_count = count;
}

static const struct named_frame *read_native(struct json_read *in, json *from)
{
	struct named_frame *frame = from ? json_read__room(in, 1, sizeof(*frame)) : NULL;

	if (!frame)
		return NULL;
	frame->kind = FRAME_NATIVE;
	frame->function = json_read__text(in, from, "function");
	frame->module = json_read__text(in, from, "module");
	frame->offset = json_read__count(in, from, "offset");
	return frame;
}

static void read_site(struct json_read *in, json *from, const struct profile *profile,
		      struct report_site *site)
{
	*site = (struct report_site){
		.id = json_read__count(in, from, "id"),
		.file = json_read__text(in, from, "file"),
		.path = json_read__text(in, from, "path"),
		.function = json_read__text(in, from, "function"),
		.module = json_read__text(in, from, "module"),
		.line = json_read__integer(in, from, "line", INT_MAX, 0),
		.offset = json_read__count(in, from, "offset"),
		.domain = read_domain(in, from),
		.live_bytes = json_read__count(in, from, "live_bytes"),
		.live_count = json_read__count(in, from, "live_count"),
		.alloc_bytes = json_read__count(in, from, "alloc_bytes"),
		.alloc_count = json_read__count(in, from, "alloc_count"),
		.free_bytes = json_read__count(in, from, "free_bytes"),
		.free_count = json_read__count(in, from, "free_count"),
		.growth_per_s = json_read__real(in, from, "growth_per_s"),
		.oldest_s = read_age(in, from, "oldest_s"),
		.median_age_s = read_age(in, from, "median_age_s"),
		.error_pct = json_read__real(in, from, "error_pct"),
		.native = read_native(in, json_read__object(in, from, "native")),
	};
	site->types = report_read__types(in, from, &site->type_count);
	read_site_stacks(in, from, profile, site);
}

void report_read__sites(struct json_read *in, json *from, struct report_process *process)
{
	json *sites = json_read__array(in, from, "sites");
	size_t count = json_read__length(sites);

	process->sites = json_read__room(in, count, sizeof(*process->sites));
	for (size_t i = 0; i < count && !in->err; i++) {
		read_site(in, json_read__item(in, sites, i), &process->profile, &process->sites[i]);
		/* Verdicts name sites by it. */
		if (process->sites[i].id != i)
			json_read__fail(in, -EINVAL);
	}
	process->site_count = count;
}
