// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent_mode.c - `agent`: the loop around the host and its endpoints, as systemd wants it
 */
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/http.h"
#include "agent/leak_log.h"
#include "agent/notify.h"
#include "discover/discover.h"
#include "fleet.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/stop.h"
#include "privileges.h"

struct agent {
	struct fleet_options *options;
	struct host *host;
	struct http *http;
	struct leak_log *leaks;
	char listen[256]; /* as it was at the start */
	double watchdog_s, next_watchdog_s;
};

static volatile sig_atomic_t reload_requested;

static void request_reload(int signal_number)
{
	(void)signal_number;
	reload_requested = 1;
}

/* SIGHUP ends the other flows; here it says that the file has changed. */
static void catch_reload(void)
{
	struct sigaction action = {.sa_handler = request_reload};

	sigaction(SIGHUP, &action, NULL);
}

static void write_leaks(void *context, const struct host_process *process)
{
	struct agent *agent = context;

	int err = leak_log__add(agent->leaks, process, stdout);

	if (err)
		log__warn("a leak of process %d cannot be written to the standard output: %s",
			  process->pid, strerror(-err));
}

/* Where we listen, and who may ask, stays as it is until a restart. */
static void reload(struct agent *agent)
{
	struct fleet_options again;

	notify__reloading();
	if (fleet_options__reload(agent->options, &again)) {
		fleet_options__clear(&again);
		log__warn("the options stay as they were");
	} else {
		again.host.traced = write_leaks;
		again.host.context = agent;
		if (strcmp(again.listen, agent->listen))
			log__warn("listen: takes effect at the next start");
		host__set_options(agent->host, &again.host);
		fleet_options__clear(agent->options);
		*agent->options = again;
		log__info("options read again");
	}
	notify__send("READY=1");
}

static int open_host(struct agent *agent)
{
	agent->leaks = leak_log__new();
	if (!agent->leaks)
		return log__fail(EXIT_FAILED, "no memory");
	agent->options->host.traced = write_leaks;
	agent->options->host.context = agent;
	return host__open(&agent->options->host, &agent->host);
}

static int open_http(struct agent *agent)
{
	const struct fleet_options *options = agent->options;
	const struct http_options wanted = {
		.listen = options->listen,
		.token_file = options->token_file,
		.tls_certificate = options->tls_cert,
		.tls_key = options->tls_key,
		.tls_client_ca = options->tls_client_ca,
		.max_sites = options->host.max_sites,
		.max_processes = options->host.max_processes,
		.leaks = agent->leaks,
	};

	return http__open(&wanted, agent->host, &agent->http);
}

static void watchdog(struct agent *agent)
{
	double now_s = clock__s();

	if (!agent->watchdog_s || now_s < agent->next_watchdog_s)
		return;
	notify__send("WATCHDOG=1");
	agent->next_watchdog_s = now_s + agent->watchdog_s;
}

/* The shorter of two waits in milliseconds, of which -1 has no end. */
static int shorter(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void wait(const struct agent *agent)
{
	struct pollfd fds[HTTP_POLLFDS_MAX + 1];
	size_t count = http__pollfds(agent->http, fds);
	int wait_ms = shorter(host__timeout(agent->host), http__timeout(agent->http));

	fds[count++] = (struct pollfd){.fd = host__fd(agent->host), .events = POLLIN};
	if (agent->watchdog_s)
		wait_ms = shorter(wait_ms, (int)(1000 * agent->watchdog_s));
	poll(fds, count, wait_ms);
}

static int serve(struct agent *agent)
{
	int err = 0;

	while (!err && !stop__requested()) {
		wait(agent);
		err = host__tick(agent->host);
		http__run(agent->http);
		watchdog(agent);
		if (reload_requested) {
			reload_requested = 0;
			reload(agent);
		}
	}
	return err;
}

int agent_mode__run(struct fleet_options *options)
{
	struct agent agent = {.options = options, .watchdog_s = notify__watchdog_s()};
	int err = requirements__check();

	snprintf(agent.listen, sizeof(agent.listen), "%s", options->listen);
	catch_reload();
	if (!err)
		err = open_host(&agent);
	if (!err)
		err = open_http(&agent);
	if (!err) {
		log__info("listening on %.*s:%u; SIGTERM ends it, SIGHUP reads --config again",
			  (int)(strrchr(agent.listen, ':') - agent.listen), agent.listen,
			  http__port(agent.http));
		privileges__drop_between_traces();
		notify__send("READY=1");
		err = serve(&agent);
	}
	notify__send("STOPPING=1");
	if (agent.host)
		host__finish(agent.host);
	http__close(agent.http);
	host__close(agent.host);
	leak_log__free(agent.leaks);
	return err;
}
