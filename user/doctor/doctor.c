// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor.c - finds out, then says: run() at the end
 */
#include "doctor/doctor.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "discover/discover.h"
#include "doctor/private.h"
#include "lib/log.h"
#include "lib/out_file.h"
#include "lib/screen.h"

struct files {
	struct out_file *list[CLI_MAX_OUTPUTS];
	bool stdout_taken;
};

/* A diagnosis has one format besides text. */
static int check_format(const struct cli_output *output)
{
	const char *ending = strrchr(output->path, '.');

	if (output->format && strcmp(output->format, "json"))
		return log__fail(EXIT_USAGE, "doctor: no such format: %s (there is json)",
				 output->format);
	if (!output->format && (!ending || strcmp(ending, ".json")))
		return log__fail(
			EXIT_USAGE,
			"doctor: cannot tell the format of %s: the name must end in .json, "
			"or say -f json",
			output->path);
	return 0;
}

static int open_files(const struct cli *cli, struct files *files)
{
	for (size_t i = 0; i < cli->output_count; i++) {
		const char *path = cli->outputs[i].path;
		int err = check_format(&cli->outputs[i]);

		if (err)
			return err;
		err = out_file__open(path, &files->list[i]);
		if (err)
			return log__fail(EXIT_FAILED,
					 "cannot write %s: %s; choose another place with -o", path,
					 strerror(-err));
		files->stdout_taken |= !strcmp(path, "-");
	}
	return 0;
}

static int write_files(const struct doctor *doctor, const struct cli *cli, struct files *files)
{
	int failed = 0;

	for (size_t i = 0; i < cli->output_count; i++) {
		struct out_file *file = files->list[i];
		int err = doctor__write_json(doctor, out_file__stream(file));

		files->list[i] = NULL;
		if (!err)
			err = out_file__commit(file);
		else
			out_file__discard(file);
		if (err)
			failed = log__fail(EXIT_FAILED, "cannot write %s: %s", cli->outputs[i].path,
					   strerror(-err));
	}
	return failed;
}

static void show(const struct doctor *doctor, const struct files *files)
{
	struct terminal_options options = {
		.colour = screen__colour(),
		.width = screen__width(),
	};

	if (files->stdout_taken || log__level() < 0)
		return;
	doctor__print(doctor, stdout, &options);
	fflush(stdout);
}

static bool can_load_programs(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->finding_count; i++)
		if (!strcmp(doctor->findings[i].name, "BPF programs"))
			return doctor->findings[i].answer == ANSWER_YES;
	return false;
}

/* What cannot work is not tried: libbpf would say so in its own words. */
static void price(struct doctor *doctor)
{
	doctor->prices = (struct probe_prices){NAN, NAN, NAN, NAN, NAN, NAN};
	doctor->pricing = can_load_programs(doctor) ? tracer__calibrate(&doctor->prices) : -EPERM;
}

/* 0, or the first failure. */
static int examine(struct doctor *doctor, const struct cli *cli)
{
	int err;

	/* Also mounts tracefs, for us alone, where it is not mounted: hence first. */
	doctor->status = -requirements__check();
	err = -doctor->status;
	doctor__read_settings(doctor);
	doctor__examine_kernel(doctor);
	price(doctor);
	for (size_t i = 0; i < cli->pid_count; i++) {
		struct diagnosis *diagnosis = &doctor->diagnoses[doctor->diagnosis_count++];

		doctor__examine_process(doctor, cli->pids[i], diagnosis);
		if (!err)
			err = -diagnosis->status;
	}
	return err;
}

static int run(struct doctor *doctor, const struct cli *cli, struct files *files)
{
	int err = open_files(cli, files), failed;

	if (err)
		return err;
	err = examine(doctor, cli);
	show(doctor, files);
	failed = write_files(doctor, cli, files);
	return err ? err : failed;
}

int doctor__run(const struct cli *cli)
{
	struct doctor *doctor = calloc(1, sizeof(*doctor));
	struct files files = {0};
	int err;

	if (!doctor)
		return log__fail(EXIT_FAILED, "no memory");
	/* There is nothing to report of a run that was broken off. */
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	err = run(doctor, cli, &files);
	for (size_t i = 0; i < CLI_MAX_OUTPUTS; i++)
		out_file__discard(files.list[i]);
	for (size_t i = 0; i < doctor->diagnosis_count; i++)
		doctor__forget(&doctor->diagnoses[i]);
	free(doctor);
	return err;
}
