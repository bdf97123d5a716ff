// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_analyze.c - sites, growth and coverage with answers that can be worked out by hand
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

#define PYTHON(file_, line_, function_)                                                            \
	{                                                                                          \
		.kind = FRAME_PYTHON, .function = function_, .file = file_, .path = "/srv/" file_, \
		.line = line_,                                                                     \
	}
#define NATIVE(module_, function_, offset_)                                                        \
	{                                                                                          \
		.kind = FRAME_NATIVE, .function = function_, .module = module_, .offset = offset_, \
	}
#define NOTE(text)                                                                                 \
	{                                                                                          \
		.kind = FRAME_NOTE, .function = text                                               \
	}
#define FRAMES(...)                                                                                \
	(struct named_frame[]){__VA_ARGS__},                                                       \
		sizeof((struct named_frame[]){__VA_ARGS__}) / sizeof(struct named_frame)

static struct named_frame resize = NATIVE("libpython3.11.so", "list_resize", 5);
static struct named_frame resize_later = NATIVE("libpython3.11.so", "list_resize", 90);
static struct named_frame dict = NATIVE("libpython3.11.so", "new_keys_object", 5);

static const struct report_site *site(const struct report_process *process, size_t index)
{
	assert_true(index < process->site_count);
	assert_int_equal(process->sites[index].id, index);
	return &process->sites[index];
}

/* Rows of stacks leave out what comes last: the error sums. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static void test_grouping(void **state)
{
	struct profile_stack stacks[] = {
		{DOMAIN_OBJECT, FRAMES(PYTHON("a.py", 3, "f"), PYTHON("a.py", 9, "main")), &resize,
		 100, 1, 300, 3, 200, 2, 9, 2, 1},
		{DOMAIN_OBJECT, FRAMES(NATIVE("ext.so", "grow", 7), PYTHON("a.py", 3, "f")), NULL,
		 500, 5, 500, 5, 0, 0, 20, 4, 2},
		{DOMAIN_RAW, FRAMES(PYTHON("a.py", 3, "f")), NULL, 50, 1, 50, 1, 0, 0, -1, -1, 3},
		{DOMAIN_OBJECT, FRAMES(PYTHON("a.py", 4, "f")), NULL, 50, 1, 50, 1, 0, 0, 1, 1, 4},
		{DOMAIN_OBJECT, FRAMES(PYTHON("a.py", 3, "g")), NULL, 0, 0, 7, 1, 7, 1, -1, -1, 5},
	};
	struct report_process process = {.profile = {stacks, 5, NULL}};

	(void)state;
	assert_int_equal(analyze__sites(&process), 0);
	assert_int_equal(process.site_count, 4);
	assert_string_equal(site(&process, 0)->path, "/srv/a.py");
	assert_string_equal(site(&process, 0)->function, "f");
	assert_int_equal(site(&process, 0)->line, 3);
	assert_int_equal(site(&process, 0)->domain, DOMAIN_OBJECT);
	assert_int_equal(site(&process, 0)->live_bytes, 600);
	assert_int_equal(site(&process, 0)->live_count, 6);
	assert_int_equal(site(&process, 0)->alloc_bytes, 800);
	assert_int_equal(site(&process, 0)->alloc_count, 8);
	assert_int_equal(site(&process, 0)->free_bytes, 200);
	assert_int_equal(site(&process, 0)->free_count, 2);
	assert_int_equal(site(&process, 0)->stack_count, 2);
	assert_int_equal(site(&process, 0)->stacks[0], 1);
	assert_int_equal(site(&process, 0)->stacks[1], 0);
	assert_true(site(&process, 0)->oldest_s == 20 && site(&process, 0)->median_age_s == 4);
	assert_string_equal(site(&process, 0)->native->function, "grow");
	assert_null(site(&process, 0)->module);
	assert_true(isnan(site(&process, 0)->growth_per_s));
	/* Equal live bytes: by line, then domain. */
	assert_int_equal(site(&process, 1)->domain, DOMAIN_RAW);
	assert_int_equal(site(&process, 1)->line, 3);
	assert_true(isnan(site(&process, 1)->oldest_s) && isnan(site(&process, 1)->median_age_s));
	assert_null(site(&process, 1)->native);
	assert_int_equal(site(&process, 2)->line, 4);
	assert_string_equal(site(&process, 3)->function, "g");
	analyze__free_sites(&process);
	assert_int_equal(process.site_count, 0);
	analyze__free_sites(&process);
}

static void test_native_and_unknown_places(void **state)
{
	struct profile_stack stacks[] = {
		{.domain = DOMAIN_RAW, FRAMES(NATIVE("ext.so", "grow", 7)), .live_bytes = 60},
		{.domain = DOMAIN_RAW, FRAMES(NATIVE("ext.so", "grow", 9)), .live_bytes = 40},
		{.domain = DOMAIN_RAW, FRAMES(NATIVE("ext.so", NULL, 7)), .live_bytes = 30},
		{.domain = DOMAIN_RAW, FRAMES(NATIVE("ext.so", NULL, 9)), .live_bytes = 20},
		{.domain = DOMAIN_RAW,
		 FRAMES(NOTE("[code not captured]"), PYTHON("a.py", 1, "f")),
		 .live_bytes = 10},
		{.domain = DOMAIN_RAW,
		 FRAMES(NATIVE("ext.so", "cut", 1), NOTE("[unreadable frame]")),
		 .live_bytes = 9},
		{.domain = DOMAIN_RAW, .live_bytes = 8},
	};
	struct report_process process = {.profile = {stacks, 7, NULL}};

	(void)state;
	assert_int_equal(analyze__sites(&process), 0);
	assert_int_equal(process.site_count, 6);
	assert_string_equal(site(&process, 0)->module, "ext.so");
	assert_string_equal(site(&process, 0)->function, "grow");
	assert_int_equal(site(&process, 0)->live_bytes, 100);
	assert_int_equal(site(&process, 0)->line, 0);
	assert_null(site(&process, 0)->file);
	assert_null(site(&process, 1)->function);
	assert_int_equal(site(&process, 1)->offset, 7);
	assert_int_equal(site(&process, 2)->offset, 9);
	assert_string_equal(site(&process, 3)->function, "[code not captured]");
	assert_null(site(&process, 3)->file);
	assert_null(site(&process, 3)->module);
	assert_string_equal(site(&process, 4)->function, "cut");
	assert_string_equal(site(&process, 5)->function, "[stack not known]");
	analyze__free_sites(&process);
}

static void test_native_by_sum_and_weighted_age(void **state)
{
	struct profile_stack stacks[] = {
		{DOMAIN_OBJECT, FRAMES(PYTHON("a.py", 3, "f")), &dict, 50, 1, 0, 0, 0, 0, 9, 9, 1},
		{DOMAIN_OBJECT, FRAMES(PYTHON("a.py", 3, "f")), &resize, 30, 10, 0, 0, 0, 0, 7, 1,
		 2},
		{DOMAIN_OBJECT, FRAMES(PYTHON("a.py", 3, "f")), &resize_later, 30, 5, 0, 0, 0, 0, 8,
		 2, 3},
		{DOMAIN_OBJECT, FRAMES(PYTHON("a.py", 3, "f")), NULL, 30, 5, 0, 0, 0, 0, 8, 3, 4},
	};
	struct report_process process = {.profile = {stacks, 4, NULL}};

	(void)state;
	assert_int_equal(analyze__sites(&process), 0);
	assert_int_equal(process.site_count, 1);
	assert_string_equal(site(&process, 0)->native->function, "list_resize");
	/* 21 blocks: 10 of age 1, 5 of 2, 5 of 3, 1 of 9; the eleventh is 2 s old. */
	assert_true(site(&process, 0)->median_age_s == 2);
	assert_true(site(&process, 0)->oldest_s == 9);
	analyze__free_sites(&process);
}

static void test_no_stacks(void **state)
{
	struct report_process process = {0};

	(void)state;
	assert_int_equal(analyze__sites(&process), 0);
	assert_int_equal(process.site_count, 0);
	analyze__free_sites(&process);
}

/* Feeds one site (and RSS) with bytes at a time. */
struct feed {
	struct history *history;
	struct report_site sites[2];
	struct report_process process;
};

static void feed__init(struct feed *feed)
{
	memset(feed, 0, sizeof(*feed));
	feed->history = history__new();
	feed->sites[0] = (struct report_site){.path = "/a.py", .line = 3, .function = "f"};
	feed->sites[1] = (struct report_site){.path = "/a.py", .line = 4, .function = "f"};
	feed->process.sites = feed->sites;
	feed->process.site_count = 2;
}

static void feed__add(struct feed *feed, double at_s, double bytes, double other)
{
	feed->sites[0].live_bytes = bytes;
	feed->sites[1].live_bytes = other;
	feed->process.memory.rss = 1000000 + bytes;
	assert_int_equal(history__add(feed->history, at_s, &feed->process), 0);
}

static void near(double is, double want)
{
	if (!(fabs(is - want) <= 1e-6 * fabs(want) + 1e-9))
		fail_msg("%g instead of %g", is, want);
}

static void test_growth(void **state)
{
	struct feed feed;

	(void)state;
	feed__init(&feed);
	assert_true(isnan(history__rss_growth(feed.history)));
	feed__add(&feed, 5, 1000, 0);
	assert_true(isnan(feed.sites[0].growth_per_s) && isnan(feed.process.memory.growth_per_s));
	feed__add(&feed, 10, 2000, 0);
	near(feed.sites[0].growth_per_s, 200);
	near(feed.process.memory.growth_per_s, 200);
	assert_true(isnan(feed.sites[1].growth_per_s)); /* has never held anything */
	feed__add(&feed, 15, 3000, 70);
	assert_true(isnan(feed.sites[1].growth_per_s));
	feed__add(&feed, 20, 1000000, 60); /* an outlier */
	feed__add(&feed, 25, 5000, 50);
	near(feed.sites[0].growth_per_s, 200);
	near(feed.sites[1].growth_per_s, -2);
	history__free(feed.history);
	history__free(NULL);
}

static void test_long_run(void **state)
{
	struct feed feed;

	(void)state;
	feed__init(&feed);
	for (int i = 0; i < 100000; i++)
		feed__add(&feed, i, 500.0 * i + i % 7, 77);
	assert_true(fabs(feed.sites[0].growth_per_s - 500) < 0.1);
	near(feed.sites[1].growth_per_s, 0);
	history__free(feed.history);
}

/* A cache that fills at first and is full then: most of the run says so. */
static void test_plateau(void **state)
{
	struct feed feed;

	(void)state;
	feed__init(&feed);
	for (int i = 0; i < 300; i++)
		feed__add(&feed, i, i < 40 ? i * 1000 : 40000, 1);
	near(feed.sites[0].growth_per_s, 0);
	history__free(feed.history);
}

static void test_sites_that_go_are_forgotten(void **state)
{
	struct feed feed;

	(void)state;
	feed__init(&feed);
	feed__add(&feed, 1, 100, 100);
	feed__add(&feed, 2, 200, 200);
	near(history__growth(feed.history, &feed.sites[1]), 100);
	feed.process.site_count = 1;
	feed__add(&feed, 3, 300, 0);
	assert_true(isnan(history__growth(feed.history, &feed.sites[1])));
	near(history__growth(feed.history, &feed.sites[0]), 100);
	feed__add(&feed, 3, 400, 0); /* the same moment: replaced */
	near(history__growth(feed.history, &feed.sites[0]), 150);
	history__free(feed.history);
}

static void test_many_sites(void **state)
{
	size_t count = 40000;
	struct report_site *sites = calloc(count, sizeof(*sites));
	struct report_process process = {.sites = sites, .site_count = count};
	struct history *history = history__new();

	(void)state;
	for (int round = 1; round <= 3; round++) {
		for (size_t i = 0; i < count; i++) {
			sites[i].path = "/a.py";
			sites[i].line = i;
			sites[i].live_bytes = (count - i) * round;
		}
		assert_int_equal(history__add(history, round, &process), 0);
	}
	near(sites[0].growth_per_s, count);
	near(sites[9999].growth_per_s, count - 9999);
	assert_true(isnan(sites[count - 1].growth_per_s)); /* too many: the smallest have none */
	history__free(history);
	free(sites);
}

static struct report_coverage cover(struct snapshot *snapshot)
{
	struct report_coverage coverage;

	analyze__coverage(snapshot, 1, &coverage);
	return coverage;
}

static void test_coverage(void **state)
{
	struct memory_info memory[2] = {{0}};
	struct snapshot *s = calloc(1, sizeof(*s));
	struct memory_info *m = &memory[1];

	(void)state;
	s->memory = memory;
	s->target_count = 2;
	m->pool_blocks_start = m->pool_blocks = -1;
	assert_true(isnan(cover(s).object) && isnan(cover(s).raw) && isnan(cover(s).mmap) &&
		    isnan(cover(s).brk));

	m->pool_blocks_start = m->pool_blocks = 500;
	assert_true(isnan(cover(s).object)); /* nothing was allocated */
	s->counters[COUNT_OBJECT_ALLOCS][1] = 1000;
	s->counters[COUNT_OBJECT_FREES][1] = 900;
	m->pool_blocks = 600;
	near(cover(s).object, 1);
	m->pool_blocks = 850; /* 250 allocations not seen */
	near(cover(s).object, 0.8);
	m->pool_blocks = 350; /* 250 releases not seen */
	near(cover(s).object, 0.8);
	s->counters[COUNT_OBJECT_ALLOCS][1] = s->counters[COUNT_OBJECT_FREES][1] = 0;
	near(cover(s).object, 0);

	m->mmap_new = 4000;
	m->mmap_seen = 3000;
	m->brk_new = 10;
	m->brk_seen = 11;
	assert_true(isnan(cover(s).mmap));
	m->space_measured = true;
	near(cover(s).mmap, 0.75);
	near(cover(s).brk, 1);
	m->mmap_new = 0;
	assert_true(isnan(cover(s).mmap));
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grouping),
		cmocka_unit_test(test_native_and_unknown_places),
		cmocka_unit_test(test_native_by_sum_and_weighted_age),
		cmocka_unit_test(test_no_stacks),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_long_run),
		cmocka_unit_test(test_plateau),
		cmocka_unit_test(test_sites_that_go_are_forgotten),
		cmocka_unit_test(test_many_sites),
		cmocka_unit_test(test_coverage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
