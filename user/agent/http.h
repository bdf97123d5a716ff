/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/http.h - the agent's HTTP endpoints, those of the contract
 *
 *	http__open(&options, host, &http)
 *	while (...) {
 *		poll(descriptors of http__pollfds(), at most http__timeout());
 *		host__tick(host);
 *		http__run(http);
 *	}
 *	http__close(http)
 *
 * No thread: everything happens in http__run(), which never waits for a client. Clients are bounded in number (64, 32 of one address), in
 * what they send (16 KiB), in time (10 s without a byte, 30 s for a request and its answer) and in what answers to them take of memory.
 * SIGPIPE must be ignored, see lib/stop.h.
 *
 * A loopback address needs no protection but that requests name it (DNS rebinding) and that pages from elsewhere start nothing. Any other one
 * is refused without a token or client certificates. What is configured is required of every request but /healthz and /readyz, which say
 * nothing.
 */
#ifndef AGENT_HTTP_H
#define AGENT_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/host.h"

struct leak_log;

struct http_options {
	const char *listen;          /* "127.0.0.1:9797", "[::1]:9797" */
	const char *token_file;      /* --token-file; NULL = none */
	const char *tls_certificate; /* --tls-cert: PEM, with what it is signed by; NULL = no TLS */
	const char *tls_key;         /* --tls-key: PEM */
	const char *
		tls_client_ca; /* --tls-client-ca: PEM; clients need a certificate of it; NULL = they need none */
	size_t max_sites;     /* host_options.max_sites: of a process, in /metrics */
	size_t max_processes; /* host_options.max_processes */
	const struct leak_log
		*leaks; /* counted in /metrics; NULL = they are not. Outlives the result. */
};

#define HTTP_LISTEN "127.0.0.1:9797"

struct http;

/* 0, or -exit_status after a line on stderr. Options are not kept; host has to outlive the result. */
int http__open(const struct http_options *options, struct host *host, struct http **http);

/* The port that it got; asked for with port 0. */
unsigned int http__port(const struct http *http);

#define HTTP_POLLFDS_MAX 16

/* What to poll for, HTTP_POLLFDS_MAX at most; returns how many. They change with every http__run(). */
size_t http__pollfds(const struct http *http, struct pollfd fds[HTTP_POLLFDS_MAX]);

/* Milliseconds until http__run() has something to do though no descriptor is ready; -1 = nothing. */
int http__timeout(const struct http *http);

/* Serves what is ready. Answers are of the host as it is now. */
void http__run(struct http *http);

/* Drops all clients. NULL is fine. */
void http__close(struct http *http);

#endif
