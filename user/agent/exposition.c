// SPDX-License-Identifier: BSD-2-Clause
/*
 * agent/exposition.c - the Prometheus text format
 */
#include "agent/exposition.h"

#include <math.h>

#include "lib/text.h"

#define REPLACEMENT 0xfffd

void exposition__family(FILE *out, const struct family *family)
{
	fprintf(out, "# HELP pyleak_%s %s\n", family->name, family->help);
	fprintf(out, "# TYPE pyleak_%s %s\n", family->name,
		family->type == FAMILY_COUNTER ? "counter" : "gauge");
}

void exposition__sample(FILE *out, const struct family *family, const char *labels, double value)
{
	if (isnan(value))
		return;
	fprintf(out, "pyleak_%s", family->name);
	if (labels && *labels)
		fprintf(out, "{%s}", labels);
	if (isinf(value))
		fputs(value > 0 ? " +Inf\n" : " -Inf\n", out);
	else if (value == floor(value) && fabs(value) < 0x1p53)
		fprintf(out, " %.0f\n", value);
	else
		fprintf(out, " %.10g\n", value);
}

static void put_value(FILE *labels, const char *value)
{
	size_t room = EXPOSITION_VALUE_MAX - 1, length;
	char character[8];
	unsigned code;

	while ((code = text__next(&value))) {
		if (text__is_control(code) && code != '\n')
			code = REPLACEMENT;
		length = text__encode(character, code);
		if (length > room)
			break;
		room -= length;
		if (code == '\n')
			fputs("\\n", labels);
		else if (code == '\\' || code == '"')
			fprintf(labels, "\\%c", code);
		else
			fwrite(character, 1, length, labels);
	}
}

void exposition__label(FILE *labels, const char *name, const char *value)
{
	if (ftell(labels) > 0)
		fputc(',', labels);
	fprintf(labels, "%s=\"", name);
	put_value(labels, value);
	fputc('"', labels);
}
