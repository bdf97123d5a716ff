// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http_traces.c - what the last trace of a process says, or one that is asked for
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http_private.h"
#include "capture/report_read.h"
#include "export/export.h"
#include "pages/pages_report.h"

#define SECONDS_MAX 600

typedef int (*write_report)(const struct report *report, FILE *out);

int request__number(struct request *request, const char *name, unsigned long least,
		    unsigned long most, unsigned long *value)
{
	const char *text =
		MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);

	if (!text)
		return -ENOENT;
	if (!*text || strlen(text) > 9 || text[strspn(text, "0123456789")])
		return -EINVAL;
	*value = strtoul(text, NULL, 10);
	return *value >= least && *value <= most ? 0 : -EINVAL;
}

/* The process that is asked for. NULL: answer says why not. */
static const struct host_process *process_of(struct request *request, struct answer *answer)
{
	const struct host_process *process;
	unsigned long pid;

	if (request__number(request, "pid", 1, PID_MOST, &pid)) {
		answer__error(answer, MHD_HTTP_BAD_REQUEST,
			      "pid must be given, as a number: ?pid=N");
		return NULL;
	}
	process = host__find(request->http->host, pid);
	if (!process)
		answer__error(answer, MHD_HTTP_NOT_FOUND,
			      "process %lu is no Python process that is watched", pid);
	return process;
}

/* The same, with the report of a trace. */
static const struct trace_result *result_of(struct request *request, struct answer *answer)
{
	const struct host_process *process = process_of(request, answer);

	if (process && !process->result)
		answer__error(answer, MHD_HTTP_NOT_FOUND,
			      "process %d has not been traced yet; "
			      "/debug/pprof/heap?pid=%d&seconds=30 traces it",
			      process->pid, process->pid);
	if (!process || !process->result)
		return NULL;
	if (!process->result->json)
		answer__error(answer, MHD_HTTP_NOT_FOUND,
			      "the report of process %d made room for later ones", process->pid);
	return process->result->json ? process->result : NULL;
}

static void write_growth(struct request *request, struct answer *answer, write_report write)
{
	const struct host_process *process = process_of(request, answer);
	const struct pages_report *grown;

	if (!process)
		return;
	if (host__grown(request->http->host, process->pid, &grown)) {
		answer__error(answer, MHD_HTTP_NOT_FOUND,
			      "process %d has taken no memory that stays since it is watched, or "
			      "its page faults are not recorded",
			      process->pid);
		return;
	}
	answer->err = write(&grown->report, answer->out);
}

static void write_trace(struct request *request, struct answer *answer, write_report write)
{
	const struct trace_result *result = result_of(request, answer);
	struct report *report;

	if (!result)
		return;
	if (write == json__write) { /* as it came */
		fwrite(result->json, 1, result->json_size, answer->out);
		return;
	}
	answer->err = report_read__json(result->json, result->json_size, &report);
	if (answer->err)
		return;
	answer->err = write(report, answer->out);
	report_read__free(report);
}

/* What is known of the process, in a format: of its last trace, or as of now without one, where `of` says so. */
static void write_last(struct request *request, struct answer *answer, write_report write)
{
	const char *of =
		MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, "of");

	if (!of || !strcmp(of, "trace"))
		write_trace(request, answer, write);
	else if (!strcmp(of, "growth"))
		write_growth(request, answer, write);
	else
		answer__error(answer, MHD_HTTP_BAD_REQUEST, "of must be trace or growth");
}

void traces__report(struct request *request, struct answer *answer)
{
	write_last(request, answer, json__write);
	if (answer->status == MHD_HTTP_OK)
		answer->type = "application/json";
}

void traces__flamegraph(struct request *request, struct answer *answer)
{
	write_last(request, answer, svg__write);
	if (answer->status != MHD_HTTP_OK)
		return;
	answer->type = "image/svg+xml; charset=utf-8";
	answer->policy = request->http->graph_policy;
}

static void refuse(struct answer *answer, const struct host_process *process, int err)
{
	if (err == -EBUSY)
		answer__error(answer, MHD_HTTP_SERVICE_UNAVAILABLE,
			      "as many traces are waiting as there is room for: try again later");
	else if (err == -EPERM)
		answer__error(answer, MHD_HTTP_CONFLICT, "process %d cannot be traced: %s",
			      process->pid, process->cannot_trace ? process->cannot_trace : "?");
	else if (err == -ESRCH)
		answer__error(answer, MHD_HTTP_NOT_FOUND, "process %d has ended", process->pid);
	else
		answer__error(answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s", strerror(-err));
}

static void begin(struct request *request, struct answer *answer, unsigned long seconds)
{
	const struct host_process *process = process_of(request, answer);
	int err;

	if (!process)
		return;
	err = wait__begin(request, process, seconds);
	if (err)
		refuse(answer, process, err);
	else
		answer->pending = true;
}

/* The trace that was waited for: one more is counted, and no problem is told. */
static void check_ended(struct request *request, struct answer *answer)
{
	const struct wait *wait = &request->wait;
	const struct host_process *process = host__find(request->http->host, wait->pid);

	if (!process || process->start_time != wait->start_time)
		answer__error(answer, MHD_HTTP_NOT_FOUND, "process %d has ended", wait->pid);
	else if (process->traces == wait->traces || process->trace_problem)
		answer__error(answer, MHD_HTTP_SERVICE_UNAVAILABLE,
			      "process %d could not be traced: %s", process->pid,
			      process->trace_problem ? process->trace_problem
						     : "the trace was given up");
}

void traces__pprof(struct request *request, struct answer *answer)
{
	unsigned long seconds = 0;
	int err = request__number(request, "seconds", 1, SECONDS_MAX, &seconds);

	answer->for_pprof = true;
	answer->left = request->wait.state == WAIT_LEFT;
	if (answer->left)
		return;
	if (err == -EINVAL) {
		answer__error(answer, MHD_HTTP_BAD_REQUEST, "seconds must be a number from 1 to %d",
			      SECONDS_MAX);
		return;
	}
	if (!err && request->wait.state == WAIT_NONE) {
		begin(request, answer, seconds);
		return;
	}
	if (request->wait.state == WAIT_OVER)
		check_ended(request, answer);
	if (answer->status != MHD_HTTP_OK)
		return;
	write_last(request, answer, pprof__write);
	if (answer->status != MHD_HTTP_OK)
		return;
	answer->type = "application/octet-stream";
	answer->disposition = "attachment; filename=\"heap.pb.gz\"";
}
