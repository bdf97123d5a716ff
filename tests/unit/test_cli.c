// SPDX-License-Identifier: BSD-2-Clause
/*
 * The command line: what is accepted and becomes what; what is refused, with exit status 2.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <getopt.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "lib/log.h"

#define MAX_ARGUMENTS 32

/* Splits line at blanks, as if it had been typed after the program's name. */
static int parse(const char *line, struct cli *cli)
{
	static char text[256];
	static char *argv[MAX_ARGUMENTS + 1];
	char *rest = text;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	argv[0] = "pyleak-bpf";
	while (argc < MAX_ARGUMENTS && (argv[argc] = strsep(&rest, " ")))
		argc++;
	argv[argc] = NULL;
	optind = 0; /* getopt starts anew */
	return cli__parse(argc, argv, cli);
}

static void takes_the_main_job(void **state)
{
	struct cli cli;

	(void)state;
	assert_int_equal(parse("--pid 123", &cli), 0);
	assert_int_equal(cli.pid_count, 1);
	assert_int_equal(cli.pids[0], 123);
	assert_null(cli.command);
	assert_int_equal(cli.top, 10);
	assert_true(cli.interval_s == 5 && cli.duration_s == 0 && cli.older_s == 0);
	assert_int_equal(cli.mode, TRACE_AUTO);
	assert_true(cli.budget == 0.02 && cli.sample_bytes == 0 &&
		    cli.subcommand == SUBCOMMAND_TRACE);
}

static void takes_every_option(void **state)
{
	struct cli cli;

	(void)state;
	assert_int_equal(parse("-p 1 -p 2 -p 1 -d 5m -i 500ms -o a.json -o - -f folded -t 3", &cli),
			 0);
	assert_int_equal(cli.pid_count, 2);
	assert_true(cli.duration_s == 300 && cli.interval_s == 0.5);
	assert_int_equal(cli.output_count, 2);
	assert_string_equal(cli.outputs[0].path, "a.json");
	assert_null(cli.outputs[0].format);
	assert_string_equal(cli.outputs[1].path, "-");
	assert_string_equal(cli.outputs[1].format, "folded");
	assert_int_equal(cli.top, 3);

	assert_int_equal(parse("--pid=7 --min-size 64K --older 1.5h -q -m auto --live-max 8", &cli),
			 0);
	assert_int_equal(cli.min_size, 65536);
	assert_true(cli.older_s == 5400);
	assert_int_equal(cli.verbosity, -1);
	assert_int_equal(cli.live_max, 8);

	assert_int_equal(parse("-p 1 -m sampled --sample-bytes 64K --budget 0.5%", &cli), 0);
	assert_int_equal(cli.mode, TRACE_SAMPLED);
	assert_true(cli.sample_bytes == 65536 && cli.budget == 0.005);
	assert_int_equal(parse("doctor", &cli), 0);
	assert_true(cli.subcommand == SUBCOMMAND_DOCTOR && !cli.pid_count);
	assert_int_equal(parse("doctor --pid 4", &cli), 0);
	assert_int_equal(cli.pids[0], 4);
	assert_int_equal(parse("heap --pid 4 --watch -i 2s", &cli), 0);
	assert_true(cli.subcommand == SUBCOMMAND_HEAP && cli.watch && cli.interval_s == 2);
	assert_int_equal(parse("who --pid 4 app.Session -f json", &cli), 0);
	assert_int_equal(cli.subcommand, SUBCOMMAND_WHO);
	assert_string_equal(cli.what, "app.Session");
	assert_string_equal(cli.outputs[0].format, "json");
	assert_int_equal(parse("who 0x7f1200 -p 4", &cli), 0);
	assert_string_equal(cli.what, "0x7f1200");
	assert_int_equal(cli.pids[0], 4);

	assert_int_equal(parse("-f json -p 1", &cli), 0);
	assert_string_equal(cli.outputs[0].path, "-");
	assert_string_equal(cli.outputs[0].format, "json");
}

static void takes_a_command(void **state)
{
	struct cli cli;

	(void)state;
	assert_int_equal(parse("-d 1s -- python3 -m http.server --pid 3", &cli), 0);
	assert_int_equal(cli.pid_count, 0);
	assert_string_equal(cli.command[0], "python3");
	assert_string_equal(cli.command[4], "3");
	assert_null(cli.command[5]);
}

static void merges_where_children_are_followed(void **state)
{
	struct cli cli;

	(void)state;
	assert_int_equal(parse("--pid 1 --follow", &cli), 0);
	assert_true(cli.follow && !cli.merge);
	assert_int_equal(parse("--pid 1 --merge --follow", &cli), 0);
	assert_true(cli.follow && cli.merge);
	assert_int_equal(parse("--merge -- python3 --no-follow", &cli), 0);
	assert_true(cli.follow && cli.merge);
}

static void refuses(void **state)
{
	static const char *const lines[] = {
		"",
		"--pid",
		"--pid abc",
		"--pid 0",
		"--pid -4",
		"--pid 12x",
		"--pid 99999999999",
		"--nonsense",
		"--pid 1 -x",
		"--pid 1 python3",
		"--pid 1 -- python3",
		"--pid 1 -d soon",
		"--pid 1 -d 0",
		"--pid 1 -d 5parsec",
		"--pid 1 -i 0",
		"--pid 1 -t 0",
		"--pid 1 --min-size many",
		"--pid 1 --live-max 0",
		"--pid 1 -o -",
		"--pid 1 --budget much",
		"--pid 1 --budget 0",
		"--pid 1 --budget -1",
		"--pid 1 --sample-bytes 1",
		"doctor -- python3",
		"heap",
		"heap --pid 1 --pid 2",
		"heap --pid 1 -- python3",
		"heap --pid 1 list",
		"who --pid 1",
		"who list",
		"who --pid 1 list dict",
		"--pid 1 --watch",
		"--pid 1 -m fast",
		"--pid 1 -d nan",
		"--pid 1 -d -5s",
		"--pid 1 --merge",
		"--pid 1 --merge --no-follow",
		"--pid 1 --merge --follow -m census",
		"--no-follow --merge -- python3",
		"heap --pid 1 --follow --merge",
	};
	struct cli cli;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (parse(lines[i], &cli) != -EXIT_USAGE)
			fail_msg("'%s' was taken", lines[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_main_job),
		cmocka_unit_test(takes_every_option),
		cmocka_unit_test(takes_a_command),
		cmocka_unit_test(merges_where_children_are_followed),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
