// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http_wait.c - requests that wait for a trace
 *
 * Their connections are suspended: libmicrohttpd does not look at them, so that we do, for the client's leaving.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/http_private.h"
#include "lib/clock.h"

/* Beyond what the trace takes: its start, its turn, its report. */
#define GRACE_S 120.0

static void remember(struct wait *wait, const struct host_process *process, double seconds)
{
	*wait = (struct wait){
		.state = WAIT_TRACE,
		.pid = process->pid,
		.start_time = process->start_time,
		.traces = process->traces,
		.seen = process->attention == ATTENTION_TRACED,
		.until_s = clock__s() + seconds + GRACE_S,
	};
	snprintf(wait->problem, sizeof(wait->problem), "%s",
		 process->trace_problem ? process->trace_problem : "");
}

int wait__begin(struct request *request, const struct host_process *process, double seconds)
{
	struct http *http = request->http;
	struct client *client = client__of(request->connection);
	int err;

	if (http->waiting_count == WAITING_MAX || !client)
		return -EBUSY;
	remember(&request->wait, process, seconds);
	err = host__trace(http->host, process->pid, seconds);
	if (err) {
		request->wait.state = WAIT_NONE;
		return err;
	}
	http->waiting[http->waiting_count++] = request;
	client->waiting = true;
	MHD_suspend_connection(request->connection);
	return 0;
}

static bool problem_changed(const struct wait *wait, const struct host_process *process)
{
	char problem[sizeof(wait->problem)];

	snprintf(problem, sizeof(problem), "%s",
		 process->trace_problem ? process->trace_problem : "");
	return strcmp(problem, wait->problem) != 0;
}

/* By whichever sign comes first: another trace is counted, it is no longer traced, it said why not, the process is gone, or too much time. */
static bool has_ended(struct request *request, double now_s)
{
	const struct host_process *process = host__find(request->http->host, request->wait.pid);
	struct wait *wait = &request->wait;
	bool traced;

	if (!process || process->start_time != wait->start_time || now_s >= wait->until_s)
		return true;
	traced = process->attention == ATTENTION_TRACED;
	if (process->traces != wait->traces || problem_changed(wait, process))
		return true;
	if (wait->seen && !traced)
		return true;
	wait->seen = traced;
	return false;
}

static bool has_left(const struct request *request)
{
	const struct client *client = client__of(request->connection);
	struct pollfd fd = {.fd = client->fd, .events = POLLRDHUP};

	return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL));
}

static void resume(struct http *http, size_t index, int state)
{
	struct request *request = http->waiting[index];
	struct client *client = client__of(request->connection);

	request->wait.state = state;
	client->waiting = false;
	client->since_s = clock__s();
	http->waiting[index] = http->waiting[--http->waiting_count];
	MHD_resume_connection(request->connection);
}

void wait__look(struct http *http)
{
	double now_s = http->waiting_count ? clock__s() : 0;

	for (size_t i = http->waiting_count; i-- > 0;) {
		if (has_left(http->waiting[i]))
			resume(http, i, WAIT_LEFT);
		else if (has_ended(http->waiting[i], now_s))
			resume(http, i, WAIT_OVER);
	}
}

void wait__resume_all(struct http *http)
{
	while (http->waiting_count)
		resume(http, http->waiting_count - 1, WAIT_LEFT);
}
