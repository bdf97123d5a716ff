// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_proc_maps.c - /proc/PID/maps, well and badly formed
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/proc_maps.h"
#include "lib/proc_mem.h"

#define LINE "7f3c1a000000-7f3c1a021000 r-xp 00028000 fe:01 1835030    "

static struct proc_maps *parse(const char *text)
{
	struct proc_maps *maps;

	assert_int_equal(proc_maps__parse(text, strlen(text), &maps), 0);
	return maps;
}

static int parse_error(const char *text, size_t length)
{
	struct proc_maps *maps;
	int err = proc_maps__parse(text, length, &maps);

	if (err)
		assert_null(maps);
	proc_maps__free(maps);
	return err;
}

static void test_fields(void **state)
{
	struct proc_maps *maps = parse(LINE "/usr/lib/libc.so.6\n"
					    "7fff00000000-7fff00001000 rw-s 00000000 00:00 0 \n");
	const struct mapping *m = maps->mappings;

	(void)state;
	assert_int_equal(maps->count, 2);
	assert_int_equal(m->start, 0x7f3c1a000000);
	assert_int_equal(m->end, 0x7f3c1a021000);
	assert_int_equal(m->offset, 0x28000);
	assert_int_equal(m->dev, makedev(0xfe, 1));
	assert_int_equal(m->ino, 1835030);
	assert_true(m->read && !m->write && m->exec && !m->shared);
	assert_string_equal(m->path, "/usr/lib/libc.so.6");
	assert_true(m[1].read && m[1].write && !m[1].exec && m[1].shared);
	assert_string_equal(m[1].path, "");
	assert_ptr_equal(proc_maps__find(maps, 0x7f3c1a020fff), m);
	assert_null(proc_maps__find(maps, 0x7f3c1a021000));
	assert_null(proc_maps__find(maps, 0));
	assert_null(proc_maps__find(maps, ~0ULL));
	proc_maps__free(maps);
}

static void test_odd_paths(void **state)
{
	static const struct {
		const char *text, *path;
	} cases[] = {
		{LINE "/tmp/a b  c\n", "/tmp/a b  c"},
		{LINE "/tmp/new\\012line\n", "/tmp/new\nline"},
		{LINE "\\012\\012\n", "\n\n"},
		{LINE "/tmp/back\\slash\\01\n", "/tmp/back\\slash\\01"},
		{LINE "/tmp/gone.so (deleted)\n", "/tmp/gone.so (deleted)"},
		{LINE "[heap]\n", "[heap]"},
		{LINE "/tmp/\xff\xfe\x1b[31m\n", "/tmp/\xff\xfe\x1b[31m"},
		{"7f3c1a000000-7f3c1a021000 r-xp 00028000 fe:01 1835030\n", ""},
		{"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n",
		 "[vsyscall]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct proc_maps *maps = parse(cases[i].text);

		assert_int_equal(maps->count, 1);
		assert_string_equal(maps->mappings[0].path, cases[i].path);
		proc_maps__free(maps);
	}
}

static void test_huge_line(void **state)
{
	size_t head = strlen(LINE), length = head + (1 << 20) + 1;
	char *text = malloc(length + 1);
	struct proc_maps *maps;

	(void)state;
	memset(text, 'x', length);
	memcpy(text, LINE, head);
	text[length - 1] = '\n';
	text[length] = '\0';
	maps = parse(text);
	assert_int_equal(strlen(maps->mappings[0].path), 1 << 20);
	proc_maps__free(maps);
	free(text);
}

static void test_malformed(void **state)
{
	static const char *const cases[] = {
		"\n",
		"7f3c1a000000\n",
		"7f3c1a000000-7f3c1a021000\n",
		"7f3c1a021000-7f3c1a000000 r-xp 00028000 fe:01 1835030\n",
		"7f3c1a000000-7f3c1a000000 r-xp 00028000 fe:01 1835030\n",
		"7f3c1a000000-7f3c1a021000 rwx 00028000 fe:01 1835030\n",
		"7f3c1a000000-7f3c1a021000 qqqq 00028000 fe:01 1835030\n",
		"7f3c1a000000-7f3c1a021000 r-xp 00028000 fe01 1835030\n",
		"7f3c1a000000-7f3c1a021000 r-xp 00028000 fe:01 \n",
		"7f3c1a000000-7f3c1a021000 r-xp 00028000 fe:01 12ab\n",
		"7f3c1a00000000000-7f3c1a021000000000 r-xp 00028000 fe:01 1\n",
		"7f3c1a000000-7f3c1a021000 r-xp 00028000 fe:01 99999999999999999999999\n",
		LINE "/no/newline/at/the/end",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse_error(cases[i], strlen(cases[i])), -EINVAL);
	assert_int_equal(parse_error(LINE "a\0b\n", strlen(LINE) + 4), -EINVAL);
	assert_int_equal(parse_error("", 0), 0);
}

/* Any prefix and any changed byte: an answer, never a crash. */
static void test_damaged(void **state)
{
	static const char text[] = LINE "/usr/lib/a\\012b.so\n" LINE "[heap]\n";
	char copy[sizeof(text)];

	(void)state;
	for (size_t length = 0; length < sizeof(text); length++) {
		/* A heap copy of just that length, so that a sanitizer sees the end. */
		char *prefix = malloc(length + 1);

		memcpy(prefix, text, length);
		parse_error(prefix, length);
		free(prefix);
	}
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		for (int value = 0; value < 256; value++) {
			memcpy(copy, text, sizeof(text));
			copy[i] = value;
			parse_error(copy, sizeof(text) - 1);
		}
	}
}

static void test_live(void **state)
{
	const struct mapping *m, *here;
	struct proc_maps *maps;
	pid_t child;

	(void)state;
	assert_int_equal(proc_maps__read(getpid(), &maps), 0);
	here = proc_maps__find(maps, (uintptr_t)test_live);
	assert_non_null(here);
	assert_true(here->exec && here->ino);
	proc_maps__for_each (maps, m)
		assert_true(m->start < m->end);
	proc_maps__free(maps);

	child = fork();
	if (child == 0)
		_exit(0);
	waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
	assert_int_equal(proc_maps__read(child, &maps), -ESRCH);
	waitpid(child, NULL, 0);
	assert_int_equal(proc_maps__read(child, &maps), -ESRCH);
}

static void test_memory(void **state)
{
	enum { COUNT = 3000, SIZE = 16 };
	size_t page = sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct proc_mem_part *parts = calloc(COUNT, sizeof(*parts));
	char *copy = calloc(COUNT, SIZE);
	char buffer[64];

	(void)state;
	memset(pages, 'a', 3 * page);
	munmap(pages + page, page);
	assert_int_equal(proc_mem__read(getpid(), (uintptr_t)pages, buffer, sizeof(buffer)), 0);
	assert_int_equal(buffer[63], 'a');
	assert_int_equal(proc_mem__read(getpid(), (uintptr_t)pages + page - 8, buffer, 16),
			 -EFAULT);
	assert_int_equal(proc_mem__read(getpid(), ~0ULL - 4, buffer, 16), -EFAULT);
	assert_int_equal(proc_mem__read(99999999, (uintptr_t)pages, buffer, 16), -ESRCH);
	assert_int_equal(proc_mem__read(getpid(), 0, buffer, 0), 0);

	/*
	 * More parts than one call takes; in each ten one hits the hole, one its edge, one is
	 * empty.
	 */
	for (size_t i = 0; i < COUNT; i++) {
		parts[i].buffer = copy + i * SIZE;
		parts[i].size = i % 10 == 5 ? 0 : SIZE;
		parts[i].address = (uintptr_t)pages + (i % 10 == 3      ? page + 64
						       : i % 10 == 7    ? page - 8
						       : i >= COUNT / 2 ? 2 * page
									: 0);
		parts[i].result = 1;
	}
	assert_int_equal(proc_mem__read_many(getpid(), parts, COUNT), 0);
	for (size_t i = 0; i < COUNT; i++) {
		bool good = i % 10 != 3 && i % 10 != 7;

		assert_int_equal(parts[i].result, good ? 0 : -EFAULT);
		if (good && parts[i].size)
			assert_int_equal(copy[i * SIZE + SIZE - 1], 'a');
	}
	assert_int_equal(proc_mem__read_many(99999999, parts, COUNT), -ESRCH);
	assert_int_equal(proc_mem__read_many(getpid(), parts, 0), 0);
	munmap(pages, page);
	munmap(pages + 2 * page, page);
	free(parts);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),    cmocka_unit_test(test_odd_paths),
		cmocka_unit_test(test_huge_line), cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_damaged),   cmocka_unit_test(test_live),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
