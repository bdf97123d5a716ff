// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_json.c - the diagnosis for programs, schema pyleak.doctor/1
 *
 * What was not measured or not tried is null.
 */
#include "doctor/private.h"

#include <json-c/json.h>
#include <math.h>

#include "lib/json_build.h"
#include "plan/planner.h"

typedef struct json_object json;

static json *kernel_object(struct builder *b, const struct doctor *doctor)
{
	json *to = json_object_new_object();

	build__string(b, to, "release", doctor->host.release);
	build__string(b, to, "machine", doctor->host.machine);
	if (doctor->possible_cpus > 0)
		build__count(b, to, "possible_cpus", doctor->possible_cpus);
	else
		build__null(b, to, "possible_cpus");
	return to;
}

static json *finding_object(struct builder *b, const struct finding *finding)
{
	json *to = json_object_new_object();

	build__string(b, to, "name", finding->name);
	build__string(b, to, "since", finding->since);
	build__string(b, to, "purpose", finding->purpose);
	build__bool(b, to, "required", finding->required);
	if (finding->answer == ANSWER_UNTRIED)
		build__null(b, to, "works");
	else
		build__bool(b, to, "works", finding->answer == ANSWER_YES);
	build__string(b, to, "detail", finding->detail[0] ? finding->detail : NULL);
	return to;
}

static json *setting_object(struct builder *b, const struct setting *setting)
{
	json *to = json_object_new_object();

	build__string(b, to, "name", setting->name);
	build__string(b, to, "value", setting->value);
	build__string(b, to, "meaning", setting->meaning);
	return to;
}

static json *prices_object(struct builder *b, const struct doctor *doctor)
{
	const struct probe_prices *prices = &doctor->prices;
	json *to = json_object_new_object();

	build__real(b, to, "emulated_ns", prices->emulated_ns);
	build__real(b, to, "single_stepped_ns", prices->stepped_ns);
	build__real(b, to, "optimized_ns", prices->optimized_ns);
	build__real(b, to, "enter_and_return_ns", prices->return_ns);
	build__real(b, to, "attach_100_ms", prices->attach_ms);
	build__real(b, to, "detach_100_ms", prices->detach_ms);
	build__bool(b, to, "one_link", doctor->multi);
	return to;
}

static json *probe_object(struct builder *b, const struct target *target, const struct probe *probe)
{
	json *to = json_object_new_object();

	build__string(b, to, "kind", probe_kind__name(probe->kind));
	build__string(b, to, "module", target->modules[probe->module].name);
	build__string(b, to, "function", probe->function);
	if (probe->function_address && probe->address >= probe->function_address)
		build__count(b, to, "offset", probe->address - probe->function_address);
	else
		build__null(b, to, "offset");
	build__count(b, to, "address", probe->address);
	build__count(b, to, "file_offset", probe->offset);
	build__string(b, to, "instruction", probe->instruction);
	build__string(b, to, "cost", doctor__cost_name(probe->cost));
	build__string(b, to, "why", probe->why);
	return to;
}

static json *plan_object(struct builder *b, const struct target *target, const struct plan *plan)
{
	json *to = json_object_new_object(), *probes = json_object_new_array();

	build__bool(b, to, "pool_paths", plan->pool_sites);
	build__bool(b, to, "no_pymalloc", plan->no_pymalloc);
	build__bool(b, to, "object_count_only", plan->object_count_only);
	build__count(b, to, "pool_allocations", plan->pool_allocs);
	build__count(b, to, "pool_first_blocks", plan->pool_fresh);
	build__count(b, to, "pool_releases", plan->pool_frees);
	build__count(b, to, "pool_incomplete", plan->pool_incomplete);
	build__count(b, to, "object_functions", plan->object_functions);
	build__count(b, to, "malloc_functions", plan->raw_functions);
	build__count(b, to, "left_out", plan->no_place);
	for (size_t i = 0; i < plan->probe_count; i++)
		build__append(b, probes, probe_object(b, target, &plan->probes[i]));
	build__put(b, to, "probes", probes);
	return to;
}

static json *python_object(struct builder *b, const struct diagnosis *diagnosis)
{
	const struct target *target = diagnosis->target;
	const struct python *python = &target->python;
	json *to = json_object_new_object();

	build__string(b, to, "version", python->version[0] ? python->version : NULL);
	build__string(b, to, "module",
		      python->module >= 0 ? target->modules[python->module].name : NULL);
	build__bool(b, to, "stripped", diagnosis->stripped);
	build__string(b, to, "allocator", python->allocator[0] ? python->allocator : NULL);
	build__bool(b, to, "pools_readable", diagnosis->pools_readable);
	return to;
}

static json *process_object(struct builder *b, const struct diagnosis *diagnosis)
{
	const struct target *target = diagnosis->target;
	json *to = json_object_new_object(), *mallocs;

	build__count(b, to, "pid", diagnosis->pid);
	build__bool(b, to, "traceable", !diagnosis->status);
	if (!target)
		return to;
	build__string(b, to, "comm", target->comm);
	if (target->python.flavour != PYTHON_NONE)
		build__put(b, to, "python", python_object(b, diagnosis));
	else
		build__null(b, to, "python");
	mallocs = json_object_new_array();
	for (size_t i = 0; i < target->allocator_count; i++)
		build__append(b, mallocs, json_object_new_string(target->allocators[i].name));
	build__put(b, to, "mallocs", mallocs);
	build__string(b, to, "malloc_limit", diagnosis->raw_asked ? diagnosis->raw_limit : NULL);
	build__count(b, to, "seccomp", target->seccomp);
	build__bool(b, to, "return_probe_hazard", diagnosis->return_probe_hazard);
	if (diagnosis->plan)
		build__put(b, to, "plan", plan_object(b, target, diagnosis->plan));
	else
		build__null(b, to, "plan");
	return to;
}

int doctor__write_json(const struct doctor *doctor, FILE *out)
{
	json *top = json_object_new_object(), *features = json_object_new_array();
	json *settings = json_object_new_array(), *processes = json_object_new_array();
	struct builder builder = {0}, *b = &builder;

	for (size_t i = 0; i < doctor->finding_count; i++)
		build__append(b, features, finding_object(b, &doctor->findings[i]));
	for (size_t i = 0; i < doctor->setting_count; i++)
		build__append(b, settings, setting_object(b, &doctor->settings[i]));
	for (size_t i = 0; i < doctor->diagnosis_count; i++)
		build__append(b, processes, process_object(b, &doctor->diagnoses[i]));
	build__string(b, top, "schema", "pyleak.doctor/1");
	build__string(b, top, "version", PYLEAK_VERSION);
	build__put(b, top, "kernel", kernel_object(b, doctor));
	build__bool(b, top, "can_trace", !doctor->status);
	build__put(b, top, "features", features);
	build__put(b, top, "settings", settings);
	build__put(b, top, "prices", prices_object(b, doctor));
	build__put(b, top, "processes", processes);
	return build__write(b, top, true, out);
}
