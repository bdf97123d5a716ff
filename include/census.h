/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * census.h - what a process's heap holds at one moment, by type and by layer; made by objects/, shown by look/
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

struct census_type {
	const char *name; /* "module.Qualname"; as the target has it, not escaped */
	__u64 count;
	__u64 own_bytes;    /* the objects' blocks, heads and padding included */
	__u64 buffer_bytes; /* what they own elsewhere: tables, arrays, buffers */
};

struct census_object {
	__u64 address;
	const char *type;
	__u64 bytes;  /* with what it owns */
	__u64 length; /* items, of containers; 0 */
};

/*
 * Resident memory, without a gap and without overlap: the sum is rss. Bytes.
 */
struct rss_bridge {
	__u64 rss;
	__u64 python_objects; /* blocks of live objects and of what they own, wherever they are */
	__u64 pymalloc_free; /* pymalloc's arenas: free blocks, free pools, padding, free lists of types */
	__u64 malloc_in_use; /* malloc: blocks that no Python object owns, chunk heads */
	__u64 malloc_free;   /* malloc: free chunks and tops that are still in memory */
	__u64 mmap_anon;     /* other anonymous memory */
	__u64 stacks;
	__u64 file_backed; /* code, data and mapped files, shared memory */
	__u64 unexplained;
};

struct census {
	struct census_type *types; /* by own + buffer bytes, largest first */
	size_t type_count;
	struct census_object *largest; /* by bytes */
	size_t largest_count;
	__u64 objects, object_bytes, buffer_bytes;
	__u64 raw_blocks, raw_bytes;    /* pymalloc blocks that are no objects, owned or not */
	__u64 free_list_blocks;         /* in use for pymalloc, kept by a type for later */
	__u64 interned, interned_bytes; /* str objects in the table of interned ones */
	/* Of the bridge: where what Python has is. */
	__u64 pool_bytes; /* pymalloc blocks in use, but for those on free lists */
	__u64 malloc_bytes; /* blocks of malloc that are objects, or owned by one; of large ones what is resident */
	__u64 types_left_out;
	double took_s;
	void *arena; /* of the texts */
};

void census__free(struct census *census);

#endif
