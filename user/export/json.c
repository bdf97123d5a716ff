// SPDX-License-Identifier: BSD-2-Clause
/*
 * json.c - the report, schema pyleak.report/1
 *
 * What was not measured is null; lists that nothing fills are there, empty.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "export/export.h"
#include "export/label.h"
#include "lib/text.h"

/*
 * The values that can be built into an object; NULL is both json-c's null and its "no memory", so
 * that the latter is remembered in a flag and the half-built tree never written.
 */
static _Thread_local bool no_memory;

typedef struct json_object json;

#define REPLACEMENT 0xfffd

static json *made(json *value)
{
	if (!value)
		no_memory = true;
	return value;
}

static json *string(const char *text)
{
	return text ? made(json_object_new_string(text)) : NULL;
}

static json *count(__u64 number)
{
	return made(json_object_new_uint64(number));
}

static json *integer(long long number)
{
	return number == REPORT_UNMEASURED ? NULL : made(json_object_new_int64(number));
}

/* With the fewest digits that read back as the same number. */
static json *real(double number)
{
	char text[40];

	if (!isfinite(number))
		return NULL;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	if (!strpbrk(text, ".e"))
		strcat(text, ".0");
	return made(json_object_new_double_s(number, text));
}

/* Ages: less than nothing is not measured. */
static json *age(double seconds)
{
	return seconds < 0 ? NULL : real(seconds);
}

static json *boolean(bool value)
{
	return made(json_object_new_boolean(value));
}

static json *object(void)
{
	return made(json_object_new_object());
}

static json *array(void)
{
	return made(json_object_new_array());
}

static void put(json *parent, const char *key, json *value)
{
	if (!parent || json_object_object_add(parent, key, value)) {
		json_object_put(value);
		no_memory = true;
	}
}

static void append(json *parent, json *value)
{
	if (!parent || json_object_array_add(parent, value)) {
		json_object_put(value);
		no_memory = true;
	}
}

static json *native_caller(const struct named_frame *frame)
{
	json *to;

	if (!frame)
		return NULL;
	to = object();
	put(to, "function", string(frame->function));
	put(to, "module", string(frame->module));
	put(to, "offset", count(frame->offset));
	return to;
}

static json *frame_object(const struct named_frame *frame)
{
	static const char *const kinds[] = {
		[FRAME_PYTHON] = "python",
		[FRAME_NATIVE] = "native",
		[FRAME_NOTE] = "note",
	};
	json *to = object();

	put(to, "kind", string(kinds[frame->kind]));
	put(to, "function", string(frame->function));
	if (frame->kind == FRAME_PYTHON) {
		put(to, "file", string(frame->file));
		put(to, "path", string(frame->path));
		put(to, "line", frame->line > 0 ? integer(frame->line) : NULL);
	} else if (frame->kind == FRAME_NATIVE) {
		put(to, "module", string(frame->module));
		put(to, "offset", count(frame->offset));
	}
	return to;
}

static json *stack_object(size_t id, const struct profile_stack *stack)
{
	json *to = object(), *frames = array();

	put(to, "id", count(id));
	put(to, "domain", string(label__domain(stack->domain)));
	put(to, "live_bytes", count(stack->live_bytes));
	put(to, "live_count", count(stack->live_count));
	put(to, "alloc_bytes", count(stack->alloc_bytes));
	put(to, "alloc_count", count(stack->alloc_count));
	put(to, "free_bytes", count(stack->free_bytes));
	put(to, "free_count", count(stack->free_count));
	put(to, "oldest_s", age(stack->oldest_s));
	put(to, "median_age_s", age(stack->median_age_s));
	for (size_t i = 0; i < stack->frame_count; i++)
		append(frames, frame_object(&stack->frames[i]));
	put(to, "frames", frames);
	return to;
}

static json *types_array(const struct census_type *types, size_t type_count)
{
	json *to = array();

	for (size_t i = 0; i < type_count; i++) {
		json *type = object();

		put(type, "name", string(types[i].name));
		put(type, "count", count(types[i].count));
		put(type, "bytes", count(types[i].own_bytes + types[i].buffer_bytes));
		append(to, type);
	}
	return to;
}

static json *strings_array(const char *const *texts, size_t text_count)
{
	json *to = array();

	for (size_t i = 0; i < text_count; i++)
		append(to, string(texts[i]));
	return to;
}

/* Both bounds, or null. */
static json *interval(double low, double high)
{
	json *to;

	if (!isfinite(low) || !isfinite(high))
		return NULL;
	to = array();
	append(to, real(low));
	append(to, real(high));
	return to;
}

static json *verdict_object(const struct verdict *verdict)
{
	json *to = object();

	put(to, "kind", string(verdict_kind__name(verdict->kind)));
	put(to, "cause", string(verdict_cause__name(verdict->cause)));
	put(to, "confidence", real(verdict->confidence));
	put(to, "summary", string(verdict->summary));
	put(to, "site", integer(verdict->site));
	put(to, "growth_per_s", real(verdict->growth_per_s));
	put(to, "growth_ci", interval(verdict->growth_low, verdict->growth_high));
	put(to, "types", types_array(verdict->types, verdict->type_count));
	put(to, "held_by", strings_array(verdict->held_by, verdict->held_by_count));
	put(to, "container", string(verdict->container));
	put(to, "evidence", strings_array(verdict->evidence, verdict->evidence_count));
	put(to, "advice", string(verdict->advice));
	put(to, "signature", string(verdict->signature));
	put(to, "suppressed", boolean(verdict->suppressed));
	return to;
}

static json *site_object(const struct report_site *site)
{
	json *to = object(), *stacks = array();

	put(to, "id", count(site->id));
	put(to, "file", string(site->file));
	put(to, "path", string(site->path));
	put(to, "line", site->line > 0 ? integer(site->line) : NULL);
	put(to, "function", string(site->function));
	put(to, "module", string(site->module));
	put(to, "offset", site->file ? NULL : count(site->offset));
	put(to, "domain", string(label__domain(site->domain)));
	put(to, "live_bytes", count(site->live_bytes));
	put(to, "live_count", count(site->live_count));
	put(to, "alloc_bytes", count(site->alloc_bytes));
	put(to, "alloc_count", count(site->alloc_count));
	put(to, "free_bytes", count(site->free_bytes));
	put(to, "free_count", count(site->free_count));
	put(to, "growth_per_s", real(site->growth_per_s));
	put(to, "oldest_s", age(site->oldest_s));
	put(to, "median_age_s", age(site->median_age_s));
	put(to, "error_pct", real(site->error_pct));
	put(to, "types", types_array(site->types, site->type_count));
	put(to, "native", native_caller(site->native));
	for (size_t i = 0; i < site->stack_count; i++)
		append(stacks, count(site->stacks[i]));
	put(to, "stacks", stacks);
	return to;
}

static json *probes_array(const struct report_process *process)
{
	json *probes = array();

	for (size_t i = 0; i < process->probe_count; i++) {
		const struct report_probe *probe = &process->probes[i];
		json *to = object();

		put(to, "function", string(probe->function));
		put(to, "module", string(probe->module));
		put(to, "offset", count(probe->offset));
		put(to, "role", string(probe->role));
		put(to, "cost_ns", real(probe->cost_ns));
		append(probes, to);
	}
	return probes;
}

/* What the mode has come to: beyond the contract, for those who want to know how the figures were made. */
static json *regime_object(const struct tracing *tracing)
{
	json *to = object(), *layers = object();
	static const char *const names[HEAP_LAYERS] = {
		[HEAP_LAYER_OBJECT] = "object",
		[HEAP_LAYER_RAW] = "raw",
	};

	for (int i = 0; i < HEAP_LAYERS; i++) {
		json *layer = object();

		put(layer, "scale", real(tracing->scale[i]));
		put(layer, "watched", real(tracing->watched[i]));
		put(layers, names[i], layer);
	}
	put(to, "layers", layers);
	put(to, "windows", count(tracing->windows));
	put(to, "followed_up", count(tracing->followed));
	put(to, "follow_up_unknown", count(tracing->unknown));
	put(to, "worst_second_overhead_pct", real(100 * tracing->worst_step));
	put(to, "attach_s", real(tracing->attach_s));
	put(to, "detach_s", real(tracing->detach_s));
	put(to, "many_probes_a_link", boolean(tracing->multi));
	put(to, "reason", string(tracing->reason));
	put(to, "raw_limit", string(tracing->raw_limit));
	return to;
}

static json *trace_object(const struct report_process *process)
{
	const struct report_coverage *seen = &process->coverage;
	json *to = object(), *coverage = object();

	put(to, "mode", string(process->mode));
	put(to, "probes", probes_array(process));
	put(to, "overhead_pct", real(process->overhead_pct));
	put(to, "scale", real(process->scale));
	put(coverage, "object", real(seen->object));
	put(coverage, "raw", real(seen->raw));
	put(coverage, "mmap", real(seen->mmap));
	put(coverage, "brk", real(seen->brk));
	put(coverage, "rss", real(seen->rss));
	put(coverage, "rss_inferred", real(seen->rss_inferred));
	put(coverage, "object_note", string(seen->object_note));
	put(coverage, "raw_note", string(seen->raw_note));
	put(to, "coverage", coverage);
	put(to, "regime", regime_object(&process->tracing));
	return to;
}

static json *lost_object(const struct report_lost *lost)
{
	const struct {
		const char *key;
		__u64 value;
	} rows[] = {
		{"events", lost->events},
		{"stacks", lost->stacks},
		{"live_full", lost->live_full},
		{"unmatched_frees", lost->unmatched_frees},
		{"unwind_errors", lost->unwind_errors},
		{"live_full_bytes", lost->live_full_bytes},
		{"missing_exits", lost->missing_exits},
		{"nest_full", lost->nest_full},
		{"thread_state", lost->thread_state},
		{"unreadable_arguments", lost->unreadable_arguments},
		{"truncated_stacks", lost->truncated_stacks},
		{"unknown_stacks", lost->unknown_stacks},
		{"names_retried", lost->names_retried},
		{"unreadable_names", lost->unreadable_names},
		{"space_events", lost->space_events},
		{"faults", lost->faults},
		{"missed_frees", lost->missed_frees},
	};
	json *to = object();

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		put(to, rows[i].key, count(rows[i].value));
	return to;
}

static json *bridge_object(const struct rss_bridge *bridge)
{
	json *to;

	if (!bridge)
		return NULL;
	to = object();
	put(to, "python_objects", count(bridge->python_objects));
	put(to, "pymalloc_free", count(bridge->pymalloc_free));
	put(to, "malloc_in_use", count(bridge->malloc_in_use));
	put(to, "malloc_free", count(bridge->malloc_free));
	put(to, "mmap_anon", count(bridge->mmap_anon));
	put(to, "stacks", count(bridge->stacks));
	put(to, "file_backed", count(bridge->file_backed));
	put(to, "unexplained", count(bridge->unexplained));
	return to;
}

static json *memory_object(const struct report_memory *memory)
{
	json *to = object();

	put(to, "rss", integer(memory->rss));
	put(to, "rss_start", integer(memory->rss_start));
	put(to, "growth_per_s", real(memory->growth_per_s));
	put(to, "limit", integer(memory->limit));
	put(to, "seconds_to_limit", real(memory->seconds_to_limit));
	put(to, "seconds_to_limit_ci",
	    interval(memory->seconds_to_limit_low, memory->seconds_to_limit_high));
	put(to, "bridge", bridge_object(memory->bridge));
	return to;
}

/*
 * Stacks of which nothing lives are left out unless a site lists them; an id is the index among
 * all.
 */
static json *stacks_array(const struct report_process *process)
{
	const struct profile *profile = &process->profile;
	bool *listed = calloc(profile->stack_count + 1, sizeof(*listed));
	json *stacks = array();

	if (!listed) {
		no_memory = true;
		return stacks;
	}
	for (size_t i = 0; i < process->site_count; i++) {
		for (size_t j = 0; j < process->sites[i].stack_count; j++)
			listed[process->sites[i].stacks[j]] = true;
	}
	for (size_t i = 0; i < profile->stack_count; i++) {
		if (listed[i] || profile->stacks[i].live_bytes)
			append(stacks, stack_object(i, &profile->stacks[i]));
	}
	free(listed);
	return stacks;
}

static json *modules_array(const struct report_process *process)
{
	json *modules = array();

	for (size_t i = 0; i < process->module_count; i++) {
		const struct report_module *module = &process->modules[i];
		json *to = object();

		put(to, "name", string(module->name));
		put(to, "path", string(module->path));
		put(to, "start", count(module->start));
		put(to, "end", count(module->end));
		put(to, "build_id", string(module->build_id));
		append(modules, to);
	}
	return modules;
}

static json *process_object(const struct report_process *process)
{
	json *to = object(), *python = object(), *cmdline = array(), *allocators = array();
	json *sites = array(), *verdicts = array(), *merged = array();

	put(to, "pid", integer(process->pid));
	for (size_t i = 0; i < process->merged_count; i++)
		append(merged, integer(process->merged[i]));
	put(to, "merged", merged);
	put(to, "comm", string(process->comm));
	for (size_t i = 0; process->cmdline && process->cmdline[i]; i++)
		append(cmdline, string(process->cmdline[i]));
	put(to, "cmdline", cmdline);
	put(to, "exe", string(process->exe));
	put(to, "cgroup", string(process->cgroup));
	put(python, "version", string(process->python_version));
	put(python, "free_threaded", boolean(process->free_threaded));
	put(python, "allocator", string(process->python_allocator));
	put(to, "python", python);
	for (size_t i = 0; i < process->allocator_count; i++)
		append(allocators, string(process->allocators[i]));
	put(to, "allocators", allocators);
	put(to, "trace", trace_object(process));
	put(to, "lost", lost_object(&process->lost));
	put(to, "memory", memory_object(&process->memory));
	put(to, "end", string(process->end));
	for (size_t i = 0; i < process->verdicts.count; i++)
		append(verdicts, verdict_object(&process->verdicts.list[i]));
	put(to, "verdicts", verdicts);
	for (size_t i = 0; i < process->site_count; i++)
		append(sites, site_object(&process->sites[i]));
	put(to, "sites", sites);
	put(to, "stacks", stacks_array(process));
	put(to, "modules", modules_array(process));
	return to;
}

/*
 * json-c escapes C0. Here also what a terminal would obey when somebody looks at the file (C1,
 * bidi); all that is not ASCII is inside strings, where \u is the same text. What is no UTF-8 would
 * make the file no JSON: U+FFFD in its place.
 */
static void write_escaped(const char *text, FILE *out)
{
	while (*text) {
		size_t plain = 0;
		const char *next;
		unsigned code;

		while (text[plain] == '\n' || (text[plain] >= 0x20 && text[plain] < 0x7f))
			plain++;
		fwrite(text, 1, plain, out);
		text += plain;
		next = text;
		code = text__next(&next);
		if (code == REPLACEMENT)
			fputs("\\ufffd", out);
		else if (code >= 0x10000 && text__is_control(code))
			fprintf(out, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
				0xdc00 + (code & 0x3ff));
		else if (text__is_control(code) && code)
			fprintf(out, "\\u%04x", code);
		else
			fwrite(text, 1, next - text, out);
		text = next;
	}
}

int json__write(const struct report *report, FILE *out)
{
	json *root, *processes;
	const char *text;
	int err = -ENOMEM;

	no_memory = false;
	root = object();
	processes = array();
	put(root, "schema", string(REPORT_SCHEMA));
	put(root, "version", string(report->version));
	put(root, "host", string(report->host));
	put(root, "kernel", string(report->kernel));
	put(root, "started", string(report->started));
	put(root, "duration_s", real(report->duration_s));
	for (size_t i = 0; i < report->process_count; i++)
		append(processes, process_object(&report->processes[i]));
	put(root, "processes", processes);
	if (no_memory)
		goto out;
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		goto out;
	write_escaped(text, out);
	fputc('\n', out);
	err = export__finish(out);
out:
	json_object_put(root);
	return err;
}
