// SPDX-License-Identifier: BSD-2-Clause
#include "pages/pages_report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "analyze/analyze.h"
#include "symbolize/symbolize.h"

/* A sample that is younger than this says nothing of a pace. */
#define LEAST_S 10.0

static struct stack_info stack_info(const struct sampled_stack *stack, double now_s)
{
	double taken = fmax(stack->taken_bytes, stack->bytes);

	return (struct stack_info){
		.key = {.hash = stack->hash, .domain = DOMAIN_RSS},
		.known = true,
		.flags = stack->flags,
		.caller_module = -1,
		.frames = (struct frame *)stack->frames,
		.frame_count = stack->frame_count,
		.live_bytes = stack->bytes,
		.live_count = stack->bytes / PAGE_BYTES,
		.alloc_bytes = taken,
		.alloc_count = taken / PAGE_BYTES,
		.free_bytes = taken - stack->bytes,
		.free_count = (taken - stack->bytes) / PAGE_BYTES,
		.error = stack->error,
		.oldest_s = now_s - stack->oldest_s,
		.median_age_s = -1,
	};
}

/* The code objects that the stacks name, each once. Returns how many; codes has room for all frames. */
static size_t list_codes(const struct page_sample *sample, const struct sampled_stack *stacks,
			 size_t count, struct code_info *codes)
{
	size_t listed = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < stacks[i].frame_count; j++) {
			__u64 key = stacks[i].frames[j].code_key;
			const struct code_info *code = page_sample__code_of(sample, key);
			bool known = !code;

			for (size_t k = listed; !known && k-- > 0;)
				known = codes[k].code_key == key;
			if (known || listed == SAMPLE_CODES)
				continue;
			codes[listed] = *code;
			codes[listed].target = 0;
			codes[listed++].code_key = key;
		}
	return listed;
}

/* Names the stacks: process->profile. 0 or -ENOMEM. */
static int name_stacks(const struct page_sample *sample, const struct pages_report_order *order,
		       const struct sampled_stack *stacks, size_t count,
		       struct report_process *process)
{
	const struct target target = {.python = *order->python};
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct stack_info infos[SAMPLE_STACKS + 1];
	struct code_info *codes = calloc(SAMPLE_CODES, sizeof(*codes));
	struct symbolizer *symbolizer = symbolizer__new();
	int err = -ENOMEM;

	for (size_t i = 0; i < count; i++)
		infos[i] = stack_info(&stacks[i], order->now_s);
	if (snapshot && codes && symbolizer) {
		snapshot->stacks = infos;
		snapshot->stack_count = count;
		snapshot->codes = codes;
		snapshot->code_count = list_codes(sample, stacks, count, codes);
		err = symbolize__profile(snapshot, &target, 0, symbolizer, &process->profile);
	}
	symbolizer__free(symbolizer);
	free(codes);
	free(snapshot);
	return err;
}

/* The profile has the stacks in their order. */
static void set_pace(const struct sampled_stack *stacks, double seconds,
		     struct report_process *process)
{
	for (size_t i = 0; i < process->site_count; i++) {
		struct report_site *site = &process->sites[i];
		double bytes = 0;

		for (size_t j = 0; j < site->stack_count; j++)
			bytes += stacks[site->stacks[j]].recent_bytes;
		site->growth_per_s = seconds < LEAST_S ? NAN : bytes / seconds;
	}
}

static void begin(struct pages_report *made, double seconds)
{
	made->report.version = PYLEAK_VERSION;
	made->report.host = made->report.kernel = "";
	made->report.duration_s = seconds;
	made->report.top = 10;
	made->report.processes = &made->process;
	made->report.process_count = 1;
	made->process = (struct report_process){
		.comm = "",
		.exe = "",
		.cgroup = "",
		.cmdline = made->cmdline,
		.mode = "growth",
		.overhead_pct = NAN,
		.scale = NAN,
		.coverage = {NAN, NAN, NAN, NAN, NULL, NULL, NAN, NAN},
		.memory =
			{
				.rss = REPORT_UNMEASURED,
				.rss_start = REPORT_UNMEASURED,
				.growth_per_s = NAN,
				.limit = REPORT_UNMEASURED,
				.seconds_to_limit = NAN,
				.seconds_to_limit_low = NAN,
				.seconds_to_limit_high = NAN,
			},
	};
	made->process.tracing.overhead = made->process.tracing.worst_step = NAN;
	for (size_t i = 0; i < HEAP_LAYERS; i++)
		made->process.tracing.watched[i] = made->process.tracing.scale[i] = NAN;
}

/* A few records that stand for very many faults may say too much. */
static void bound(struct sampled_stack *stacks, size_t count, double most)
{
	double sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += stacks[i].bytes;
	if (!(sum > most))
		return;
	for (size_t i = 0; i < count; i++) {
		stacks[i].bytes *= most / sum;
		stacks[i].recent_bytes *= most / sum;
	}
}

static void count_lost(const struct page_sample *sample, const struct sampled_stack *stacks,
		       size_t count, struct report_lost *lost)
{
	lost->faults = page_sample__lost(sample);
	for (size_t i = 0; i < count; i++) {
		lost->unwind_errors += (stacks[i].flags & STACK_UNREADABLE) != 0;
		lost->truncated_stacks += (stacks[i].flags & STACK_TRUNCATED) != 0;
		lost->stacks += !stacks[i].hash;
	}
}

int pages_report__make(const struct page_sample *sample, const struct pages_report_order *order,
		       struct pages_report **result)
{
	double recent_s = fmin(PAGES_RECENT_S, order->now_s - order->since_s);
	struct pages_report *made = calloc(1, sizeof(*made));
	struct sampled_stack *stacks = calloc(SAMPLE_STACKS + 1, sizeof(*stacks));
	int err = -ENOMEM;
	size_t count;

	if (made && stacks) {
		begin(made, order->now_s - order->since_s);
		made->process.python_version = order->python->version;
		count = page_sample__stacks(sample, order->now_s - recent_s, order->unsettled,
					    stacks);
		bound(stacks, count, order->most);
		count_lost(sample, stacks, count, &made->process.lost);
		err = name_stacks(sample, order, stacks, count, &made->process);
	}
	if (!err)
		err = analyze__sites(&made->process);
	if (!err)
		set_pace(stacks, recent_s, &made->process);
	free(stacks);
	if (err) {
		pages_report__free(made);
		return err;
	}
	*result = made;
	return 0;
}

void pages_report__free(struct pages_report *report)
{
	if (!report)
		return;
	analyze__free_sites(&report->process);
	profile__free(&report->process.profile);
	free(report);
}
