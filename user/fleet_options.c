// SPDX-License-Identifier: BSD-2-Clause
#include "fleet_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/quantity.h"

#define FILE_MOST (1 << 20)
#define DEFAULT_LISTEN "127.0.0.1:9797"

static const char help[] =
	"usage: pyleak-bpf --all [options]      every Python on this host, on this terminal\n"
	"       pyleak-bpf agent [options]      the same without one, with HTTP endpoints\n"
	"\n"
	"Each process is watched from outside; one that grows is traced for a while, within a "
	"budget.\n"
	"\n"
	"Which ones (shell patterns; all unless said):\n"
	"      --comm P, --cgroup P   name, control group\n"
	"      --user U               name or number\n"
	"      --exclude P            not these: name or command line\n"
	"How closely:\n"
	"  -i, --interval T           between readings of a process; default 5s\n"
	"      --census-interval T    between counts of its blocks; default 60s\n"
	"      --trace-time T         how long a trace takes; default 60s\n"
	"      --max-traced N         processes traced at a time; default 2\n"
	"      --budget PCT           most slowdown of one that is traced; default 2\n"
	"      --host-budget PCT      of one processor, all traces together; default 5\n"
	"      --max-processes N      that are watched; default 4096\n"
	"      --max-sites N          lines kept of a trace; default 20\n"
	"      --growth-stacks yes|no record who takes memory before a trace; default yes\n"
	"      --suppress FILE        findings that are known\n"
	"      --oom-dir DIR          last reports of processes near their limit, and killed for\n"
	"                             memory, go there\n"
	"--all:\n"
	"  -d, --duration T           end after that; else Ctrl-C ends it\n"
	"  -o, --output FILE          a report of all that were traced, as without --all; -f "
	"FORMAT\n"
	"  -t, --top N                processes shown; default 20\n"
	"      --fail-on leak         exit 3 when there is one\n"
	"agent:\n"
	"      --config FILE          these options, a line `name = value` each; SIGHUP reads it "
	"again\n"
	"      --listen ADDR:PORT     default " DEFAULT_LISTEN "; others need a token or TLS\n"
	"      --token-file FILE      who asks must send it: Authorization: Bearer ...\n"
	"      --tls-cert FILE, --tls-key FILE\n"
	"      --tls-client-ca FILE   who asks must have a certificate by this authority\n"
	"  -q, --quiet  -v, --verbose  --version  -h, --help\n";

enum kind {
	TEXT,
	TIME,
	SHARE,
	NUMBER,
	SWITCH,
	OUTPUT,
	FORMAT,
	LEAK,
	QUIET,
	VERBOSE,
	VERSION,
	HELP,
	ALL
};

enum whose { BOTH, AGENT_ONLY, ALL_ONLY };

struct setting {
	const char *name;
	char letter;
	enum kind kind;
	enum whose whose;
	size_t offset; /* in struct fleet_options */
	double least, most;
};

#define AT(member) offsetof(struct fleet_options, member)

static const struct setting settings[] = {
	{"comm", 0, TEXT, BOTH, AT(host.comm), 0, 0},
	{"cgroup", 0, TEXT, BOTH, AT(host.cgroup), 0, 0},
	{"user", 0, TEXT, BOTH, AT(host.user), 0, 0},
	{"exclude", 0, TEXT, BOTH, AT(host.exclude), 0, 0},
	{"interval", 'i', TIME, BOTH, AT(host.interval_s), 0.1, 3600},
	{"census-interval", 0, TIME, BOTH, AT(host.census_interval_s), 1, 86400},
	{"trace-time", 0, TIME, BOTH, AT(host.trace_s), 5, 3600},
	{"max-traced", 0, NUMBER, BOTH, AT(host.max_traced), 1, 64},
	{"budget", 0, SHARE, BOTH, AT(host.budget), 0.0001, 10},
	{"host-budget", 0, SHARE, BOTH, AT(host.host_budget), 0.0001, 1000},
	{"max-processes", 0, NUMBER, BOTH, AT(host.max_processes), 1, 1 << 20},
	{"max-sites", 0, NUMBER, BOTH, AT(host.max_sites), 1, 10000},
	{"growth-stacks", 0, SWITCH, BOTH, AT(host.growth_stacks), 0, 0},
	{"suppress", 0, TEXT, BOTH, AT(host.suppress), 0, 0},
	{"oom-dir", 0, TEXT, BOTH, AT(host.oom_dir), 0, 0},
	{"duration", 'd', TIME, ALL_ONLY, AT(duration_s), 0.001, 1e9},
	{"output", 'o', OUTPUT, ALL_ONLY, 0, 0, 0},
	{"format", 'f', FORMAT, ALL_ONLY, 0, 0, 0},
	{"top", 't', NUMBER, ALL_ONLY, AT(top), 1, 1000000},
	{"fail-on", 0, LEAK, ALL_ONLY, 0, 0, 0},
	{"config", 0, TEXT, AGENT_ONLY, AT(config), 0, 0},
	{"listen", 0, TEXT, AGENT_ONLY, AT(listen), 0, 0},
	{"token-file", 0, TEXT, AGENT_ONLY, AT(token_file), 0, 0},
	{"tls-cert", 0, TEXT, AGENT_ONLY, AT(tls_cert), 0, 0},
	{"tls-key", 0, TEXT, AGENT_ONLY, AT(tls_key), 0, 0},
	{"tls-client-ca", 0, TEXT, AGENT_ONLY, AT(tls_client_ca), 0, 0},
	{"quiet", 'q', QUIET, BOTH, 0, 0, 0},
	{"verbose", 'v', VERBOSE, BOTH, 0, 0, 0},
	{"version", 0, VERSION, BOTH, 0, 0, 0},
	{"help", 'h', HELP, BOTH, 0, 0, 0},
	{"all", 0, ALL, ALL_ONLY, 0, 0, 0},
};

#define SETTINGS (sizeof(settings) / sizeof(*settings))

static bool takes_value(const struct setting *setting)
{
	return setting->kind <= LEAK;
}

static int set_quantity(struct fleet_options *options, const struct setting *setting,
			const char *value)
{
	const struct unit *units = setting->kind == TIME ? quantity_times : quantity_percent;
	double number;

	if (quantity__parse(value, units, &number) || number < setting->least ||
	    number > setting->most)
		return log__fail(EXIT_USAGE, "--%s %s: want %s (see --help)", setting->name, value,
				 setting->kind == TIME ? "a time such as 30s, 5m or 1h"
						       : "a percentage such as 2");
	memcpy((char *)options + setting->offset, &number, sizeof(number));
	return 0;
}

static int set_number(struct fleet_options *options, const struct setting *setting,
		      const char *value)
{
	char *end;
	size_t number;

	errno = 0;
	number = strtoul(value, &end, 10);
	if (errno || end == value || *end || number < setting->least || number > setting->most)
		return log__fail(EXIT_USAGE,
				 "--%s %s: want a number from %.0f to %.0f (see --help)",
				 setting->name, value, setting->least, setting->most);
	memcpy((char *)options + setting->offset, &number, sizeof(number));
	return 0;
}

static int set_switch(struct fleet_options *options, const struct setting *setting,
		      const char *value)
{
	bool on = !strcmp(value, "yes");

	if (!on && strcmp(value, "no"))
		return log__fail(EXIT_USAGE, "--%s %s: want yes or no (see --help)", setting->name,
				 value);
	memcpy((char *)options + setting->offset, &on, sizeof(on));
	return 0;
}

static int set(struct fleet_options *options, const struct setting *setting, const char *value)
{
	if (setting->whose != BOTH && (setting->whose == AGENT_ONLY) != options->agent)
		return log__fail(EXIT_USAGE, "--%s belongs to %s (see --help)", setting->name,
				 options->agent ? "--all" : "agent");
	switch (setting->kind) {
	case TEXT:
		memcpy((char *)options + setting->offset, &value, sizeof(value));
		return 0;
	case TIME:
	case SHARE:
		return set_quantity(options, setting, value);
	case NUMBER:
		return set_number(options, setting, value);
	case SWITCH:
		return set_switch(options, setting, value);
	case OUTPUT:
		return cli__add_output(options->outputs, &options->output_count, value);
	case FORMAT:
		return cli__set_format(options->outputs, &options->output_count, value);
	case LEAK:
		options->fail_on_leak = true;
		return strcmp(value, "leak")
			       ? log__fail(EXIT_USAGE, "--fail-on %s: there is only leak", value)
			       : 0;
	case QUIET:
		options->verbosity = -1;
		return 0;
	case VERBOSE:
		options->verbosity++;
		return 0;
	case VERSION:
		printf("pyleak-bpf %s\n", PYLEAK_VERSION);
		options->done = true;
		return 0;
	case HELP:
		fputs(help, stdout);
		options->done = true;
		return 0;
	case ALL:
		return 0;
	}
	return 0;
}

/* ---- the command line ---- */

static void list_options(struct option *list, char *letters)
{
	*letters++ = '+';
	*letters++ = ':';
	for (size_t i = 0; i < SETTINGS; i++) {
		list[i] =
			(struct option){settings[i].name, takes_value(&settings[i]), NULL, 256 + i};
		if (!settings[i].letter)
			continue;
		*letters++ = settings[i].letter;
		if (takes_value(&settings[i]))
			*letters++ = ':';
	}
	list[SETTINGS] = (struct option){0};
	*letters = '\0';
}

static const struct setting *by_option(int option)
{
	if (option >= 256)
		return &settings[option - 256];
	for (size_t i = 0; i < SETTINGS; i++)
		if (settings[i].letter == option)
			return &settings[i];
	return NULL;
}

static int parse_arguments(struct fleet_options *options)
{
	struct option list[SETTINGS + 1];
	char letters[2 * SETTINGS + 3];
	int option, err = 0;

	list_options(list, letters);
	opterr = 0;
	optind = 1;
	while (!err && !options->done &&
	       (option = getopt_long(options->argc, options->argv, letters, list, NULL)) != -1) {
		if (option == '?' || option == ':')
			return log__fail(EXIT_USAGE, "%s %s (see --help)",
					 option == ':' ? "no value for" : "no such option:",
					 options->argv[optind - 1]);
		err = set(options, by_option(option), optarg);
	}
	if (!err && !options->done && optind < options->argc)
		return log__fail(EXIT_USAGE, "%s: not an option (see --help)",
				 options->argv[optind]);
	return err;
}

/* ---- the file ---- */

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return text + strspn(text, " \t");
}

static void cut_comment(char *line)
{
	for (char *c = line; *c; c++)
		if (*c == '#' && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
			*c = '\0';
			return;
		}
}

static int set_line(struct fleet_options *options, char *line, int number)
{
	char *name, *value;

	cut_comment(line);
	name = trim(line);
	if (!*name)
		return 0;
	value = strchr(name, '=');
	if (!value)
		return log__fail(EXIT_USAGE, "%s, line %d: want name = value", options->config,
				 number);
	*value++ = '\0';
	name = trim(name);
	for (size_t i = 0; i < SETTINGS; i++)
		if (!strcmp(settings[i].name, name) && takes_value(&settings[i]) &&
		    settings[i].kind <= SWITCH && settings[i].offset != AT(config))
			return set(options, &settings[i], trim(value));
	return log__fail(EXIT_USAGE, "%s, line %d: there is no %s (see --help)", options->config,
			 number, name);
}

static int read_text(const char *path, char **text)
{
	FILE *file = fopen(path, "re");
	size_t size;

	if (!file)
		return log__fail(EXIT_USAGE, "%s: %s", path, strerror(errno));
	*text = calloc(FILE_MOST + 1, 1);
	size = *text ? fread(*text, 1, FILE_MOST + 1, file) : 0;
	fclose(file);
	if (!*text || size > FILE_MOST) {
		free(*text);
		*text = NULL;
		return log__fail(EXIT_USAGE, "%s: too large", path);
	}
	return 0;
}

static int read_file(struct fleet_options *options)
{
	int err = read_text(options->config, &options->file_text), number = 1;
	char *line = options->file_text, *next;

	for (; !err && line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		err = set_line(options, line, number);
	}
	return err;
}

/* ---- both ---- */

/* The command line names the file, and wins over it: it is gone through again. */
static int read_all(struct fleet_options *options)
{
	int err = parse_arguments(options);

	if (err || options->done || !options->config)
		return err;
	err = read_file(options);
	options->verbosity = 0;
	return err ? err : parse_arguments(options);
}

static int check(const struct fleet_options *options)
{
	if (!options->tls_cert != !options->tls_key)
		return log__fail(EXIT_USAGE, "--tls-cert and --tls-key belong together");
	if (options->tls_client_ca && !options->tls_cert)
		return log__fail(EXIT_USAGE, "--tls-client-ca needs --tls-cert and --tls-key");
	for (size_t i = 0; i < options->output_count; i++)
		if (!strcmp(options->outputs[i].path, "-") && !options->outputs[i].format)
			return log__fail(EXIT_USAGE, "-o - needs a format: -f json, folded, svg, "
						     "html or pprof");
	return 0;
}

int fleet_options__parse(int argc, char **argv, struct fleet_options *options)
{
	int err;

	*options = (struct fleet_options){.listen = DEFAULT_LISTEN, .top = 20};
	host_options__init(&options->host);
	options->agent = argc > 1 && !strcmp(argv[1], "agent");
	options->argc = argc - options->agent;
	options->argv = argv + options->agent;
	err = read_all(options);
	if (!err && !options->done)
		err = check(options);
	if (err)
		fleet_options__clear(options);
	return err;
}

int fleet_options__reload(const struct fleet_options *options, struct fleet_options *again)
{
	*again = (struct fleet_options){
		.agent = options->agent,
		.listen = DEFAULT_LISTEN,
		.top = 20,
		.argc = options->argc,
		.argv = options->argv,
	};
	host_options__init(&again->host);
	return read_all(again);
}

void fleet_options__clear(struct fleet_options *options)
{
	free(options->file_text);
	options->file_text = NULL;
}
