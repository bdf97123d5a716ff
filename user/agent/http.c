// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http.c - the life of the server, and the way of a request through it
 *
 * libmicrohttpd calls take_request() when it has read a request's head, and again when it has all of it. A request that waits for a trace is
 * called a third time, when that has ended.
 */
#include "agent/http.h"

#include <gnutls/crypto.h>
#include <math.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/http_private.h"
#include "agent/secrets.h"
#include "export/flamegraph_assets.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"

#define CONNECTIONS 64u
#define CONNECTIONS_OF_ONE 32u
#define IDLE_S 10u
#define HEAD_MAX ((size_t)16 << 10) /* of a connection: the request's head, and buffers */
#define WAITING_POLL_MS 1000

static enum MHD_Result answer_request(struct request *request, const char *method)
{
	struct answer answer;

	if (answer__begin(&answer))
		return MHD_NO;
	/* One that has waited was admitted before. */
	if (request->wait.state != WAIT_NONE || guard__admits(request, method, &answer))
		request->route->serve(request, &answer);
	if (answer.pending || answer.left) {
		answer__drop(&answer);
		return answer.pending ? MHD_YES : MHD_NO;
	}
	return answer__send(request, &answer);
}

static enum MHD_Result take_request(void *context, struct MHD_Connection *connection,
				    const char *url, const char *method, const char *version,
				    const char *upload, size_t *upload_size, void **state)
{
	struct request *request = *state;

	(void)version;
	(void)upload;
	if (request)
		/* Nothing here takes a body. */
		return *upload_size ? MHD_NO : answer_request(request, method);
	request = calloc(1, sizeof(*request));
	if (!request)
		return MHD_NO;
	*request = (struct request){context, connection, route__find(url), {WAIT_NONE}};
	*state = request;
	/* What would come with a body is refused before that. */
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_request(request, method);
	return MHD_YES;
}

static void end_request(void *context, struct MHD_Connection *connection, void **state,
			enum MHD_RequestTerminationCode how)
{
	struct client *client = client__of(connection);

	(void)context;
	(void)how;
	free(*state);
	*state = NULL;
	if (client)
		client->since_s = clock__s();
}

/* What libmicrohttpd has to say is about clients, mostly. */
static void log_library(void *context, const char *format, va_list args)
{
	char line[512], text[1024];

	(void)context;
	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	log__debug("http: %s", text__printable(line, text, sizeof(text)));
}

/* "'sha256-...'" of the text of an element, as svg.c writes it: after a line feed. */
static int put_hash(FILE *out, const char *text)
{
	unsigned char digest[32];
	gnutls_datum_t from = {digest, sizeof(digest)}, to;
	char *element;
	int err;

	if (asprintf(&element, "\n%s", text) < 0)
		return -ENOMEM;
	err = gnutls_hash_fast(GNUTLS_DIG_SHA256, element, strlen(element), digest);
	free(element);
	if (err || gnutls_base64_encode2(&from, &to))
		return -ENOMEM;
	fprintf(out, "'sha256-%.*s'", (int)to.size, to.data);
	gnutls_free(to.data);
	return 0;
}

/* A flame graph is a document of its own that may run its script and nothing else: it can ask the agent for nothing. */
static int make_graph_policy(struct http *http)
{
	FILE *out = fmemopen(http->graph_policy, sizeof(http->graph_policy), "w");
	int err;

	if (!out)
		return -errno;
	fputs("default-src 'none'; script-src ", out);
	err = put_hash(out, flamegraph_js);
	fputs("; style-src ", out);
	if (!err)
		err = put_hash(out, flamegraph_css);
	fputs("; frame-ancestors 'self'; sandbox allow-scripts", out);
	if (fclose(out) && !err)
		err = -errno;
	return err;
}

/* Who may come from elsewhere has to show something. */
static int check_exposure(const struct http_options *options, struct http *http)
{
	if (listen__is_loopback(&http->address))
		return 0;
	if (!options->token_file && !options->tls_client_ca)
		return log__fail(EXIT_USAGE,
				 "--listen %s: beyond loopback only with --token-file, or with "
				 "--tls-cert, --tls-key and --tls-client-ca",
				 http->address.text);
	if (!options->tls_key)
		log__warn("--listen %s: without --tls-cert and --tls-key, the token and all "
			  "answers can be read on their way",
			  http->address.text);
	return 0;
}

static int read_options(const struct http_options *options, struct http *http)
{
	int err;

	http->wants_certificate = options->tls_client_ca;
	http->metrics = (struct metrics_options){
		.max_sites = options->max_sites,
		.max_processes = options->max_processes,
		.leaks = options->leaks,
	};
	if (listen__parse(options->listen, &http->address))
		return log__fail(EXIT_USAGE,
				 "--listen %s: no address and port like " HTTP_LISTEN
				 " or [::1]:9797",
				 options->listen);
	err = check_exposure(options, http);
	if (!err)
		err = tls__read(options, &http->tls);
	if (err || !options->token_file)
		return err;
	err = secrets__read_token(options->token_file, &http->token);
	if (err)
		return log__fail(EXIT_FAILED, "--token-file: %s %s", options->token_file,
				 secrets__problem(err));
	return 0;
}

/* The socket is the daemon's from then on. */
static int start(struct http *http)
{
	const struct tls_files *files = &http->tls;
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, files->certificate},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, files->key},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
		{files->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
		 files->client_ca},
		{MHD_OPTION_END, 0, NULL},
	};
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	int fd = listen__open(&http->address);

	if (fd < 0)
		return log__fail(EXIT_FAILED, "cannot listen on %s: %s%s", http->address.text,
				 strerror(-fd),
				 fd == -EADDRINUSE ? "; is another agent running?" : "");
	if (!files->key)
		tls[0].option = MHD_OPTION_END;
	http->daemon = MHD_start_daemon(
		flags | (files->key ? MHD_USE_TLS : 0), 0, NULL, NULL, take_request, http,
		MHD_OPTION_EXTERNAL_LOGGER, log_library, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
		CONNECTIONS_OF_ONE, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEAD_MAX, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_NOTIFY_COMPLETED, end_request,
		http, MHD_OPTION_NOTIFY_CONNECTION, clients__notify, http, MHD_OPTION_ARRAY, tls,
		MHD_OPTION_END);
	if (http->daemon)
		return 0;
	close(fd);
	return log__fail(EXIT_FAILED, "cannot serve on %s%s", http->address.text,
			 files->key ? ": certificate, key or client CA are not good PEM" : "");
}

int http__open(const struct http_options *options, struct host *host, struct http **result)
{
	struct http *http = calloc(1, sizeof(*http));
	int err;

	*result = NULL;
	if (!http || make_graph_policy(http)) {
		free(http);
		return log__fail(EXIT_FAILED, "no memory");
	}
	http->host = host;
	err = read_options(options, http);
	if (!err)
		err = start(http);
	if (err) {
		http__close(http);
		return err;
	}
	*result = http;
	return 0;
}

unsigned int http__port(const struct http *http)
{
	return listen__port(&http->address);
}

size_t http__pollfds(const struct http *http, struct pollfd fds[HTTP_POLLFDS_MAX])
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	size_t count = 0;

	_Static_assert(1 + WAITING_MAX <= HTTP_POLLFDS_MAX, "each waits on one descriptor");
	fds[count++] = (struct pollfd){.fd = info->epoll_fd, .events = POLLIN};
	for (size_t i = 0; i < http->waiting_count; i++) {
		const struct client *client = client__of(http->waiting[i]->connection);

		fds[count++] = (struct pollfd){.fd = client->fd, .events = POLLRDHUP};
	}
	return count;
}

int http__timeout(const struct http *http)
{
	double due_ms = 1e3 * clients__due_s(http, clock__s());
	MHD_UNSIGNED_LONG_LONG library_ms;

	if (MHD_get_timeout(http->daemon, &library_ms) == MHD_YES)
		due_ms = fmin(due_ms, library_ms);
	if (http->waiting_count)
		due_ms = fmin(due_ms, WAITING_POLL_MS);
	return isinf(due_ms) ? -1 : (int)ceil(due_ms);
}

void http__run(struct http *http)
{
	wait__look(http);
	clients__hurry(http, clock__s());
	MHD_run(http->daemon);
}

void http__close(struct http *http)
{
	if (!http)
		return;
	if (http->daemon) {
		/* What is suspended would keep it from stopping. */
		wait__resume_all(http);
		MHD_run(http->daemon);
		MHD_stop_daemon(http->daemon);
	}
	tls__free(&http->tls);
	secrets__free(http->token);
	free(http);
}
