// SPDX-License-Identifier: BSD-2-Clause
#include "pages/code_store.h"

#include <stdlib.h>
#include <string.h>

#include "trace/code_info.h"

#define BUCKETS 4096 /* a power of two */

struct code_store {
	struct stored_code *buckets[BUCKETS];
	size_t bytes, most;
};

struct code_store *code_store__new(size_t most)
{
	struct code_store *store = calloc(1, sizeof(*store));

	if (store)
		store->most = most;
	return store;
}

static void free_code(struct stored_code *code)
{
	code_info__clear(&code->info);
	free(code);
}

void code_store__free(struct code_store *store)
{
	if (!store)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (store->buckets[i]) {
			struct stored_code *code = store->buckets[i];

			store->buckets[i] = code->next;
			free_code(code);
		}
	free(store);
}

bool code_store__reserve(struct code_store *store, size_t bytes)
{
	if (bytes > store->most - store->bytes)
		return false;
	store->bytes += bytes;
	return true;
}

void code_store__release(struct code_store *store, size_t bytes)
{
	store->bytes -= bytes;
}

size_t code_store__bytes(const struct code_store *store)
{
	return store->bytes;
}

size_t code_store__most(const struct code_store *store)
{
	return store->most;
}

/* FNV-1a. */
static __u64 mix(__u64 hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
	return hash;
}

static __u64 hash_of(const struct code_info *info)
{
	__u64 hash = mix(0xcbf29ce484222325ULL, info->name, strlen(info->name));

	hash = mix(hash, info->file, strlen(info->file));
	hash = mix(hash, &info->first_line, sizeof(info->first_line));
	return mix(hash, info->lines, info->lines_len);
}

static bool equals(const struct code_info *a, const struct code_info *b)
{
	return a->first_line == b->first_line && a->lines_len == b->lines_len &&
	       !strcmp(a->name, b->name) && !strcmp(a->file, b->file) &&
	       !memcmp(a->lines, b->lines, a->lines_len);
}

static struct stored_code **bucket_of(struct code_store *store, __u64 hash)
{
	return &store->buckets[hash >> 32 & (BUCKETS - 1)];
}

/* The one that is there already and may be shared: of part of a text nobody knows what it is. */
static struct stored_code *find(struct code_store *store, const struct stored_code *wanted)
{
	struct stored_code *code;

	if (!wanted->whole)
		return NULL;
	for (code = *bucket_of(store, wanted->hash); code; code = code->next)
		if (code->whole && code->hash == wanted->hash && equals(&code->info, &wanted->info))
			return code;
	return NULL;
}

static struct stored_code *make(const struct code_message *message)
{
	struct stored_code *code = calloc(1, sizeof(*code));

	if (!code)
		return NULL;
	code_info__fill(&code->info, message);
	if (!code->info.name || !code->info.file || !code->info.lines) {
		free_code(code);
		return NULL;
	}
	code->whole = !message->missing && code->info.lines_len == code->info.lines_size;
	code->size = sizeof(*code) + code_info__size(message);
	code->hash = hash_of(&code->info);
	return code;
}

struct stored_code *code_store__take(struct code_store *store, const struct code_message *message)
{
	struct stored_code *code, *known, **bucket;

	if (message->file_bytes > CODE_FILE_MAX || message->name_bytes > CODE_NAME_MAX)
		return NULL;
	code = make(message);
	if (!code)
		return NULL;
	known = find(store, code);
	if (known || !code_store__reserve(store, code->size)) {
		free_code(code);
		if (known)
			known->users++;
		return known;
	}
	bucket = bucket_of(store, code->hash);
	code->users = 1;
	code->next = *bucket;
	*bucket = code;
	return code;
}

/* It stays where its first part put it, and unshared. */
void code_store__more(struct stored_code *code, const struct code_more_message *more)
{
	if (code && !code->whole)
		code_info__append(&code->info, more);
}

void code_store__drop(struct code_store *store, struct stored_code *code)
{
	struct stored_code **link;

	if (!code || --code->users)
		return;
	for (link = bucket_of(store, code->hash); *link != code;)
		link = &(*link)->next;
	*link = code->next;
	code_store__release(store, code->size);
	free_code(code);
}
