// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/assemble.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/text.h"

/* NAN: the price of such a trap was not measured. */
static double price_of(const struct tracing *tracing, const struct probe *probe)
{
	if (probe->kind == PROBE_RETURN)
		return tracing->return_ns - tracing->price_ns[COST_EMULATED];
	return tracing->price_ns[probe->cost];
}

int assemble__begin(struct report *report, size_t count, time_t started, double duration_s)
{
	memset(report, 0, sizeof(*report));
	report->version = PYLEAK_VERSION;
	report->duration_s = duration_s;
	text__time(started, report->started, sizeof(report->started));
	report->processes = calloc(count + 1, sizeof(*report->processes));
	if (!report->processes)
		return -ENOMEM;
	report->process_count = count;
	return 0;
}

static int list_probes(const struct target *target, const struct plan *plan,
		       struct report_process *process)
{
	process->probes = calloc(plan->probe_count + 1, sizeof(*process->probes));
	if (!process->probes)
		return -ENOMEM;
	for (size_t i = 0; process->tracing.probes_used && i < plan->probe_count; i++) {
		const struct probe *probe = &plan->probes[i];

		process->probes[i] = (struct report_probe){
			.function = probe->function,
			.module = target->modules[probe->module].name,
			.role = probe_kind__name(probe->kind),
			.offset = probe->address - probe->function_address,
			.cost_ns = price_of(&process->tracing, probe),
		};
	}
	process->probe_count = process->tracing.probes_used ? plan->probe_count : 0;
	return 0;
}

/* What the counters say, by the names of the contract and one by one. */
static void count_lost(const struct snapshot *snapshot, __u32 index, struct report_process *process)
{
	struct report_lost *lost = &process->lost;
	__u64 counted[COUNTER_MAX];

	for (int i = 0; i < COUNTER_MAX; i++)
		counted[i] = snapshot->counters[i][index];
	lost->stacks = counted[LOST_STACK_FULL];
	lost->live_full = counted[LOST_LIVE_FULL];
	lost->live_full_bytes = counted[LOST_LIVE_FULL_BYTES];
	lost->unmatched_frees = counted[COUNT_UNMATCHED_FREES];
	lost->unwind_errors = counted[LOST_UNREADABLE_FRAME];
	lost->missing_exits = counted[LOST_MISSING_EXIT];
	lost->nest_full = counted[LOST_NEST_FULL];
	lost->thread_state = counted[LOST_THREAD_STATE];
	lost->unreadable_arguments = counted[LOST_UNREADABLE_ARGUMENT];
	lost->truncated_stacks = counted[LOST_TRUNCATED_STACK];
	lost->names_retried = counted[LOST_NAMES_FULL];
	lost->unreadable_names = counted[LOST_UNREADABLE_NAME];
	lost->space_events = counted[LOST_SPACE_FULL];
	lost->faults = counted[LOST_FAULTS_FULL];
	lost->missed_frees = counted[COUNT_MISSED_FREES];
	lost->events = lost->thread_state + lost->nest_full + lost->missing_exits +
		       lost->unreadable_arguments + lost->space_events;
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack_info *stack = &snapshot->stacks[i];

		if (stack->key.target == index && stack->key.hash && !stack->known &&
		    stack->alloc_count)
			lost->unknown_stacks++;
	}
}

static void explain_coverage(const struct target *target, const struct plan *plan,
			     struct report_coverage *coverage)
{
	if (plan->pool_sites)
		coverage->object_note = NULL;
	else if (plan->no_pymalloc)
		coverage->object_note = "no pymalloc in this process: malloc serves all objects";
	else if (!plan->object_functions)
		coverage->object_note = "this Python exports no allocator functions to probe";
	else if (plan->object_count_only)
		coverage->object_note = "at most: pymalloc is inlined in this build; blocks up to "
					"512 bytes are not listed";
	if (!plan->raw_functions && plan->no_place)
		coverage->raw_note = "malloc cannot be probed safely in this process";
	else if (!plan->raw_functions)
		coverage->raw_note = "no malloc to probe was found";
	else if (!target->allocator_count)
		coverage->raw_note = "PyMem_Raw functions only: no malloc was found";
	else
		coverage->raw_note = "every malloc function found is probed";
}

/* A layer that was not watched all the time: how much of the time, by the work done, is what is known. */
static void cover_watched(const struct tracing *tracing, const struct plan *plan,
			  struct report_coverage *coverage)
{
	double objects = tracing->watched[HEAP_LAYER_OBJECT];

	if (!tracing->probes_used) {
		coverage->object = coverage->raw = NAN;
		coverage->object_note = coverage->raw_note = "no probe in this mode";
		return;
	}
	if (plan->pool_sites && objects < 0.999) { /* not so where it is not known */
		coverage->object = objects;
		coverage->object_note = "part of the time; figures are scaled";
	}
	if (tracing->watched[HEAP_LAYER_RAW] < 0.999) {
		coverage->raw = tracing->watched[HEAP_LAYER_RAW];
		coverage->raw_note = "part of the time; figures are scaled";
	}
}

/* What the process is, whatever was traced of it. */
static int describe(const struct target *target, __u64 rss, __u64 rss_start,
		    struct report_process *process)
{
	process->pid = target->pid;
	process->comm = target->comm;
	process->exe = target->exe;
	process->cgroup = target->cgroup;
	process->cmdline = target->cmdline;
	process->python_version = target->python.version;
	process->python_allocator = target->python.allocator[0] ? target->python.allocator : NULL;
	process->memory = (struct report_memory){
		.rss = rss_start ? (long long)rss : REPORT_UNMEASURED,
		.rss_start = rss_start ? (long long)rss_start : REPORT_UNMEASURED,
		.limit = REPORT_UNMEASURED,
		.seconds_to_limit = NAN,
		.seconds_to_limit_low = NAN,
		.seconds_to_limit_high = NAN,
	};
	process->allocators = calloc(target->allocator_count + 1, sizeof(*process->allocators));
	if (!process->allocators)
		return -ENOMEM;
	for (size_t i = 0; i < target->allocator_count; i++)
		process->allocators[i] = target->allocators[i].name;
	process->allocator_count = target->allocator_count;
	return 0;
}

int assemble__untraced(const struct target *target, __u64 rss, __u64 rss_start,
		       struct history *history, double now_s, struct report_process *process)
{
	int err = describe(target, rss, rss_start, process);

	process->mode = "census";
	process->overhead_pct = process->scale = NAN;
	process->coverage = (struct report_coverage){NAN, NAN, NAN, NAN, NULL, NULL, NAN, NAN};
	return err ? err : history__add(history, now_s, process);
}

int assemble__process(const struct snapshot *snapshot, __u32 index, const struct target *target,
		      const struct plan *plan, struct history *history, double now_s,
		      struct report_process *process)
{
	const struct memory_info *memory = &snapshot->memory[index];
	int err;

	err = describe(target, memory->rss, memory->rss_start, process);
	if (err)
		return err;
	process->mode = process->tracing.mode;
	process->overhead_pct = 100 * process->tracing.overhead;
	process->scale = process->tracing.scale[HEAP_LAYER_OBJECT];
	if (memory->replaced)
		process->end = "the process replaced itself by exec";
	else if (memory->ended)
		process->end = "the process ended";

	err = list_probes(target, plan, process);
	if (!err)
		err = analyze__modules(target, process);
	if (err)
		return err;
	count_lost(snapshot, index, process);
	analyze__coverage(snapshot, index, &process->coverage);
	explain_coverage(target, plan, &process->coverage);
	cover_watched(&process->tracing, plan, &process->coverage);
	err = analyze__sites(process);
	if (err)
		return err;
	return history__add(history, now_s, process);
}

void assemble__end_process(struct report_process *process)
{
	free(process->probes);
	free(process->modules);
	free(process->allocators);
	analyze__free_sites(process);
	arena__free(process->verdict_arena);
}

void assemble__end(struct report *report)
{
	for (size_t i = 0; i < report->process_count; i++)
		assemble__end_process(&report->processes[i]);
	free(report->processes);
	memset(report, 0, sizeof(*report));
}
