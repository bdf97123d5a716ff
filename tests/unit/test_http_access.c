// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_http_access.c - who may ask the agent: addresses, tokens, certificates; what http__open() refuses, and how it says so
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/http_private.h"
#include "agent/secrets.h"
#include "fake_host.h"
#include "http_client.h"
#include "lib/log.h"
#include "tls_client.h"

#define TOKEN "0123456789abcdef0123456789abcdef"
#define REQUEST "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

static struct host host;
static char folder[] = "/tmp/pyleak-http-XXXXXX";

static const char *put_file(const char *name, const void *text, size_t size, mode_t mode)
{
	static char paths[16][64];
	static size_t next;
	char *path = paths[next++ % 16];
	FILE *file;

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	unlink(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fwrite(text, 1, size, file);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static const char *put_text(const char *name, const char *text, mode_t mode)
{
	return put_file(name, text, strlen(text), mode);
}

static int make_folder(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	host.ready = true;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static struct http *serve(const struct http_options *options)
{
	struct http *http;

	assert_int_equal(http__open(options, &host, &http), 0);
	return http;
}

/* What http__open() returns, and what it says on stderr. */
static int refusal(const struct http_options *options, char *said, size_t size)
{
	int old = dup(STDERR_FILENO), err;
	FILE *file = tmpfile();
	struct http *http;
	size_t got;

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	err = http__open(options, &host, &http);
	dup2(old, STDERR_FILENO);
	close(old);
	rewind(file);
	got = fread(said, 1, size - 1, file);
	said[got] = '\0';
	fclose(file);
	if (!err)
		http__close(http);
	return err;
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		int err;
		bool loopback;
		unsigned int port;
	} rows[] = {
		{"127.0.0.1:9797", 0, true, 9797},
		{"127.1.2.3:80", 0, true, 80},
		{"localhost:0", 0, true, 0},
		{"[::1]:9797", 0, true, 9797},
		{"0.0.0.0:9797", 0, false, 9797},
		{"192.0.2.1:65535", 0, false, 65535},
		{"[::]:9797", 0, false, 9797},
		{"[::ffff:127.0.0.1]:9797", 0, false, 9797},
		{"", -EINVAL, false, 0},
		{"9797", -EINVAL, false, 0},
		{":9797", -EINVAL, false, 0},
		{"127.0.0.1", -EINVAL, false, 0},
		{"127.0.0.1:", -EINVAL, false, 0},
		{"127.0.0.1:65536", -EINVAL, false, 0},
		{"127.0.0.1:-1", -EINVAL, false, 0},
		{"127.0.0.1:80x", -EINVAL, false, 0},
		{"127.0.0.1.5:80", -EINVAL, false, 0},
		{"127.1:80", -EINVAL, false, 0},
		{"::1:9797", -EINVAL, false, 0},
		{"[::1]", -EINVAL, false, 0},
		{"[::1:9797", -EINVAL, false, 0},
		{"[127.0.0.1]:80", -EINVAL, false, 0},
		{"example.org:80", -EINVAL, false, 0},
		{"1111111111111111111111111111111111111111111111111111111:80", -EINVAL, false, 0},
	};
	struct listen_address address;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (listen__parse(rows[i].text, &address) != rows[i].err)
			fail_msg("%s", rows[i].text);
		if (rows[i].err)
			continue;
		assert_int_equal(listen__is_loopback(&address), rows[i].loopback);
		assert_int_equal(listen__port(&address), rows[i].port);
	}
}

static void test_beyond_loopback(void **state)
{
	static const char *const open[] = {"0.0.0.0:0", "[::]:0", "[::ffff:127.0.0.1]:0"};
	struct identity authority = make_identity("ca", NULL, NULL);
	gnutls_datum_t certificate = certificate_text(&authority), key = key_text(&authority);
	struct http_options options = {.listen = "0.0.0.0:0"};
	char said[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++) {
		options.listen = open[i];
		assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_USAGE);
		assert_non_null(strstr(said, "only with --token-file, or with --tls-cert"));
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
	/* TLS alone says who we are, not who asks. */
	options.tls_certificate = put_file("cert", certificate.data, certificate.size, 0644);
	options.tls_key = put_file("key", key.data, key.size, 0600);
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_USAGE);
	options.tls_client_ca = options.tls_certificate;
	assert_int_equal(refusal(&options, said, sizeof(said)), 0);
	assert_string_equal(said, "");
	options = (struct http_options){.listen = "0.0.0.0:0"};
	options.token_file = put_text("token", TOKEN "\n", 0400);
	assert_int_equal(refusal(&options, said, sizeof(said)), 0);
	assert_non_null(strstr(said, "can be read on their way"));
	gnutls_free(certificate.data);
	gnutls_free(key.data);
	free_identity(&authority);
}

static void test_refused_files(void **state)
{
	struct http_options options = {.listen = "127.0.0.1:0"};
	static const struct {
		const char *text;
		mode_t mode;
		const char *says;
	} rows[] = {
		{TOKEN "\n", 0640, "chmod 600"},          {TOKEN "\n", 0604, "chmod 600"},
		{"short\n", 0600, "16 to 512"},           {"", 0600, "16 to 512"},
		{TOKEN " and more\n", 0600, "16 to 512"}, {TOKEN "\xff\n", 0600, "16 to 512"},
	};
	char said[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		options.token_file = put_text("token", rows[i].text, rows[i].mode);
		assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_FAILED);
		if (!strstr(said, rows[i].says))
			fail_msg("%zu: %s", i, said);
		assert_null(strstr(said, TOKEN));
	}
	options.token_file = folder;
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_FAILED);
	options.token_file = "/nonexistent";
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_FAILED);
	assert_non_null(strstr(said, "No such file"));
	options = (struct http_options){.listen = "127.0.0.1:0"};
	options.tls_key = put_text("key", "no key", 0600);
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_USAGE);
	options.tls_certificate = put_text("cert", "no certificate", 0644);
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_FAILED);
	assert_non_null(strstr(said, "not good PEM"));
	options.tls_key = put_text("key", "no key", 0644);
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_FAILED);
	assert_non_null(strstr(said, "chmod 600"));
	options = (struct http_options){.listen = "nowhere"};
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_USAGE);
}

static void test_taken_port(void **state)
{
	struct http_options options = {.listen = "127.0.0.1:0"};
	struct http *first = serve(&options);
	char listen[32], said[1024];

	(void)state;
	snprintf(listen, sizeof(listen), "127.0.0.1:%u", http__port(first));
	options.listen = listen;
	assert_int_equal(refusal(&options, said, sizeof(said)), -EXIT_FAILED);
	assert_non_null(strstr(said, "is another agent running?"));
	http__close(first);
	http__close(serve(&options));
}

static void test_token(void **state)
{
	static const struct {
		const char *header;
		int status;
	} rows[] = {
		{"Authorization: Bearer " TOKEN "\r\n", 200},
		{"authorization: bearer  " TOKEN "\r\n", 200},
		/* any:TOKEN */
		{"Authorization: Basic YW55OjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm\r\n", 200},
		{"", 401},
		{"Authorization: Bearer\r\n", 401},
		{"Authorization: Bearer \r\n", 401},
		{"Authorization: " TOKEN "\r\n", 401},
		{"Authorization: Bearer " TOKEN "0\r\n", 401},
		{"Authorization: Bearer " TOKEN TOKEN "\r\n", 401},
		{"Authorization: Bearer 0123456789abcdef\r\n", 401},
		{"Authorization: Bearer 0123456789abcdef0123456789abcdeF\r\n", 401},
		{"Authorization: Basic YW55Ondyb25n\r\n", 401},
		{"Authorization: Basic !!!\r\n", 401},
		{"Authorization: Basic\r\n", 401},
	};
	struct http_options options = {.listen = "127.0.0.1:0"};
	struct http *http;

	(void)state;
	options.token_file = put_text("token", "  " TOKEN "\n\n", 0600);
	http = serve(&options);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct reply reply = ask(http, "GET", "/metrics", rows[i].header);

		if (reply.status != rows[i].status)
			fail_msg("%s: %d", rows[i].header, reply.status);
		assert_int_equal(has_line(&reply, "WWW-Authenticate: Bearer realm=\"pyleak-bpf\""),
				 reply.status == 401);
		free(reply.text);
	}
	/* These say nothing; all the others need it, also those that do not exist. */
	assert_int_equal(status_of(http, "GET", "/healthz", ""), 200);
	assert_int_equal(status_of(http, "GET", "/readyz", ""), 200);
	assert_int_equal(status_of(http, "GET", "/", ""), 401);
	assert_int_equal(status_of(http, "GET", "/page.js", ""), 401);
	assert_int_equal(status_of(http, "GET", "/api/v1/processes", ""), 401);
	assert_int_equal(status_of(http, "GET", "/debug/pprof/heap?pid=1&seconds=1", ""), 401);
	assert_int_equal(status_of(http, "GET", "/nothing", ""), 401);
	assert_int_equal(host.asked, 0);
	http__close(http);
}

static int status_by_tls(struct http *http, const struct identity *authority,
			 const struct identity *own, const char *request)
{
	struct reply reply = ask_by_tls(http, authority, own, request);

	free(reply.text);
	return reply.status;
}

static void test_tls(void **state)
{
	struct identity ca = make_identity("ca", NULL, NULL),
			other = make_identity("ca", NULL, NULL);
	struct identity server = make_identity("server", &ca, GNUTLS_KP_TLS_WWW_SERVER);
	struct identity client = make_identity("client", &ca, GNUTLS_KP_TLS_WWW_CLIENT);
	struct identity forged = make_identity("client", &other, GNUTLS_KP_TLS_WWW_CLIENT);
	gnutls_datum_t texts[] = {certificate_text(&server), key_text(&server),
				  certificate_text(&ca)};
	struct http_options options = {.listen = "127.0.0.1:0"};
	struct http *http;
	struct reply reply;
	int stuck;

	(void)state;
	options.tls_certificate = put_file("cert", texts[0].data, texts[0].size, 0644);
	options.tls_key = put_file("key", texts[1].data, texts[1].size, 0600);
	/* Alone: no certificate is asked of clients. */
	http = serve(&options);
	assert_int_equal(status_by_tls(http, &ca, NULL, REQUEST), 200);
	assert_int_equal(status_by_tls(http, &other, NULL, REQUEST), 0);
	http__close(http);

	options.tls_client_ca = put_file("ca", texts[2].data, texts[2].size, 0644);
	http = serve(&options);
	/* A handshake that does not go on holds up nobody. */
	stuck = dial(http);
	say(stuck, "\x16\x03\x01", 3);
	turns(http, 5);
	assert_int_equal(status_by_tls(http, &ca, &client, REQUEST), 200);
	assert_int_equal(status_by_tls(http, &ca, NULL, REQUEST), 403);
	assert_true(status_by_tls(http, &ca, &forged, REQUEST) != 200);
	/* One that is for servers. */
	assert_true(status_by_tls(http, &ca, &server, REQUEST) != 200);
	/* Those who cannot have one: probes of an orchestrator. */
	assert_int_equal(status_by_tls(http, &ca, NULL,
				       "GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
				       "Connection: close\r\n\r\n"),
			 200);
	/* No TLS. */
	reply = exchange(http, REQUEST);
	assert_int_equal(reply.status, 0);
	free(reply.text);
	http__close(http);
	close(stuck);

	/* A token as well: both are needed. */
	options.token_file = put_text("token", TOKEN, 0600);
	http = serve(&options);
	assert_int_equal(status_by_tls(http, &ca, &client, REQUEST), 401);
	assert_int_equal(
		status_by_tls(http, &ca, &client,
			      "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
			      "Authorization: Bearer " TOKEN "\r\n\r\n"),
		200);
	http__close(http);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		gnutls_free(texts[i].data);
	free_identity(&ca);
	free_identity(&other);
	free_identity(&server);
	free_identity(&client);
	free_identity(&forged);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),     cmocka_unit_test(test_beyond_loopback),
		cmocka_unit_test(test_refused_files), cmocka_unit_test(test_taken_port),
		cmocka_unit_test(test_token),         cmocka_unit_test(test_tls),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
