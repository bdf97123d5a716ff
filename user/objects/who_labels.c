// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_labels.c - one reference, as it would be written in Python
 */
#include <stdio.h>
#include <string.h>

#include "objects/dict.h"
#include "objects/who_private.h"

#define KEY_TEXT_MAX 60
#define INT_DIGITS 24 /* PyLongObject: digits of 30 bits */
#define TAG_SIGN                                                                                   \
	3 /* >= 3.12: low bits of the word before them; 2 = negative; the number of digits from bit 3 on */

/* A small whole number; false: it is none. */
static bool small_int(struct root_reader *reader, __u64 object, long long *value)
{
	const struct object_type *type =
		types__at(reader->types, image__word(reader->image, object + OBJECT_TYPE));
	long long size;
	__u32 digits[2];

	if (!type || type->kind != KIND_INT || !(type->flags & TYPE_LONG_SUBCLASS))
		return false;
	size = image__word(reader->image, object + VAR_SIZE);
	if (reader->objects->int_has_tag)
		size = (size & TAG_SIGN) == 2 ? -(size >> 3) : size >> 3;
	if (size < -2 || size > 2 ||
	    image__read(reader->image, object + INT_DIGITS, digits, sizeof(digits)))
		return false;
	*value = size ? digits[0] : 0;
	if (size == 2 || size == -2)
		*value |= (long long)digits[1] << 30;
	*value *= size < 0 ? -1 : 1;
	return true;
}

static void key_text(struct root_reader *reader, __u64 key, char *text, size_t max)
{
	char name[KEY_TEXT_MAX];
	long long number;

	if (types__text(reader->types, key, name, sizeof(name)) >= 0)
		snprintf(text, max, "['%s']", name);
	else if (small_int(reader, key, &number))
		snprintf(text, max, "[%lld]", number);
	else
		snprintf(text, max, "[…]");
}

static void local_text(struct root_reader *reader, const struct ref *ref, char *text, size_t max)
{
	char name[WHO_LABEL_MAX];

	if (ref->label && ref->index < image__word(reader->image, ref->label + VAR_SIZE) &&
	    types__text(reader->types,
			image__word(reader->image,
				    ref->label + reader->objects->tuple_items + ref->index * 8),
			name, sizeof(name)) > 0)
		snprintf(text, max, "local %s", name);
	else
		snprintf(text, max, "value in use");
}

void ref__text(struct root_reader *reader, const struct object_type *type, const struct ref *ref,
	       char *text, size_t max)
{
	char name[WHO_LABEL_MAX];

	switch (ref->kind) {
	case REF_ITEM:
		snprintf(text, max, "[%llu]", ref->index);
		break;
	case REF_KEY:
		snprintf(text, max, type && type->kind == KIND_SET ? "member" : "key");
		break;
	case REF_VALUE:
		key_text(reader, ref->label, text, max);
		break;
	case REF_ATTRIBUTE:
		if (types__text(reader->types, ref->label, name, sizeof(name)) <= 0)
			snprintf(name, sizeof(name), "?");
		snprintf(text, max, ".%s", name);
		break;
	case REF_SLOT:
		refs__label(reader->types, ref, text, max);
		break;
	case REF_FIELD:
		snprintf(text, max, ref->field[0] == '(' ? "%s" : ".%s", ref->field);
		break;
	case REF_LOCAL:
		local_text(reader, ref, text, max);
		break;
	case REF_TYPE:
		snprintf(text, max, ".__class__");
		break;
	case REF_GUESS:
	case REF_WEAK:
		if (ref->to)
			snprintf(text, max, "C field at +%llu?", ref->index);
		else
			snprintf(text, max, "?");
		break;
	}
}
