// SPDX-License-Identifier: BSD-2-Clause
/*
 * in_use.c - sorts the questions and hands them to those who can read the books in question
 */
#include "heap/in_use.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/glibc.h"
#include "heap/in_use_private.h"

#define FIND_TRIES 3 /* in checks, not at once: a busy target may hide its lists for a moment */

struct in_use {
	const struct target *target;
	struct pools *pools;
	struct pages *pages;
	struct glibc glibc;
	bool glibc_found;
	int tries;
	const char *raw_limit;
};

/* Why the books of other mallocs are not read. */
static const struct {
	const char *name, *why;
} limits[] = {
	{"jemalloc",
	 "jemalloc's slab bitmaps are not read: whether its blocks are in use is not known"},
	{"tcmalloc",
	 "tcmalloc's span lists are not read: whether its blocks are in use is not known"},
	{"mimalloc",
	 "mimalloc's page lists are not read: whether its blocks are in use is not known"},
	{"musl", "musl's slot masks are not read: whether its blocks are in use is not known"},
	{"unknown",
	 "the malloc of this process is not known: whether its blocks are in use is not, either"},
};
static const char no_malloc[] = "no malloc was found in this process";
static const char old_glibc[] =
	"glibc before 2.31, or of unknown version: whether its blocks are in use is not known";
static const char no_arena[] = "main_arena was not recognized in libc's data: whether malloc's "
			       "blocks are in use is not known";

/* The malloc in charge is the first one: see discover/allocator.c. */
static const char *limit_of(const struct target *target, unsigned *minor)
{
	const char *name = target->allocators[0].name;

	if (!target->allocator_count)
		return no_malloc;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (!strncmp(name, limits[i].name, strlen(limits[i].name)))
			return limits[i].why;
	if (sscanf(name, "glibc 2.%3u", minor) != 1 || *minor < GLIBC_OLDEST)
		return old_glibc;
	return NULL;
}

int in_use__open(const struct target *target, struct pools *pools, struct in_use **result)
{
	struct in_use *reader = calloc(1, sizeof(*reader));
	unsigned minor;
	int err;

	if (!reader)
		return -ENOMEM;
	err = pages__open(target->pid, &reader->pages);
	if (err) {
		free(reader);
		return err;
	}
	reader->target = target;
	reader->pools = pools;
	reader->raw_limit = limit_of(target, &minor);
	*result = reader;
	return 0;
}

void in_use__close(struct in_use *reader)
{
	if (!reader)
		return;
	pages__close(reader->pages);
	free(reader);
}

const char *in_use__raw_limit(const struct in_use *reader)
{
	return reader->raw_limit;
}

/* 0, or -ENOENT where raw blocks cannot be judged. */
static int find_glibc(struct in_use *reader)
{
	const struct target *target = reader->target;
	unsigned minor = 0;
	int err;

	if (reader->glibc_found)
		return 0;
	if (limit_of(target, &minor) || reader->tries == FIND_TRIES)
		return -ENOENT;
	err = glibc__find(target, target->allocators[0].module, minor, &reader->glibc);
	reader->glibc_found = !err;
	reader->raw_limit = err == -ENOENT ? no_arena : NULL;
	if (err == -ENOENT)
		reader->tries++;
	return err;
}

static int check_raw(struct in_use *reader, struct block_query *blocks, size_t count)
{
	int err;

	if (!count)
		return 0;
	err = find_glibc(reader);
	if (!err)
		err = glibc__check(&reader->glibc, reader->pages, blocks, count);
	return err == -ENOENT ? 0 : err;
}

static int by_place(const void *a, const void *b)
{
	const struct block_query *x = a, *y = b;

	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

/* The blocks of a domain in the sorted list; their number. */
static size_t of_domain(struct block_query *blocks, size_t count, __u32 domain, size_t *first)
{
	size_t n = 0;

	for (*first = 0; *first < count && blocks[*first].domain < domain;)
		++*first;
	while (*first + n < count && blocks[*first + n].domain == domain)
		n++;
	return n;
}

int in_use__check(struct in_use *reader, struct block_query *blocks, size_t count)
{
	size_t first, n;
	int err;

	for (size_t i = 0; i < count; i++)
		blocks[i].state = BLOCK_UNKNOWN;
	if (!count)
		return 0;
	qsort(blocks, count, sizeof(*blocks), by_place);
	pages__forget(reader->pages);
	n = of_domain(blocks, count, DOMAIN_OBJECT, &first);
	err = in_use__check_pools(reader->target, reader->pools, reader->pages, blocks + first, n);
	if (!err) {
		n = of_domain(blocks, count, DOMAIN_RAW, &first);
		pages__forget(reader->pages);
		err = check_raw(reader, blocks + first, n);
	}
	for (size_t i = 0; i < count && err; i++)
		blocks[i].state = BLOCK_UNKNOWN;
	return err;
}
