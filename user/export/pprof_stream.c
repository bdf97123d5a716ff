// SPDX-License-Identifier: BSD-2-Clause
/*
 * pprof_stream.c - see pprof_stream.h
 */
#include "export/pprof_stream.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* No memory for the table itself: the entry is then not in it. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(entry) ((entry)->lost = true)
#include <uthash.h>

#include "lib/arena.h"
#include "lib/gzip.h"
#include "lib/text.h"

#define TEXT_MAX 4096 /* bytes of a text; what is longer is cut */

struct pprof_entry {
	struct pprof_key key;
	__u64 id;
	bool lost;
	UT_hash_handle hh;
};

static void fail(struct pprof_stream *stream, int err)
{
	if (!stream->err)
		stream->err = err;
}

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
	struct pprof_stream *stream = (struct pprof_stream *)buffer;

	gzip__write(stream->gzip, data, size);
}

void pprof_stream__open(struct pprof_stream *stream, FILE *out)
{
	memset(stream, 0, sizeof(*stream));
	stream->buffer.append = append;
	stream->arena = arena__new();
	if (!stream->arena)
		fail(stream, -ENOMEM);
	else
		fail(stream, gzip__open(out, &stream->gzip));
	/* The first text is the empty one. */
	pprof_stream__text(stream, "");
}

void pprof_stream__write(struct pprof_stream *stream, const Pprof__Profile *part)
{
	if (!stream->err)
		protobuf_c_message_pack_to_buffer(&part->base, &stream->buffer);
}

/* The hash is not to be foreseen by whoever chooses lines and offsets: the arena's address goes into it. */
static struct pprof_key seeded(const struct pprof_stream *stream, const struct pprof_key *key)
{
	struct pprof_key copy = *key;

	copy.parts[3] ^= (uintptr_t)stream->arena;
	return copy;
}

const __u64 *pprof_stream__find(struct pprof_stream *stream, const struct pprof_key *key)
{
	struct pprof_key wanted = seeded(stream, key);
	struct pprof_entry *entry = NULL;

	if (!stream->err)
		HASH_FIND(hh, stream->entries, &wanted, sizeof(wanted), entry);
	return entry ? &entry->id : NULL;
}

__u64 pprof_stream__keep(struct pprof_stream *stream, const struct pprof_key *key, __u64 id)
{
	struct pprof_entry *entry =
		stream->err ? NULL : arena__alloc(stream->arena, 1, sizeof(*entry));

	if (entry) {
		entry->key = seeded(stream, key);
		entry->id = id;
		HASH_ADD(hh, stream->entries, key, sizeof(entry->key), entry);
	}
	if (!entry || entry->lost)
		fail(stream, -ENOMEM);
	return stream->err ? 0 : id;
}

__u64 pprof_stream__text(struct pprof_stream *stream, const char *text)
{
	Pprof__Profile part = PPROF__PROFILE__INIT;
	struct pprof_key key = {.kind = PPROF_TEXT};
	char printable[TEXT_MAX];
	const __u64 *known;
	char *only;

	if (stream->err)
		return 0;
	text__printable(text ? text : "", printable, sizeof(printable));
	only = (char *)arena__intern(stream->arena, printable);
	if (!only) {
		fail(stream, -ENOMEM);
		return 0;
	}
	key.parts[0] = (uintptr_t)only;
	known = pprof_stream__find(stream, &key);
	if (known)
		return *known;
	part.n_string_table = 1;
	part.string_table = &only;
	pprof_stream__write(stream, &part);
	return pprof_stream__keep(stream, &key, stream->texts++);
}

__u64 pprof_stream__function(struct pprof_stream *stream, __u64 name, __u64 system_name,
			     __u64 filename)
{
	struct pprof_key key = {.kind = PPROF_FUNCTION, .parts = {name, system_name, filename}};
	Pprof__Function function = PPROF__FUNCTION__INIT, *list = &function;
	Pprof__Profile part = PPROF__PROFILE__INIT;
	const __u64 *known = pprof_stream__find(stream, &key);

	if (known)
		return *known;
	function.id = ++stream->functions;
	function.name = name;
	function.system_name = system_name;
	function.filename = filename;
	part.n_function = 1;
	part.function = &list;
	pprof_stream__write(stream, &part);
	return pprof_stream__keep(stream, &key, function.id);
}

__u64 pprof_stream__mapping(struct pprof_stream *stream, __u64 start, __u64 limit, __u64 filename,
			    __u64 build_id)
{
	struct pprof_key key = {.kind = PPROF_MAPPING, .parts = {start, limit, filename, build_id}};
	Pprof__Mapping mapping = PPROF__MAPPING__INIT, *list = &mapping;
	Pprof__Profile part = PPROF__PROFILE__INIT;
	const __u64 *known = pprof_stream__find(stream, &key);

	if (known)
		return *known;
	mapping.id = ++stream->mappings;
	mapping.memory_start = start;
	mapping.memory_limit = limit;
	mapping.filename = filename;
	mapping.build_id = build_id;
	/* Every location has a function with all that is known of it. */
	mapping.has_functions = mapping.has_filenames = mapping.has_line_numbers = true;
	part.n_mapping = 1;
	part.mapping = &list;
	pprof_stream__write(stream, &part);
	return pprof_stream__keep(stream, &key, mapping.id);
}

__u64 pprof_stream__location(struct pprof_stream *stream, __u64 mapping, __u64 address,
			     __u64 function, __u64 number)
{
	struct pprof_key key = {.kind = PPROF_LOCATION,
				.parts = {mapping, address, function, number}};
	Pprof__Location location = PPROF__LOCATION__INIT, *list = &location;
	Pprof__Line line = PPROF__LINE__INIT, *lines = &line;
	Pprof__Profile part = PPROF__PROFILE__INIT;
	const __u64 *known = pprof_stream__find(stream, &key);

	if (known)
		return *known;
	location.id = ++stream->locations;
	location.mapping_id = mapping;
	location.address = address;
	line.function_id = function;
	line.line = number;
	location.n_line = 1;
	location.line = &lines;
	part.n_location = 1;
	part.location = &list;
	pprof_stream__write(stream, &part);
	return pprof_stream__keep(stream, &key, location.id);
}

int pprof_stream__close(struct pprof_stream *stream)
{
	int err = gzip__close(stream->gzip);

	HASH_CLEAR(hh, stream->entries);
	arena__free(stream->arena);
	return stream->err ? stream->err : err;
}
