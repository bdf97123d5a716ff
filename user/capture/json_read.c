// SPDX-License-Identifier: BSD-2-Clause
/*
 * json_read.c - see json_read.h
 */
#include "capture/json_read.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/arena.h"
#include "lib/text.h"

void json_read__fail(struct json_read *in, int err)
{
	if (!in->err)
		in->err = err;
}

void *json_read__room(struct json_read *in, size_t count, size_t size)
{
	void *room = arena__alloc(in->arena, count ? count : 1, size);

	if (!room)
		json_read__fail(in, -ENOMEM);
	return room;
}

static json *value_of(struct json_read *in, json *parent, const char *key, enum json_type type)
{
	json *value = NULL;

	if (in->err || !json_object_object_get_ex(parent, key, &value) || !value)
		return NULL;
	if (json_object_is_type(value, type))
		return value;
	json_read__fail(in, -EINVAL);
	return NULL;
}

json *json_read__object(struct json_read *in, json *parent, const char *key)
{
	return value_of(in, parent, key, json_type_object);
}

json *json_read__array(struct json_read *in, json *parent, const char *key)
{
	return value_of(in, parent, key, json_type_array);
}

static bool is_plain(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if ((signed char)text[i] <= 0)
			return false;
	}
	return true;
}

/* Of a JSON string. Escapes may have made a NUL of it, and its bytes need not be UTF-8: both become U+FFFD. */
static const char *text_of(struct json_read *in, json *value)
{
	const char *text = json_object_get_string(value), *kept = NULL;
	size_t size = json_object_get_string_len(value);
	char *valid = NULL;

	if (text && !is_plain(text, size))
		text = valid = text__utf8(text, size);
	if (text)
		kept = arena__intern(in->arena, text);
	if (!kept)
		json_read__fail(in, -ENOMEM);
	free(valid);
	return kept;
}

const char *json_read__text(struct json_read *in, json *parent, const char *key)
{
	json *value = value_of(in, parent, key, json_type_string);

	return value ? text_of(in, value) : NULL;
}

static __u64 number_of(struct json_read *in, json *value)
{
	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0) {
		json_read__fail(in, -EINVAL);
		return 0;
	}
	return json_object_get_uint64(value);
}

__u64 json_read__count(struct json_read *in, json *parent, const char *key)
{
	json *value = value_of(in, parent, key, json_type_int);

	return value ? number_of(in, value) : 0;
}

long long json_read__integer(struct json_read *in, json *parent, const char *key, long long max,
			     long long missing)
{
	json *value = value_of(in, parent, key, json_type_int);
	__u64 number;

	if (!value)
		return missing;
	number = number_of(in, value);
	if (number <= (__u64)max)
		return (long long)number;
	json_read__fail(in, -EINVAL);
	return missing;
}

bool json_read__boolean(struct json_read *in, json *parent, const char *key)
{
	json *value = value_of(in, parent, key, json_type_boolean);

	return value && json_object_get_boolean(value);
}

/* A number without a fraction is one as well. */
static double real_of(struct json_read *in, json *value)
{
	double number = NAN;

	if (json_object_is_type(value, json_type_double) ||
	    json_object_is_type(value, json_type_int))
		number = json_object_get_double(value);
	if (!isfinite(number))
		json_read__fail(in, -EINVAL);
	return number;
}

double json_read__real(struct json_read *in, json *parent, const char *key)
{
	json *value = NULL;

	if (in->err || !json_object_object_get_ex(parent, key, &value) || !value)
		return NAN;
	return real_of(in, value);
}

void json_read__interval(struct json_read *in, json *parent, const char *key, double *low,
			 double *high)
{
	json *both = json_read__array(in, parent, key);

	*low = *high = NAN;
	if (!both)
		return;
	if (json_object_array_length(both) != 2) {
		json_read__fail(in, -EINVAL);
		return;
	}
	*low = real_of(in, json_object_array_get_idx(both, 0));
	*high = real_of(in, json_object_array_get_idx(both, 1));
}

size_t json_read__length(json *array)
{
	return array ? json_object_array_length(array) : 0;
}

json *json_read__item(struct json_read *in, json *array, size_t index)
{
	json *item = json_object_array_get_idx(array, index);

	if (!in->err && json_object_is_type(item, json_type_object))
		return item;
	json_read__fail(in, -EINVAL);
	return NULL;
}

__u64 json_read__number_at(struct json_read *in, json *array, size_t index)
{
	return number_of(in, json_object_array_get_idx(array, index));
}

const char **json_read__texts(struct json_read *in, json *parent, const char *key, size_t *count)
{
	json *array = json_read__array(in, parent, key);
	size_t length = json_read__length(array);
	const char **texts = json_read__room(in, length + 1, sizeof(*texts));

	*count = 0;
	for (size_t i = 0; i < length && !in->err; i++) {
		json *text = json_object_array_get_idx(array, i);

		if (!json_object_is_type(text, json_type_string))
			json_read__fail(in, -EINVAL);
		else
			texts[(*count)++] = text_of(in, text);
	}
	return texts;
}
