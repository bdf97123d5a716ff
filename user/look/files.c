// SPDX-License-Identifier: BSD-2-Clause
#include "look/files.h"

#include <string.h>

#include "lib/log.h"
#include "lib/out_file.h"
#include "lib/screen.h"

static bool has_ending(const char *path, const char *ending)
{
	size_t length = strlen(path), end = strlen(ending);

	return length >= end && !strcmp(path + length - end, ending);
}

static const struct look_format *format_of(const struct cli_output *output,
					   const struct look_format *formats)
{
	for (; formats->name; formats++)
		if (output->format ? !strcmp(output->format, formats->name)
				   : has_ending(output->path, formats->ending))
			return formats;
	return NULL;
}

static char *names_of(const struct look_format *formats, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (const struct look_format *f = formats; f->name && used < size; f++)
		used += snprintf(buffer + used, size - used, "%s%s", f == formats ? "" : ", ",
				 f->name);
	return buffer;
}

int look_files__open(const struct cli *cli, const struct look_format *formats,
		     const char *subcommand, struct look_files *files)
{
	char names[64];
	int err;

	*files = (struct look_files){.cli = cli};
	for (size_t i = 0; i < cli->output_count; i++) {
		const struct cli_output *output = &cli->outputs[i];

		files->list[i].format = format_of(output, formats);
		if (!files->list[i].format)
			return log__fail(EXIT_USAGE,
					 "%s: cannot write %s: no such format (there are %s; "
					 "the ending says which, or -f)",
					 subcommand, output->format ? output->format : output->path,
					 names_of(formats, names, sizeof(names)));
		err = out_file__open(output->path, &files->list[i].file);
		if (err)
			return log__fail(EXIT_FAILED,
					 "cannot write %s: %s; choose another place with -o",
					 output->path, strerror(-err));
		files->stdout_taken |= !strcmp(output->path, "-");
	}
	return 0;
}

int look_files__write(struct look_files *files, const void *what)
{
	int failed = 0;

	for (size_t i = 0; i < files->cli->output_count; i++) {
		struct out_file *file = files->list[i].file;
		int err = files->list[i].format->write(what, out_file__stream(file));

		files->list[i].file = NULL;
		if (!err)
			err = out_file__commit(file);
		else
			out_file__discard(file);
		if (err)
			failed = log__fail(EXIT_FAILED, "cannot write %s: %s",
					   files->cli->outputs[i].path, strerror(-err));
	}
	return failed;
}

void look_files__discard(struct look_files *files)
{
	for (size_t i = 0; i < CLI_MAX_OUTPUTS; i++) {
		out_file__discard(files->list[i].file);
		files->list[i].file = NULL;
	}
}

struct terminal_options look__terminal(void)
{
	return (struct terminal_options){
		.colour = screen__colour(),
		.width = screen__width(),
	};
}
