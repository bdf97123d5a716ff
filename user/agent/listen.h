/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/listen.h - the address that the agent serves on
 */
#ifndef AGENT_LISTEN_H
#define AGENT_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

struct listen_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t size;
	char text[64]; /* as it was given */
};

/* "127.0.0.1:9797", "[::1]:9797", "localhost:9797"; port 0: the kernel chooses. Names are not looked up. 0 or -EINVAL. */
int listen__parse(const char *text, struct listen_address *address);

/* Whether only processes of this host can connect. An IPv4 address in an IPv6 one is not taken for that. */
bool listen__is_loopback(const struct listen_address *address);

/* A listening socket, non-blocking and closed on exec; the port that it got is put into address. Descriptor or -errno. */
int listen__open(struct listen_address *address);

unsigned int listen__port(const struct listen_address *address);

/*
 * Whether the Host header of a request to a loopback address names that: localhost, 127.0.0.1, [::1], or the address itself, with or without
 * a port. A page from elsewhere whose name was made to point here (DNS rebinding) comes with its own name.
 */
bool listen__is_local_name(const struct listen_address *address, const char *host);

#endif
