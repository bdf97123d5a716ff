/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * served_host.h - a made-up host with a process that was traced, one that was not, one that cannot be; and its server
 */
#ifndef SERVED_HOST_H
#define SERVED_HOST_H

#include <signal.h>

#include "agent/http_private.h"
#include "export/export.h"
#include "fake_host.h"
#include "http_client.h"
#include "sample_report.h"

#define PID 4242

static struct host host;
static struct trace_result result;
static struct finding findings[2];
static struct site_figure sites[2];

/* The sample report, of its first process alone. */
static inline void make_result(void)
{
	struct report report = *sample_report();
	FILE *out;

	report.process_count = 1;
	result = (struct trace_result){
		.at = 1700000000,
		.duration_s = 60,
		.overhead_pct = 1.4,
		.findings = findings,
		.finding_count = 2,
		.sites = sites,
		.site_count = 2,
	};
	out = open_memstream(&result.json, &result.json_size);
	assert_non_null(out);
	assert_int_equal(json__write(&report, out), 0);
	fclose(out);
	sites[0] = (struct site_figure){"cache.py", "Cache.put", 42, 5 << 20};
	sites[1] = (struct site_figure){HOSTILE, HOSTILE, 1, 1 << 20};
	for (int i = 0; i < 2; i++) {
		findings[i] = (struct finding){
			.kind = VERDICT_LEAK,
			.cause = CAUSE_UNBOUNDED_CACHE,
			.confidence = 0.97,
			.growth_per_s = 51200,
			.file = i ? HOSTILE : "cache.py",
			.function = i ? HOSTILE : "Cache.put",
			.line = 42,
			.type = i ? HOSTILE : "bytearray",
			.holder = i ? HOSTILE : "module app -> app.CACHE (dict)",
			.summary = i ? HOSTILE
				     : "app.CACHE grows by 50 KiB/s and nothing is taken out",
			.advice = i ? HOSTILE : "bound it",
		};
		snprintf(findings[i].signature, sizeof(findings[i].signature), "%016x", i + 1);
	}
}

/* One process that was traced, one that was not, one that cannot be. */
static inline int set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	host = (struct host){.ready = true};
	make_result();
	fake_measured(&host, PID, "gunicorn", 20480)->result = &result;
	fake_measured(&host, PID + 1, "celery", 0);
	fake_process(&host, PID + 2, "python3")->cannot_trace = (char *)"Python 2.7";
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	free(result.json);
	return 0;
}

static inline struct http *serve(void)
{
	struct http_options options = {
		.listen = "127.0.0.1:0", .max_sites = 20, .max_processes = 4096};
	struct http *http;

	assert_int_equal(http__open(&options, &host, &http), 0);
	return http;
}

static inline void check_status(struct http *http, const char *path, int status)
{
	struct reply reply = get(http, path);

	if (reply.status != status)
		fail_msg("%s: %d, not %d\n%s", path, reply.status, status, reply.text);
	free(reply.text);
}

#endif
