// SPDX-License-Identifier: BSD-2-Clause
/*
 * pprof.c - the report as a pprof profile, gzip of the protocol buffer of profile.proto
 *
 * A sample is a stack with what was allocated and what is in use there. Blocks, resident pages and mappings are three views
 * of the same memory and pprof adds up what it is given: one of them is in the profile, the first that has anything, as
 * in the flame graphs. Several processes are told apart by their labels.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "export/export.h"
#include "export/label.h"
#include "export/pprof_stream.h"

#define LABELS_MAX 5
#define NANOS 1000000000LL

struct writer {
	struct pprof_stream stream;
	enum label_layer layer;
	/* of the process that is being written */
	const struct report_process *process;
	__u32 index;
	Pprof__Label labels[LABELS_MAX], *label_list[LABELS_MAX];
	size_t label_count;
	/* of the stack */
	uint64_t *locations;
	size_t room;
};

static __u64 text(struct writer *w, const char *of)
{
	return pprof_stream__text(&w->stream, of);
}

static bool has_any(const struct report *report, enum label_layer layer)
{
	for (size_t i = 0; i < report->process_count; i++) {
		const struct profile *profile = &report->processes[i].profile;

		for (size_t j = 0; j < profile->stack_count; j++) {
			const struct profile_stack *stack = &profile->stacks[j];

			if (label__layer(stack->domain) == layer &&
			    (stack->live_bytes || stack->alloc_bytes))
				return true;
		}
	}
	return false;
}

/* The module of the process that has the name of a frame's; NULL = it is not listed. */
static const struct report_module *module_of(struct writer *w, const char *name)
{
	struct pprof_key key = {
		.kind = PPROF_MODULE, .number = w->index, .parts = {(uintptr_t)name}};
	const struct report_process *process = w->process;
	const __u64 *known = pprof_stream__find(&w->stream, &key);
	size_t i = 0;

	if (known)
		return *known ? &process->modules[*known - 1] : NULL;
	while (i < process->module_count && strcmp(process->modules[i].name, name))
		i++;
	pprof_stream__keep(&w->stream, &key, i < process->module_count ? i + 1 : 0);
	return i < process->module_count ? &process->modules[i] : NULL;
}

static __u64 mapping_of(struct writer *w, const struct report_module *module)
{
	return pprof_stream__mapping(&w->stream, module->start, module->end,
				     text(w, module->path ? module->path : module->name),
				     text(w, module->build_id));
}

/*
 * System names are given where they say more. Equal to the name they would have readers look for mangled C++ in it, and
 * take "<module>" for the arguments of a template.
 */
static __u64 python_location(struct writer *w, const struct named_frame *frame)
{
	struct named_frame function = *frame;
	char label[LABEL_MAX];
	__u64 id;

	function.line = 0;
	id = pprof_stream__function(&w->stream, text(w, frame->function ? frame->function : "?"),
				    text(w, label__frame(&function, label)),
				    text(w, frame->path ? frame->path : frame->file));
	return pprof_stream__location(&w->stream, 0, 0, id, frame->line > 0 ? frame->line : 0);
}

/* With a symbol, the address is not known: the offset is the symbol's. */
static __u64 native_location(struct writer *w, const struct named_frame *frame)
{
	const struct report_module *module = frame->module ? module_of(w, frame->module) : NULL;
	__u64 mapping = 0, address = 0, name, system_name = 0;
	char label[LABEL_MAX];

	if (module)
		mapping = mapping_of(w, module);
	else if (frame->module)
		mapping = pprof_stream__mapping(&w->stream, 0, 0, text(w, frame->module), 0);
	if (frame->function) {
		name = system_name = text(w, frame->function);
	} else {
		name = text(w, label__frame(frame, label));
		address = (module ? module->start : 0) + frame->offset;
	}
	return pprof_stream__location(
		&w->stream, mapping, address,
		pprof_stream__function(&w->stream, name, system_name, text(w, frame->module)), 0);
}

static __u64 new_location(struct writer *w, const struct named_frame *frame)
{
	char label[LABEL_MAX];

	switch (frame->kind) {
	case FRAME_PYTHON:
		return python_location(w, frame);
	case FRAME_NATIVE:
		return native_location(w, frame);
	case FRAME_NOTE:
		break;
	}
	return pprof_stream__location(
		&w->stream, 0, 0,
		pprof_stream__function(&w->stream, text(w, label__frame(frame, label)), 0, 0), 0);
}

/* Texts of a profile are there once each: a frame is known again by where they are. */
static __u64 location_of(struct writer *w, const struct named_frame *frame)
{
	const char *file = frame->kind == FRAME_PYTHON ? frame->path : frame->module;
	struct pprof_key key = {
		.kind = PPROF_FRAME,
		.number = w->index,
		.parts = {(uintptr_t)frame->function, (uintptr_t)file,
			  (__u64)frame->kind << 32 | (__u32)frame->line,
			  frame->function ? 0 : frame->offset},
	};
	const __u64 *known = pprof_stream__find(&w->stream, &key);

	return known ? *known : pprof_stream__keep(&w->stream, &key, new_location(w, frame));
}

static int64_t clamped(__u64 number)
{
	return number < INT64_MAX ? (int64_t)number : INT64_MAX;
}

/* Innermost first, as the stack is. Returns how many; 0: no memory. */
static size_t find_locations(struct writer *w, const struct profile_stack *stack)
{
	static const struct named_frame unknown = {.kind = FRAME_NOTE, .function = "[no stack]"};
	size_t count = stack->frame_count ? stack->frame_count : 1;

	if (count > w->room) {
		void *bigger = reallocarray(w->locations, count, sizeof(*w->locations));

		if (!bigger) {
			w->stream.err = -ENOMEM;
			return 0;
		}
		w->locations = bigger;
		w->room = count;
	}
	for (size_t i = 0; i < count; i++)
		w->locations[i] = location_of(w, stack->frame_count ? &stack->frames[i] : &unknown);
	return count;
}

static void write_stack(struct writer *w, const struct profile_stack *stack)
{
	Pprof__Sample sample = PPROF__SAMPLE__INIT, *list = &sample;
	Pprof__Profile part = PPROF__PROFILE__INIT;
	/* In the order of sample_types. */
	int64_t values[] = {clamped(stack->alloc_count), clamped(stack->alloc_bytes),
			    clamped(stack->live_count), clamped(stack->live_bytes)};

	if (!values[0] && !values[1] && !values[2] && !values[3])
		return;
	/* The domain is the last of the labels. */
	w->labels[w->label_count - 1].str = (int64_t)text(w, label__domain(stack->domain));
	sample.n_location_id = find_locations(w, stack);
	sample.location_id = w->locations;
	sample.n_value = sizeof(values) / sizeof(*values);
	sample.value = values;
	sample.n_label = w->label_count;
	sample.label = w->label_list;
	part.n_sample = 1;
	part.sample = &list;
	pprof_stream__write(&w->stream, &part);
}

static Pprof__Label *add_label(struct writer *w, const char *key)
{
	Pprof__Label *label = &w->labels[w->label_count];

	pprof__label__init(label);
	label->key = (int64_t)text(w, key);
	w->label_list[w->label_count++] = label;
	return label;
}

static void add_text_label(struct writer *w, const char *key, const char *value)
{
	if (value && *value)
		add_label(w, key)->str = (int64_t)text(w, value);
}

/* The program comes before what its stacks lead through: readers name the profile by the first mapping. */
static void write_program(struct writer *w)
{
	const struct report_process *process = w->process;

	if (!process->exe)
		return;
	if (process->module_count && process->modules[0].path &&
	    !strcmp(process->modules[0].path, process->exe))
		mapping_of(w, &process->modules[0]);
	else
		pprof_stream__mapping(&w->stream, 0, 0, text(w, process->exe), 0);
}

static void write_process(struct writer *w, const struct report_process *process)
{
	w->process = process;
	w->label_count = 0;
	add_label(w, "pid")->num = process->pid;
	add_text_label(w, "comm", process->comm);
	add_text_label(w, "python", process->python_version);
	add_text_label(w, "cgroup", process->cgroup);
	add_label(w, "domain");
	write_program(w);
	for (size_t i = 0; i < process->profile.stack_count && !w->stream.err; i++) {
		const struct profile_stack *stack = &process->profile.stacks[i];

		if (label__layer(stack->domain) == w->layer)
			write_stack(w, stack);
	}
	w->index++;
}

static void write_sample_types(struct writer *w)
{
	static const char *const names[][2] = {
		{"alloc_objects", "count"},
		{"alloc_space", "bytes"},
		{"inuse_objects", "count"},
		{"inuse_space", "bytes"},
	};
	Pprof__ValueType types[4], *list[4];
	Pprof__Profile part = PPROF__PROFILE__INIT;

	for (size_t i = 0; i < 4; i++) {
		pprof__value_type__init(&types[i]);
		types[i].type = (int64_t)text(w, names[i][0]);
		types[i].unit = (int64_t)text(w, names[i][1]);
		list[i] = &types[i];
	}
	part.n_sample_type = 4;
	part.sample_type = list;
	part.default_sample_type = types[3].type;
	pprof_stream__write(&w->stream, &part);
}

/* 0 = not to be told. */
static int64_t started_nanos(const struct report *report)
{
	struct tm utc = {0};
	const char *end = strptime(report->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
	time_t seconds = end && !*end ? timegm(&utc) : 0;

	return seconds > 0 && seconds < INT64_MAX / NANOS ? seconds * NANOS : 0;
}

static int64_t duration_nanos(const struct report *report)
{
	double seconds = report->duration_s;

	return seconds > 0 && seconds < INT64_MAX / NANOS ? (int64_t)(seconds * NANOS) : 0;
}

static void write_head(struct writer *w, const struct report *report)
{
	Pprof__ValueType period = PPROF__VALUE_TYPE__INIT;
	Pprof__Profile part = PPROF__PROFILE__INIT;
	char what[64];
	int64_t comments[2];

	write_sample_types(w);
	snprintf(what, sizeof(what), "pyleak-bpf %s", report->version ? report->version : "");
	comments[0] = (int64_t)text(w, what);
	snprintf(what, sizeof(what), "an object is a %s", label__unit(w->layer));
	comments[1] = (int64_t)text(w, what);
	period.type = (int64_t)text(w, "space");
	period.unit = (int64_t)text(w, "bytes");
	part.period_type = &period;
	part.period = 1;
	part.time_nanos = started_nanos(report);
	part.duration_nanos = duration_nanos(report);
	part.n_comment = 2;
	part.comment = comments;
	pprof_stream__write(&w->stream, &part);
}

int pprof__write(const struct report *report, FILE *out)
{
	struct writer w = {0};
	int err, finished;

	while (w.layer < LABEL_SPACE && !has_any(report, w.layer))
		w.layer++;
	pprof_stream__open(&w.stream, out);
	write_head(&w, report);
	for (size_t i = 0; i < report->process_count && !w.stream.err; i++)
		write_process(&w, &report->processes[i]);
	free(w.locations);
	err = pprof_stream__close(&w.stream);
	finished = export__finish(out);
	/* What the stream itself says of a failure is more to the point: a full disk. */
	return finished && (!err || err == -EIO) ? finished : err;
}
