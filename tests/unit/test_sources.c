// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_sources.c - the text of source files, read where a process finds them, of files that are not what they should be
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sources.h"

static char folder[] = "/tmp/pyleak-sources-XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) && !chdir(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return chdir("/") || system(command);
}

static void write_file(const char *name, const char *bytes, size_t size)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* What is read of one file by the process pid. */
static struct report_source read_of(struct sources *sources, const char *path)
{
	struct report_site site = {
		.path = path, .file = path, .line = 1, .domain = DOMAIN_RAW, .live_bytes = 1};
	struct report_process process = {.sites = &site, .site_count = 1};

	assert_int_equal(sources__read(sources, &process), 0);
	assert_int_equal(process.source_count, 1);
	assert_string_equal(process.sources[0].path, path);
	return process.sources[0];
}

static struct report_source read_here(struct sources *sources, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return read_of(sources, path);
}

static void test_lines(void **state)
{
	static const char text[] = "\xef\xbb\xbf"
				   "one\r\ntwo \t\n\n\tbr\xff\0ken\nlast";
	struct sources *sources = sources__open(getpid());
	struct report_source source;

	(void)state;
	write_file("a.py", text, sizeof(text) - 1);
	source = read_of(sources, "a.py");
	assert_null(source.problem);
	assert_int_equal(source.line_count, 5);
	assert_string_equal(source.lines[0], "one");
	assert_string_equal(source.lines[1], "two");
	assert_string_equal(source.lines[2], "");
	assert_string_equal(source.lines[3], "\tbr\ufffd\ufffdken");
	assert_string_equal(source.lines[4], "last");

	write_file("empty.py", "", 0);
	source = read_of(sources, "empty.py");
	assert_non_null(source.lines);
	assert_int_equal(source.line_count, 0);
	sources__close(sources);
}

static void test_bounds(void **state)
{
	struct sources *sources = sources__open(getpid());
	char *bytes = malloc(SOURCE_BYTES_MAX + 1);
	struct report_source source;

	(void)state;
	assert_non_null(bytes);
	memset(bytes, 'x', SOURCE_BYTES_MAX + 1);
	write_file("large.py", bytes, SOURCE_BYTES_MAX + 1);
	assert_null(read_here(sources, "large.py").lines);
	assert_string_equal(read_here(sources, "large.py").problem, "it is larger than 4 MiB");

	write_file("long.py", bytes, SOURCE_BYTES_MAX);
	source = read_here(sources, "long.py");
	assert_int_equal(source.line_count, 1);
	assert_int_equal(strlen(source.lines[0]), SOURCE_LINE_BYTES_MAX);

	memset(bytes, '\n', SOURCE_BYTES_MAX);
	write_file("many.py", bytes, SOURCE_BYTES_MAX);
	source = read_here(sources, "many.py");
	assert_int_equal(source.line_count, SOURCE_LINES_MAX);
	assert_string_equal(source.problem, "it has too many lines");
	free(bytes);
	sources__close(sources);
}

/* A pipe that is opened waits for somebody: it is not. */
static void test_no_files(void **state)
{
	struct sources *sources = sources__open(getpid());

	(void)state;
	assert_int_equal(mkfifo("pipe.py", 0600), 0);
	assert_int_equal(symlink("loop.py", "loop.py"), 0);
	assert_string_equal(read_here(sources, "pipe.py").problem, "it is not a regular file");
	assert_string_equal(read_here(sources, "").problem, "it is not a regular file");
	assert_string_equal(read_here(sources, "none.py").problem, "there is no such file");
	assert_string_equal(read_here(sources, "pipe.py/x.py").problem, "there is no such file");
	assert_string_equal(read_here(sources, "loop.py").problem, "its links lead nowhere");
	assert_string_equal(read_of(sources, "/dev/zero").problem, "it is not a regular file");
	assert_string_equal(read_of(sources, "<string>").problem, "it is not from a file");
	assert_string_equal(read_of(sources, "../etc/passwd").problem,
			    "it is outside of the process's current directory");
	sources__close(sources);
}

static void test_newer(void **state)
{
	struct sources *sources = sources__open(getpid());
	struct timespec times[2] = {{0, UTIME_OMIT}, {1000000000, 0}};

	(void)state;
	write_file("time.py", "x", 1);
	assert_int_equal(utimensat(AT_FDCWD, "time.py", times, 0), 0);
	assert_false(read_here(sources, "time.py").newer);
	times[1].tv_sec = 4000000000;
	assert_int_equal(utimensat(AT_FDCWD, "time.py", times, 0), 0);
	assert_true(read_here(sources, "time.py").newer);
	sources__close(sources);
}

/* A process in a root of its own, which has said that it is there. */
static pid_t start_in(const char *root)
{
	int ends[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		if (chroot(root) || chdir("/") || write(ends[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	return pid;
}

/* Links lead to where they lead for the process, never to our files; and its files outlive it. */
static void test_root(void **state)
{
	struct sources *sources;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(mkdir("etc", 0700), 0);
	write_file("etc/passwd", "inside", 6);
	assert_int_equal(symlink("/etc/passwd", "absolute.py"), 0);
	assert_int_equal(symlink("../../../etc/passwd", "up.py"), 0);
	assert_int_equal(symlink("/etc/hostname", "outside.py"), 0);
	pid = start_in(folder);
	sources = sources__open(pid);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);

	assert_string_equal(read_of(sources, "/absolute.py").lines[0], "inside");
	assert_string_equal(read_of(sources, "/up.py").lines[0], "inside");
	assert_string_equal(read_of(sources, "/../../etc/passwd").lines[0], "inside");
	assert_string_equal(read_of(sources, "etc/passwd").lines[0], "inside");
	assert_string_equal(read_of(sources, "/outside.py").problem, "there is no such file");
	sources__close(sources);
}

static void test_gone(void **state)
{
	struct sources *sources = sources__open(INT32_MAX);

	(void)state;
	assert_string_equal(read_of(sources, "/etc/passwd").problem,
			    "where the process has its files is not known");
	sources__close(sources);
	sources__close(NULL);
	assert_int_equal(sources__read(NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),    cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_no_files), cmocka_unit_test(test_newer),
		cmocka_unit_test(test_root),     cmocka_unit_test(test_gone),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
