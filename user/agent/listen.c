// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/listen.c - the address that the agent serves on
 */
#include "agent/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BACKLOG 64

/* Digits alone. */
static int parse_port(const char *text, in_port_t *port)
{
	unsigned long number;

	if (!*text || strlen(text) > 5 || text[strspn(text, "0123456789")])
		return -EINVAL;
	number = strtoul(text, NULL, 10);
	if (number > 65535)
		return -EINVAL;
	*port = htons(number);
	return 0;
}

/* The part before the port, without brackets. */
static int split(const char *text, char host[INET6_ADDRSTRLEN], bool *bracketed, const char **port)
{
	const char *end;
	size_t length;

	*bracketed = *text == '[';
	if (*bracketed)
		text++;
	end = strchr(text, *bracketed ? ']' : ':');
	if (!end || (*bracketed && end[1] != ':'))
		return -EINVAL;
	length = end - text;
	if (!length || length >= INET6_ADDRSTRLEN)
		return -EINVAL;
	memcpy(host, text, length);
	host[length] = '\0';
	*port = end + 1 + *bracketed;
	return 0;
}

int listen__parse(const char *text, struct listen_address *address)
{
	char host[INET6_ADDRSTRLEN];
	const char *port;
	bool bracketed;
	int err;

	*address = (struct listen_address){.size = 0};
	err = split(text, host, &bracketed, &port);
	if (err)
		return err;
	snprintf(address->text, sizeof(address->text), "%s", text);
	if (bracketed) {
		address->v6.sin6_family = AF_INET6;
		address->size = sizeof(address->v6);
		if (inet_pton(AF_INET6, host, &address->v6.sin6_addr) != 1)
			return -EINVAL;
		return parse_port(port, &address->v6.sin6_port);
	}
	address->v4.sin_family = AF_INET;
	address->size = sizeof(address->v4);
	if (inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1",
		      &address->v4.sin_addr) != 1)
		return -EINVAL;
	return parse_port(port, &address->v4.sin_port);
}

bool listen__is_loopback(const struct listen_address *address)
{
	if (address->any.sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
	return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
}

int listen__open(struct listen_address *address)
{
	int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = address->size;
	int one = 1, err;

	if (fd < 0)
		return -errno;
	/* A restart must not wait for the connections of the one before. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, &address->any, address->size) || listen(fd, BACKLOG) ||
	    getsockname(fd, &address->any, &size)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

unsigned int listen__port(const struct listen_address *address)
{
	return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port
							: address->v4.sin_port);
}

/* Whether host is name, or name and a port. */
static bool is_name(const char *host, const char *name)
{
	size_t length = strlen(name);

	if (strncasecmp(host, name, length))
		return false;
	host += length;
	if (!*host)
		return true;
	return *host == ':' && host[1] && !host[1 + strspn(host + 1, "0123456789")];
}

bool listen__is_local_name(const struct listen_address *address, const char *host)
{
	char own[INET6_ADDRSTRLEN + 2] = "[::1]";

	if (address->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &address->v4.sin_addr, own, sizeof(own));
	return host && (is_name(host, "localhost") || is_name(host, "127.0.0.1") ||
			is_name(host, "[::1]") || is_name(host, own));
}
