// SPDX-License-Identifier: BSD-2-Clause
/*
 * report_read_trace.c - how a process was traced, what was lost of it, what its memory is
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "capture/report_read_private.h"

static void read_probes(struct json_read *in, json *trace, struct report_process *process)
{
	json *probes = json_read__array(in, trace, "probes");
	size_t count = json_read__length(probes);

	process->probes = json_read__room(in, count, sizeof(*process->probes));
	for (size_t i = 0; i < count && !in->err; i++) {
		json *from = json_read__item(in, probes, i);

		process->probes[i] = (struct report_probe){
			.function = json_read__text(in, from, "function"),
			.module = json_read__text(in, from, "module"),
			.role = json_read__text(in, from, "role"),
			.offset = json_read__count(in, from, "offset"),
			.cost_ns = json_read__real(in, from, "cost_ns"),
		};
	}
	process->probe_count = count;
}

static void read_coverage(struct json_read *in, json *from, struct report_coverage *coverage)
{
	*coverage = (struct report_coverage){
		.object = json_read__real(in, from, "object"),
		.raw = json_read__real(in, from, "raw"),
		.mmap = json_read__real(in, from, "mmap"),
		.brk = json_read__real(in, from, "brk"),
		.rss = json_read__real(in, from, "rss"),
		.rss_inferred = json_read__real(in, from, "rss_inferred"),
		.object_note = json_read__text(in, from, "object_note"),
		.raw_note = json_read__text(in, from, "raw_note"),
	};
}

static void read_layers(struct json_read *in, json *layers, struct tracing *tracing)
{
	static const char *const names[HEAP_LAYERS] = {
		[HEAP_LAYER_OBJECT] = "object",
		[HEAP_LAYER_RAW] = "raw",
	};

	for (int i = 0; i < HEAP_LAYERS; i++) {
		json *layer = json_read__object(in, layers, names[i]);

		tracing->scale[i] = json_read__real(in, layer, "scale");
		tracing->watched[i] = json_read__real(in, layer, "watched");
		tracing->scale_error[i] = NAN;
	}
}

static void read_regime(struct json_read *in, json *from, struct tracing *tracing)
{
	read_layers(in, json_read__object(in, from, "layers"), tracing);
	tracing->windows = json_read__count(in, from, "windows");
	tracing->followed = json_read__count(in, from, "followed_up");
	tracing->unknown = json_read__count(in, from, "follow_up_unknown");
	tracing->worst_step = json_read__real(in, from, "worst_second_overhead_pct") / 100;
	tracing->attach_s = json_read__real(in, from, "attach_s");
	tracing->detach_s = json_read__real(in, from, "detach_s");
	tracing->multi = json_read__boolean(in, from, "many_probes_a_link");
	tracing->reason = json_read__text(in, from, "reason");
	tracing->raw_limit = json_read__text(in, from, "raw_limit");
}

void report_read__trace(struct json_read *in, json *from, struct report_process *process)
{
	struct tracing *tracing = &process->tracing;

	process->mode = json_read__text(in, from, "mode");
	process->overhead_pct = json_read__real(in, from, "overhead_pct");
	process->scale = json_read__real(in, from, "scale");
	read_probes(in, from, process);
	read_coverage(in, json_read__object(in, from, "coverage"), &process->coverage);
	read_regime(in, json_read__object(in, from, "regime"), tracing);
	snprintf(tracing->mode, sizeof(tracing->mode), "%s", process->mode ? process->mode : "");
	tracing->overhead = process->overhead_pct / 100;
	tracing->probes_used = process->probe_count;
	tracing->return_ns = tracing->price_ns[0] = tracing->price_ns[1] = tracing->price_ns[2] =
		NAN;
}

void report_read__lost(struct json_read *in, json *from, struct report_lost *lost)
{
	const struct {
		const char *key;
		__u64 *value;
	} rows[] = {
		{"events", &lost->events},
		{"stacks", &lost->stacks},
		{"live_full", &lost->live_full},
		{"unmatched_frees", &lost->unmatched_frees},
		{"unwind_errors", &lost->unwind_errors},
		{"live_full_bytes", &lost->live_full_bytes},
		{"missing_exits", &lost->missing_exits},
		{"nest_full", &lost->nest_full},
		{"thread_state", &lost->thread_state},
		{"unreadable_arguments", &lost->unreadable_arguments},
		{"space_events", &lost->space_events},
		{"truncated_stacks", &lost->truncated_stacks},
		{"unknown_stacks", &lost->unknown_stacks},
		{"names_retried", &lost->names_retried},
		{"unreadable_names", &lost->unreadable_names},
		{"faults", &lost->faults},
		{"missed_frees", &lost->missed_frees},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		*rows[i].value = json_read__count(in, from, rows[i].key);
}

static const struct rss_bridge *read_bridge(struct json_read *in, json *from)
{
	struct rss_bridge *bridge;

	if (!from)
		return NULL;
	bridge = json_read__room(in, 1, sizeof(*bridge));
	if (!bridge)
		return NULL;
	*bridge = (struct rss_bridge){
		.python_objects = json_read__count(in, from, "python_objects"),
		.pymalloc_free = json_read__count(in, from, "pymalloc_free"),
		.malloc_in_use = json_read__count(in, from, "malloc_in_use"),
		.malloc_free = json_read__count(in, from, "malloc_free"),
		.mmap_anon = json_read__count(in, from, "mmap_anon"),
		.stacks = json_read__count(in, from, "stacks"),
		.file_backed = json_read__count(in, from, "file_backed"),
		.unexplained = json_read__count(in, from, "unexplained"),
	};
	bridge->rss = bridge->python_objects + bridge->pymalloc_free + bridge->malloc_in_use +
		      bridge->malloc_free + bridge->mmap_anon + bridge->stacks +
		      bridge->file_backed + bridge->unexplained;
	return bridge;
}

void report_read__memory(struct json_read *in, json *from, struct report_memory *memory)
{
	memory->rss = json_read__integer(in, from, "rss", LLONG_MAX, REPORT_UNMEASURED);
	memory->rss_start = json_read__integer(in, from, "rss_start", LLONG_MAX, REPORT_UNMEASURED);
	memory->growth_per_s = json_read__real(in, from, "growth_per_s");
	memory->limit = json_read__integer(in, from, "limit", LLONG_MAX, REPORT_UNMEASURED);
	memory->seconds_to_limit = json_read__real(in, from, "seconds_to_limit");
	json_read__interval(in, from, "seconds_to_limit_ci", &memory->seconds_to_limit_low,
			    &memory->seconds_to_limit_high);
	memory->bridge = read_bridge(in, json_read__object(in, from, "bridge"));
}
