/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gzip.h - bytes into a stream, compressed (RFC 1952)
 */
#ifndef GZIP_H
#define GZIP_H

#include <stddef.h>
#include <stdio.h>

struct gzip;

/* out stays the caller's. The same bytes give the same file: no time is in it. 0 or -ENOMEM. */
int gzip__open(FILE *out, struct gzip **gzip);

/* What fails is said by gzip__close(), and by ferror(out). */
void gzip__write(struct gzip *gzip, const void *data, size_t size);

/* Writes what is left, without flushing out, and frees; NULL is fine. 0 or -EIO. */
int gzip__close(struct gzip *gzip);

#endif
