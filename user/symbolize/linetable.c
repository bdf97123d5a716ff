// SPDX-License-Identifier: BSD-2-Clause
/*
 * linetable.c - CPython's three line tables
 *
 * All three are lists of steps: so many bytes of code further on, so many lines up or down.
 *
 *   <= 3.9   co_lnotab: pairs (bytes u8, lines s8). The line step applies from the new address
 *            on, and the last line holds to the end of the code, so the table may end before it.
 *   3.10     co_linetable: pairs (bytes u8, lines s8) where the pair describes the range itself;
 *            lines = -128 marks a range without a line and leaves the running line alone.
 *   >= 3.11  one entry per range: a head byte 1cccclll and some more whose top bit is clear.
 *            lll + 1 is the length in code units of two bytes; cccc says how line and columns
 *            are written. We need the line delta only and find the next entry by its top bit,
 *            as CPython does.
 *
 * Sums are 64 bits wide: a table is at most CODE_LINES_TOTAL_MAX bytes and a delta below 2^33, so
 * none overflows.
 */
#include "symbolize/linetable.h"

#include <limits.h>

#define NO_LINE_3_10 (-128)

/* Codes of a 3.11 entry; below ONE_LINE_0 are the short forms, all without a line delta. */
enum location_code {
	LOCATION_ONE_LINE_0 = 10,
	LOCATION_ONE_LINE_2 = 12,
	LOCATION_NO_COLUMNS,
	LOCATION_LONG,
	LOCATION_NONE,
};

#define CODE_UNIT 2 /* bytes of an instruction word */

static int checked(long long line)
{
	return line > 0 && line <= INT_MAX ? (int)line : 0;
}

static int lnotab_line(const __u8 *table, size_t len, size_t size, int first_line, long lasti)
{
	long long address = 0, line = first_line;

	for (size_t i = 0; i + 1 < len; i += 2) {
		address += table[i];
		if (address > lasti)
			return checked(line);
		line += (__s8)table[i + 1];
	}
	return len < size ? 0 : checked(line);
}

static int linetable_line(const __u8 *table, size_t len, int first_line, long lasti)
{
	long long end = 0, line = first_line;

	for (size_t i = 0; i + 1 < len; i += 2) {
		int delta = (__s8)table[i + 1];

		end += table[i];
		if (delta != NO_LINE_3_10)
			line += delta;
		if (lasti < end)
			return delta == NO_LINE_3_10 ? first_line : checked(line);
	}
	return 0;
}

/* A signed number in groups of six bits, lowest first; bit 6 of a byte says that there are more. */
static long long signed_varint(const __u8 *at, const __u8 *end)
{
	__u64 value = 0;

	/* An int needs six groups; what is longer is nonsense and may come out as any number. */
	for (unsigned int shift = 0; at < end && shift < 36; shift += 6) {
		value |= (__u64)(*at & 63) << shift;
		if (!(*at++ & 64))
			break;
	}
	return value & 1 ? -(long long)(value >> 1) : (long long)(value >> 1);
}

static int locations_line(const __u8 *table, size_t len, size_t size, int first_line, long lasti)
{
	const __u8 *limit = table + len, *next;
	long long end = 0, line = first_line;

	for (const __u8 *at = table; at < limit; at = next) {
		unsigned int code = (*at >> 3) & 15;

		for (next = at + 1; next < limit && !(*next & 0x80); next++)
			;
		if (next == limit && len < size)
			return 0; /* this entry may be cut */
		if (code >= LOCATION_ONE_LINE_0 && code <= LOCATION_ONE_LINE_2)
			line += code - LOCATION_ONE_LINE_0;
		else if (code == LOCATION_NO_COLUMNS || code == LOCATION_LONG)
			line += signed_varint(at + 1, next);
		end += ((*at & 7) + 1) * CODE_UNIT;
		if (lasti < end)
			return code == LOCATION_NONE ? first_line : checked(line);
	}
	return 0;
}

int linetable__line(enum py_line_format format, const __u8 *table, size_t len, size_t size,
		    int first_line, long lasti)
{
	if (lasti < 0)
		return first_line;
	if (!table)
		return 0;
	switch (format) {
	case PY_LINES_LNOTAB:
		return lnotab_line(table, len, size, first_line, lasti);
	case PY_LINES_LINETABLE:
		return linetable_line(table, len, first_line, lasti);
	case PY_LINES_LOCATIONS:
		return locations_line(table, len, size, first_line, lasti);
	}
	return 0;
}
