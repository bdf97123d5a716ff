// SPDX-License-Identifier: BSD-2-Clause
#include "look/build.h"

#include <errno.h>
#include <math.h>

#include "export/export.h"
#include "lib/text.h"

#define TEXT_MAX 1024

void build__put(struct builder *b, struct json_object *parent, const char *key,
		struct json_object *value)
{
	if (!value || !parent || json_object_object_add(parent, key, value)) {
		json_object_put(value);
		b->no_memory = true;
	}
}

void build__append(struct builder *b, struct json_object *parent, struct json_object *value)
{
	if (!value || !parent || json_object_array_add(parent, value)) {
		json_object_put(value);
		b->no_memory = true;
	}
}

void build__null(struct builder *b, struct json_object *parent, const char *key)
{
	if (!parent || json_object_object_add(parent, key, NULL))
		b->no_memory = true;
}

void build__count(struct builder *b, struct json_object *parent, const char *key, __u64 value)
{
	build__put(b, parent, key, json_object_new_uint64(value));
}

void build__bool(struct builder *b, struct json_object *parent, const char *key, bool value)
{
	build__put(b, parent, key, json_object_new_boolean(value));
}

void build__real(struct builder *b, struct json_object *parent, const char *key, double value)
{
	char text[32];

	if (!isfinite(value)) {
		build__null(b, parent, key);
		return;
	}
	snprintf(text, sizeof(text), "%.3f", value);
	build__put(b, parent, key, json_object_new_double_s(value, text));
}

void build__text(struct builder *b, struct json_object *parent, const char *key, const char *text)
{
	char printable[TEXT_MAX];

	if (text)
		build__put(b, parent, key,
			   json_object_new_string(
				   text__printable(text, printable, sizeof(printable))));
	else
		build__null(b, parent, key);
}

void build__address(struct builder *b, struct json_object *parent, const char *key, __u64 address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", address);
	build__put(b, parent, key, json_object_new_string(text));
}

int build__write(struct builder *b, struct json_object *top, FILE *out)
{
	const char *text = NULL;

	if (!b->no_memory)
		text = json_object_to_json_string_ext(top, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		fprintf(out, "%s\n", text);
	json_object_put(top);
	return text ? export__finish(out) : -ENOMEM;
}
