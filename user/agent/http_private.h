/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/http_private.h - what the files http*.c share
 */
#ifndef AGENT_HTTP_PRIVATE_H
#define AGENT_HTTP_PRIVATE_H

#include <microhttpd.h>
#include <stdio.h>

#include "agent/http.h"
#include "agent/listen.h"
#include "agent/metrics.h"

#define WAITING_MAX 8                 /* requests that wait for a trace */
#define BODIES_MAX ((size_t)32 << 20) /* bytes of answers that are under way */
#define POLICY_MAX 512

/* A connection. */
struct client {
	struct client *next, **link;
	int fd;
	double since_s; /* when it connected, or its last request ended */
	bool waiting;   /* for a trace: that may take longer than a request is given */
};

/* PEM texts, NULL = none; libmicrohttpd keeps pointers to them. */
struct tls_files {
	char *certificate, *key, *client_ca;
};

struct http {
	struct MHD_Daemon *daemon;
	struct host *host;
	struct listen_address address;
	struct metrics_options metrics;
	struct tls_files tls;
	char *token;                   /* NULL = none is asked for */
	bool wants_certificate;        /* of clients */
	char graph_policy[POLICY_MAX]; /* Content-Security-Policy of flame graphs */
	size_t body_bytes;
	struct client *clients;
	struct request *waiting[WAITING_MAX];
	size_t waiting_count;
};

/* What a request waits for. */
struct wait {
	enum { WAIT_NONE, WAIT_TRACE, WAIT_OVER, WAIT_LEFT } state;
	pid_t pid;
	__u64 start_time; /* of the process */
	unsigned int traces;
	char problem[256]; /* before */
	bool seen;         /* that it is traced */
	double until_s;
};

struct request {
	struct http *http;
	struct MHD_Connection *connection;
	const struct route *route;
	struct wait wait;
};

/* To be sent; what is NULL has no header. */
struct answer {
	unsigned int status;
	const char *type;
	const char *policy;      /* NULL = nothing may be loaded */
	const char *disposition; /* NULL = shown in the browser */
	FILE *out;               /* the body is written here */
	char *body;
	size_t size;
	int err;        /* -errno: the body is not whole */
	bool pending;   /* there will be an answer later: the request waits */
	bool left;      /* nobody is there to be answered */
	bool for_pprof; /* errors as text, the way go tool pprof shows them */
};

struct route {
	const char *path;
	void (*serve)(struct request *request, struct answer *answer);
	bool open; /* to those without a token or a certificate as well, and to any page: it says nothing */
	bool page; /* may be come to from another site's link */
};

/* ---- http_answer.c ---- */

/* 0 or -ENOMEM. */
int answer__begin(struct answer *answer);
/* Instead of what was written so far. */
void answer__error(struct answer *answer, unsigned int status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Queues it, or drops the connection where that cannot be; the answer is used up. */
enum MHD_Result answer__send(struct request *request, struct answer *answer);
void answer__drop(struct answer *answer);

/* ---- http_guard.c: who may ask ---- */

/* False: answer says why not. */
bool guard__admits(struct request *request, const char *method, struct answer *answer);

/* ---- http_routes.c ---- */

/* NULL: there is no such path. */
const struct route *route__find(const char *path);

#define PID_MOST (1UL << 22) /* the kernel's own bound */

/* An argument of digits alone, least to most. 0, -ENOENT: it is not there, -EINVAL. */
int request__number(struct request *request, const char *name, unsigned long least,
		    unsigned long most, unsigned long *value);

/* ---- http_traces.c: what the last trace says, or one that is asked for ---- */

void traces__report(struct request *request, struct answer *answer);
void traces__flamegraph(struct request *request, struct answer *answer);
void traces__pprof(struct request *request, struct answer *answer);

/* ---- http_wait.c: requests that wait for a trace ---- */

/* Asks for a trace and suspends the connection. 0, or -errno as host__trace(); -EBUSY also where too many wait. */
int wait__begin(struct request *request, const struct host_process *process, double seconds);
/* Resumes those whose trace has ended, or whose client has left. */
void wait__look(struct http *http);
void wait__resume_all(struct http *http);

/* ---- http_clients.c: connections, and the time they have ---- */

void clients__notify(void *context, struct MHD_Connection *connection, void **socket_context,
		     enum MHD_ConnectionNotificationCode code);
struct client *client__of(struct MHD_Connection *connection);
/* Hangs up on those that take too long. */
void clients__hurry(struct http *http, double now_s);
/* Seconds until the first of them will have; infinite: there is none. */
double clients__due_s(const struct http *http, double now_s);

/* ---- http_tls.c ---- */

/* 0, or -exit_status after a line on stderr. No TLS: all are NULL. */
int tls__read(const struct http_options *options, struct tls_files *files);
void tls__free(struct tls_files *files);
/* Whether the client has shown a certificate of client_ca. */
bool tls__is_trusted(struct MHD_Connection *connection);

#endif
