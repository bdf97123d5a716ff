// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http_guard.c - who may ask, and how
 */
#include <string.h>

#include "agent/http_private.h"
#include "agent/secrets.h"

static const char *header(struct request *request, const char *name)
{
	return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

static bool is_readable(const char *method)
{
	return !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
}

/*
 * Whether a page of somebody else made the browser ask: it could not read the answer, but start traces. Browsers say so to loopback addresses
 * and over TLS; other clients send no such header.
 */
static bool is_foreign(struct request *request)
{
	const char *site = header(request, "Sec-Fetch-Site"),
		   *mode = header(request, "Sec-Fetch-Mode");

	if (!site || !strcmp(site, "same-origin") || !strcmp(site, "none"))
		return false;
	return !(request->route->page && mode && !strcmp(mode, "navigate"));
}

static bool knows_token(struct request *request)
{
	return !request->http->token ||
	       secrets__shown(header(request, "Authorization"), request->http->token);
}

bool guard__admits(struct request *request, const char *method, struct answer *answer)
{
	struct http *http = request->http;
	const struct route *route = request->route;

	if (!is_readable(method)) {
		answer__error(answer, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
		return false;
	}
	if (listen__is_loopback(&http->address) &&
	    !listen__is_local_name(&http->address, header(request, "Host"))) {
		answer__error(answer, MHD_HTTP_FORBIDDEN,
			      "the Host header must name localhost, 127.0.0.1 or [::1]");
		return false;
	}
	if (route && route->open)
		return true;
	if (http->wants_certificate && !tls__is_trusted(request->connection)) {
		answer__error(answer, MHD_HTTP_FORBIDDEN, "a client certificate is needed");
		return false;
	}
	if (!knows_token(request)) {
		answer__error(answer, MHD_HTTP_UNAUTHORIZED,
			      "a token is needed: Authorization: Bearer TOKEN");
		return false;
	}
	if (!route) {
		answer__error(answer, MHD_HTTP_NOT_FOUND, "there is no such path");
		return false;
	}
	if (is_foreign(request)) {
		answer__error(answer, MHD_HTTP_FORBIDDEN, "not for pages from elsewhere");
		return false;
	}
	return true;
}
