// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_text.c - text of a target and figures for people; files that appear complete or not at all
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/out_file.h"
#include "lib/text.h"

#define BAD "\xef\xbf\xbd"

struct pair {
	const char *in, *out;
};

static void test_utf8(void **state)
{
	static const struct pair rows[] = {
		{"", ""},
		{"plain", "plain"},
		{"Gr\xc3\xb6\xc3\x9f"
		 "e \xf0\x9f\x90\x8d",
		 "Größe \xf0\x9f\x90\x8d"},
		{"\xff", BAD},
		{"a\xc3", "a" BAD}, /* cut off */
		{"\xc3(", BAD "("},
		{"\xc0\x80", BAD BAD}, /* overlong */
		{"\xe0\x80\x80", BAD BAD BAD},
		{"\xed\xa0\x80", BAD BAD BAD},         /* surrogate */
		{"\xf4\x90\x80\x80", BAD BAD BAD BAD}, /* beyond U+10FFFF */
		{"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
		{"\xe6\x97"
		 "x",
		 BAD BAD "x"},
	};
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		text = text__utf8(rows[i].in, strlen(rows[i].in));
		assert_string_equal(text, rows[i].out);
		free(text);
	}
	text = text__utf8("a\0b", 3);
	assert_string_equal(text, "a" BAD "b");
	free(text);
}

static void check_unicode(const void *data, size_t bytes, unsigned kind, const char *wanted)
{
	/*
	 * In a buffer of its own, for a sanitizer to see what is read beyond it; odd, as memory of
	 * a target may be.
	 */
	char *copy = malloc(bytes + 1), *text;

	memcpy(copy + 1, data, bytes);
	text = text__from_unicode(copy + 1, bytes, kind);
	assert_string_equal(text, wanted);
	free(text);
	free(copy);
}

static void test_from_unicode(void **state)
{
	static const uint16_t two[] = {0x65e5, 0x672c, 'x', 0xdc80, 0};
	static const uint32_t four[] = {0x1f40d, 0x10ffff, 0x110000, 0xffffffff, 0xd800, 'y'};

	(void)state;
	check_unicode("Gr\xf6\xdf"
		      "e",
		      5, 1, "Größe");
	check_unicode("", 0, 1, "");
	check_unicode(two, sizeof(two), 2, "日本x" BAD BAD);
	check_unicode(two, 5, 2, "日本");
	check_unicode(four, sizeof(four), 4, "\xf0\x9f\x90\x8d\xf4\x8f\xbf\xbf" BAD BAD BAD "y");
	check_unicode(four, 3, 4, "");
	check_unicode("abc", 3, 3, "");
	check_unicode("abc", 3, 0, "");
}

static const struct pair printable[] = {
	{"", ""},
	{"Cache.put (app.py:42)", "Cache.put (app.py:42)"},
	{"\033[31mred\a\r\n\t\x7f", "\\x1b[31mred\\x07\\x0d\\x0a\\x09\\x7f"},
	{"\xc2\x9b"
	 "31m",
	 "\\x9b31m"},
	{"a\u202eb\u2066c\u200bd", "a\\u202eb\\u2066c\\u200bd"},
	{"\U000e0041", "\\U000e0041"},
	{"Größe 日本 🐍", "Größe 日本 🐍"},
	{"broken \xff", "broken " BAD},
};

static void test_print(void **state)
{
	char buffer[256], *text;
	size_t size;

	(void)state;
	for (size_t i = 0; i < sizeof(printable) / sizeof(*printable); i++) {
		FILE *out = open_memstream(&text, &size);

		text__print(out, printable[i].in);
		fclose(out);
		assert_string_equal(text, printable[i].out);
		free(text);
		assert_string_equal(text__printable(printable[i].in, buffer, sizeof(buffer)),
				    printable[i].out);
	}
}

static void test_printable_cuts(void **state)
{
	char buffer[8] = "unused";

	(void)state;
	assert_string_equal(text__printable("日本語", buffer, 8), "日本");
	assert_string_equal(text__printable("日本語", buffer, 6), "日");
	assert_string_equal(text__printable("ab\033", buffer, 6), "ab");
	assert_string_equal(text__printable("ab\033", buffer, 7), "ab\\x1b");
	assert_string_equal(text__printable("abc", buffer, 1), "");
	buffer[0] = '!';
	text__printable("abc", buffer, 0);
	assert_int_equal(buffer[0], '!');
}

static void test_columns(void **state)
{
	(void)state;
	assert_int_equal(text__columns(""), 0);
	assert_int_equal(text__columns("abc…"), 4);
	assert_int_equal(text__columns("日本🐍"), 6);
	assert_int_equal(text__columns("e\u0301"), 1);
}

static void test_bytes(void **state)
{
	static const struct {
		double bytes;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{-0.0, "0 B"},
		{-512, "-512 B"},
		{1023, "1023 B"},
		{1023.9, "1.0 KiB"},
		{1536, "1.5 KiB"},
		{1024 * 1024 - 1, "1.0 MiB"},
		{1.4 * 1073741824, "1.4 GiB"},
		{-2.5 * 1048576, "-2.5 MiB"},
		{18446744073709551615.0, "16.0 EiB"},
		{NAN, "?"},
		{INFINITY, "?"},
		{0.3, "0 B"},
	};
	char buffer[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(text__bytes(rows[i].bytes, buffer, sizeof(buffer)),
				    rows[i].text);
	assert_in_range(strlen(text__bytes(-1e300, buffer, sizeof(buffer))), 1, 15);
}

static void test_seconds(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} rows[] = {
		{0, "0 s"},      {0.0004, "1 ms"}, {0.05, "50 ms"},    {0.0999, "0.1 s"},
		{3.2, "3.2 s"},  {99.9, "99.9 s"}, {99.96, "1.7 min"}, {14 * 60, "14 min"},
		{9000, "2.5 h"}, {1e6, "12 d"},    {NAN, "?"},         {-1, "?"},
	};
	char buffer[16];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(text__seconds(rows[i].seconds, buffer, sizeof(buffer)),
				    rows[i].text);
}

static void test_count(void **state)
{
	char buffer[32];

	(void)state;
	assert_string_equal(text__count(0, buffer, sizeof(buffer)), "0");
	assert_string_equal(text__count(999, buffer, sizeof(buffer)), "999");
	assert_string_equal(text__count(81920, buffer, sizeof(buffer)), "81,920");
	assert_string_equal(text__count(UINT64_MAX, buffer, sizeof(buffer)),
			    "18,446,744,073,709,551,615");
}

/* A folder of its own for the files of one test. */
static int enter_folder(void **state)
{
	char template[] = "/tmp/pyleak-test-XXXXXX";

	if (!mkdtemp(template) || chdir(template))
		return -1;
	*state = strdup(template);
	umask(022);
	return 0;
}

static int leave_folder(void **state)
{
	int err = chdir("/") || rmdir(*state);

	free(*state);
	return err;
}

static int entries(void)
{
	DIR *folder = opendir(".");
	int count = -2;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void check_content(const char *path, const char *wanted, mode_t mode)
{
	char text[64] = "";
	FILE *file = fopen(path, "r");
	struct stat st;

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, wanted);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void test_out_file(void **state)
{
	struct out_file *file;

	(void)state;
	assert_int_equal(out_file__open("new", &file), 0);
	fputs("one", out_file__stream(file));
	assert_int_equal(access("new", F_OK), -1);
	assert_int_equal(out_file__commit(file), 0);
	check_content("new", "one", 0644);

	/* The second one never happened. */
	assert_int_equal(out_file__open("new", &file), 0);
	fputs("two", out_file__stream(file));
	out_file__discard(file);
	check_content("new", "one", 0644);
	assert_int_equal(entries(), 1);

	/* A link stays one, and the mode of what it points to stays too. */
	assert_int_equal(chmod("new", 0600), 0);
	assert_int_equal(symlink("new", "link"), 0);
	assert_int_equal(out_file__open("link", &file), 0);
	fputs("three", out_file__stream(file));
	assert_int_equal(out_file__commit(file), 0);
	check_content("new", "three", 0600);
	assert_int_equal(readlink("link", (char[8]){0}, 8), 3);
	assert_int_equal(entries(), 2);
	assert_int_equal(unlink("link") | unlink("new"), 0);
}

static void test_out_file_fails(void **state)
{
	struct out_file *file = NULL;

	(void)state;
	assert_int_equal(out_file__open("no/such/folder", &file), -ENOENT);
	assert_int_equal(out_file__open(".", &file), -EISDIR);
	assert_int_equal(out_file__open("", &file), -ENOENT);
	assert_null(file);
	assert_int_equal(out_file__open("/dev/full", &file), 0);
	fputs("lost", out_file__stream(file));
	assert_int_equal(out_file__commit(file), -ENOSPC);
	out_file__discard(NULL);

	/* The place was taken away. */
	assert_int_equal(out_file__open("file", &file), 0);
	assert_int_equal(mkdir("file", 0700), 0);
	assert_int_equal(out_file__commit(file), -EISDIR);
	assert_int_equal(rmdir("file"), 0);
	assert_int_equal(entries(), 0);
}

static void test_out_file_devices(void **state)
{
	struct out_file *file;
	struct stat st;

	(void)state;
	assert_int_equal(out_file__open("/dev/null", &file), 0);
	fputs("gone", out_file__stream(file));
	assert_int_equal(out_file__commit(file), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));

	assert_int_equal(out_file__open("-", &file), 0);
	assert_ptr_equal(out_file__stream(file), stdout);
	assert_int_equal(out_file__commit(file), 0);
	assert_int_equal(out_file__open("/dev/stdout", &file), 0);
	assert_ptr_equal(out_file__stream(file), stdout);
	out_file__discard(file);
	assert_int_equal(fflush(stdout), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_from_unicode),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_printable_cuts),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_count),
		cmocka_unit_test_setup_teardown(test_out_file, enter_folder, leave_folder),
		cmocka_unit_test_setup_teardown(test_out_file_fails, enter_folder, leave_folder),
		cmocka_unit_test_setup_teardown(test_out_file_devices, enter_folder, leave_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
