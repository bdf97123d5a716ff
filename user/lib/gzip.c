// SPDX-License-Identifier: BSD-2-Clause
/*
 * gzip.c - see gzip.h
 */
#include "lib/gzip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WINDOW_BITS 15 /* the largest */
#define GZIP_HEAD 16   /* added to the above: gzip's head and tail, not zlib's */
#define MEMORY_LEVEL 8 /* zlib's default */

struct gzip {
	z_stream stream;
	FILE *out;
	bool failed;
	size_t held; /* bytes in input, not yet compressed: callers come with a few at a time */
	unsigned char input[16 << 10], output[16 << 10];
};

int gzip__open(FILE *out, struct gzip **result)
{
	struct gzip *gzip = calloc(1, sizeof(*gzip));

	*result = NULL;
	if (!gzip)
		return -ENOMEM;
	gzip->out = out;
	if (deflateInit2(&gzip->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS + GZIP_HEAD,
			 MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(gzip);
		return -ENOMEM;
	}
	*result = gzip;
	return 0;
}

/* Until all input is taken, and with Z_FINISH until all is written. */
static void run(struct gzip *gzip, int flush)
{
	z_stream *stream = &gzip->stream;
	int status;

	do {
		size_t size;

		stream->next_out = gzip->output;
		stream->avail_out = sizeof(gzip->output);
		status = deflate(stream, flush);
		size = sizeof(gzip->output) - stream->avail_out;
		if (status == Z_STREAM_ERROR || fwrite(gzip->output, 1, size, gzip->out) != size)
			gzip->failed = true;
	} while (!gzip->failed && !stream->avail_out);
}

static void compress_held(struct gzip *gzip, int flush)
{
	gzip->stream.next_in = gzip->input;
	gzip->stream.avail_in = gzip->held;
	gzip->held = 0;
	if (!gzip->failed)
		run(gzip, flush);
}

void gzip__write(struct gzip *gzip, const void *data, size_t size)
{
	const char *at = data;

	while (size && !gzip->failed) {
		size_t room = sizeof(gzip->input) - gzip->held, part = size < room ? size : room;

		memcpy(gzip->input + gzip->held, at, part);
		gzip->held += part;
		at += part;
		size -= part;
		if (gzip->held == sizeof(gzip->input))
			compress_held(gzip, Z_NO_FLUSH);
	}
}

int gzip__close(struct gzip *gzip)
{
	bool failed;

	if (!gzip)
		return 0;
	compress_held(gzip, Z_FINISH);
	failed = gzip->failed;
	deflateEnd(&gzip->stream);
	free(gzip);
	return failed ? -EIO : 0;
}
