// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http_answer.c - from a body to a response with its headers
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/http_private.h"

#define ERROR_MAX 512
#define SMALL (64 << 10) /* of these there may be as many as there are connections */

struct body {
	struct http *http;
	char *text;
	size_t size;
};

int answer__begin(struct answer *answer)
{
	*answer = (struct answer){.status = MHD_HTTP_OK, .type = "text/plain; charset=utf-8"};
	answer->out = open_memstream(&answer->body, &answer->size);
	return answer->out ? 0 : -ENOMEM;
}

void answer__drop(struct answer *answer)
{
	if (answer->out)
		fclose(answer->out);
	free(answer->body);
	answer->out = NULL;
	answer->body = NULL;
}

void answer__error(struct answer *answer, unsigned int status, const char *format, ...)
{
	struct json_object *error = json_object_new_object(), *text;
	bool as_text = answer->for_pprof;
	char line[ERROR_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	answer__drop(answer);
	if (answer__begin(answer)) {
		json_object_put(error);
		return;
	}
	answer->status = status;
	answer->for_pprof = as_text;
	text = json_object_new_string(line);
	if (as_text || !error || !text || json_object_object_add(error, "error", text)) {
		json_object_put(text);
		fprintf(answer->out, "%s\n", line);
	} else {
		answer->type = "application/json";
		fprintf(answer->out, "%s\n",
			json_object_to_json_string_ext(error, JSON_C_TO_STRING_NOSLASHESCAPE));
	}
	json_object_put(error);
}

static void free_body(void *context)
{
	struct body *body = context;

	body->http->body_bytes -= body->size;
	free(body->text);
	free(body);
}

/* The body goes over to the response. NULL: no memory. */
static struct MHD_Response *make_response(struct http *http, struct answer *answer)
{
	struct body *body = calloc(1, sizeof(*body));
	struct MHD_Response *response;

	if (!body)
		return NULL;
	*body = (struct body){http, answer->body, answer->size};
	response = MHD_create_response_from_buffer_with_free_callback_cls(body->size, body->text,
									  free_body, body);
	if (!response) {
		free(body);
		return NULL;
	}
	answer->body = NULL;
	http->body_bytes += body->size;
	return response;
}

static void add_headers(struct MHD_Response *response, const struct answer *answer)
{
	static const char nothing[] = "default-src 'none'; frame-ancestors 'none'";
	const struct {
		const char *name, *value;
	} headers[] = {
		{"Content-Type", answer->type},
		{"Content-Disposition", answer->disposition},
		{"Content-Security-Policy", answer->policy ? answer->policy : nothing},
		{"X-Content-Type-Options", "nosniff"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Referrer-Policy", "no-referrer"},
		{"Cache-Control", "no-store"},
		{"Allow", answer->status == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET, HEAD" : NULL},
		{"X-Go-Pprof", answer->for_pprof && answer->status != MHD_HTTP_OK ? "1" : NULL},
	};

	for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
		if (headers[i].value)
			MHD_add_response_header(response, headers[i].name, headers[i].value);
	if (answer->status != MHD_HTTP_UNAUTHORIZED)
		return;
	/* A browser asks for a password then: the token, with any name. */
	MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"pyleak-bpf\"");
	MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"pyleak-bpf\"");
}

/* The body is whole from then on, or there is none. */
static void close_body(struct answer *answer)
{
	FILE *out = answer->out;

	answer->out = NULL;
	if (out && fclose(out) && !answer->err)
		answer->err = -ENOMEM;
}

/* Errors of writing the body become an answer of their own. */
static void finish(struct http *http, struct answer *answer)
{
	close_body(answer);
	if (answer->err || !answer->body)
		answer__error(answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "%s",
			      strerror(answer->err ? -answer->err : ENOMEM));
	else if (answer->size > SMALL && http->body_bytes + answer->size > BODIES_MAX)
		answer__error(answer, MHD_HTTP_SERVICE_UNAVAILABLE,
			      "too much is being sent already: try again");
	close_body(answer);
}

enum MHD_Result answer__send(struct request *request, struct answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;

	finish(request->http, answer);
	response = answer->body ? make_response(request->http, answer) : NULL;
	if (response) {
		add_headers(response, answer);
		result = MHD_queue_response(request->connection, answer->status, response);
		MHD_destroy_response(response);
	}
	answer__drop(answer);
	return result;
}
