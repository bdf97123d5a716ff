// SPDX-License-Identifier: BSD-2-Clause
#include "analyze/assemble.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const roles[] = {
	[PROBE_ENTER] = "enter",
	[PROBE_RETURN] = "return",
	[PROBE_FREE] = "free",
};

int assemble__begin(struct report *report, size_t count, time_t started, double duration_s)
{
	struct tm utc;

	memset(report, 0, sizeof(*report));
	report->version = PYLEAK_VERSION;
	report->duration_s = duration_s;
	gmtime_r(&started, &utc);
	strftime(report->started, sizeof(report->started), "%Y-%m-%dT%H:%M:%SZ", &utc);
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
	process->allocators = calloc(target->allocator_count + 1, sizeof(*process->allocators));
	if (!process->probes || !process->allocators)
		return -ENOMEM;
	for (size_t i = 0; i < plan->probe_count; i++) {
		const struct probe *probe = &plan->probes[i];

		process->probes[i] = (struct report_probe){
			.function = probe->function,
			.module = target->modules[probe->module].name,
			.role = roles[probe->kind],
			.cost_ns = NAN,
		};
	}
	process->probe_count = plan->probe_count;
	for (size_t i = 0; i < target->allocator_count; i++)
		process->allocators[i] = target->allocators[i].name;
	process->allocator_count = target->allocator_count;
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
	if (!plan->object_functions)
		coverage->object_note = "this Python exports no allocator functions to probe";
	else if (plan->object_count_only)
		coverage->object_note = "at most: pymalloc is inlined in this build; blocks up to "
					"512 bytes are not listed";
	if (!plan->raw_functions)
		coverage->raw_note = "no malloc to probe was found";
	else if (!target->allocator_count)
		coverage->raw_note = "PyMem_Raw functions only: no malloc was found";
	else
		coverage->raw_note = "every malloc function found is probed";
}

int assemble__process(const struct snapshot *snapshot, __u32 index, const struct target *target,
		      const struct plan *plan, struct history *history, const char *mode,
		      double now_s, struct report_process *process)
{
	const struct memory_info *memory = &snapshot->memory[index];
	int err;

	process->pid = target->pid;
	process->comm = target->comm;
	process->exe = target->exe;
	process->cgroup = target->cgroup;
	process->cmdline = target->cmdline;
	process->python_version = target->python.version;
	process->python_allocator = target->python.allocator[0] ? target->python.allocator : NULL;
	process->mode = mode;
	process->overhead_pct = NAN;
	process->scale = 1;
	process->memory = (struct report_memory){
		.rss = memory->rss_start ? (long long)memory->rss : REPORT_UNMEASURED,
		.rss_start = memory->rss_start ? (long long)memory->rss_start : REPORT_UNMEASURED,
		.limit = REPORT_UNMEASURED,
		.seconds_to_limit = NAN,
	};
	if (memory->replaced)
		process->end = "the process replaced itself by exec";
	else if (memory->ended)
		process->end = "the process ended";

	err = list_probes(target, plan, process);
	if (err)
		return err;
	count_lost(snapshot, index, process);
	analyze__coverage(snapshot, index, &process->coverage);
	explain_coverage(target, plan, &process->coverage);
	err = analyze__sites(process);
	if (err)
		return err;
	return history__add(history, now_s, process);
}

void assemble__end(struct report *report)
{
	for (size_t i = 0; i < report->process_count; i++) {
		struct report_process *process = &report->processes[i];

		free(process->probes);
		free(process->allocators);
		analyze__free_sites(process);
	}
	free(report->processes);
	memset(report, 0, sizeof(*report));
}
