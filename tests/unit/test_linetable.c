// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_linetable.c - every instruction of much real code, against what each installed Python says
 * itself
 */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pythons.h"

#include "symbolize/linetable.h"

#define MODULES "150"

static enum py_line_format format_of(int minor)
{
	return minor >= 11   ? PY_LINES_LOCATIONS
	       : minor == 10 ? PY_LINES_LINETABLE
			     : PY_LINES_LNOTAB;
}

/*
 * In place; returns the number of bytes. An exact-size copy, so that the sanitizer sees overreads.
 */
static __u8 *from_hex(const char *hex, size_t *size)
{
	__u8 *bytes;

	*size = strcmp(hex, "00") ? strlen(hex) / 2 : 0;
	bytes = malloc(*size + !*size);
	for (size_t i = 0; i < *size; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

		bytes[i] = strtoul(digits, NULL, 16);
	}
	return bytes;
}

/* One "C" line of dump_lines.py; returns how many instructions it compared. */
static unsigned long check_code(char *text, enum py_line_format format)
{
	char *save, *word;
	int first = atoi(strtok_r(text + 2, " \n", &save));
	size_t size;
	__u8 *table = from_hex(strtok_r(NULL, " \n", &save), &size);
	unsigned long unit = 0;

	for (; (word = strtok_r(NULL, " \n", &save)); unit++) {
		int want = *word == '-' ? first : atoi(word);
		int is = linetable__line(format, table, size, size, first, unit * 2);

		if (is != want)
			fail_msg("code at line %d, offset %lu: %d instead of %d", first, unit * 2,
				 is, want);
		if (unit % 8 == 0) {
			/* What has not arrived is unknown or right, never wrong. */
			is = linetable__line(format, table, size / 2, size, first, unit * 2);
			if (size / 2 < size && is && is != want)
				fail_msg("cut, code at line %d, offset %lu: %d, %d", first,
					 unit * 2, is, want);
		}
	}
	assert_int_equal(linetable__line(format, table, size, size, first, -1), first);
	free(table);
	return unit;
}

static void check_python(const char *python)
{
	unsigned long compared = 0;
	char folder[] = __FILE__, command[4096], *line = NULL;
	size_t room = 0;
	int minor = 0;
	FILE *pipe;

	*strrchr(folder, '/') = 0;
	snprintf(command, sizeof(command),
		 "'%s' -W ignore '%s/../layout/linetable/dump_lines.py' " MODULES, python, folder);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	while (getline(&line, &room, pipe) > 0) {
		if (*line == 'V')
			sscanf(line, "V 3 %d", &minor);
		else
			compared += check_code(line, format_of(minor));
	}
	free(line);
	if (pclose(pipe))
		fail_msg("%s failed", python);
	print_message("%s: %lu instructions\n", python, compared);
	assert_true(compared > 100000);
}

static void test_every_instruction(void **state)
{
	(void)state;
	each_python(check_python);
}

static void test_known_tables(void **state)
{
	static const __u8 lnotab[] = {0, 1, 8, 1, 10, 0xfe, 255, 0, 4, 127};
	static const __u8 pairs[] = {4, 1, 6, 0x80, 8, 0xff};
	static const __u8 locations[] = {
		0x80 | 15 << 3 | 1, 0x80 | 11 << 3, 0, 0, 0x80 | 13 << 3, 0x05};

	(void)state;
	assert_int_equal(linetable__line(PY_LINES_LNOTAB, lnotab, 10, 10, 100, 0), 101);
	assert_int_equal(linetable__line(PY_LINES_LNOTAB, lnotab, 10, 10, 100, 8), 102);
	assert_int_equal(linetable__line(PY_LINES_LNOTAB, lnotab, 10, 10, 100, 18), 100);
	assert_int_equal(linetable__line(PY_LINES_LNOTAB, lnotab, 10, 10, 100, 276), 100);
	assert_int_equal(linetable__line(PY_LINES_LNOTAB, lnotab, 10, 10, 100, 277), 227);
	assert_int_equal(linetable__line(PY_LINES_LNOTAB, lnotab, 4, 10, 100, 90), 0);
	assert_int_equal(linetable__line(PY_LINES_LINETABLE, pairs, 6, 6, 7, 3), 8);
	assert_int_equal(linetable__line(PY_LINES_LINETABLE, pairs, 6, 6, 7, 4), 7);
	assert_int_equal(linetable__line(PY_LINES_LINETABLE, pairs, 6, 6, 7, 10), 7);
	assert_int_equal(linetable__line(PY_LINES_LINETABLE, pairs, 6, 6, 7, 18), 0);
	assert_int_equal(linetable__line(PY_LINES_LOCATIONS, locations, 6, 6, 7, 2), 7);
	assert_int_equal(linetable__line(PY_LINES_LOCATIONS, locations, 6, 6, 7, 4), 8);
	assert_int_equal(linetable__line(PY_LINES_LOCATIONS, locations, 6, 6, 7, 6), 6);
	assert_int_equal(linetable__line(PY_LINES_LOCATIONS, NULL, 0, 6, 7, 6), 0);
	assert_int_equal(linetable__line(0, pairs, 6, 6, 7, 6), 0);
}

/* Nonsense: any answer will do that is a line or 0, and that the sanitizers accept. */
static void test_hostile(void **state)
{
	static const int firsts[] = {INT32_MIN, -1, 0, 1, INT32_MAX};

	(void)state;
	srandom(1);
	for (int round = 0; round < 200000; round++) {
		size_t size = random() % 40, len = size ? random() % (size + 1) : 0;
		enum py_line_format format = PY_LINES_LNOTAB + random() % 3;
		__u8 *table = malloc(len + !len);
		int first = firsts[random() % 5], line;
		long lasti = random() % 4 ? random() % 200 : random() * 4096 - (1L << 42);

		for (size_t i = 0; i < len; i++)
			table[i] = random() % 3 ? random() : 0xff;
		line = linetable__line(format, table, len, size, first, lasti);
		assert_true(line >= 0 || line == first);
		free(table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_tables),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_every_instruction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
