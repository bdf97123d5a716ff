// SPDX-License-Identifier: BSD-2-Clause
/*
 * refs_class.c - what a class adds to the native part of its instances: attributes, in whatever way the version keeps them, and slots
 */
#include "objects/refs_private.h"

/* struct _dictvalues since 3.13 */
#define VALUES_CAPACITY 0
#define VALUES_VALID 3

static void add_slots(struct ref_iter *it, __u64 address, const struct object_type *type,
		      __u64 from, __u64 to)
{
	if (to < from + 8)
		return;
	ref_iter__add(it, &(struct ref_span){.address = address + from,
					     .count = (to - from) / 8,
					     .first_index = from,
					     .label = type->address,
					     .stride = 8,
					     .kind = REF_SLOT});
}

/* [native_basicsize, basicsize), without the words of the dict and of weak references, which are no slots. */
static void add_all_slots(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	__s64 gaps[2] = {type->dictoffset, type->weaklistoffset};
	__u64 from = (type->native_basicsize + 7) & ~7ull;

	if (gaps[0] > gaps[1]) {
		gaps[0] = type->weaklistoffset;
		gaps[1] = type->dictoffset;
	}
	for (int i = 0; i < 2; i++) {
		if (gaps[i] < (__s64)from || gaps[i] >= (__s64)type->basicsize)
			continue;
		add_slots(it, address, type, from, gaps[i]);
		from = gaps[i] + 8;
	}
	add_slots(it, address, type, from, type->basicsize);
}

static __u64 cached_keys(struct ref_iter *it, const struct object_type *type)
{
	return image__word(types__image(it->types),
			   type->address + types__objects(it->types)->heaptype_cached_keys);
}

/* 3.12: a dict, or values whose address was made odd by subtracting 1. */
static void add_tagged(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	__u64 word = ref_iter__word(it, address - 24);

	if (word & 1)
		ref_iter__add_values(it, cached_keys(it, type), word + 1, REF_ATTRIBUTE);
	else if (word)
		ref_iter__add_field(it, address - 24, "__dict__");
}

/*
 * Since 3.13 values are inside the object. Where a dict was asked for (vars()) it refers to the same values; then they are the dict's
 * here, as in the collector of 3.14, so that whoever holds the dict alone is seen to hold them.
 */
static void add_inline(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	__u64 values = address + ((type->basicsize + 7) & ~7ull);
	const unsigned char *head;

	if (ref_iter__word(it, address - 24)) {
		ref_iter__add_field(it, address - 24, "__dict__");
		return;
	}
	if (!(type->flags & TYPE_INLINE_VALUES))
		return;
	head = ref_iter__peek(it, values, 8, 8);
	if (!head)
		it->broken = true;
	else if (head[VALUES_VALID] == 1 && head[VALUES_CAPACITY])
		ref_iter__add_values(it, cached_keys(it, type), values, REF_ATTRIBUTE);
}

static void add_managed(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	__u64 values;

	switch (types__objects(it->types)->instance_kind) {
	case PY_INSTANCE_VALUES:
		ref_iter__add_field(it, address - 24, "__dict__");
		values = ref_iter__word(it, address - 32);
		if (values)
			ref_iter__add_values(it, cached_keys(it, type), values, REF_ATTRIBUTE);
		break;
	case PY_INSTANCE_TAGGED:
		add_tagged(it, address, type);
		break;
	case PY_INSTANCE_INLINE:
		add_inline(it, address, type);
		break;
	case PY_INSTANCE_DICT:
		break;
	}
}

/* The dict of an object whose size varies is at its end. */
static void add_dict_word(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	__s64 offset = type->dictoffset;
	__u64 items;

	if (offset < 0) {
		items = ref_iter__word(it, address + VAR_SIZE);
		items = (__s64)items < 0 ? -items : items; /* int up to 3.11 has its sign there */
		if (items > REF_COUNT_MAX)
			return;
		offset += (type->basicsize + items * type->itemsize + 7) & ~7ull;
	}
	if (offset >= VAR_SIZE)
		ref_iter__add_field(it, address + offset, "__dict__");
}

void ref_iter__add_class_part(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	if (types__objects(it->types)->pre_header_flags & type->flags & TYPE_MANAGED_DICT)
		add_managed(it, address, type);
	else if (type->dictoffset && type->dictoffset != type->native_dictoffset)
		add_dict_word(it, address, type);
	if (!type->itemsize && type->is_class)
		add_all_slots(it, address, type);
}
