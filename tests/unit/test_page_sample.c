// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_page_sample.c - records of made-up faults: what is there counts for what it stands for, what is gone does not, all is bounded
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pages/page_sample.h"
#include "pages/pages_report.h"

#define ROOM (1 << 20)

/* A process's pages, by number: what a look finds. */
struct pages {
	bool gone[4096], huge[4096];
	__u64 frame[4096]; /* 0 = its number, and one */
	size_t first_looks;
	bool ended;
};

static struct code_store *store;

static int set_up(void **state)
{
	(void)state;
	store = code_store__new(ROOM);
	return !store;
}

/* Whatever was kept has been given back. */
static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(code_store__bytes(store), 0);
	code_store__free(store);
	return 0;
}

static bool look(void *context, __u64 address, bool first, struct page_seen *seen)
{
	struct pages *pages = context;
	size_t page = address / PAGE_BYTES;

	if (pages->ended)
		return false;
	pages->first_looks += first;
	seen->state = pages->gone[page] ? PAGE_GONE : pages->huge[page] ? PAGE_HUGE : PAGE_SMALL;
	seen->frame = pages->frame[page] ? pages->frame[page] : page + 1;
	return true;
}

/* A stack of one frame, whose code object has that key. */
static void add(struct page_sample *sample, size_t page, __u64 key, __u32 weight, double at_s)
{
	struct growth_fault *fault = calloc(1, sizeof(*fault));

	fault->kind = MESSAGE_FAULT;
	fault->weight = weight;
	fault->address = page * PAGE_BYTES + 123;
	fault->stack.key.hash = key;
	fault->stack.key.domain = DOMAIN_RSS;
	fault->stack.frame_count = 1;
	fault->stack.frames[0].code_key = key;
	page_sample__add(sample, fault, at_s);
	free(fault);
}

static void settle(struct page_sample *sample, struct pages *pages, double from_s)
{
	page_sample__look(sample, LOOK_AT_UNSETTLED, from_s, look, pages);
	page_sample__look(sample, LOOK_AT_UNSETTLED, from_s + SETTLED_AFTER_S, look, pages);
}

/* Bytes of the stack with this hash. */
static struct sampled_stack of(const struct page_sample *sample, __u64 hash, bool unsettled)
{
	struct sampled_stack stacks[SAMPLE_STACKS + 1] = {{0}};
	size_t count = page_sample__stacks(sample, 0, unsettled, stacks);

	for (size_t i = 0; i < count; i++)
		if (stacks[i].hash == hash)
			return stacks[i];
	return (struct sampled_stack){0};
}

static void what_stays_counts(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct pages pages = {.gone = {[7] = true}};

	(void)state;
	add(sample, 5, 100, 1, 0);
	add(sample, 6, 100, 10, 0);
	add(sample, 7, 100, 1000, 0);
	add(sample, 8, 200, 3, 0);
	assert_float_equal(of(sample, 100, false).bytes, 0, 0);
	assert_float_equal(of(sample, 100, true).bytes, 1011 * PAGE_BYTES, 0);
	settle(sample, &pages, 1);
	assert_float_equal(of(sample, 100, false).bytes, 11 * PAGE_BYTES, 0);
	assert_float_equal(of(sample, 100, false).taken_bytes, 1011 * PAGE_BYTES, 0);
	assert_float_equal(of(sample, 200, false).bytes, 3 * PAGE_BYTES, 0);
	pages.gone[6] = true;
	page_sample__look(sample, LOOK_AT_UNSETTLED, 20, look, &pages);
	assert_float_equal(of(sample, 100, false).bytes, 11 * PAGE_BYTES, 0);
	page_sample__look(sample, LOOK_AT_ALL, 20, look, &pages);
	assert_float_equal(of(sample, 100, false).bytes, PAGE_BYTES, 0);
	assert_int_equal(page_sample__pages(sample), 2);
	pages.ended = pages.gone[5] = true;
	page_sample__look(sample, LOOK_AT_ALL, 30, look, &pages);
	assert_int_equal(page_sample__pages(sample), 2);
	page_sample__free(sample);
}

/* Given back and taken again: the address is the same, the page is not. Once settled, the kernel may move it. */
static void the_same_address_is_not_the_same_page(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct pages pages = {.frame = {[5] = 77, [6] = 88}};

	(void)state;
	add(sample, 5, 100, 1, 0);
	add(sample, 6, 100, 1, 0);
	page_sample__look(sample, LOOK_AT_UNSETTLED, 1, look, &pages);
	pages.frame[5] = 78;
	page_sample__look(sample, LOOK_AT_UNSETTLED, 1 + SETTLED_AFTER_S, look, &pages);
	assert_float_equal(of(sample, 100, true).bytes, PAGE_BYTES, 0);
	pages.frame[6] = 89;
	page_sample__look(sample, LOOK_AT_ALL, 2 + SETTLED_AFTER_S, look, &pages);
	assert_float_equal(of(sample, 100, false).bytes, PAGE_BYTES, 0);
	page_sample__forget(sample, 6 * PAGE_BYTES + 40);
	assert_int_equal(page_sample__pages(sample), 0);
	/* Another stack's record of it is the later one. */
	add(sample, 6, 100, 1, 15);
	add(sample, 6, 200, 1, 20);
	assert_float_equal(of(sample, 100, true).bytes, 0, 0);
	assert_float_equal(of(sample, 200, true).bytes, PAGE_BYTES, 0);
	page_sample__free(sample);
}

/* One fault takes a huge page; many in one such range are small ones that the kernel has put together. */
static void huge_pages_are_many(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct pages pages = {.huge = {[512] = true, [1024] = true, [1025] = true}};

	(void)state;
	add(sample, 512, 100, 4, 0);
	add(sample, 1024, 200, 1, 0);
	add(sample, 1025, 200, 1, 0);
	settle(sample, &pages, 1);
	assert_int_equal(pages.first_looks, 3);
	assert_float_equal(of(sample, 100, false).bytes, 4.0 * HUGE_BYTES, 0);
	assert_float_equal(of(sample, 200, false).bytes, 2 * PAGE_BYTES, 0);
	page_sample__free(sample);
}

/* However many come, the sum is right, and shares are about. */
static void a_full_sample_keeps_its_sums(void **state)
{
	double whole = 0, share = 0;

	(void)state;
	for (__u64 seed = 1; seed <= 200; seed++) {
		struct page_sample *sample = page_sample__new(store, seed * 7919);

		for (size_t page = 0; page < 2000; page++) /* a quarter is one stack's */
			add(sample, page, page % 4 ? 100 : 200, 1, page);
		assert_in_range(page_sample__pages(sample), SAMPLE_PAGES / 2, SAMPLE_PAGES);
		whole = of(sample, 100, true).bytes + of(sample, 200, true).bytes;
		assert_float_equal(whole, 2000.0 * PAGE_BYTES, 0);
		share += of(sample, 200, true).bytes / whole / 200;
		page_sample__free(sample);
	}
	assert_true(fabs(share - 0.25) < 0.02);
}

static void recent_is_what_is_younger(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct sampled_stack stacks[SAMPLE_STACKS + 1];

	(void)state;
	for (size_t i = 0; i < 10; i++)
		add(sample, i, 100, 1, i);
	assert_int_equal(page_sample__stacks(sample, 6, true, stacks), 1);
	assert_float_equal(stacks[0].bytes, 10 * PAGE_BYTES, 0);
	assert_float_equal(stacks[0].recent_bytes, 4 * PAGE_BYTES, 0);
	assert_float_equal(stacks[0].oldest_s, 0, 0);
	page_sample__free(sample);
}

static void further_stacks_are_not_known(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct sampled_stack stacks[SAMPLE_STACKS + 1];
	struct pages pages = {.gone = {false}};

	(void)state;
	for (size_t i = 0; i < SAMPLE_STACKS + 10; i++)
		add(sample, i, 1000 + i, 1, 0);
	assert_int_equal(page_sample__stacks(sample, 0, true, stacks), SAMPLE_STACKS + 1);
	assert_float_equal(of(sample, 0, true).bytes, 10 * PAGE_BYTES, 0);
	/* There is room again for a new one when an old one has nothing any more. */
	pages.gone[3] = true;
	page_sample__look(sample, LOOK_AT_ALL, 1, look, &pages);
	add(sample, 3, 5000, 1, 2);
	assert_float_equal(of(sample, 5000, true).bytes, PAGE_BYTES, 0);
	page_sample__free(sample);
}

static struct code_message *code_of(__u64 key, const char *name, __u32 lines)
{
	struct code_message *code = calloc(1, sizeof(*code));

	code->kind = MESSAGE_CODE;
	code->code_key = key;
	code->first_line = 7;
	code->file_kind = code->name_kind = 1;
	code->file_bytes = snprintf(code->file, sizeof(code->file), "/srv/app.py");
	code->name_bytes = snprintf(code->name, sizeof(code->name), "%s", name);
	code->lines_bytes = lines;
	return code;
}

static bool tell(struct page_sample *sample, __u64 key, const char *name)
{
	struct code_message *code = code_of(key, name, 20);
	bool kept = page_sample__code(sample, code);

	free(code);
	return kept;
}

static void remember(void *context, __u64 key)
{
	*(__u64 *)context += key;
}

/* Ten workers have a function: its text is kept once. */
static void equal_code_is_kept_once(void **state)
{
	struct page_sample *samples[10];
	struct pages pages = {.gone = {[1] = true}};
	size_t bytes = 0;
	__u64 forgotten = 0;

	(void)state;
	for (size_t i = 0; i < 10; i++) {
		samples[i] = page_sample__new(store, i);
		assert_true(tell(samples[i], 100 + i, "Cache.put"));
		if (!i)
			bytes = code_store__bytes(store);
	}
	assert_int_equal(code_store__bytes(store), bytes);
	assert_true(tell(samples[0], 200, "Cache.get"));
	assert_true(code_store__bytes(store) > bytes);
	assert_string_equal(page_sample__code_of(samples[3], 103)->name, "Cache.put");
	assert_null(page_sample__code_of(samples[3], 200));
	/* 200 is not needed, 100 is as long as the page is there. */
	add(samples[0], 1, 100, 1, 0);
	page_sample__tidy(samples[0], remember, &forgotten);
	assert_int_equal(forgotten, 200);
	assert_non_null(page_sample__code_of(samples[0], 100));
	page_sample__look(samples[0], LOOK_AT_ALL, 1, look, &pages);
	page_sample__tidy(samples[0], remember, &forgotten);
	assert_int_equal(forgotten, 300);
	assert_null(page_sample__code_of(samples[0], 100));
	for (size_t i = 0; i < 10; i++)
		page_sample__free(samples[i]);
}

static void long_line_tables_come_in_parts(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct code_message *code = code_of(100, "main", CODE_LINES_MAX + 10);
	struct code_more_message more = {
		.kind = MESSAGE_CODE_MORE,
		.code_key = 100,
		.offset = CODE_LINES_MAX,
		.bytes = 10,
	};

	(void)state;
	assert_true(page_sample__code(sample, code));
	assert_int_equal(page_sample__code_of(sample, 100)->lines_len, CODE_LINES_MAX);
	more.code_key = 99;
	page_sample__more(sample, &more);
	more.code_key = 100;
	page_sample__more(sample, &more);
	assert_int_equal(page_sample__code_of(sample, 100)->lines_len, CODE_LINES_MAX + 10);
	page_sample__more(sample, &more); /* once more: it does not belong there */
	assert_int_equal(page_sample__code_of(sample, 100)->lines_len, CODE_LINES_MAX + 10);
	free(code);
	page_sample__free(sample);
}

/* What could not be read is asked for again, and what comes then replaces it. */
static void what_is_missing_is_sent_again(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct code_message *code = code_of(100, "", 20);

	(void)state;
	code->missing = CODE_MISSING_NAME;
	assert_false(page_sample__code(sample, code));
	assert_string_equal(page_sample__code_of(sample, 100)->name, "");
	assert_true(tell(sample, 100, "main"));
	assert_string_equal(page_sample__code_of(sample, 100)->name, "main");
	free(code);
	page_sample__free(sample);
}

/* Processes may make up what they like: it ends at the bound, and what was there stays. */
static void the_store_is_bounded(void **state)
{
	struct page_sample *samples[2000];
	size_t kept = 0;

	(void)state;
	for (size_t i = 0; i < 2000; i++) {
		char name[32];

		samples[i] = page_sample__new(store, 1);
		snprintf(name, sizeof(name), "f%zu", i);
		kept += tell(samples[i], 1, name);
		add(samples[i], 1, 1, 1, 0);
		assert_true(code_store__bytes(store) <= ROOM);
	}
	assert_in_range(kept, 20, 1999);
	assert_int_equal(page_sample__pages(samples[0]), 1);
	assert_int_equal(page_sample__pages(samples[1999]), 0);
	assert_int_equal(page_sample__lost(samples[1999]), 1);
	for (size_t i = 0; i < 2000; i++)
		page_sample__free(samples[i]);
}

static void a_process_has_so_many_code_objects(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	size_t kept = 0;

	(void)state;
	for (__u64 key = 1; key < 3000; key++)
		kept += tell(sample, key * 2654435761u, "f");
	assert_int_equal(kept, SAMPLE_CODES);
	assert_non_null(page_sample__code_of(sample, 2654435761u));
	assert_null(page_sample__code_of(sample, 5));
	page_sample__free(sample);
}

/* Line tables as large as may be: they end at the process's share, not at everybody's. */
static void a_process_has_so_many_bytes(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	size_t kept = 0;

	(void)state;
	for (__u64 key = 1; key < 100; key++) {
		struct code_message *code = code_of(key, "f", ~0U);

		kept += page_sample__code(sample, code);
		free(code);
		assert_true(code_store__bytes(store) <= SAMPLE_BYTES);
	}
	assert_in_range(kept, 1, SAMPLE_BYTES / CODE_LINES_TOTAL_MAX);
	page_sample__free(sample);
}

static void the_report_names_lines(void **state)
{
	struct page_sample *sample = page_sample__new(store, 1);
	struct python python = {.version = "3.11.2", .layout = {.line_format = PY_LINES_LNOTAB}};
	struct pages_report_order order = {
		.python = &python,
		.since_s = 0,
		.now_s = 100,
		.most = NAN,
		.unsettled = true,
	};
	struct pages_report *report;

	(void)state;
	tell(sample, 100, "Cache.put");
	for (size_t i = 0; i < 50; i++)
		add(sample, i, 100, 2, 50);
	add(sample, 60, 300, 1, 50); /* whose code object has not come */
	assert_int_equal(pages_report__make(sample, &order, &report), 0);
	assert_int_equal(report->process.site_count, 2);
	assert_string_equal(report->process.sites[0].function, "Cache.put");
	assert_string_equal(report->process.sites[0].path, "/srv/app.py");
	assert_int_equal(report->process.sites[0].domain, DOMAIN_RSS);
	assert_int_equal(report->process.sites[0].live_bytes, 100 * PAGE_BYTES);
	assert_float_equal(report->process.sites[0].growth_per_s, PAGE_BYTES, 1e-9);
	assert_true(report->process.sites[0].error_pct > 5);
	assert_string_equal(report->process.sites[1].function, "[code not captured]");
	pages_report__free(report);
	/* No more than the process has. */
	order.most = 50 * PAGE_BYTES;
	assert_int_equal(pages_report__make(sample, &order, &report), 0);
	assert_in_range(report->process.sites[0].live_bytes, 49 * PAGE_BYTES, 50 * PAGE_BYTES);
	pages_report__free(report);
	/* Nothing of it has settled. */
	order.unsettled = false;
	assert_int_equal(pages_report__make(sample, &order, &report), 0);
	assert_int_equal(report->process.site_count, 0);
	pages_report__free(report);
	page_sample__free(sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stays_counts),
		cmocka_unit_test(the_same_address_is_not_the_same_page),
		cmocka_unit_test(huge_pages_are_many),
		cmocka_unit_test(a_full_sample_keeps_its_sums),
		cmocka_unit_test(recent_is_what_is_younger),
		cmocka_unit_test(further_stacks_are_not_known),
		cmocka_unit_test(equal_code_is_kept_once),
		cmocka_unit_test(long_line_tables_come_in_parts),
		cmocka_unit_test(what_is_missing_is_sent_again),
		cmocka_unit_test(the_store_is_bounded),
		cmocka_unit_test(a_process_has_so_many_code_objects),
		cmocka_unit_test(a_process_has_so_many_bytes),
		cmocka_unit_test(the_report_names_lines),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
