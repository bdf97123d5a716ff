/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fleet_options.h - what `--all` and `agent` are told, on the command line and in a file
 *
 * The file has a line `name = value` for each option, by its long name; empty lines, and what follows a # at the start of a line or after
 * a space, are no matter. The command line wins.
 */
#ifndef FLEET_OPTIONS_H
#define FLEET_OPTIONS_H

#include "agent/host.h"
#include "cli.h"

struct fleet_options {
	bool agent; /* else --all */
	struct host_options host;
	/* agent */
	const char *config; /* file, NULL = none */
	const char *listen;
	const char *token_file, *tls_cert, *tls_key, *tls_client_ca;
	/* --all */
	struct cli_output outputs[CLI_MAX_OUTPUTS];
	size_t output_count;
	double duration_s; /* 0 = until Ctrl-C */
	size_t top;
	bool fail_on_leak;
	int verbosity;
	bool done; /* --help or --version was printed */
	/* what the strings of the file are in; see fleet_options__clear() */
	char *file_text;
	int argc;
	char **argv;
};

/* argv must outlive them. 0, or -EXIT_USAGE after one line on stderr. */
int fleet_options__parse(int argc, char **argv, struct fleet_options *options);

/* Reads the file anew into *again; options stay as they are. 0, or -EXIT_USAGE after one line on stderr. */
int fleet_options__reload(const struct fleet_options *options, struct fleet_options *again);

void fleet_options__clear(struct fleet_options *options);

#endif
