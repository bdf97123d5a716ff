// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_http.c - the agent's endpoints, asked over a real socket; the host behind them is made up
 */
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "served_host.h"

static void test_every_path(void **state)
{
	static const struct {
		const char *path, *type;
	} rows[] = {
		{"/", "Content-Type: text/html; charset=utf-8"},
		{"/?pid=4242", "Content-Type: text/html; charset=utf-8"},
		{"/page.js", "Content-Type: text/javascript; charset=utf-8"},
		{"/page.css", "Content-Type: text/css; charset=utf-8"},
		{"/metrics", "Content-Type: text/plain; version=0.0.4; charset=utf-8"},
		{"/healthz", "Content-Type: text/plain; charset=utf-8"},
		{"/readyz", "Content-Type: text/plain; charset=utf-8"},
		{"/api/v1/agent", "Content-Type: application/json"},
		{"/api/v1/processes", "Content-Type: application/json"},
		{"/api/v1/report?pid=4242", "Content-Type: application/json"},
		{"/api/v1/flamegraph?pid=4242", "Content-Type: image/svg+xml; charset=utf-8"},
		{"/debug/pprof/heap?pid=4242", "Content-Type: application/octet-stream"},
	};
	struct http *http = serve();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct reply reply = get(http, rows[i].path);

		if (reply.status != 200 || !has_line(&reply, rows[i].type))
			fail_msg("%s\n%s", rows[i].path, reply.text);
		assert_true(has_line(&reply, "X-Content-Type-Options: nosniff"));
		assert_true(has_line(&reply, "Cache-Control: no-store"));
		assert_non_null(strcasestr(reply.text, "\r\nContent-Security-Policy: "
						       "default-src 'none'; "));
		assert_true(reply.body_size > 0);
		free(reply.text);
		/* HEAD: the same without a body. */
		reply = ask(http, "HEAD", rows[i].path, "");
		assert_int_equal(reply.status, 200);
		assert_int_equal(reply.body_size, 0);
		assert_true(has_line(&reply, rows[i].type));
		free(reply.text);
	}
	http__close(http);
}

static void test_what_is_served(void **state)
{
	struct http *http = serve();
	struct reply reply;

	(void)state;
	reply = get(http, "/api/v1/report?pid=4242");
	assert_int_equal(reply.body_size, result.json_size);
	assert_memory_equal(reply.body, result.json, result.json_size);
	free(reply.text);

	reply = get(http, "/api/v1/flamegraph?pid=4242");
	assert_non_null(strstr(reply.body, "<svg "));
	assert_non_null(strstr(reply.body, "Cache.put (cache.py:42)"));
	assert_non_null(strcasestr(reply.text, "script-src 'sha256-"));
	assert_non_null(strcasestr(reply.text, "; sandbox allow-scripts\r\n"));
	free(reply.text);

	reply = get(http, "/debug/pprof/heap?pid=4242");
	assert_memory_equal(reply.body, "\x1f\x8b", 2);
	free(reply.text);

	reply = get(http, "/metrics");
	assert_non_null(strstr(reply.body, "\npyleak_process_resident_bytes{pid=\"4242\","));
	free(reply.text);
	http__close(http);
}

static void test_readiness(void **state)
{
	struct http *http = serve();

	(void)state;
	host.ready = false;
	check_status(http, "/readyz", 503);
	check_status(http, "/healthz", 200);
	host.ready = true;
	check_status(http, "/readyz", 200);
	http__close(http);
}

static void test_bad_requests(void **state)
{
	static const struct {
		const char *path;
		int status;
	} rows[] = {
		{"/nothing", 404},
		{"/metrics/", 404},
		{"/../etc/passwd", 404},
		{"/api/v1/report", 400},
		{"/api/v1/report?pid=", 400},
		{"/api/v1/report?pid=-1", 400},
		{"/api/v1/report?pid=0", 400},
		{"/api/v1/report?pid=4242x", 400},
		{"/api/v1/report?pid=99999999999999999999", 400},
		{"/api/v1/report?pid=77", 404},
		{"/api/v1/report?pid=4243", 404},
		{"/api/v1/flamegraph?pid=4243", 404},
		{"/api/v1/report?pid=4242&of=growth", 404}, /* nothing is known of it */
		{"/api/v1/report?pid=77&of=growth", 404},
		{"/api/v1/report?pid=4242&of=luck", 400},
		{"/api/v1/flamegraph?pid=4242&of=", 400},
		{"/debug/pprof/heap?pid=4242&of=luck", 400},
		{"/debug/pprof/heap", 400},
		{"/debug/pprof/heap?pid=4243", 404},
		{"/debug/pprof/heap?pid=4242&seconds=0", 400},
		{"/debug/pprof/heap?pid=4242&seconds=601", 400},
		{"/debug/pprof/heap?pid=4242&seconds=1.5", 400},
		{"/debug/pprof/heap?pid=4242&seconds=", 400},
		{"/debug/pprof/heap?pid=77&seconds=5", 404},
		{"/?pid=77", 200},
		{"/?pid=%3Cscript%3E", 200},
	};
	struct http *http = serve();
	struct json_object *error;
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		check_status(http, rows[i].path, rows[i].status);
	assert_int_equal(host.asked, 0);

	reply = get(http, "/api/v1/report?pid=4243");
	error = json_tokener_parse(reply.body);
	assert_non_null(strstr(json_object_get_string(json_object_object_get(error, "error")),
			       "process 4243 has not been traced yet"));
	json_object_put(error);
	free(reply.text);
	/* go tool pprof shows the text of an error only so. */
	reply = get(http, "/debug/pprof/heap?pid=4243");
	assert_true(has_line(&reply, "X-Go-Pprof: 1"));
	assert_true(has_line(&reply, "Content-Type: text/plain; charset=utf-8"));
	assert_memory_equal(reply.body, "process 4243 has not", 20);
	free(reply.text);
	/* A report that had to make room. */
	free(result.json);
	result.json = NULL;
	check_status(http, "/api/v1/report?pid=4242", 404);
	check_status(http, "/debug/pprof/heap?pid=4242", 404);
	check_status(http, "/?pid=4242", 200);
	http__close(http);
}

static void test_methods(void **state)
{
	static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"};
	struct http *http = serve();
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		reply = ask(http, methods[i], "/metrics", "");
		assert_int_equal(reply.status, 405);
		assert_true(has_line(&reply, "Allow: GET, HEAD"));
		free(reply.text);
	}
	assert_int_equal(status_of(http, "POST", "/metrics", "Content-Length: 1000000000\r\n"),
			 405);
	http__close(http);
}

/* None of it must be answered with 200, and all of it must leave the server as it was. */
static void test_garbage(void **state)
{
	static const char *const requests[] = {
		"\r\n\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
		"GET / HTTP/9.9\r\nHost: localhost\r\nConnection: close\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
		"Connection: close\r\n\r\nhello",
		"GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n"
		"Connection: close\r\n\r\n",
	};
	struct http *http = serve();
	static char large[40000];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
		struct reply reply;

		fd = dial(http);
		say(fd, requests[i], strlen(requests[i]));
		shutdown(fd, SHUT_WR);
		reply = listen_to(http, fd);
		if (reply.status == 200)
			fail_msg("answered: %s\n%s", requests[i], reply.text);
		free(reply.text);
	}
	memset(large, 'a', sizeof(large));
	memcpy(large, "GET /", 5);
	snprintf(large + sizeof(large) - 60, 60, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
	for (int i = 0; i < 2; i++) {
		struct reply reply = exchange(http, large);

		assert_true(reply.status != 200);
		free(reply.text);
		memcpy(large, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", 37);
	}
	check_status(http, "/healthz", 200);
	http__close(http);
}

/* A name that was made to point here, and pages from elsewhere that make a browser ask. */
static void test_pages_from_elsewhere(void **state)
{
	static const struct {
		const char *host;
		int status;
	} names[] = {
		{"localhost", 200},
		{"LOCALHOST:9797", 200},
		{"127.0.0.1:1", 200},
		{"[::1]:9797", 200},
		{"evil.example", 403},
		{"evil.example:9797", 403},
		{"localhost.evil", 403},
		{"127.0.0.1.evil.example", 403},
		{"localhost:9797x", 403},
		{"localhost:", 403},
		{"", 403},
	};
	static const char heap[] = "/debug/pprof/heap?pid=4242&seconds=5";
	struct http *http = serve();

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct reply reply;
		char request[256];

		snprintf(request, sizeof(request),
			 "GET /metrics HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
			 names[i].host);
		reply = exchange(http, request);
		if (reply.status != names[i].status)
			fail_msg("Host %s: %d", names[i].host, reply.status);
		free(reply.text);
	}
	assert_int_equal(status_of(http, "GET", heap, "Sec-Fetch-Site: cross-site\r\n"), 403);
	assert_int_equal(status_of(http, "GET", heap, "Sec-Fetch-Site: same-site\r\n"), 403);
	assert_int_equal(host.asked, 0);
	assert_int_equal(status_of(http, "GET", "/",
				   "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"),
			 200);
	assert_int_equal(status_of(http, "GET", "/metrics",
				   "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n"),
			 403);
	assert_int_equal(status_of(http, "GET", "/metrics", "Sec-Fetch-Site: same-origin\r\n"),
			 200);
	http__close(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_path, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_is_served, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_readiness, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bad_requests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_methods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_garbage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pages_from_elsewhere, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
