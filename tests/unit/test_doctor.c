// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor's writers, on a diagnosis made by hand: nothing is wider than the terminal, the target's text is escaped, what
 * was not tried or measured is not called a fact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>

#include <cmocka.h>
#include <errno.h>
#include <json-c/json.h>
#include <linux/bpf.h>

#include "doctor/private.h"
#include "lib/kernel.h"
#include "doctor/try.h"
#include "lib/text.h"

static struct probe probes[] = {
	{
		.kind = PROBE_ENTER,
		.cost = COST_EMULATED,
		.function = "malloc",
		.function_address = 0x1000,
		.address = 0x1007,
		.offset = 0x7,
		.instruction = "push r12",
		.why = "first one that is emulated",
	},
	{
		.kind = PROBE_POOL_ALLOC,
		.cost = COST_STEPPED,
		.function = "pymalloc_alloc",
		.address = 0x4fb155,
		.instruction = "test rax, rax",
		.why = "a block leaves its pool's free list",
	},
	{
		.kind = PROBE_POOL_ALLOC,
		.cost = COST_EMULATED,
		.function = "pymalloc_alloc",
		.address = 0x4fb200,
		.instruction = "jz 0x00000000004FB1C8",
		.why = "a block leaves its pool's free list",
	},
};

static struct module modules[] = {{.path = "/a", .name = "lib\033[31mevil.so", .fd = -1}};

static struct plan plan = {
	.probes = probes,
	.probe_count = 3,
	.pool_sites = true,
	.pool_allocs = 2,
	.raw_functions = 1,
	.no_place = 3,
};

static struct target target = {
	.pid = 77,
	.pidfd = -1,
	.comm = "py\rthon",
	.seccomp = 2,
	.modules = modules,
	.module_count = 1,
	.python = {.flavour = PYTHON_OK, .version = "3.11.2", .allocator = "pymalloc"},
};

static void fill(struct doctor *doctor)
{
	*doctor = (struct doctor){
		.host = {.release = "6.18.1", .machine = "x86_64"},
		.possible_cpus = -1,
		.finding_count = 3,
		.findings =
			{
				{.name = "one",
				 .since = "5.8",
				 .purpose = "a purpose that is long enough to need several lines "
					    "of a narrow terminal",
				 .required = true},
				{.name = "two",
				 .purpose = "p",
				 .required = true,
				 .answer = ANSWER_NO,
				 .detail = "what to do about it"},
				{.name = "three",
				 .purpose = "p",
				 .answer = ANSWER_UNTRIED,
				 .detail = "not allowed"},
			},
		.setting_count = 1,
		.settings = {{.name = "knob", .value = "1", .meaning = "turns"}},
		.prices = {1000, 4000, NAN, 1500, 2.5, 50},
		.multi = true,
		.diagnosis_count = 2,
		.diagnoses = {{.pid = 77, .target = &target, .plan = &plan, .stripped = true},
			      {.pid = 78, .status = 1}},
	};
}

static char *printed(const struct doctor *doctor, int width)
{
	struct terminal_options options = {.width = width};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	doctor__print(doctor, out, &options);
	fclose(out);
	return text;
}

static void no_line_is_too_wide(void **state)
{
	struct doctor doctor;

	(void)state;
	fill(&doctor);
	for (int width = 60; width <= 160; width++) {
		char *text = printed(&doctor, width), *rest = text, *line;

		while ((line = strsep(&rest, "\n")))
			assert_in_range(text__columns(line), 0, width);
		free(text);
	}
}

static void says_everything(void **state)
{
	static const char *const wanted[] = {
		"several lines of a",
		"what to do about it",
		"untried",
		"not allowed",
		"5.8",
		"knob",
		"1000 ns",
		"10,000 a second",
		"not measured",
		"2.5 ms to attach",
		"Process 77",
		"stripped",
		"malloc+7",
		"push r12",
		"pymalloc_alloc 0x4fb155",
		"single-stepped",
		"a filter",
		"3 functions without a safe place",
		"3: 2 emulated, 1 single-stepped",
		"Process 78",
		"pool_alloc, 2 in",
		"a block leaves its pool's free list",
	};
	struct doctor doctor;
	char *text, *first;

	(void)state;
	fill(&doctor);
	text = printed(&doctor, 120);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(text, wanted[i]))
			fail_msg("no '%s' in:\n%s", wanted[i], text);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\r'));
	/* Said once a group, however many probes it has. */
	first = strstr(text, "a block leaves");
	assert_non_null(first);
	assert_null(strstr(first + 1, "a block leaves"));
	free(text);
}

static void no_price_where_nothing_was_measured(void **state)
{
	struct doctor doctor;
	char *text;

	(void)state;
	fill(&doctor);
	doctor.pricing = -1;
	text = printed(&doctor, 120);
	assert_null(strstr(text, "ns a hit"));
	assert_null(strstr(text, "attaching takes"));
	assert_non_null(strstr(text, "could not be measured"));
	free(text);
}

static struct json_object *at(struct json_object *from, const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(from, key, &value));
	return value;
}

static struct json_object *written(const struct doctor *doctor)
{
	struct json_object *top;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(doctor__write_json(doctor, out), 0);
	fclose(out);
	top = json_tokener_parse(text);
	free(text);
	assert_non_null(top);
	return top;
}

static void unknown_is_null_in_json(void **state)
{
	struct json_object *top, *feature, *process, *probe;
	struct doctor doctor;

	(void)state;
	fill(&doctor);
	top = written(&doctor);
	assert_string_equal(json_object_get_string(at(top, "schema")), "pyleak.doctor/1");
	assert_null(at(at(top, "kernel"), "possible_cpus"));
	feature = json_object_array_get_idx(at(top, "features"), 1);
	assert_false(json_object_get_boolean(at(feature, "works")));
	assert_non_null(at(feature, "works"));
	assert_null(at(json_object_array_get_idx(at(top, "features"), 2), "works"));
	assert_null(at(at(top, "prices"), "optimized_ns"));
	assert_true(json_object_get_double(at(at(top, "prices"), "emulated_ns")) == 1000);
	process = json_object_array_get_idx(at(top, "processes"), 0);
	assert_true(json_object_get_boolean(at(process, "traceable")));
	assert_string_equal(json_object_get_string(at(process, "comm")), "py\rthon");
	probe = json_object_array_get_idx(at(at(process, "plan"), "probes"), 0);
	assert_int_equal(json_object_get_int64(at(probe, "offset")), 7);
	assert_string_equal(json_object_get_string(at(probe, "cost")), "emulated");
	probe = json_object_array_get_idx(at(at(process, "plan"), "probes"), 1);
	assert_null(at(probe, "offset"));
	assert_int_equal(json_object_get_int64(at(probe, "address")), 0x4fb155);
	process = json_object_array_get_idx(at(top, "processes"), 1);
	assert_false(json_object_get_boolean(at(process, "traceable")));
	json_object_put(top);
}

static void reads_versions(void **state)
{
	(void)state;
	assert_int_equal(kernel__version("6.18.44-fc-v595"), 0x06122c);
	assert_int_equal(kernel__version("6.1.0-29-amd64"), 0x060100);
	assert_int_equal(kernel__version("5.10.300"), 0x050aff);
	assert_int_equal(kernel__version("6.12"), 0x060c00);
	assert_int_equal(kernel__version("nonsense"), 0);
	assert_int_equal(kernel__version("6"), 0);
	assert_int_equal(kernel__version("999.1"), 0);
}

static void counts_cpus(void **state)
{
	(void)state;
	assert_int_equal(doctor__count_cpus("0"), 1);
	assert_int_equal(doctor__count_cpus("0-1"), 2);
	assert_int_equal(doctor__count_cpus("0-3,8"), 5);
	assert_int_equal(doctor__count_cpus("0-3,8-9,64-127"), 70);
	assert_int_equal(doctor__count_cpus(""), -1);
	assert_int_equal(doctor__count_cpus("not there"), -1);
	assert_int_equal(doctor__count_cpus("3-0"), -1);
	assert_int_equal(doctor__count_cpus("0-"), -1);
	assert_int_equal(doctor__count_cpus("0;1"), -1);
	assert_int_equal(doctor__count_cpus("0-99999999999"), -1);
}

static void do_nothing(void)
{
}

/* An experiment must be able to fail, else its yes says nothing. */
static void experiments_can_say_no(void **state)
{
	bool jitted;
	int result;

	(void)state;
	if (try__bpf(&jitted) != 1)
		skip();
	assert_int_equal(try__helper(BPF_FUNC_ktime_get_ns), 1);
	assert_int_equal(try__helper(BPF_FUNC_probe_read_user), 1);
	assert_int_equal(try__helper(100000), 0);
	assert_int_equal(try__helper(BPF_FUNC_skb_store_bytes), 0); /* known, not to probes */
	assert_int_equal(try__raw_tracepoint("no_such_tracepoint", do_nothing), -ENOENT);
	result = try__tracepoint("no_such_category", "nothing", do_nothing);
	assert_true(result == -ENOENT || result == -ENODEV); /* tracefs is not mounted everywhere */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_line_is_too_wide),
		cmocka_unit_test(says_everything),
		cmocka_unit_test(no_price_where_nothing_was_measured),
		cmocka_unit_test(unknown_is_null_in_json),
		cmocka_unit_test(reads_versions),
		cmocka_unit_test(counts_cpus),
		cmocka_unit_test(experiments_can_say_no),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
