/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * http_client.h - a client over the loopback socket, in the same thread as the server: while it waits, the server runs
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/http.h"
#include "lib/clock.h"

#define PATIENCE_S 30 /* until a test that hangs is ended */
#define STEP_MS 20

struct reply {
	int status; /* 0: the connection was closed without an answer */
	char *text; /* head and body, NUL behind them */
	size_t size;
	char *body;
	size_t body_size;
};

/* One turn of the agent's loop. fd: also waited for, -1 = none. */
static inline void turn(struct http *http, int fd, short events)
{
	struct pollfd fds[HTTP_POLLFDS_MAX + 1];
	size_t count = http__pollfds(http, fds);
	int timeout = http__timeout(http);

	if (fd >= 0)
		fds[count++] = (struct pollfd){.fd = fd, .events = events};
	poll(fds, count, timeout >= 0 && timeout < STEP_MS ? timeout : STEP_MS);
	http__run(http);
}

static inline void turns(struct http *http, int count)
{
	while (count--)
		turn(http, -1, 0);
}

/* The connection, which the server knows of when it has had a turn. */
static inline int dial(struct http *http)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(http__port(http))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	/* The kernel answers for the server. */
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline void say(int fd, const char *text, size_t size)
{
	/* Into the socket's buffer; the server may have hung up. */
	ssize_t sent = send(fd, text, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent;
}

static inline void parse_reply(struct reply *reply)
{
	char *end = reply->text ? strstr(reply->text, "\r\n\r\n") : NULL;

	if (!end || sscanf(reply->text, "HTTP/1.%*d %d", &reply->status) != 1)
		return;
	reply->body = end + 4;
	reply->body_size = reply->size - (reply->body - reply->text);
}

/* Reads until the server closes. */
static inline struct reply listen_to(struct http *http, int fd)
{
	struct reply reply = {.text = NULL};
	FILE *out = open_memstream(&reply.text, &reply.size);
	double until_s = clock__s() + PATIENCE_S;
	ssize_t got;

	assert_non_null(out);
	for (;;) {
		char bytes[65536];

		got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (got > 0) {
			fwrite(bytes, 1, got, out);
		} else if (got == 0 || errno != EAGAIN) {
			break;
		} else {
			if (clock__s() > until_s)
				fail_msg("no answer");
			turn(http, fd, POLLIN);
		}
	}
	fclose(out);
	close(fd);
	parse_reply(&reply);
	return reply;
}

static inline struct reply exchange(struct http *http, const char *request)
{
	int fd = dial(http);

	say(fd, request, strlen(request));
	return listen_to(http, fd);
}

/* more: further header lines, each with its CRLF. */
static inline struct reply ask(struct http *http, const char *method, const char *path,
			       const char *more)
{
	char request[8192];

	snprintf(request, sizeof(request),
		 "%s %s HTTP/1.1\r\nHost: localhost:9797\r\nConnection: close\r\n%s\r\n", method,
		 path, more);
	return exchange(http, request);
}

static inline struct reply get(struct http *http, const char *path)
{
	return ask(http, "GET", path, "");
}

/* Asks, and looks at the status alone. */
static inline int status_of(struct http *http, const char *method, const char *path,
			    const char *more)
{
	struct reply reply = ask(http, method, path, more);

	free(reply.text);
	return reply.status;
}

/* Whether the head has this line. */
static inline bool has_line(const struct reply *reply, const char *line)
{
	const char *at = reply->text ? strcasestr(reply->text, line) : NULL;

	return at && reply->body && at < reply->body && !strncmp(at + strlen(line), "\r\n", 2);
}

#endif
