// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_merge.c - several processes as one: what becomes of their stacks, sites, verdicts and figures
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/analyze.h"
#include "capture/report_read.h"
#include "export/export.h"
#include "lib/arena.h"
#include "lib/error.h"
#include "sample_report.h"

#define STACKS 4
#define FRAMES 3

/* A process that a report may have: all that a merge replaces is on the heap, texts are in an arena of its own. */
static struct report_process process_of(int pid)
{
	struct report_process process = {
		.pid = pid,
		.comm = "python3",
		.mode = "exact",
		.scale = 1,
		.overhead_pct = 5,
		.coverage = {1, 1, 1, 1, NULL, NULL, 1, 0},
		.memory = {100, 50, 1.5, REPORT_UNMEASURED, NAN, NAN, NAN, NULL},
	};

	process.tracing.scale[0] = process.tracing.scale[1] = 1;
	process.profile.arena = arena__new();
	process.verdict_arena = arena__new();
	assert_non_null(process.profile.arena);
	assert_non_null(process.verdict_arena);
	process.profile.stacks =
		arena__alloc(process.profile.arena, STACKS, sizeof(*process.profile.stacks));
	assert_non_null(process.profile.stacks);
	return process;
}

/* A copy that is this process's alone: equal texts of two processes are at different places. */
static const char *own(const struct report_process *process, const char *text)
{
	const char *copy = text ? arena__intern(process->profile.arena, text) : NULL;

	assert_true(!text || copy);
	return copy;
}

static struct named_frame python(const struct report_process *process, const char *function,
				 int line)
{
	return (struct named_frame){
		.kind = FRAME_PYTHON,
		.function = own(process, function),
		.file = own(process, "app.py"),
		.path = own(process, "/srv/app.py"),
		.line = line,
	};
}

/* One more stack: the line, called from main(), by way of a native caller or none. */
static struct profile_stack *add_stack(struct report_process *process, int line, const char *caller,
				       __u64 bytes, __u64 count)
{
	struct profile_stack *stack = &process->profile.stacks[process->profile.stack_count++];
	struct named_frame *frames = arena__alloc(process->profile.arena, FRAMES, sizeof(*frames));

	assert_true(process->profile.stack_count <= STACKS);
	assert_non_null(frames);
	frames[0] = python(process, "make", line);
	frames[1] = python(process, "main", 90);
	frames[2] = (struct named_frame){
		.kind = FRAME_NATIVE,
		.function = own(process, caller),
		.module = own(process, "libpython.so"),
	};
	*stack = (struct profile_stack){
		.domain = DOMAIN_OBJECT,
		.frames = frames,
		.frame_count = 2,
		.caller = caller ? &frames[2] : NULL,
		.live_bytes = bytes,
		.live_count = count,
		.alloc_bytes = 3 * bytes,
		.alloc_count = 3 * count,
		.free_bytes = 2 * bytes,
		.free_count = 2 * count,
		.oldest_s = -1,
		.median_age_s = -1,
	};
	return stack;
}

static void free_process(struct report_process *process)
{
	analyze__free_sites(process);
	free(process->modules);
	arena__free(process->profile.arena);
	arena__free(process->verdict_arena);
	memset(process, 0, sizeof(*process));
}

/* The others are gone afterwards, as they are in a session. */
static void merge(struct report_process *into, struct report_process *a, struct report_process *b)
{
	const struct report_process *const from[] = {a, b};

	assert_int_equal(analyze__merge(into, from, b ? 2 : 1), 0);
	free_process(a);
	if (b)
		free_process(b);
}

static void make_sites(struct report_process *process)
{
	assert_int_equal(analyze__sites(process), 0);
}

static void test_stacks(void **state)
{
	struct report_process a = process_of(1), b = process_of(2), c = process_of(3);
	struct profile_stack *stack;

	(void)state;
	stack = add_stack(&a, 10, "list_resize", 100, 1);
	stack->oldest_s = 4;
	stack->median_age_s = 4;
	error__add_scaled(&stack->error, 100, 2);
	add_stack(&a, 10, NULL, 7, 1);
	add_stack(&b, 20, "list_resize", 40, 2);
	stack = add_stack(&b, 10, "list_resize", 200, 5);
	stack->oldest_s = 9;
	stack->median_age_s = 8;
	error__add_scaled(&stack->error, 200, 4);
	stack = add_stack(&c, 10, "list_resize", 300, 2);
	stack->median_age_s = 1;
	add_stack(&c, 10, "dict_resize", 1, 1);
	add_stack(&c, 10, "list_resize", 5, 1)->domain = DOMAIN_RAW;
	make_sites(&a);
	make_sites(&b);
	make_sites(&c);
	merge(&a, &b, &c);

	assert_int_equal(a.profile.stack_count, 5);
	stack = &a.profile.stacks[0];
	assert_int_equal(stack->live_bytes, 600);
	assert_int_equal(stack->live_count, 8);
	assert_int_equal(stack->alloc_bytes, 1800);
	assert_int_equal(stack->alloc_count, 24);
	assert_int_equal(stack->free_bytes, 1200);
	assert_int_equal(stack->free_count, 16);
	/* 2 blocks of 1 s, 1 of 4 s, 5 of 8 s. */
	assert_true(stack->oldest_s == 9 && stack->median_age_s == 8);
	assert_true(stack->error.samples == 2 && stack->error.bytes == 300);
	assert_true(stack->error.unseen_bytes == 100 + 600 && stack->error.widest_bytes == 600);
	assert_int_equal(stack->frame_count, 2);
	assert_string_equal(stack->frames[0].function, "make");
	assert_string_equal(stack->frames[1].function, "main");
	assert_string_equal(stack->caller->function, "list_resize");
	/* As report.h says: equal text, equal pointer. */
	assert_ptr_equal(stack->frames[0].path, a.profile.stacks[2].frames[0].path);
	assert_null(a.profile.stacks[1].caller);
	assert_true(a.profile.stacks[1].oldest_s < 0 && a.profile.stacks[1].median_age_s < 0);
	assert_int_equal(a.profile.stacks[2].frames[0].line, 20);
	assert_string_equal(a.profile.stacks[3].caller->function, "dict_resize");
	assert_int_equal(a.profile.stacks[4].domain, DOMAIN_RAW);
	assert_int_equal(a.profile.stacks[4].live_bytes, 5);
	free_process(&a);
}

static void set_types(struct report_process *process, size_t site, const char *name, __u64 count,
		      const char *other, __u64 other_count)
{
	struct census_type *types = arena__alloc(process->verdict_arena, 2, sizeof(*types));

	assert_non_null(types);
	types[0] = (struct census_type){own(process, name), count, 10 * count, count};
	types[1] = (struct census_type){own(process, other), other_count, 10 * other_count, 0};
	process->sites[site].types = types;
	process->sites[site].type_count = other ? 2 : 1;
}

static void test_sites(void **state)
{
	struct report_process a = process_of(1), b = process_of(2), c = process_of(3);

	(void)state;
	add_stack(&a, 10, NULL, 100, 1);
	add_stack(&a, 30, NULL, 90, 9);
	add_stack(&b, 20, NULL, 500, 2);
	add_stack(&b, 10, NULL, 10, 1);
	add_stack(&c, 10, "list_resize", 20, 2);
	make_sites(&a);
	make_sites(&b);
	make_sites(&c);
	a.sites[0].growth_per_s = 3;
	b.sites[0].growth_per_s = -1;
	b.sites[1].growth_per_s = 4.5;
	set_types(&a, 0, "app.Session", 4, "dict", 5);
	set_types(&b, 1, "app.Session", 3, NULL, 0);
	set_types(&c, 0, "str", 50, "dict", 1);
	merge(&a, &b, &c);

	assert_int_equal(a.site_count, 3);
	assert_int_equal(a.sites[0].line, 20);
	assert_true(a.sites[0].growth_per_s == -1);
	assert_int_equal(a.sites[1].line, 10);
	assert_int_equal(a.sites[1].live_bytes, 130);
	assert_int_equal(a.sites[1].live_count, 4);
	assert_int_equal(a.sites[1].stack_count, 2);
	assert_true(a.sites[1].growth_per_s == 7.5); /* the third did not measure it */
	assert_int_equal(a.sites[2].line, 30);
	assert_true(isnan(a.sites[2].growth_per_s));
	assert_int_equal(a.sites[2].type_count, 0);
	/* By bytes. */
	assert_int_equal(a.sites[1].type_count, 3);
	assert_string_equal(a.sites[1].types[0].name, "str");
	assert_string_equal(a.sites[1].types[1].name, "app.Session");
	assert_int_equal(a.sites[1].types[1].count, 7);
	assert_int_equal(a.sites[1].types[1].own_bytes, 70);
	assert_int_equal(a.sites[1].types[1].buffer_bytes, 7);
	assert_string_equal(a.sites[1].types[2].name, "dict");
	assert_int_equal(a.sites[1].types[2].count, 6);
	free_process(&a);
}

/* One more verdict, all of whose texts are the process's own. */
static struct verdict *add_verdict(struct report_process *process, long long site,
				   const char *signature, double growth)
{
	struct verdict_list *verdicts = &process->verdicts;
	struct census_type *types = arena__alloc(process->verdict_arena, 1, sizeof(*types));
	const char **path = arena__alloc(process->verdict_arena, 2, sizeof(*path));
	struct verdict *verdict;
	char text[64];

	if (!verdicts->list)
		verdicts->list = arena__alloc(process->verdict_arena, 4, sizeof(*verdicts->list));
	assert_true(verdicts->list && types && path);
	verdict = &verdicts->list[verdicts->count++];
	types[0] = (struct census_type){own(process, "app.Session"), 2, 20, 0};
	path[0] = own(process, "module app");
	snprintf(text, sizeof(text), "said of %d", process->pid);
	*verdict = (struct verdict){
		.kind = VERDICT_LEAK,
		.cause = CAUSE_UNBOUNDED_CACHE,
		.confidence = 0.5 + process->pid / 10.0,
		.summary = own(process, text),
		.advice = own(process, "bound it"),
		.evidence = {own(process, "it grew")},
		.evidence_count = 1,
		.site = site,
		.growth_per_s = growth,
		.growth_low = growth - 1,
		.growth_high = growth + 2,
		.types = types,
		.type_count = 1,
		.held_by = path,
		.held_by_count = 1,
		.container = own(process, "app.CACHE"),
		.suppressed = true,
	};
	strcpy(verdict->signature, signature);
	return verdict;
}

static void test_verdicts(void **state)
{
	struct report_process a = process_of(1), b = process_of(2), c = process_of(3);
	const struct verdict *verdict;

	(void)state;
	add_stack(&a, 10, NULL, 100, 1);
	add_stack(&b, 20, NULL, 500, 2);
	add_stack(&b, 10, NULL, 10, 1);
	add_stack(&c, 10, NULL, 20, 2);
	make_sites(&a);
	make_sites(&b);
	make_sites(&c);
	add_verdict(&a, 0, "aaaa", 10)->confidence = 0.9;
	add_verdict(&b, 1, "aaaa", 30)->suppressed = false;
	add_verdict(&b, -1, "bbbb", NAN);
	add_verdict(&b, 0, "cccc", 35);
	add_verdict(&c, 0, "aaaa", 20)->kind = VERDICT_SUSPECT;
	add_verdict(&c, -1, "bbbb", NAN);
	merge(&a, &b, &c);

	assert_int_equal(a.verdicts.count, 4);
	verdict = &a.verdicts.list[0];
	assert_string_equal(verdict->signature, "aaaa");
	assert_int_equal(verdict->kind, VERDICT_LEAK);
	assert_true(verdict->growth_per_s == 40 && verdict->growth_low == 38 &&
		    verdict->growth_high == 44);
	assert_true(verdict->confidence == 0.9 && !verdict->suppressed);
	assert_string_equal(verdict->summary, "said of 2");
	assert_string_equal(verdict->advice, "bound it");
	assert_string_equal(verdict->container, "app.CACHE");
	assert_int_equal(verdict->held_by_count, 1);
	assert_string_equal(verdict->held_by[0], "module app");
	assert_int_equal(verdict->type_count, 1);
	assert_int_equal(verdict->types[0].count, 4);
	assert_int_equal(a.sites[verdict->site].line, 10);
	assert_int_equal(verdict->evidence_count, 2);
	assert_string_equal(verdict->evidence[0], "in 2 of 3 processes, 40 B/s together; the "
						  "figures said here are those of PID 2");
	assert_string_equal(verdict->evidence[1], "it grew");

	verdict = &a.verdicts.list[1];
	assert_string_equal(verdict->signature, "cccc");
	assert_true(verdict->growth_per_s == 35 && verdict->suppressed);
	assert_int_equal(a.sites[verdict->site].line, 20);
	assert_string_equal(verdict->evidence[0], "in 1 of 3 processes, PID 2");

	verdict = &a.verdicts.list[2];
	assert_int_equal(verdict->kind, VERDICT_SUSPECT);
	assert_string_equal(verdict->evidence[0], "in 1 of 3 processes, PID 3");

	verdict = &a.verdicts.list[3];
	assert_string_equal(verdict->signature, "bbbb");
	assert_int_equal(verdict->site, -1);
	assert_true(isnan(verdict->growth_per_s));
	assert_string_equal(verdict->evidence[0], "in 2 of 3 processes; the figures said here are "
						  "those of PID 2");
	free_process(&a);
}

/* A list of evidence that is full loses its last sentence. */
static void test_much_evidence(void **state)
{
	struct report_process a = process_of(1), b = process_of(2);
	struct verdict *verdict;

	(void)state;
	verdict = add_verdict(&a, -1, "aaaa", 10);
	for (int i = 0; i < VERDICT_EVIDENCE; i++)
		verdict->evidence[i] = i == VERDICT_EVIDENCE - 1 ? "last" : "before";
	verdict->evidence_count = VERDICT_EVIDENCE;
	make_sites(&a);
	make_sites(&b);
	merge(&a, &b, NULL);
	assert_int_equal(a.verdicts.list[0].evidence_count, VERDICT_EVIDENCE);
	assert_string_equal(a.verdicts.list[0].evidence[0], "in 1 of 2 processes, PID 1");
	assert_string_equal(a.verdicts.list[0].evidence[VERDICT_EVIDENCE - 1], "before");
	free_process(&a);
}

static void test_memory(void **state)
{
	static const struct rss_bridge bridge = {10, 1, 2, 3, 4, 0, 0, 0, 0};
	struct report_process a = process_of(1), b = process_of(2), c = process_of(3);

	(void)state;
	a.memory.limit = 1000;
	a.memory.seconds_to_limit = 60;
	b.memory.limit = 4000;
	b.memory.seconds_to_limit = 50;
	b.memory.seconds_to_limit_low = 40;
	b.memory.seconds_to_limit_high = 70;
	b.memory.growth_per_s = NAN;
	c.memory.rss = c.memory.rss_start = 100000;
	c.memory.limit = 10;
	c.memory.seconds_to_limit = 1;
	c.end = "the process ended";
	a.memory.bridge = b.memory.bridge = &bridge;
	make_sites(&a);
	make_sites(&b);
	make_sites(&c);
	merge(&a, &b, &c);
	/* What has ended has no memory, nor a bridge that would be missed. */
	assert_int_equal(a.memory.rss, 200);
	assert_int_equal(a.memory.rss_start, 100);
	assert_true(a.memory.growth_per_s == 1.5);
	assert_int_equal(a.memory.limit, 4000);
	assert_true(a.memory.seconds_to_limit == 50 && a.memory.seconds_to_limit_low == 40 &&
		    a.memory.seconds_to_limit_high == 70);
	assert_null(a.end);
	assert_int_equal(a.memory.bridge->rss, 20);
	assert_int_equal(a.memory.bridge->python_objects, 2);
	assert_int_equal(a.memory.bridge->malloc_free, 8);
	free_process(&a);
}

static void test_memory_of_the_dead(void **state)
{
	static const struct rss_bridge bridge = {.rss = 10};
	struct report_process a = process_of(1), b = process_of(2);

	(void)state;
	a.end = b.end = "the process ended";
	a.memory.limit = REPORT_UNMEASURED;
	b.memory.limit = 70;
	b.memory.rss_start = REPORT_UNMEASURED;
	a.memory.bridge = &bridge;
	make_sites(&a);
	make_sites(&b);
	merge(&a, &b, NULL);
	assert_string_equal(a.end, "the process ended");
	assert_int_equal(a.memory.rss, 200);
	assert_int_equal(a.memory.rss_start, 50);
	assert_true(a.memory.growth_per_s == 3);
	assert_int_equal(a.memory.limit, 70);
	assert_null(a.memory.bridge); /* one of them has none */
	free_process(&a);
}

static void test_tracing(void **state)
{
	struct report_process a = process_of(1), b = process_of(2);

	(void)state;
	a.lost = (struct report_lost){.events = 1, .unmatched_frees = 2, .unreadable_names = 3};
	b.lost = (struct report_lost){
		.events = 10, .unmatched_frees = 20, .unreadable_names = 30, .live_full_bytes = 40};
	a.coverage = (struct report_coverage){0.5, NAN, 0.9, NAN, "half", "none", 0.9, 0.1};
	b.coverage = (struct report_coverage){0.8, 0.7, NAN, NAN, "more", "some", 0.8, 0.2};
	b.overhead_pct = 7;
	b.scale = 2;
	b.tracing.scale[0] = 2;
	b.tracing.windows = 4;
	strcpy(a.tracing.mode, "auto (objects windows)");
	a.mode = a.tracing.mode;
	b.mode = "auto (objects exact)";
	make_sites(&a);
	make_sites(&b);
	merge(&a, &b, NULL);
	assert_int_equal(a.lost.events, 11);
	assert_int_equal(a.lost.unmatched_frees, 22);
	assert_int_equal(a.lost.unreadable_names, 33);
	assert_int_equal(a.lost.live_full_bytes, 40);
	assert_true(a.coverage.object == 0.5 && a.coverage.raw == 0.7 && a.coverage.mmap == 0.9);
	assert_true(isnan(a.coverage.brk) && a.coverage.rss == 0.8 &&
		    a.coverage.rss_inferred == 0.2);
	assert_string_equal(a.coverage.object_note, "half");
	assert_string_equal(a.coverage.raw_note, "some");
	assert_true(a.overhead_pct == 7 && isnan(a.scale) && isnan(a.tracing.scale[0]));
	assert_true(a.tracing.scale[1] == 1 && a.tracing.windows == 4);
	assert_string_equal(a.mode, "auto (not the same in all)");
	assert_ptr_equal(a.mode, a.tracing.mode);
	free_process(&a);
}

static void test_modules_and_pids(void **state)
{
	struct report_process a = process_of(1), b = process_of(2), c = process_of(2);

	(void)state;
	a.modules = calloc(1, sizeof(*a.modules));
	b.modules = calloc(2, sizeof(*b.modules));
	assert_true(a.modules && b.modules);
	a.modules[0] = (struct report_module){.name = "python3", .path = "/usr/bin/python3"};
	b.modules[0] = (struct report_module){.name = "python3", .path = "/opt/python3"};
	b.modules[1] = (struct report_module){.name = "ext.so", .path = "/opt/ext.so"};
	a.module_count = 1;
	b.module_count = 2;
	make_sites(&a);
	make_sites(&b);
	make_sites(&c);
	merge(&a, &b, &c);
	assert_int_equal(a.pid, 1);
	assert_int_equal(a.module_count, 2);
	assert_string_equal(a.modules[0].path, "/usr/bin/python3");
	assert_string_equal(a.modules[1].path, "/opt/ext.so");
	/* A process that has become another program is one process. */
	assert_int_equal(a.merged_count, 1);
	assert_int_equal(a.merged[0], 2);

	/* Once more: what is merged already is not forgotten. */
	b = process_of(3);
	make_sites(&b);
	merge(&a, &b, NULL);
	assert_int_equal(a.merged_count, 2);
	assert_int_equal(a.merged[0], 2);
	assert_int_equal(a.merged[1], 3);
	free_process(&a);
}

static void test_nothing_to_merge(void **state)
{
	struct report_process a = process_of(1), before;

	(void)state;
	add_verdict(&a, -1, "aaaa", 10);
	make_sites(&a);
	before = a;
	assert_int_equal(analyze__merge(&a, NULL, 0), 0);
	assert_memory_equal(&a, &before, sizeof(a));
	assert_int_equal(a.verdicts.list[0].evidence_count, 1);
	free_process(&a);
}

/* The terminal's head and the JSON say it, and the JSON is read back. */
static void test_output(void **state)
{
	static const int merged[] = {4711, 4712};
	struct report report = *sample_report(), *read;
	struct report_process process = report.processes[0];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	process.merged = merged;
	process.merged_count = 2;
	report.processes = &process;
	report.process_count = 1;
	assert_non_null(out);
	assert_int_equal(json__write(&report, out), 0);
	fclose(out);
	assert_int_equal(report_read__json(text, size, &read), 0);
	free(text);
	assert_int_equal(read->processes[0].merged_count, 2);
	assert_int_equal(read->processes[0].merged[0], 4711);
	assert_int_equal(read->processes[0].merged[1], 4712);

	out = open_memstream(&text, &size);
	assert_non_null(out);
	assert_int_equal(terminal__print(read, out, &(struct terminal_options){.width = 100}), 0);
	fclose(out);
	assert_non_null(strstr(text, "PID 1234 and 2 children"));
	free(text);
	report_read__free(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stacks),           cmocka_unit_test(test_sites),
		cmocka_unit_test(test_verdicts),         cmocka_unit_test(test_much_evidence),
		cmocka_unit_test(test_memory),           cmocka_unit_test(test_memory_of_the_dead),
		cmocka_unit_test(test_tracing),          cmocka_unit_test(test_modules_and_pids),
		cmocka_unit_test(test_nothing_to_merge), cmocka_unit_test(test_output),
	};

	return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
