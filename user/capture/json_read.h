/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_read.h - values out of a JSON tree, with a type and an absence each
 *
 * The first thing that is wrong is kept in .err, and all that is read after it is as good as absent: a reader runs to its
 * end and looks once. Parents may be NULL: nothing is in them.
 */
#ifndef JSON_READ_H
#define JSON_READ_H

#include <json-c/json.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct json_object json;

struct json_read {
	struct arena *arena; /* of the texts and of json_read__room() */
	int err;             /* -EINVAL or -ENOMEM */
};

/* Keeps the first error. */
void json_read__fail(struct json_read *in, int err);

/* Zeroed, also for a count of 0; NULL is said in .err. */
void *json_read__room(struct json_read *in, size_t count, size_t size);

/* Not there, or null: NULL. */
json *json_read__object(struct json_read *in, json *parent, const char *key);
json *json_read__array(struct json_read *in, json *parent, const char *key);
/* Interned, valid UTF-8. */
const char *json_read__text(struct json_read *in, json *parent, const char *key);

/* Not there, or null: 0, false. */
__u64 json_read__count(struct json_read *in, json *parent, const char *key);
bool json_read__boolean(struct json_read *in, json *parent, const char *key);

/* 0 to max; not there, or null: missing. */
long long json_read__integer(struct json_read *in, json *parent, const char *key, long long max,
			     long long missing);

/* Not there, or null: NAN. */
double json_read__real(struct json_read *in, json *parent, const char *key);

/* Two numbers; not there, or null: NAN both. */
void json_read__interval(struct json_read *in, json *parent, const char *key, double *low,
			 double *high);

/* 0 of NULL. */
size_t json_read__length(json *array);

/* An object in an array: anything else is an error, and NULL. */
json *json_read__item(struct json_read *in, json *array, size_t index);

/* A number of a list of ids. */
__u64 json_read__number_at(struct json_read *in, json *array, size_t index);

/* An array of texts without null, with a NULL after them. Not there: none of them, never NULL but for an error. */
const char **json_read__texts(struct json_read *in, json *parent, const char *key, size_t *count);

#endif
