// SPDX-License-Identifier: BSD-2-Clause
#include "lib/json_build.h"

#include <errno.h>
#include <math.h>

#include "lib/text.h"
#include "report.h"

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

void build__measured(struct builder *b, struct json_object *parent, const char *key,
		     long long value)
{
	if (value == REPORT_UNMEASURED)
		build__null(b, parent, key);
	else
		build__put(b, parent, key, json_object_new_int64(value));
}

void build__bool(struct builder *b, struct json_object *parent, const char *key, bool value)
{
	build__put(b, parent, key, json_object_new_boolean(value));
}

struct json_object *build__number(double value)
{
	char text[400]; /* the largest double has 309 digits */

	snprintf(text, sizeof(text), "%.3f", value);
	return json_object_new_double_s(value, text);
}

void build__real(struct builder *b, struct json_object *parent, const char *key, double value)
{
	if (isfinite(value))
		build__put(b, parent, key, build__number(value));
	else
		build__null(b, parent, key);
}

void build__string(struct builder *b, struct json_object *parent, const char *key, const char *text)
{
	if (text)
		build__put(b, parent, key, json_object_new_string(text));
	else
		build__null(b, parent, key);
}

void build__text(struct builder *b, struct json_object *parent, const char *key, const char *text)
{
	char printable[TEXT_MAX];

	build__string(b, parent, key,
		      text ? text__printable(text, printable, sizeof(printable)) : NULL);
}

void build__address(struct builder *b, struct json_object *parent, const char *key, __u64 address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%llx", address);
	build__put(b, parent, key, json_object_new_string(text));
}

int build__write(struct builder *b, struct json_object *top, bool pretty, FILE *out)
{
	int how = JSON_C_TO_STRING_NOSLASHESCAPE |
		  (pretty ? JSON_C_TO_STRING_PRETTY : JSON_C_TO_STRING_PLAIN);
	const char *text = b->no_memory ? NULL : json_object_to_json_string_ext(top, how);
	int err = text ? 0 : -ENOMEM;

	if (text)
		fprintf(out, "%s\n", text);
	json_object_put(top);
	if (!err && (ferror(out) || fflush(out)))
		err = errno ? -errno : -EIO;
	return err;
}
