/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages/code_store.h - code objects of all processes of a host, each text once; pure
 *
 * Forty workers of a service run the same functions: what is equal in name, file and line table is kept once. Bounded: processes
 * may make up as many as they like.
 */
#ifndef PAGES_CODE_STORE_H
#define PAGES_CODE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "snapshot.h"

struct code_store;

/* A code object; .target and .code_key of info mean nothing. */
struct stored_code {
	struct code_info info;
	bool whole;  /* nothing is missing, nothing more is to come */
	size_t size; /* bytes that it takes, about */
	/* the store's own */
	unsigned int users;
	__u64 hash;
	struct stored_code *next;
};

/* most: bytes of all that is kept, about. NULL: no memory. */
struct code_store *code_store__new(size_t most);

/* Those that are still in use become invalid. NULL is fine. */
void code_store__free(struct code_store *store);

/* What the record says, to be given back with code_store__drop(). NULL: there is no room, or no memory. */
struct stored_code *code_store__take(struct code_store *store, const struct code_message *message);

/* The rest of a long line table, of a code object that was taken by one user. */
void code_store__more(struct stored_code *code, const struct code_more_message *more);

/* NULL is fine. */
void code_store__drop(struct code_store *store, struct stored_code *code);

/* Room for something else that belongs to the same bound; false: there is none. */
bool code_store__reserve(struct code_store *store, size_t bytes);
void code_store__release(struct code_store *store, size_t bytes);

/* Bytes that are in use, and the bound. */
size_t code_store__bytes(const struct code_store *store);
size_t code_store__most(const struct code_store *store);

#endif
