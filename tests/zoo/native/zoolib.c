// SPDX-License-Identifier: BSD-2-Clause
/* zoolib.c - a C library that knows nothing of Python: what it hands out has to be given back */
#include <stdlib.h>
#include <string.h>

struct session {
	size_t size;
	char *buffer;
};

struct session *session_open(size_t size)
{
	struct session *session = malloc(sizeof(*session));

	if (!session)
		return NULL;
	session->size = size;
	session->buffer = malloc(size);
	if (session->buffer)
		memset(session->buffer, 1, size);
	return session;
}

void session_close(struct session *session)
{
	if (session)
		free(session->buffer);
	free(session);
}
