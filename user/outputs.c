// SPDX-License-Identifier: BSD-2-Clause
#include "outputs.h"

#include <string.h>
#include <unistd.h>

#include "export/export.h"
#include "lib/log.h"
#include "lib/out_file.h"
#include "lib/screen.h"

static int open_one(const struct cli_output *wanted, struct output *output)
{
	char known[128];
	int err;

	output->path = wanted->path;
	output->exporter = wanted->format ? exporter__by_name(wanted->format)
					  : exporter__by_path(wanted->path);
	if (!output->exporter && wanted->format)
		return log__fail(EXIT_USAGE, "no such format: %s (there are %s)", wanted->format,
				 exporter__names(known, sizeof(known)));
	if (!output->exporter)
		return log__fail(EXIT_USAGE,
				 "cannot tell the format of %s: the name must end in one of %s",
				 wanted->path, exporter__endings(known, sizeof(known)));
	err = out_file__open(wanted->path, &output->file);
	if (err)
		return log__fail(EXIT_FAILED, "cannot write %s: %s; choose another place with -o",
				 wanted->path, strerror(-err));
	return 0;
}

int outputs__open(const struct cli_output *wanted, size_t count, struct outputs *outputs)
{
	int err = 0;

	for (size_t i = 0; !err && i < count; i++) {
		err = open_one(&wanted[i], &outputs->list[i]);
		if (!err)
			outputs->count++;
		if (!err && !strcmp(wanted[i].path, "-"))
			outputs->stdout_taken = true;
	}
	return err;
}

void outputs__show(struct outputs *outputs, const struct report *report, bool live)
{
	struct terminal_options options = {
		.colour = screen__colour(),
		.width = screen__width(),
		.live = live,
	};

	if (outputs->stdout_taken || log__level() < 0)
		return;
	if (isatty(STDOUT_FILENO) && (live || outputs->shown))
		fputs("\033[H\033[J", stdout);
	outputs->shown = live;
	terminal__print(report, stdout, &options);
	fflush(stdout);
}

int outputs__write(struct outputs *outputs, const struct report *report)
{
	int failed = 0;

	for (size_t i = 0; i < outputs->count; i++) {
		struct output *output = &outputs->list[i];
		int err = output->exporter->write(report, out_file__stream(output->file));

		if (!err)
			err = out_file__commit(output->file);
		else
			out_file__discard(output->file);
		output->file = NULL;
		if (err)
			failed = log__fail(EXIT_FAILED, "cannot write %s: %s", output->path,
					   strerror(-err));
	}
	return failed;
}

void outputs__discard(struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		out_file__discard(outputs->list[i].file);
	outputs->count = 0;
}
