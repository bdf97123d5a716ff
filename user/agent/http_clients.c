// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/http_clients.c - connections, and the time they have
 *
 * libmicrohttpd ends a connection on which nothing happens. One on which a byte comes or goes now and then would stay, and take one of the few
 * places; so each request has to be over, answer included, after a while.
 */
#include <math.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/http_private.h"
#include "lib/clock.h"

#define REQUEST_S 30.0

static void add(struct http *http, struct MHD_Connection *connection, void **socket_context)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = info ? calloc(1, sizeof(*client)) : NULL;

	if (!client)
		return; /* it is served, and has no deadline */
	client->fd = info->connect_fd;
	client->since_s = clock__s();
	client->next = http->clients;
	client->link = &http->clients;
	if (client->next)
		client->next->link = &client->next;
	http->clients = client;
	*socket_context = client;
}

void clients__notify(void *context, struct MHD_Connection *connection, void **socket_context,
		     enum MHD_ConnectionNotificationCode code)
{
	struct client *client = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		add(context, connection, socket_context);
		return;
	}
	if (!client)
		return;
	*client->link = client->next;
	if (client->next)
		client->next->link = client->link;
	free(client);
	*socket_context = NULL;
}

struct client *client__of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void clients__hurry(struct http *http, double now_s)
{
	for (struct client *client = http->clients; client; client = client->next)
		if (!client->waiting && now_s - client->since_s >= REQUEST_S)
			shutdown(client->fd, SHUT_RDWR);
}

double clients__due_s(const struct http *http, double now_s)
{
	double due_s = INFINITY;

	for (const struct client *client = http->clients; client; client = client->next)
		if (!client->waiting)
			due_s = fmin(due_s, fmax(0, client->since_s + REQUEST_S - now_s));
	return due_s;
}
