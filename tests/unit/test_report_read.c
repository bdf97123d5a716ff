// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_report_read.c - a report's JSON, read back: the same report for every exporter; broken text is refused
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

#include "capture/report_read.h"
#include "export/export.h"
#include "render.h"
#include "sample_report.h"

#define MUTATIONS 3000

static int write_terminal(const struct report *report, FILE *out)
{
	return terminal__print(report, out, &(struct terminal_options){.width = 100});
}

static struct report *read_text(const char *text)
{
	struct report *report;

	assert_int_equal(report_read__json(text, strlen(text), &report), 0);
	assert_non_null(report);
	return report;
}

/* What one writer makes of a report and of the same one after JSON. */
static void check_same(write_fn write, const struct report *report)
{
	char *text = render(json__write, report);
	struct report *read = read_text(text);
	char *before = render(write, report), *after = render(write, read);

	assert_string_equal(before, after);
	report_read__free(read);
	free(before);
	free(after);
	free(text);
}

static void test_same_output(void **state)
{
	static const write_fn writers[] = {json__write, folded__write, svg__write,
					   html__write, lines__write,  write_terminal};

	(void)state;
	for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++)
		check_same(writers[i], sample_report());
}

/* The sample's first process, with figures in everything that the sample leaves empty. */
static struct report_process full_process(void)
{
	struct report_process process = sample_report()->processes[0];

	process.tracing = (struct tracing){
		.scale = {1.25, NAN},
		.watched = {0.5, 1},
		.worst_step = 0.25,
		.windows = 12,
		.followed = 4096,
		.unknown = 3,
		.reason = "malloc is busy",
		.raw_limit = "not glibc",
		.attach_s = 0.125,
		.detach_s = 3e-05,
		.multi = true,
	};
	process.lost = (struct report_lost){
		.events = 15,
		.thread_state = 1,
		.nest_full = 2,
		.missing_exits = 3,
		.unreadable_arguments = 4,
		.space_events = 5,
		.stacks = 6,
		.live_full = 7,
		.unmatched_frees = UINT64_MAX,
		.unwind_errors = 8,
		.live_full_bytes = 9,
		.faults = 10,
		.missed_frees = 11,
		.truncated_stacks = 12,
		.unknown_stacks = 13,
		.names_retried = 14,
		.unreadable_names = 15,
	};
	process.coverage = (struct report_coverage){0.1, 0.2, 0.3, 0.4, "a", "b", 0.5, 0.6};
	process.free_threaded = true;
	process.end = "the process ended";
	process.memory.limit = INT64_MAX;
	return process;
}

static void test_same_figures(void **state)
{
	struct report report = *sample_report(), *read;
	struct report_process process = full_process(), *got;
	char *text;

	(void)state;
	report.processes = &process;
	report.process_count = 1;
	check_same(json__write, &report);
	text = render(json__write, &report);
	read = read_text(text);
	got = &read->processes[0];

	assert_true(got->tracing.scale[HEAP_LAYER_OBJECT] == 1.25);
	assert_true(isnan(got->tracing.scale[HEAP_LAYER_RAW]));
	assert_true(got->tracing.worst_step == 0.25);
	assert_string_equal(got->tracing.mode, "exact");
	assert_true(got->tracing.probes_used);
	assert_true(got->lost.space_events == 5);
	assert_true(got->lost.unmatched_frees == UINT64_MAX);
	/* The sum of its parts. */
	assert_true(got->memory.bridge->rss == 120 * MIB + 512 + 4096 + 421990);
	assert_true(isnan(got->overhead_pct));
	assert_int_equal(got->profile.stack_count, 8);
	assert_int_equal(got->profile.stacks[7].domain, DOMAIN_MMAP);
	assert_true(got->profile.stacks[0].alloc_bytes == 128 * MIB);
	assert_true(got->profile.stacks[4].oldest_s < 0);
	assert_string_equal(got->sites[3].function, HOSTILE);
	assert_int_equal(got->sites[1].stack_count, 2);
	assert_null(got->cmdline[4]);
	assert_int_equal(got->verdicts.list[2].site, -1);
	assert_int_equal(got->verdicts.list[0].cause, CAUSE_UNBOUNDED_CACHE);
	assert_int_equal(got->verdicts.list[0].evidence_count, 2);
	assert_true(got->verdicts.list[1].suppressed);
	/* Equal text, equal pointer: exporters rely on it. */
	assert_ptr_equal(got->profile.stacks[0].frames[1].path,
			 got->profile.stacks[1].frames[1].path);
	report_read__free(read);
	free(text);
}

/* Stacks that the JSON leaves out keep their places. */
static void test_gaps(void **state)
{
	struct named_frame frame[] = {PY("f", "x.py", 1)};
	struct profile_stack stacks[] = {
		STACK(DOMAIN_RAW, frame, 0, 0, 1), STACK(DOMAIN_OBJECT, frame, 5, 1, 1),
		STACK(DOMAIN_RAW, frame, 0, 0, 1), STACK(DOMAIN_RSS, frame, 4096, 1, 1),
		STACK(DOMAIN_RAW, frame, 0, 0, 1),
	};
	struct report_process process = {.pid = 1, .comm = "p", .profile = {stacks, 5, NULL}};
	struct report report = {.processes = &process, .process_count = 1}, *read;
	char *text = render(json__write, &report);

	(void)state;
	read = read_text(text);
	assert_int_equal(read->processes[0].profile.stack_count, 4);
	assert_int_equal(read->processes[0].profile.stacks[1].live_bytes, 5);
	assert_int_equal(read->processes[0].profile.stacks[2].frame_count, 0);
	assert_int_equal(read->processes[0].profile.stacks[3].domain, DOMAIN_RSS);
	report_read__free(read);
	check_same(json__write, &report);
	free(text);
}

/* As json.c writes it, without the blanks. */
static char *compact(const struct report *report)
{
	char *text = render(json__write, report), *copy;
	json_object *root = json_tokener_parse(text);

	copy = strdup(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN));
	assert_non_null(copy);
	json_object_put(root);
	free(text);
	return copy;
}

/* Wherever it is cut, it is no report; the copy ends where the text does, for AddressSanitizer. */
static void test_truncated(void **state)
{
	char *text = compact(sample_report());
	size_t size = strlen(text);

	(void)state;
	for (size_t i = 0; i < size; i++) {
		char *part = malloc(i ? i : 1);
		struct report *report = (void *)text;

		assert_non_null(part);
		memcpy(part, text, i);
		assert_int_equal(report_read__json(part, i, &report), -EINVAL);
		assert_null(report);
		free(part);
	}
	free(text);
}

/* Whatever was accepted can be shown. */
static void try_text(const char *text, int *accepted, int *refused)
{
	static const write_fn writers[] = {json__write, folded__write, lines__write, pprof__write,
					   write_terminal};
	struct report *report;
	int err = report_read__json(text, strlen(text), &report);

	if (err) {
		assert_int_equal(err, -EINVAL);
		assert_null(report);
		++*refused;
		return;
	}
	for (size_t i = 0; i < sizeof(writers) / sizeof(*writers); i++)
		free(render(writers[i], report));
	report_read__free(report);
	++*accepted;
}

struct counts {
	int accepted, refused;
};

/* The text of root, with one value inside parent changed for another for as long as that takes. */
static void try_value(json_object *root, json_object *parent, const char *key, const char *value,
		      struct counts *counts)
{
	json_object *before = json_object_get(json_object_object_get(parent, key));

	json_object_object_add(parent, key, json_tokener_parse(value));
	try_text(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN), &counts->accepted,
		 &counts->refused);
	json_object_object_add(parent, key, before);
}

/* Another key in its place: it is not there. */
static void try_missing(json_object *root, json_object *parent, const char *key,
			struct counts *counts)
{
	json_object *before = json_object_get(json_object_object_get(parent, key));

	json_object_object_del(parent, key);
	try_text(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN), &counts->accepted,
		 &counts->refused);
	json_object_object_add(parent, key, before);
}

/* What a value of each type is no good for. */
static const char *wrong_type(json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_string:
		return "17";
	case json_type_int:
	case json_type_double:
		return "\"17\"";
	case json_type_object:
		return "[]";
	default:
		return "{}";
	}
}

static void spoil_each(json_object *root, json_object *value, struct counts *counts)
{
	static const char *const values[] = {"null",
					     "-1",
					     "0",
					     "2000000",
					     "18446744073709551615",
					     "1e308",
					     "\"\"",
					     "\"a\\u0000b\"",
					     "[]",
					     "[null]",
					     "[[[]]]",
					     "{}",
					     "true"};
	const char *keys[64];
	size_t count = 0;

	if (json_object_is_type(value, json_type_array)) {
		/* Elements are alike: the first and the last. */
		size_t length = json_object_array_length(value);

		if (length)
			spoil_each(root, json_object_array_get_idx(value, 0), counts);
		if (length > 1)
			spoil_each(root, json_object_array_get_idx(value, length - 1), counts);
		return;
	}
	if (!json_object_is_type(value, json_type_object))
		return;
	/* Spoiling puts keys at the end: their names are taken first. */
	json_object_object_foreach(value, name, ignored)
	{
		(void)ignored;
		assert_true(count < 64);
		keys[count++] = strdup(name);
	}
	for (size_t i = 0; i < count; i++) {
		json_object *here = json_object_object_get(value, keys[i]);
		int refused = counts->refused;

		if (here) {
			try_value(root, value, keys[i], wrong_type(here), counts);
			if (counts->refused != refused + 1)
				fail_msg("%s: a wrong type was taken", keys[i]);
		}
		for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++)
			try_value(root, value, keys[i], values[j], counts);
		try_missing(root, value, keys[i], counts);
		spoil_each(root, json_object_object_get(value, keys[i]), counts);
	}
	for (size_t i = 0; i < count; i++)
		free((char *)keys[i]);
}

/* Every key of a report that has one of everything, with every value that is not its own. */
static void test_spoilt(void **state)
{
	static size_t ids[] = {0};
	struct report report = *sample_report();
	struct report_process process = full_process();
	struct report_site site = process.sites[1];
	struct counts counts = {0};
	json_object *root;
	char *text;

	(void)state;
	site.id = 0;
	site.stacks = ids;
	site.stack_count = 1;
	process.sites = &site;
	process.site_count = 1;
	process.verdicts.list = &(struct verdict){0};
	*process.verdicts.list = sample_verdicts[0];
	process.verdicts.list->site = 0;
	process.verdicts.count = 1;
	process.profile.stack_count = 1;
	process.probe_count = 1;
	process.module_count = 1;
	report.processes = &process;
	report.process_count = 1;
	text = compact(&report);
	root = json_tokener_parse(text);
	spoil_each(root, root, &counts);
	assert_true(counts.accepted > 100 && counts.refused > 100);
	json_object_put(root);
	free(text);
}

/* A generator of our own: the same numbers in each run and everywhere. */
static unsigned dice(unsigned sides)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (state >> 33) % sides;
}

/* Bytes changed, left out, put twice: most of it is no JSON, some is, and means something else. */
static void test_mutated(void **state)
{
	static const char likely[] = "0123456789-.eE\"\\[]{}:, u\x01\x80\xff";
	char *text = compact(sample_report());
	size_t size = strlen(text);
	struct counts counts = {0};

	(void)state;
	for (int i = 0; i < MUTATIONS; i++) {
		char *copy = strdup(text);
		size_t at = dice(size - 64), length = 1 + dice(32);

		assert_non_null(copy);
		switch (dice(3)) {
		case 0:
			copy[at] = likely[dice(sizeof(likely) - 1)];
			break;
		case 1:
			memmove(copy + at, copy + at + length, size - at - length + 1);
			break;
		default:
			memmove(copy + at, copy + at + dice(32), length);
			break;
		}
		try_text(copy, &counts.accepted, &counts.refused);
		free(copy);
	}
	assert_true(counts.accepted > MUTATIONS / 20 && counts.refused > MUTATIONS / 20);
	free(text);
}

static void refuse(const char *text)
{
	struct report *report;

	assert_int_equal(report_read__json(text, strlen(text), &report), -EINVAL);
	assert_null(report);
}

#define REPORT(processes) "{\"schema\": \"pyleak.report/1\", \"processes\": [" processes "]}"
#define STACKS(stacks) REPORT("{\"pid\": 1, \"stacks\": [" stacks "]}")
#define ID(id) "{\"domain\": \"raw\", \"id\": " id "}"

static void test_bounds(void **state)
{
	char deep[400];
	struct report *report;

	(void)state;
	report_read__free(read_text(REPORT("")));
	report_read__free(read_text(REPORT("{\"pid\": 1}")));
	report_read__free(read_text(" \n" STACKS(ID("3") "," ID("70000")) " \n"));

	refuse("");
	refuse("null");
	refuse("[]");
	refuse("{}");
	refuse(REPORT("") "x");
	refuse(REPORT("") REPORT(""));
	refuse(REPORT("{}"));
	refuse(REPORT("{\"pid\": -1}"));
	refuse(REPORT("{\"pid\": 4294967297}"));
	refuse("{\"schema\": \"pyleak.report/2\", \"processes\": []}");
	refuse(STACKS(ID("0") "," ID("0")));
	refuse(STACKS(ID("1") "," ID("0")));
	refuse(STACKS(ID("5") "," ID("4") "," ID("6")));
	refuse(STACKS(ID("4") "," ID("9") "," ID("6")));
	refuse(STACKS(ID("-1")));
	refuse(STACKS(ID("1048576")));
	refuse(STACKS(ID("18446744073709551615")));
	/* Together they are too many. */
	refuse(REPORT("{\"pid\": 1, \"stacks\": [" ID("600000") "]}, {\"pid\": 2, \"stacks\": [" ID(
		"600000") "]}"));
	/* Of stack 0 there is nothing. */
	refuse(REPORT("{\"pid\": 1, \"stacks\": [" ID(
		"1") "], \"sites\": [{\"id\": 0, \"domain\": \"raw\", \"stacks\": [0]}]}"));

	memset(deep, '[', sizeof(deep));
	assert_int_equal(report_read__json(deep, sizeof(deep), &report), -EINVAL);
	/* Not even looked at. */
	assert_int_equal(report_read__json(deep, REPORT_READ_MAX + 1, &report), -EINVAL);
	report_read__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_output), cmocka_unit_test(test_same_figures),
		cmocka_unit_test(test_gaps),        cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_spoilt),      cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
