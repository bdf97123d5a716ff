// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_fleet_options.c - the command line and the file of --all and of the agent
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fleet.h"
#include "lib/log.h"

#define MOST 16

/* Splits a line at its blanks and parses it. */
static int parse(const char *line, struct fleet_options *options)
{
	static char text[4096];
	static char *argv[MOST + 1];
	int argc = 0;

	snprintf(text, sizeof(text), "pyleak-bpf %s", line);
	for (char *word = strtok(text, " "); word && argc < MOST; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	assert_true(fleet__is_meant(argc, argv));
	return fleet_options__parse(argc, argv, options);
}

static const char *file_of(const char *text)
{
	static char path[] = "/tmp/pyleak-fleet-XXXXXX";
	int fd;

	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static int parse_file(const char *text, const char *more, struct fleet_options *options)
{
	char line[256];
	const char *path = file_of(text);
	int err;

	snprintf(line, sizeof(line), "agent --config %s %s", path, more);
	err = parse(line, options);
	unlink(path);
	return err;
}

static void test_is_meant(void **state)
{
	char *traced[] = {"pyleak-bpf", "--pid", "1", NULL};
	char *command[] = {"pyleak-bpf", "--", "server", "--all", NULL};
	char *all[] = {"pyleak-bpf", "-q", "--all", NULL};

	(void)state;
	assert_false(fleet__is_meant(3, traced));
	assert_false(fleet__is_meant(4, command));
	assert_true(fleet__is_meant(3, all));
}

static void test_arguments(void **state)
{
	struct fleet_options options;

	(void)state;
	assert_int_equal(parse("--all", &options), 0);
	assert_false(options.agent);
	assert_float_equal(options.host.interval_s, 5, 0);
	assert_int_equal(options.host.max_traced, 2);
	assert_int_equal(parse("--all -d 2m -i 10s --max-traced 3 --comm gunicorn* -o x.svg "
			       "-f json --budget 1.5%",
			       &options),
			 0);
	assert_float_equal(options.duration_s, 120, 0);
	assert_float_equal(options.host.interval_s, 10, 0);
	assert_int_equal(options.host.max_traced, 3);
	assert_string_equal(options.host.comm, "gunicorn*");
	assert_float_equal(options.host.budget, 0.015, 1e-12);
	assert_int_equal(options.output_count, 1);
	assert_string_equal(options.outputs[0].format, "json");
	assert_int_equal(parse("agent --listen [::1]:80 --oom-dir /x", &options), 0);
	assert_true(options.agent);
	assert_string_equal(options.listen, "[::1]:80");
	assert_string_equal(options.host.oom_dir, "/x");
	assert_true(options.host.growth_stacks);
	assert_int_equal(parse("agent --growth-stacks no", &options), 0);
	assert_false(options.host.growth_stacks);
}

static void test_wrong(void **state)
{
	static const char *const wrong[] = {
		"--all --max-traced 0",
		"--all --max-traced 2x",
		"--all --interval 0",
		"--all --interval soon",
		"--all --budget -1",
		"--all --listen 127.0.0.1:1",
		"--all --nonsense",
		"--all extra",
		"--all --comm",
		"--all -o -",
		"--all --fail-on rain",
		"--all --growth-stacks maybe",
		"agent --duration 5",
		"agent --output x.json",
		"agent --all",
		"agent --tls-cert x",
		"agent --tls-client-ca x",
		"agent --config /nowhere/at/all",
	};
	struct fleet_options options;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(parse(wrong[i], &options), -EXIT_USAGE);
}

static void test_file(void **state)
{
	struct fleet_options options, again;

	(void)state;
	assert_int_equal(
		parse_file("# ours\n\n  interval = 7s  # often\nmax-traced=4\n"
			   "\tcomm = web #1\r\nlisten = 127.0.0.1:1234\ngrowth-stacks = no",
			   "--max-traced 5", &options),
		0);
	assert_float_equal(options.host.interval_s, 7, 0);
	assert_int_equal(options.host.max_traced, 5); /* the command line wins */
	assert_false(options.host.growth_stacks);
	assert_string_equal(options.host.comm, "web");
	assert_string_equal(options.listen, "127.0.0.1:1234");
	/* It is gone by now. */
	assert_int_equal(fleet_options__reload(&options, &again), -EXIT_USAGE);
	fleet_options__clear(&again);
	fleet_options__clear(&options);
}

static void test_wrong_file(void **state)
{
	static const char *const wrong[] = {
		"interval\n", "interval = often\n", "nonsense = 1\n",
		"= 1\n",      "config = /x\n",      "quiet = 1\n",
		"all = 1\n",  "duration = 5\n",     "output = /x\n",
	};
	struct fleet_options options;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(parse_file(wrong[i], "", &options), -EXIT_USAGE);
}

static void test_reload(void **state)
{
	const char *path = file_of("interval = 7s\n");
	struct fleet_options options, again;
	char line[128];
	FILE *file;

	(void)state;
	snprintf(line, sizeof(line), "agent --config %s", path);
	assert_int_equal(parse(line, &options), 0);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("interval = 8s\n", file);
	fclose(file);
	assert_int_equal(fleet_options__reload(&options, &again), 0);
	assert_float_equal(again.host.interval_s, 8, 0);
	assert_float_equal(options.host.interval_s, 7, 0);
	fleet_options__clear(&again);
	fleet_options__clear(&options);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is_meant),   cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_wrong),      cmocka_unit_test(test_file),
		cmocka_unit_test(test_wrong_file), cmocka_unit_test(test_reload),
	};

	log__set_level(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
