// SPDX-License-Identifier: BSD-2-Clause
#include "suppressions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

#define FILE_MAX_BYTES (1 << 20)

/* Where the value of a key belongs; NULL = no such key. */
static char **field_of(struct suppression *suppression, const char *key, size_t length)
{
	const struct {
		const char *name;
		char **field;
	} keys[] = {
		{"file", &suppression->file},
		{"function", &suppression->function},
		{"type", &suppression->type},
		{"signature", &suppression->signature},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strlen(keys[i].name) == length && !strncmp(keys[i].name, key, length))
			return keys[i].field;
	return NULL;
}

static void clear_one(struct suppression *suppression)
{
	free(suppression->file);
	free(suppression->function);
	free(suppression->type);
	free(suppression->signature);
}

/* One key:pattern at *at, which moves behind it. NULL, or what is wrong. */
static const char *parse_pair(const char **at, const char *end, struct suppression *suppression)
{
	const char *colon = memchr(*at, ':', end - *at), *value, *behind;
	char **field;

	if (!colon)
		return "expected key:pattern";
	field = field_of(suppression, *at, colon - *at);
	if (!field)
		return "no such key; there are file, function, type and signature";
	if (*field)
		return "a key that was given twice";
	value = colon + 1;
	if (value < end && *value == '"') {
		value++;
		behind = memchr(value, '"', end - value);
		if (!behind)
			return "a quote without its end";
		*at = behind + 1;
	} else {
		behind = value + strcspn(value, " \t\r\n");
		if (behind > end)
			behind = end;
		*at = behind;
	}
	if (behind == value)
		return "an empty pattern";
	*field = strndup(value, behind - value);
	return *field ? NULL : "no memory";
}

static size_t blank(const char *at, const char *end)
{
	size_t n = strspn(at, " \t\r");

	return at + n > end ? (size_t)(end - at) : n;
}

/* NULL, or what is wrong. */
static const char *parse_line(const char *at, const char *end, struct suppressions *suppressions)
{
	struct suppression one = {NULL}, *grown;
	const char *wrong = NULL;

	at += blank(at, end);
	if (at == end || *at == '#')
		return NULL;
	while (!wrong && at < end && *at != '#') {
		wrong = parse_pair(&at, end, &one);
		at += blank(at, end);
	}
	grown = wrong ? NULL
		      : realloc(suppressions->list, (suppressions->count + 1) * sizeof(*grown));
	if (!grown) {
		clear_one(&one);
		return wrong ? wrong : "no memory";
	}
	suppressions->list = grown;
	suppressions->list[suppressions->count++] = one;
	return NULL;
}

int suppressions__parse(const char *text, const char *name, struct suppressions *suppressions)
{
	size_t line = 1;

	for (const char *at = text, *end; *at; at = *end ? end + 1 : end, line++) {
		const char *wrong;

		end = at + strcspn(at, "\n");
		wrong = parse_line(at, end, suppressions);
		if (wrong) {
			suppressions__clear(suppressions);
			return log__fail(EXIT_USAGE, "%s:%zu: %s", name, line, wrong);
		}
	}
	return 0;
}

int suppressions__read(const char *path, struct suppressions *suppressions)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(FILE_MAX_BYTES + 1) : NULL;
	size_t size = text ? fread(text, 1, FILE_MAX_BYTES + 1, file) : 0;
	int err;

	if (!text || ferror(file) || size > FILE_MAX_BYTES) {
		err = log__fail(EXIT_USAGE, "cannot read the suppressions in %s: %s", path,
				size > FILE_MAX_BYTES ? "larger than 1 MB" : strerror(errno));
	} else {
		text[size] = '\0';
		err = suppressions__parse(text, path, suppressions);
	}
	free(text);
	if (file)
		fclose(file);
	return err;
}

void suppressions__clear(struct suppressions *suppressions)
{
	for (size_t i = 0; i < suppressions->count; i++)
		clear_one(&suppressions->list[i]);
	free(suppressions->list);
	*suppressions = (struct suppressions){NULL};
}
