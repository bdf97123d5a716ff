// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_http_waiting.c - requests that wait for a trace, and clients that make others wait, or would
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "served_host.h"

static const char trace_request[] = "GET /debug/pprof/heap?pid=4242&seconds=5 HTTP/1.1\r\n"
				    "Host: localhost\r\nConnection: close\r\n\r\n";

/* The descriptor of a request that waits for a trace. */
static int wait_for_trace(struct http *http)
{
	int fd = dial(http);

	say(fd, trace_request, strlen(trace_request));
	for (size_t before = http->waiting_count, i = 0; http->waiting_count == before; i++) {
		assert_true(i < 1000);
		turn(http, -1, 0);
	}
	return fd;
}

static void test_trace_on_demand(void **state)
{
	struct http *http = serve();
	struct host_process *process = &host.processes[0];
	struct reply reply;
	int fd;

	(void)state;
	/* While it waits, others are served; then it gets the new trace. */
	fd = wait_for_trace(http);
	assert_int_equal(host.asked_pid, PID);
	assert_true(host.asked_s == 5);
	process->attention = ATTENTION_TRACED;
	check_status(http, "/healthz", 200);
	assert_int_equal(http->waiting_count, 1);
	process->attention = ATTENTION_WATCHED;
	process->traces++;
	reply = listen_to(http, fd);
	assert_int_equal(reply.status, 200);
	assert_memory_equal(reply.body, "\x1f\x8b", 2);
	free(reply.text);

	/* It gave no report. */
	fd = wait_for_trace(http);
	process->traces++;
	process->trace_problem = (char *)"the kernel said no";
	reply = listen_to(http, fd);
	assert_int_equal(reply.status, 503);
	assert_non_null(strstr(reply.body, "the kernel said no"));
	free(reply.text);

	/* It ended; and its number is another's already. */
	fd = wait_for_trace(http);
	process->start_time++;
	reply = listen_to(http, fd);
	assert_int_equal(reply.status, 404);
	free(reply.text);
	assert_int_equal(host.asked, 3);
	http__close(http);
}

static void test_trace_refused(void **state)
{
	static const struct {
		int err, status;
	} rows[] = {{-EBUSY, 503}, {-EPERM, 409}, {-ESRCH, 404}, {-ENOMEM, 500}};
	struct http *http = serve();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		host.trace_err = rows[i].err;
		check_status(http, "/debug/pprof/heap?pid=4244&seconds=5", rows[i].status);
	}
	assert_int_equal(http->waiting_count, 0);
	http__close(http);
}

static void test_trace_nobody_waits_for(void **state)
{
	struct http *http = serve();
	int fds[WAITING_MAX];

	(void)state;
	for (int i = 0; i < WAITING_MAX; i++)
		fds[i] = wait_for_trace(http);
	check_status(http, "/debug/pprof/heap?pid=4242&seconds=5", 503);
	/* All leave; their places are free again, with nothing to be told. */
	for (int i = 0; i < WAITING_MAX; i++)
		close(fds[i]);
	turns(http, 5);
	assert_int_equal(http->waiting_count, 0);
	turns(http, 5);
	assert_null(http->clients);
	/* And with some that wait, it can be closed. */
	fds[0] = wait_for_trace(http);
	http__close(http);
	close(fds[0]);
}

/* One sends half a request, one reads nothing of a large answer, one says nothing: each of the others is served. */
static void test_slow_clients(void **state)
{
	static const char half[] = "GET /metrics HTTP/1.1\r\nHo";
	static const char report[] =
		"GET /api/v1/report?pid=4242 HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct http *http = serve();
	int slow = dial(http), deaf = dial(http), silent = dial(http);
	size_t large = 24 << 20;

	(void)state;
	free(result.json);
	result.json = calloc(1, large + 1);
	memset(result.json, ' ', large);
	result.json_size = large;
	say(slow, half, strlen(half));
	say(deaf, report, strlen(report));
	check_status(http, "/metrics", 200);
	turns(http, 5);
	assert_true(http->body_bytes == large);
	/* What is under way is bounded; small answers go through. */
	check_status(http, "/api/v1/report?pid=4242", 503);
	check_status(http, "/metrics", 200);
	assert_true(http__timeout(http) <= 10000);
	/* However they trickle, they are hung up on. */
	clients__hurry(http, clock__s() + 29);
	turns(http, 5);
	assert_non_null(http->clients);
	clients__hurry(http, clock__s() + 31);
	turns(http, 10);
	assert_null(http->clients);
	assert_int_equal(http->body_bytes, 0);
	check_status(http, "/healthz", 200);
	close(slow);
	close(deaf);
	close(silent);
	http__close(http);
}

/* Ten seconds without a byte are enough: the server hangs up by itself. */
static void test_idle_client(void **state)
{
	struct http *http = serve();
	struct reply reply = listen_to(http, dial(http));

	(void)state;
	assert_int_equal(reply.status, 0);
	free(reply.text);
	http__close(http);
}

static void test_too_many_connections(void **state)
{
	struct http *http = serve();
	size_t count = 0;
	int fds[100];

	(void)state;
	for (int i = 0; i < 100; i++) {
		fds[i] = dial(http);
		turn(http, -1, 0);
	}
	for (struct client *client = http->clients; client; client = client->next)
		count++;
	assert_true(count > 0 && count <= 32);
	for (int i = 0; i < 100; i++)
		close(fds[i]);
	turns(http, 20);
	assert_null(http->clients);
	check_status(http, "/healthz", 200);
	http__close(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_trace_on_demand, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trace_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trace_nobody_waits_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slow_clients, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_idle_client, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_connections, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
