// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_json.c - the diagnosis for programs, schema pyleak.doctor/1
 *
 * What was not measured or not tried is null.
 */
#include "doctor/private.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>

#include "export/export.h"
#include "plan/planner.h"

typedef struct json_object json;

/* NULL is json-c's null as well as its "no memory": a tree that lost a branch is not to be written. */
struct builder {
	bool no_memory;
};

static void put(struct builder *builder, json *parent, const char *key, json *value)
{
	if (!value || !parent || json_object_object_add(parent, key, value)) {
		json_object_put(value);
		builder->no_memory = true;
	}
}

static void append(struct builder *builder, json *parent, json *value)
{
	if (!value || !parent || json_object_array_add(parent, value)) {
		json_object_put(value);
		builder->no_memory = true;
	}
}

static void put_null(struct builder *builder, json *parent, const char *key)
{
	if (!parent || json_object_object_add(parent, key, NULL))
		builder->no_memory = true;
}

static void put_text(struct builder *builder, json *parent, const char *key, const char *text)
{
	if (text)
		put(builder, parent, key, json_object_new_string(text));
	else
		put_null(builder, parent, key);
}

static void put_real(struct builder *builder, json *parent, const char *key, double value)
{
	char text[32];

	if (!isfinite(value)) {
		put_null(builder, parent, key);
		return;
	}
	snprintf(text, sizeof(text), "%.3f", value);
	put(builder, parent, key, json_object_new_double_s(value, text));
}

static void put_count(struct builder *builder, json *parent, const char *key, __u64 value)
{
	put(builder, parent, key, json_object_new_uint64(value));
}

static void put_bool(struct builder *builder, json *parent, const char *key, bool value)
{
	put(builder, parent, key, json_object_new_boolean(value));
}

static json *kernel_object(struct builder *b, const struct doctor *doctor)
{
	json *to = json_object_new_object();

	put_text(b, to, "release", doctor->host.release);
	put_text(b, to, "machine", doctor->host.machine);
	if (doctor->possible_cpus > 0)
		put_count(b, to, "possible_cpus", doctor->possible_cpus);
	else
		put_null(b, to, "possible_cpus");
	return to;
}

static json *finding_object(struct builder *b, const struct finding *finding)
{
	json *to = json_object_new_object();

	put_text(b, to, "name", finding->name);
	put_text(b, to, "since", finding->since);
	put_text(b, to, "purpose", finding->purpose);
	put_bool(b, to, "required", finding->required);
	if (finding->answer == ANSWER_UNTRIED)
		put_null(b, to, "works");
	else
		put_bool(b, to, "works", finding->answer == ANSWER_YES);
	put_text(b, to, "detail", finding->detail[0] ? finding->detail : NULL);
	return to;
}

static json *setting_object(struct builder *b, const struct setting *setting)
{
	json *to = json_object_new_object();

	put_text(b, to, "name", setting->name);
	put_text(b, to, "value", setting->value);
	put_text(b, to, "meaning", setting->meaning);
	return to;
}

static json *prices_object(struct builder *b, const struct doctor *doctor)
{
	const struct probe_prices *prices = &doctor->prices;
	json *to = json_object_new_object();

	put_real(b, to, "emulated_ns", prices->emulated_ns);
	put_real(b, to, "single_stepped_ns", prices->stepped_ns);
	put_real(b, to, "optimized_ns", prices->optimized_ns);
	put_real(b, to, "enter_and_return_ns", prices->return_ns);
	put_real(b, to, "attach_100_ms", prices->attach_ms);
	put_real(b, to, "detach_100_ms", prices->detach_ms);
	put_bool(b, to, "one_link", doctor->multi);
	return to;
}

static json *probe_object(struct builder *b, const struct target *target, const struct probe *probe)
{
	json *to = json_object_new_object();

	put_text(b, to, "kind", probe_kind__name(probe->kind));
	put_text(b, to, "module", target->modules[probe->module].name);
	put_text(b, to, "function", probe->function);
	if (probe->function_address && probe->address >= probe->function_address)
		put_count(b, to, "offset", probe->address - probe->function_address);
	else
		put_null(b, to, "offset");
	put_count(b, to, "address", probe->address);
	put_count(b, to, "file_offset", probe->offset);
	put_text(b, to, "instruction", probe->instruction);
	put_text(b, to, "cost", doctor__cost_name(probe->cost));
	put_text(b, to, "why", probe->why);
	return to;
}

static json *plan_object(struct builder *b, const struct target *target, const struct plan *plan)
{
	json *to = json_object_new_object(), *probes = json_object_new_array();

	put_bool(b, to, "pool_paths", plan->pool_sites);
	put_bool(b, to, "no_pymalloc", plan->no_pymalloc);
	put_bool(b, to, "object_count_only", plan->object_count_only);
	put_count(b, to, "pool_allocations", plan->pool_allocs);
	put_count(b, to, "pool_first_blocks", plan->pool_fresh);
	put_count(b, to, "pool_releases", plan->pool_frees);
	put_count(b, to, "pool_incomplete", plan->pool_incomplete);
	put_count(b, to, "object_functions", plan->object_functions);
	put_count(b, to, "malloc_functions", plan->raw_functions);
	put_count(b, to, "left_out", plan->no_place);
	for (size_t i = 0; i < plan->probe_count; i++)
		append(b, probes, probe_object(b, target, &plan->probes[i]));
	put(b, to, "probes", probes);
	return to;
}

static json *python_object(struct builder *b, const struct diagnosis *diagnosis)
{
	const struct target *target = diagnosis->target;
	const struct python *python = &target->python;
	json *to = json_object_new_object();

	put_text(b, to, "version", python->version[0] ? python->version : NULL);
	put_text(b, to, "module",
		 python->module >= 0 ? target->modules[python->module].name : NULL);
	put_bool(b, to, "stripped", diagnosis->stripped);
	put_text(b, to, "allocator", python->allocator[0] ? python->allocator : NULL);
	put_bool(b, to, "pools_readable", diagnosis->pools_readable);
	return to;
}

static json *process_object(struct builder *b, const struct diagnosis *diagnosis)
{
	const struct target *target = diagnosis->target;
	json *to = json_object_new_object(), *mallocs;

	put_count(b, to, "pid", diagnosis->pid);
	put_bool(b, to, "traceable", !diagnosis->status);
	if (!target)
		return to;
	put_text(b, to, "comm", target->comm);
	if (target->python.flavour != PYTHON_NONE)
		put(b, to, "python", python_object(b, diagnosis));
	else
		put_null(b, to, "python");
	mallocs = json_object_new_array();
	for (size_t i = 0; i < target->allocator_count; i++)
		append(b, mallocs, json_object_new_string(target->allocators[i].name));
	put(b, to, "mallocs", mallocs);
	put_text(b, to, "malloc_limit", diagnosis->raw_asked ? diagnosis->raw_limit : NULL);
	put_count(b, to, "seccomp", target->seccomp);
	put_bool(b, to, "return_probe_hazard", diagnosis->return_probe_hazard);
	if (diagnosis->plan)
		put(b, to, "plan", plan_object(b, target, diagnosis->plan));
	else
		put_null(b, to, "plan");
	return to;
}

int doctor__write_json(const struct doctor *doctor, FILE *out)
{
	json *top = json_object_new_object(), *features = json_object_new_array();
	json *settings = json_object_new_array(), *processes = json_object_new_array();
	struct builder builder = {0}, *b = &builder;
	const char *text = NULL;

	for (size_t i = 0; i < doctor->finding_count; i++)
		append(b, features, finding_object(b, &doctor->findings[i]));
	for (size_t i = 0; i < doctor->setting_count; i++)
		append(b, settings, setting_object(b, &doctor->settings[i]));
	for (size_t i = 0; i < doctor->diagnosis_count; i++)
		append(b, processes, process_object(b, &doctor->diagnoses[i]));
	put_text(b, top, "schema", "pyleak.doctor/1");
	put_text(b, top, "version", PYLEAK_VERSION);
	put(b, top, "kernel", kernel_object(b, doctor));
	put_bool(b, top, "can_trace", !doctor->status);
	put(b, top, "features", features);
	put(b, top, "settings", settings);
	put(b, top, "prices", prices_object(b, doctor));
	put(b, top, "processes", processes);
	if (!builder.no_memory)
		text = json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		fprintf(out, "%s\n", text);
	json_object_put(top);
	return text ? export__finish(out) : -ENOMEM;
}
