// SPDX-License-Identifier: BSD-2-Clause
/*
 * dict.c - Objects/dictobject.c of CPython 3.8 - 3.14, read
 *
 * A dict has a table of keys; combined, the values are in the same entries; split, they are in an array of their own and the table
 * is shared with the other instances of a class. Entries of removed keys have no value.
 */
#include "objects/dict.h"

#include <string.h>

#define KEYS_LOG2_SIZE 8 /* >= 3.11; older: dk_size */
#define KEYS_LOG2_INDEX_BYTES 9
#define KEYS_KIND 10
#define KEYS_GENERAL 0
#define KEYS_HEAD 40 /* enough to have all fields */

static int read_old_keys(const unsigned char *head, __u64 *index_bytes, __u64 *size)
{
	memcpy(size, head + KEYS_LOG2_SIZE, sizeof(*size));
	if (!*size || *size > DICT_ENTRIES_MAX || *size & (*size - 1))
		return -1;
	*index_bytes = *size * (*size <= 0xff ? 1 : *size <= 0xffff ? 2 : 4);
	return 0;
}

int dict_keys__read(struct types *types, __u64 address, struct dict_keys *keys)
{
	const struct py_objects *objects = types__objects(types);
	unsigned char head[KEYS_HEAD];
	__u64 index_bytes, size;

	if (!address || image__read(types__image(types), address, head, sizeof(head)))
		return -1;
	memcpy(&keys->count, head + objects->keys_nentries, sizeof(keys->count));
	*keys = (struct dict_keys){.count = keys->count, .stride = 24, .key_at = 8, .value_at = 16};
	if (!objects->keys_have_log2) {
		if (read_old_keys(head, &index_bytes, &size))
			return -1;
	} else {
		if (head[KEYS_LOG2_SIZE] > 28 || head[KEYS_LOG2_INDEX_BYTES] > 31)
			return -1;
		size = 1ull << head[KEYS_LOG2_SIZE];
		index_bytes = 1ull << head[KEYS_LOG2_INDEX_BYTES];
		if (head[KEYS_KIND] != KEYS_GENERAL)
			keys->stride = 16, keys->key_at = 0, keys->value_at = 8;
	}
	if (keys->count > size)
		return -1;
	keys->entries = address + objects->keys_indices + index_bytes;
	/* As many entries as USABLE_FRACTION leaves room for. */
	keys->bytes = objects->keys_indices + index_bytes + (size * 2 / 3) * keys->stride;
	return 0;
}

static void iter__start(struct dict_iter *it, struct types *types, __u64 keys_address)
{
	struct dict_keys keys;

	*it = (struct dict_iter){.types = types};
	if (dict_keys__read(types, keys_address, &keys)) {
		it->broken = true;
		return;
	}
	it->entries = keys.entries;
	it->count = keys.count;
	it->stride = keys.stride;
	it->key_at = keys.key_at;
	it->value_at = keys.value_at;
}

void dict_iter__of_dict(struct dict_iter *it, struct types *types, __u64 dict)
{
	struct image *image = types__image(types);
	__u64 words[2]; /* keys, values */

	if (image__read(image, dict + DICT_KEYS, words, sizeof(words))) {
		*it = (struct dict_iter){.broken = true};
		return;
	}
	iter__start(it, types, words[0]);
	if (words[1])
		it->values = words[1] + types__objects(types)->values_items;
}

bool dict_iter__next(struct dict_iter *it)
{
	while (it->entries && it->index < it->count) {
		struct image *image = types__image(it->types);
		__u64 i = it->index++, entry[3];

		if (!types__spend(it->types, 1) ||
		    image__read(image, it->entries + i * it->stride, entry, it->stride)) {
			it->broken = true;
			return false;
		}
		it->key = entry[it->key_at / 8];
		it->value = entry[it->value_at / 8];
		if (it->values)
			it->value = image__word(image, it->values + i * 8);
		if (it->value)
			return true;
	}
	return false;
}

__u64 dict__get(struct types *types, __u64 dict, const char *key)
{
	struct dict_iter it;
	char text[64];

	for (dict_iter__of_dict(&it, types, dict); dict_iter__next(&it);)
		if (types__text(types, it.key, text, sizeof(text)) >= 0 && !strcmp(text, key))
			return it.value;
	return 0;
}

__u64 dict__keys_size(struct types *types, __u64 address)
{
	struct dict_keys keys;

	return dict_keys__read(types, address, &keys) ? 0 : keys.bytes;
}
