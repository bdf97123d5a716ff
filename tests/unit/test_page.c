// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_page.c - the page and the JSON of a host: what is hostile in it is text, what was not measured is null
 */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pages/pages_report.h"
#include "served_host.h"

static void test_hostile_page(void **state)
{
	static char long_line[1100];
	struct report_site site = {
		.file = HOSTILE, .function = "<img src=x>", .line = 3, .live_bytes = 4096};
	struct pages_report grown = {.process = {.sites = &site, .site_count = 1}};
	struct http *http = serve();
	struct reply reply;

	(void)state;
	host.processes[0].grown = &grown;
	memset(long_line, '<', sizeof(long_line) - 1);
	snprintf(host.processes[0].comm, sizeof(host.processes[0].comm), "%s", HOSTILE);
	host.processes[0].cmdline = long_line;
	host.processes[0].cgroup = (char *)HOSTILE;
	host.processes[1].cmdline = (char *)"</td></table><img src=x onerror='alert(1)'>";
	host.processes[1].cannot_trace = (char *)"\"><script>alert(2)</script>";
	reply = get(http, "/?pid=4242");
	assert_int_equal(reply.status, 200);
	assert_null(strstr(reply.body, "<script>"));
	assert_null(strstr(reply.body, "<img"));
	assert_null(strstr(reply.body, "<<"));
	assert_null(strchr(reply.body, '\033'));
	assert_null(strstr(reply.body, "\xe2\x80\xae"));
	assert_non_null(strstr(reply.body, "&lt;script&gt;alert('\\x22") ||
			strstr(reply.body, "&lt;script&gt;alert('&quot;"));
	assert_non_null(strstr(reply.body, "&quot;&gt;&lt;script&gt;alert(2)"));
	assert_non_null(strstr(reply.body, "Lines that took what stays"));
	assert_non_null(strstr(reply.body, "&lt;img src=x&gt;"));
	free(reply.text);
	http__close(http);
}

static void test_page_of_many(void **state)
{
	struct http *http = serve();
	size_t rows = 0;
	struct reply reply;

	(void)state;
	for (int i = 0; i < 590; i++)
		fake_measured(&host, 10000 + i, "worker", i);
	reply = get(http, "/");
	for (const char *at = reply.body;
	     (at = strstr(at, "<tr role=\"row\"><th role=\"rowheader\"")); at++)
		rows++;
	assert_int_equal(rows, 500);
	assert_non_null(strstr(reply.body, "93 more that grow less are not shown"));
	/* What grows fastest is first. */
	assert_true(strstr(reply.body, "pid=4242#selected\">4242</a></th>") <
		    strstr(reply.body, "pid=10589#selected\">10589</a></th>"));
	assert_null(strstr(reply.body, "#selected\">10001</a></th>"));
	free(reply.text);
	http__close(http);
}

static struct json_object *member(struct json_object *of, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(of, key, &value))
		fail_msg("no key %s", key);
	return value;
}

static void test_processes_as_json(void **state)
{
	struct http *http = serve();
	struct reply reply = get(http, "/api/v1/processes");
	struct json_object *all = json_tokener_parse(reply.body), *first, *last, *memory, *found;

	(void)state;
	assert_int_equal(json_object_array_length(all), 3);
	first = json_object_array_get_idx(all, 0);
	last = json_object_array_get_idx(all, 2);
	assert_int_equal(json_object_get_int(member(first, "pid")), PID);
	memory = member(first, "memory");
	assert_int_equal(json_object_get_int64(member(memory, "rss")), 81920 * 1024);
	assert_true(json_object_get_double(member(memory, "growth_per_s")) == 20480);
	assert_int_equal(json_object_array_length(member(memory, "growth_ci")), 2);
	found = json_object_array_get_idx(member(member(first, "trace"), "findings"), 0);
	assert_string_equal(json_object_get_string(member(found, "kind")), "leak");
	assert_string_equal(json_object_get_string(member(found, "file")), "cache.py");
	/* Not measured is null, and there. */
	memory = member(last, "memory");
	assert_null(member(memory, "rss"));
	assert_null(member(memory, "growth_per_s"));
	assert_null(member(memory, "growth_ci"));
	assert_null(member(memory, "seconds_to_limit"));
	assert_null(member(member(last, "pymalloc"), "blocks"));
	assert_null(member(last, "trace"));
	assert_null(member(last, "grown"));
	assert_string_equal(json_object_get_string(member(last, "cannot_trace")), "Python 2.7");
	json_object_put(all);
	free(reply.text);
	http__close(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hostile_page, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_page_of_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_processes_as_json, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
