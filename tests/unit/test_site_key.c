// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_site_key.c - a site is the same one when its place is, whatever it holds
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/site_key.h"

static void test_places(void **state)
{
	static const struct report_site sites[] = {
		{.domain = DOMAIN_OBJECT},
		{.domain = DOMAIN_RAW},
		{.domain = DOMAIN_RAW, .line = 1},
		{.domain = DOMAIN_RAW, .offset = 1},
		{.domain = DOMAIN_RAW, .path = ""},
		{.domain = DOMAIN_RAW, .path = "ab"},
		{.domain = DOMAIN_RAW, .module = "ab"},
		{.domain = DOMAIN_RAW, .function = "ab"},
		{.domain = DOMAIN_RAW, .path = "ab", .module = "c"},
		{.domain = DOMAIN_RAW, .path = "a", .module = "bc"},
		{.domain = DOMAIN_RAW, .path = "ab", .function = "c"},
	};
	const size_t count = sizeof(sites) / sizeof(*sites);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			assert_int_equal(site_key__of(&sites[i]) == site_key__of(&sites[j]),
					 i == j);
}

static void test_figures(void **state)
{
	char path[] = "a.py", copy[] = "a.py";
	struct report_site site = {.domain = DOMAIN_RAW, .path = path, .line = 3, .id = 1},
			   later = {.domain = DOMAIN_RAW, .path = copy, .line = 3, .id = 2};

	(void)state;
	later.live_bytes = later.live_count = 1000;
	later.growth_per_s = 5;
	assert_int_equal(site_key__of(&site), site_key__of(&later));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
