// SPDX-License-Identifier: BSD-2-Clause
/*
 * refs.c - from spans to references, and how one is written
 */
#include "objects/refs.h"

#include <stdio.h>
#include <string.h>

#include "objects/refs_private.h"

#define PAGE 4096
#define LABEL_TEXT_MAX 80
#define BASE_DEPTH 64

/* PyMemberDef: name, type, offset, flags, doc */
#define MEMBER_OFFSET 16
#define MEMBER_SIZE 40
#define MEMBERS_MAX 256

/* Low bits of a reference on a stack of 3.14: bit 0 = borrowed from a local, or of an object that is not counted; both = a number. */
#define STACK_TAG 3

static void restart(struct ref_iter *it, struct types *types)
{
	it->types = types;
	it->want_labels = true;
	it->span_count = it->span = 0;
	it->at = it->visited = 0;
	it->most = REF_COUNT_MAX;
	it->links = NULL;
	it->chain = it->chain_left = it->chain_index = it->chain_skip = 0;
	it->exact = true;
	it->broken = it->has_pending = false;
	it->line_size = 0;
}

void refs__start(struct ref_iter *it, struct types *types, __u64 address,
		 const struct object_type *type)
{
	const struct py_objects *objects = types__objects(types);

	restart(it, types);
	ref_iter__add_native(it, address, type);
	if (type->is_class || type->flags & TYPE_MANAGED_DICT)
		ref_iter__add_class_part(it, address, type);
	if (type->flags & TYPE_HEAPTYPE && (type->is_class || objects->visits_type))
		ref_iter__add(it, &(struct ref_span){.address = address + OBJECT_TYPE,
						     .count = 1,
						     .stride = 8,
						     .kind = REF_TYPE});
}

void refs__start_frame(struct ref_iter *it, struct types *types, __u64 frame)
{
	restart(it, types);
	ref_iter__add_interpreter_frame(it, frame);
}

void ref_iter__add(struct ref_iter *it, const struct ref_span *span)
{
	if (!span->count)
		return;
	if (it->span_count == REF_SPANS || span->count > REF_COUNT_MAX || !span->address) {
		it->broken = true;
		return;
	}
	it->spans[it->span_count++] = *span;
}

void ref_iter__add_field(struct ref_iter *it, __u64 address, const char *field)
{
	ref_iter__add(it, &(struct ref_span){.address = address,
					     .count = 1,
					     .stride = 8,
					     .kind = REF_FIELD,
					     .field = field});
}

const void *ref_iter__peek(struct ref_iter *it, __u64 address, size_t size, size_t more)
{
	size_t want = PAGE - (address & (PAGE - 1));

	if (address - it->line_address < it->line_size &&
	    address - it->line_address + size <= it->line_size)
		return it->line + (address - it->line_address);
	if (want > more)
		want = more;
	if (want > REF_LINE)
		want = REF_LINE;
	if (want < size)
		want = size;
	it->line_size = 0;
	if (image__read(types__image(it->types), address, it->line, want))
		return NULL;
	it->line_address = address;
	it->line_size = want;
	return it->line;
}

__u64 ref_iter__word(struct ref_iter *it, __u64 address)
{
	const void *at = ref_iter__peek(it, address, 8, 8);
	__u64 word;

	if (!at) {
		it->broken = true;
		return 0;
	}
	memcpy(&word, at, sizeof(word));
	return word;
}

static __u64 word_at(const unsigned char *bytes, size_t offset)
{
	__u64 word;

	memcpy(&word, bytes + offset, sizeof(word));
	return word;
}

static __u64 key_of(struct ref_iter *it, const struct ref_span *span, __u64 index)
{
	if (!span->keys || !it->want_labels)
		return span->label;
	return image__word(types__image(it->types), span->keys + index * span->keys_stride);
}

/* An entry of a dict is two references. */
static void return_entry(struct ref_iter *it, struct ref *ref, __u64 key, __u64 value)
{
	*ref = (struct ref){.to = value, .kind = REF_VALUE, .label = key};
	if (!key)
		return;
	it->pending = *ref;
	it->has_pending = true;
	*ref = (struct ref){.to = key, .kind = REF_KEY};
}

/* Whether a reference's index is an offset in the object, not a number of items. */
static bool in_bytes(enum ref_kind kind)
{
	return kind == REF_SLOT || kind >= REF_GUESS;
}

/* The next one of the span; false = it has no more. */
static bool next_in_span(struct ref_iter *it, const struct ref_span *span, struct ref *ref)
{
	while (it->at < span->count) {
		__u64 i = it->at, to;
		const unsigned char *bytes =
			ref_iter__peek(it, span->address + i * span->stride, span->stride,
				       (span->count - i) * span->stride);

		if (!bytes || it->visited >= it->most) {
			it->broken = true;
			return false;
		}
		it->at++;
		it->visited++;
		to = word_at(bytes, span->value_at);
		if (!to || (span->kind == REF_LOCAL && to & STACK_TAG))
			continue;
		if (span->value_at) {
			return_entry(it, ref, word_at(bytes, span->key_at), to);
			return true;
		}
		*ref = (struct ref){.to = to,
				    .kind = span->kind,
				    .index = span->first_index + (in_bytes(span->kind) ? i * 8 : i),
				    .field = span->field};
		ref->label = key_of(it, span, i);
		return true;
	}
	return false;
}

bool refs__next(struct ref_iter *it, struct ref *ref)
{
	if (it->has_pending) {
		*ref = it->pending;
		it->has_pending = false;
		return true;
	}
	while (it->span < it->span_count || ref_iter__add_chained(it)) {
		if (next_in_span(it, &it->spans[it->span], ref))
			return true;
		it->span++;
		it->at = 0;
	}
	return false;
}

static bool read_c_text(struct image *image, __u64 address, char *text, size_t max)
{
	size_t i = 0;

	while (i + 1 < max && !image__read(image, address + i, &text[i], 1) && text[i])
		i++;
	text[i] = '\0';
	return i > 0;
}

/* A key as Python would show it, as far as that is short: text, or a whole number. */
static void key_text(struct types *types, __u64 key, char *text, size_t max)
{
	char buffer[LABEL_TEXT_MAX];

	if (types__text(types, key, buffer, sizeof(buffer)) >= 0)
		snprintf(text, max, "['%s']", buffer);
	else
		snprintf(text, max, "[…]");
}

static void local_text(struct types *types, const struct ref *ref, char *text, size_t max)
{
	const struct py_objects *objects = types__objects(types);
	char buffer[LABEL_TEXT_MAX] = "";
	struct image *image = types__image(types);

	if (ref->label && ref->index < image__word(image, ref->label + VAR_SIZE))
		types__text(types,
			    image__word(image, ref->label + objects->tuple_items + ref->index * 8),
			    buffer, sizeof(buffer));
	if (buffer[0])
		snprintf(text, max, " local '%s'", buffer);
	else
		snprintf(text, max, " (stack)");
}

/* The name of the member of a class at this offset; text of C. */
static bool read_member_name(struct types *types, __u64 type, __u64 offset, char *name, size_t max)
{
	struct image *image = types__image(types);
	__u64 member = image__word(image, type + TYPE_MEMBERS);

	for (int i = 0; member && i < MEMBERS_MAX; i++, member += MEMBER_SIZE) {
		__u64 text = image__word(image, member);

		if (!text)
			return false;
		if (image__word(image, member + MEMBER_OFFSET) == offset)
			return read_c_text(image, text, name, max);
	}
	return false;
}

static void slot_text(struct types *types, const struct ref *ref, char *text, size_t max)
{
	char name[LABEL_TEXT_MAX];
	__u64 type = ref->label;

	for (int depth = 0; type && depth < BASE_DEPTH; depth++) {
		if (read_member_name(types, type, ref->index, name, sizeof(name))) {
			snprintf(text, max, ".%s", name);
			return;
		}
		type = image__word(types__image(types), type + TYPE_BASE);
	}
	snprintf(text, max, ".(slot at %llu)", ref->index);
}

void refs__label(struct types *types, const struct ref *ref, char *text, size_t max)
{
	char buffer[LABEL_TEXT_MAX];

	switch (ref->kind) {
	case REF_ITEM:
		snprintf(text, max, "[%llu]", ref->index);
		break;
	case REF_KEY:
		snprintf(text, max, " (key)");
		break;
	case REF_VALUE:
		key_text(types, ref->label, text, max);
		break;
	case REF_ATTRIBUTE:
		if (types__text(types, ref->label, buffer, sizeof(buffer)) <= 0)
			snprintf(buffer, sizeof(buffer), "(attribute)");
		snprintf(text, max, ".%s", buffer);
		break;
	case REF_SLOT:
		slot_text(types, ref, text, max);
		break;
	case REF_FIELD:
		snprintf(text, max, "%c%s", ref->field[0] == '(' ? ' ' : '.', ref->field);
		break;
	case REF_LOCAL:
		local_text(types, ref, text, max);
		break;
	case REF_TYPE:
		snprintf(text, max, ".__class__");
		break;
	case REF_GUESS:
		snprintf(text, max, " (at %llu)", ref->index);
		break;
	case REF_WEAK:
		snprintf(text, max, " (weak)");
		break;
	}
}
