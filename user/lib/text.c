// SPDX-License-Identifier: BSD-2-Clause
/*
 * text.c - text that comes from a target, on its way to a terminal or a file; figures for people
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

#define REPLACEMENT 0xfffd
#define MAX_CODE 0x10ffff

struct range {
	unsigned first, last;
};

/* Besides C0, DEL and C1: what has no glyph of its own but changes how its neighbours are shown. */
static const struct range controls[] = {
	{0x00ad, 0x00ad},                   /* soft hyphen */
	{0x061c, 0x061c},                   /* Arabic letter mark */
	{0x115f, 0x1160},                   /* Hangul fillers */
	{0x180e, 0x180e}, {0x200b, 0x200f}, /* zero width, direction marks */
	{0x2028, 0x202e}, /* line and paragraph separators, bidi embeddings and overrides */
	{0x2060, 0x206f}, /* joiners, bidi isolates */
	{0x3164, 0x3164}, {0xd800, 0xdfff}, /* surrogates: not characters */
	{0xfe00, 0xfe0f},                   /* variation selectors */
	{0xfeff, 0xfeff},                   /* byte order mark */
	{0xffa0, 0xffa0}, {0xfff0, 0xfffb},
	{0xfffe, 0xffff}, {0xe0000, 0xe0fff}, /* tags, more variation selectors */
};

static const struct range combining[] = {
	{0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
	{0x0900, 0x0902}, {0x093c, 0x093c}, {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe20, 0xfe2f},
};

static const struct range wide[] = {
	{0x1100, 0x115e},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
	{0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97f},   {0xac00, 0xd7a3},
	{0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
	{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd},
};

static bool in_ranges(const struct range *ranges, size_t count, unsigned code)
{
	for (size_t i = 0; i < count && ranges[i].first <= code; i++) {
		if (code <= ranges[i].last)
			return true;
	}
	return false;
}

#define IN(ranges, code) in_ranges(ranges, sizeof(ranges) / sizeof(*(ranges)), code)

bool text__is_control(unsigned code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code > MAX_CODE ||
	       IN(controls, code);
}

/* Decodes one code point of at most size bytes; *length = 0 when they are not UTF-8. */
static unsigned decode(const unsigned char *bytes, size_t size, size_t *length)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned code = bytes[0];
	size_t n;

	*length = 0;
	if (code < 0x80)
		n = 1;
	else if (code >= 0xc2 && code < 0xe0)
		n = 2, code &= 0x1f;
	else if (code >= 0xe0 && code < 0xf0)
		n = 3, code &= 0x0f;
	else if (code >= 0xf0 && code < 0xf5)
		n = 4, code &= 0x07;
	else
		return REPLACEMENT;
	if (n > size)
		return REPLACEMENT;
	for (size_t i = 1; i < n; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return REPLACEMENT;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < least[n] || code > MAX_CODE || (code >= 0xd800 && code <= 0xdfff))
		return REPLACEMENT;
	*length = n;
	return code;
}

size_t text__encode(char *out, unsigned code)
{
	if (!code || code > MAX_CODE || (code >= 0xd800 && code <= 0xdfff))
		code = REPLACEMENT;
	if (code < 0x80) {
		out[0] = code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = 0xc0 | code >> 6;
		out[1] = 0x80 | (code & 0x3f);
		return 2;
	}
	if (code < 0x10000) {
		out[0] = 0xe0 | code >> 12;
		out[1] = 0x80 | (code >> 6 & 0x3f);
		out[2] = 0x80 | (code & 0x3f);
		return 3;
	}
	out[0] = 0xf0 | code >> 18;
	out[1] = 0x80 | (code >> 12 & 0x3f);
	out[2] = 0x80 | (code >> 6 & 0x3f);
	out[3] = 0x80 | (code & 0x3f);
	return 4;
}

char *text__utf8(const char *bytes, size_t size)
{
	char *text = size < SIZE_MAX / 3 ? malloc(3 * size + 1) : NULL;
	size_t end = 0, length;

	if (!text)
		return NULL;
	for (size_t i = 0; i < size; i += length ? length : 1) {
		unsigned code = decode((const unsigned char *)bytes + i, size - i, &length);

		end += text__encode(text + end, code);
	}
	text[end] = '\0';
	return text;
}

static unsigned read_unit(const unsigned char *data, unsigned kind)
{
	__u16 two;
	__u32 four;

	if (kind == 1)
		return *data;
	if (kind == 2) {
		memcpy(&two, data, sizeof(two));
		return two;
	}
	memcpy(&four, data, sizeof(four));
	return four;
}

char *text__from_unicode(const void *data, size_t bytes, unsigned kind)
{
	size_t units = kind == 1 || kind == 2 || kind == 4 ? bytes / kind : 0;
	char *text = units < SIZE_MAX / 4 ? malloc(4 * units + 1) : NULL;
	size_t end = 0;

	if (!text)
		return NULL;
	for (size_t i = 0; i < units; i++) {
		unsigned code = read_unit((const unsigned char *)data + i * kind, kind);

		end += text__encode(text + end, code);
	}
	text[end] = '\0';
	return text;
}

unsigned text__next(const char **utf8)
{
	size_t length;
	unsigned code;

	if (!**utf8)
		return 0;
	code = decode((const unsigned char *)*utf8, strnlen(*utf8, 4), &length);
	*utf8 += length ? length : 1;
	return code;
}

/* The visible form of one code point: at most 10 bytes and a NUL. */
static size_t visible(unsigned code, char *out, size_t size)
{
	if (!text__is_control(code)) {
		size_t length = text__encode(out, code);

		out[length] = '\0';
		return length;
	}
	if (code < 0x100)
		return snprintf(out, size, "\\x%02x", code);
	return snprintf(out, size, code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

void text__print(FILE *out, const char *utf8)
{
	char piece[16];
	unsigned code;

	while ((code = text__next(&utf8))) {
		visible(code, piece, sizeof(piece));
		fputs(piece, out);
	}
}

void text__markup(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

char *text__printable(const char *utf8, char *buffer, size_t size)
{
	size_t end = 0, length;
	char piece[16];
	unsigned code;

	if (!size)
		return buffer;
	while ((code = text__next(&utf8))) {
		length = visible(code, piece, sizeof(piece));
		if (length >= size - end)
			break;
		memcpy(buffer + end, piece, length);
		end += length;
	}
	buffer[end] = '\0';
	return buffer;
}

size_t text__columns(const char *utf8)
{
	size_t columns = 0;
	unsigned code;

	while ((code = text__next(&utf8)))
		columns += IN(combining, code) ? 0 : IN(wide, code) ? 2 : 1;
	return columns;
}

char *text__bytes(double bytes, char *buffer, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	const size_t last = sizeof(units) / sizeof(*units) - 1;
	size_t unit = 0;

	if (!isfinite(bytes)) {
		snprintf(buffer, size, "?");
		return buffer;
	}
	/* What rounds to 1024 of one unit is 1 of the next. */
	while (unit < last && fabs(bytes) >= (unit ? 1023.95 : 1023.5)) {
		bytes /= 1024;
		unit++;
	}
	if (fabs(bytes) >= 1e6)
		bytes = copysign(999999, bytes);
	if (!unit && fabs(bytes) < 0.5)
		bytes = 0;
	snprintf(buffer, size, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
	return buffer;
}

char *text__seconds(double seconds, char *buffer, size_t size)
{
	if (!isfinite(seconds) || seconds < 0)
		snprintf(buffer, size, "?");
	else if (seconds == 0)
		snprintf(buffer, size, "0 s");
	else if (seconds < 0.0995)
		snprintf(buffer, size, "%.0f ms", fmax(1, seconds * 1e3));
	else if (seconds < 99.95)
		snprintf(buffer, size, "%.1f s", seconds);
	else if (seconds < 9.95 * 60)
		snprintf(buffer, size, "%.1f min", seconds / 60);
	else if (seconds < 99.5 * 60)
		snprintf(buffer, size, "%.0f min", seconds / 60);
	else if (seconds < 99.95 * 3600)
		snprintf(buffer, size, "%.1f h", seconds / 3600);
	else
		snprintf(buffer, size, "%.0f d", fmin(seconds / 86400, 1e6));
	return buffer;
}

char *text__time(time_t at, char *buffer, size_t size)
{
	struct tm utc;

	if (!gmtime_r(&at, &utc) || !strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &utc))
		buffer[0] = '\0';
	return buffer;
}

char *text__count(__u64 number, char *buffer, size_t size)
{
	char digits[24];
	size_t length = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	size_t end = 0;

	for (size_t i = 0; i < length && end + 2 < size; i++) {
		if (i && (length - i) % 3 == 0)
			buffer[end++] = ',';
		buffer[end++] = digits[i];
	}
	if (size)
		buffer[end] = '\0';
	return buffer;
}
