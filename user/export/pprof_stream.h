/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pprof_stream.h - a pprof profile, compressed and written piece by piece
 *
 * Messages of protocol buffers one after another are one message that has the repeated fields of all. So each text, function,
 * mapping and location is written the moment it is needed first, and but for the tables that know them again nothing is kept.
 *
 * What goes wrong is kept in .err; all that follows does nothing and returns 0.
 */
#ifndef PPROF_STREAM_H
#define PPROF_STREAM_H

#include <linux/types.h>
#include <stdio.h>

#include "export/profile.pb-c.h"

struct pprof_entry;

struct pprof_stream {
	ProtobufCBuffer buffer;
	struct gzip *gzip;
	struct arena *arena;         /* of the texts and the entries */
	struct pprof_entry *entries; /* hash table */
	__u64 texts, mappings, locations, functions;
	int err;
};

/* What an entry is known by; the meaning of the numbers is that of the kind. Zeroed where not used. */
struct pprof_key {
	enum pprof_kind {
		PPROF_TEXT = 1,
		PPROF_FUNCTION,
		PPROF_MAPPING,
		PPROF_LOCATION,
		PPROF_FRAME, /* for the stream's user: what it has made of something */
		PPROF_MODULE,
	} kind;
	__u32 number;
	__u64 parts[4];
};

/* out stays the caller's and is not flushed. Close it in any case. */
void pprof_stream__open(struct pprof_stream *stream, FILE *out);

/* Index of a text. It is escaped: printable, valid UTF-8; NULL is "". */
__u64 pprof_stream__text(struct pprof_stream *stream, const char *text);

/* Ids. Texts are indices. */
__u64 pprof_stream__function(struct pprof_stream *stream, __u64 name, __u64 system_name,
			     __u64 filename);
__u64 pprof_stream__mapping(struct pprof_stream *stream, __u64 start, __u64 limit, __u64 filename,
			    __u64 build_id);
__u64 pprof_stream__location(struct pprof_stream *stream, __u64 mapping, __u64 address,
			     __u64 function, __u64 line);

/* The number kept by a key; NULL = none. */
const __u64 *pprof_stream__find(struct pprof_stream *stream, const struct pprof_key *key);

/* Keeps it, and returns it. */
__u64 pprof_stream__keep(struct pprof_stream *stream, const struct pprof_key *key, __u64 id);

/* Any part of the profile. */
void pprof_stream__write(struct pprof_stream *stream, const Pprof__Profile *part);

/* 0, or the first error. */
int pprof_stream__close(struct pprof_stream *stream);

#endif
