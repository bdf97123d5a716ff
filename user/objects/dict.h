/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/dict.h - the entries of a dict, of a table of keys, and of an instance's values
 *
 *	struct dict_iter it;
 *	for (dict_iter__of_dict(&it, types, address); dict_iter__next(&it);) ... it.key, it.value
 */
#ifndef OBJECTS_DICT_H
#define OBJECTS_DICT_H

#include "objects/types.h"

#define DICT_ENTRIES_MAX (1u << 28) /* what claims to have more is no dict */

/* What the head of a table of keys says. */
struct dict_keys {
	__u64 entries; /* address of the first */
	__u64 count;   /* entries that were ever used */
	__u64 bytes;   /* of the table, its head included */
	__u32 stride, key_at, value_at;
};

/* 0, or -1: unreadable or damaged. */
int dict_keys__read(struct types *types, __u64 address, struct dict_keys *keys);

struct dict_iter {
	struct types *types;
	__u64 key,
		value; /* of the entry: objects; value is not 0, key may be 0 in a damaged table */
	__u64 entries; /* address of the first; 0 = nothing to iterate */
	__u64 values;  /* address of the first value where these are apart, else 0 */
	__u32 stride, key_at, value_at;
	__u64 index, count;
	bool broken; /* part of it could not be read */
};

void dict_iter__of_dict(struct dict_iter *it, struct types *types, __u64 dict);
bool dict_iter__next(struct dict_iter *it);

/* The value of a str key in a dict, 0 = none. */
__u64 dict__get(struct types *types, __u64 dict, const char *key);

/* Bytes of a table of keys, its head included; 0 where it is damaged. */
__u64 dict__keys_size(struct types *types, __u64 keys);

#endif
