// SPDX-License-Identifier: BSD-2-Clause
/*
 * refs_parts.c - what a C type has by its row: words in the object, in arrays, in lists of links
 */
#include "objects/c_fields.h"
#include "objects/refs_private.h"

/* The address of a place; 0: what it is in is not there (yet). */
static __u64 place_of(struct ref_iter *it, __u64 address, struct c_place place)
{
	__u64 base = place.via ? ref_iter__word(it, address + place.via) : address;

	return base ? base + place.at : 0;
}

static __u64 read_count(struct ref_iter *it, __u64 address, const struct c_part *part)
{
	__u64 at, count;

	if (part->fixed)
		return part->fixed;
	at = place_of(it, address, part->count);
	count = at ? ref_iter__word(it, at) : 0;
	return part->count_is_int ? (__u32)count : count;
}

static void add_items(struct ref_iter *it, __u64 address, __u64 count)
{
	ref_iter__add(it,
		      &(struct ref_span){
			      .address = address, .count = count, .stride = 8, .kind = REF_ITEM});
}

static void add_part(struct ref_iter *it, __u64 address, const struct c_part *part)
{
	__u64 at = place_of(it, address, part->place);

	if (!at)
		return;
	switch (part->kind) {
	case C_PART_END:
		break;
	case C_PART_FIELD:
		ref_iter__add_field(it, at, part->name);
		break;
	case C_PART_ITEMS:
		add_items(it, at, read_count(it, address, part));
		break;
	case C_PART_ARRAY:
		add_items(it, ref_iter__word(it, at), read_count(it, address, part));
		break;
	case C_PART_LINKS:
		it->links = part;
		it->links_of = address;
		it->chain = ref_iter__word(it, at);
		break;
	}
}

bool ref_iter__add_link(struct ref_iter *it)
{
	__u64 link = it->chain;

	/* A ring of links whose fields cannot be read would have no end. */
	if (!link || link == it->links_of || it->broken)
		return false;
	it->span_count = it->span = 0;
	it->at = 0;
	for (int i = 0; i < C_LINK_FIELDS && it->links->link_fields[i].name; i++)
		ref_iter__add_field(it, link + it->links->link_fields[i].offset,
				    it->links->link_fields[i].name);
	it->chain = ref_iter__word(it, link + it->links->next);
	return it->span_count > 0;
}

/* All words of an exception behind BaseException's are objects, or small numbers. */
static void add_exception(struct ref_iter *it, __u64 address, const struct object_type *type,
			  __u64 end)
{
	end += 8; /* suppress_context */
	if (type->native_basicsize >= end + 8)
		ref_iter__add(it, &(struct ref_span){.address = address + end,
						     .count = (type->native_basicsize - end) / 8,
						     .stride = 8,
						     .kind = REF_FIELD,
						     .field = "(of the exception)"});
}

void ref_iter__add_c_fields(struct ref_iter *it, __u64 address, const struct object_type *type)
{
	const struct c_fields *row = type->fields;
	__u64 end = 0;

	for (int i = 0; i < C_FIELDS_MAX && row->fields[i].offset; i++) {
		ref_iter__add_field(it, address + row->fields[i].offset, row->fields[i].name);
		end = row->fields[i].offset + 8;
	}
	for (int i = 0; i < C_PARTS_MAX && row->parts[i].kind; i++)
		add_part(it, address, &row->parts[i]);
	if (type->flags & TYPE_BASE_EXC_SUBCLASS)
		add_exception(it, address, type, end);
}
