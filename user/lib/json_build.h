/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_build.h - JSON objects, built up value by value
 *
 * NULL is json-c's null as well as its "no memory": a builder remembers the latter, and a tree that lost a branch is not written.
 */
#ifndef JSON_BUILD_H
#define JSON_BUILD_H

#include <json-c/json.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stdio.h>

struct builder {
	bool no_memory;
};

/* value is the parent's from now on. */
void build__put(struct builder *b, struct json_object *parent, const char *key,
		struct json_object *value);
void build__append(struct builder *b, struct json_object *parent, struct json_object *value);

void build__null(struct builder *b, struct json_object *parent, const char *key);
void build__count(struct builder *b, struct json_object *parent, const char *key, __u64 value);
/* A figure that REPORT_UNMEASURED (report.h) stands for where there is none: null. */
void build__measured(struct builder *b, struct json_object *parent, const char *key,
		     long long value);
void build__bool(struct builder *b, struct json_object *parent, const char *key, bool value);
/* Three digits behind the point; not finite: null. */
void build__real(struct builder *b, struct json_object *parent, const char *key, double value);
struct json_object *build__number(double value); /* the same, not yet anybody's; finite */
/* UTF-8, as it is: control characters are escaped as JSON does. NULL: null. */
void build__string(struct builder *b, struct json_object *parent, const char *key,
		   const char *text);
/* Text of the target's: made printable, see text__printable(). NULL: null. */
void build__text(struct builder *b, struct json_object *parent, const char *key, const char *text);
/* "0x7f12..." */
void build__address(struct builder *b, struct json_object *parent, const char *key, __u64 address);

/* Writes and releases the tree; pretty: on many lines. Flushes. 0 or -errno. */
int build__write(struct builder *b, struct json_object *top, bool pretty, FILE *out);

#endif
