// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http_routes.c - the paths, and what they serve
 */
#include <string.h>

#include "agent/exposition.h"
#include "agent/http_private.h"
#include "agent/page.h"
#include "agent/page_assets.h"
#include "agent/processes_json.h"
#include "agent/targets_json.h"

static void serve_page(struct request *request, struct answer *answer)
{
	unsigned long pid;

	answer->type = "text/html; charset=utf-8";
	answer->policy =
		"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
		"frame-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
		"frame-ancestors 'none'";
	/* What is no number is nobody. */
	if (request__number(request, "pid", 1, PID_MOST, &pid))
		pid = 0;
	answer->err = page__write(request->http->host, pid, answer->out);
}

static void serve_script(struct request *request, struct answer *answer)
{
	(void)request;
	answer->type = "text/javascript; charset=utf-8";
	fputs(page_js, answer->out);
}

static void serve_style(struct request *request, struct answer *answer)
{
	(void)request;
	answer->type = "text/css; charset=utf-8";
	fputs(page_css, answer->out);
}

static void serve_metrics(struct request *request, struct answer *answer)
{
	answer->type = EXPOSITION_CONTENT_TYPE;
	answer->err = metrics__write(request->http->host, &request->http->metrics, answer->out);
}

static void serve_processes(struct request *request, struct answer *answer)
{
	answer->type = "application/json";
	answer->err = processes_json__write(request->http->host, answer->out);
}

static void serve_targets(struct request *request, struct answer *answer)
{
	answer->type = "application/json";
	answer->err =
		targets_json__write(request->http->host, http__port(request->http), answer->out);
}

static void serve_agent(struct request *request, struct answer *answer)
{
	answer->type = "application/json";
	answer->err = agent_json__write(request->http->host, answer->out);
}

static void serve_health(struct request *request, struct answer *answer)
{
	(void)request;
	fputs("ok\n", answer->out);
}

static void serve_ready(struct request *request, struct answer *answer)
{
	if (host__is_ready(request->http->host)) {
		fputs("ready\n", answer->out);
		return;
	}
	answer->status = MHD_HTTP_SERVICE_UNAVAILABLE;
	fputs("not ready: the host's processes are still being looked at\n", answer->out);
}

static const struct route routes[] = {
	{.path = "/", .serve = serve_page, .page = true},
	{.path = "/page.js", .serve = serve_script},
	{.path = "/page.css", .serve = serve_style},
	{.path = "/metrics", .serve = serve_metrics},
	{.path = "/healthz", .serve = serve_health, .open = true},
	{.path = "/readyz", .serve = serve_ready, .open = true},
	{.path = "/api/v1/agent", .serve = serve_agent},
	{.path = "/api/v1/processes", .serve = serve_processes},
	{.path = "/api/v1/targets", .serve = serve_targets},
	{.path = "/api/v1/report", .serve = traces__report},
	{.path = "/api/v1/flamegraph", .serve = traces__flamegraph},
	{.path = "/debug/pprof/heap", .serve = traces__pprof},
};

const struct route *route__find(const char *path)
{
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		if (!strcmp(path, routes[i].path))
			return &routes[i];
	return NULL;
}
