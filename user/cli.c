// SPDX-License-Identifier: BSD-2-Clause
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/quantity.h"

static const char help[] =
	"pyleak-bpf: which line of a live Python process allocates what stays\n"
	"\n"
	"  sudo pyleak-bpf --pid PID [options]      trace a live process, until Ctrl-C\n"
	"  sudo pyleak-bpf [options] -- CMD [ARGS]  start CMD and trace it from its first "
	"instruction\n"
	"  sudo pyleak-bpf --all [options]          every Python on this host: --all --help\n"
	"  sudo pyleak-bpf agent [options]          the same with HTTP endpoints: agent --help\n"
	"  sudo pyleak-bpf doctor [--pid PID]       what this kernel and process allow, what a "
	"probe costs\n"
	"  sudo pyleak-bpf heap --pid PID           no probes: what is alive now, by type, and how "
	"the "
	"memory is laid out\n"
	"  sudo pyleak-bpf who --pid PID WHAT       who holds the objects of a type, or at an "
	"address;\n"
	"                                           site:FILE:LINE: what a line allocates in 10 s\n"
	"\n"
	"  -p, --pid PID        process to trace; may be given many times\n"
	"      --follow         children as well, as they come (what a command is started for: "
	"default;\n"
	"                       --no-follow)\n"
	"      --merge          the report shows children with the process that they come of, as "
	"one\n"
	"  -d, --duration T     end after T (30s, 5m, 1h); default: Ctrl-C, or when the process "
	"ends\n"
	"  -i, --interval T     refresh every T; default 5s\n"
	"  -o, --output FILE    write the report to FILE at the end; may be given many times;\n"
	"                       the ending says what: .json .folded .svg .html .lines; - is "
	"stdout, "
	"with -f\n"
	"  -f, --format NAME    format of the -o before it: json, folded, svg, html, lines\n"
	"  -m, --mode MODE      auto (default): as much as fits in the budget;\n"
	"                       exact: every allocation and release; sampled: a sample of them;\n"
	"                       growth: address space and page faults only, no probe in the "
	"process;\n"
	"                       census: no BPF at all, the heap is read from outside\n"
	"      --budget PCT     most slowdown of the process in auto mode; default 2\n"
	"      --sample-bytes N mean bytes between samples in sampled mode; default: by what "
	"happens\n"
	"  -t, --top N          show N sites; default 10\n"
	"      --min-size N     show sites of at least N live bytes (64K, 1M)\n"
	"      --older T        count only blocks that have been alive for T\n"
	"      --live-max N     most live blocks to follow; default 2097152\n"
	"      --stacks-max N   most distinct stacks; default 65536\n"
	"      --suppress FILE  findings that are known: lines of file: function: type: "
	"signature:\n"
	"      --fail-on leak   exit status 3 when a leak stands at the end\n"
	"      --watch          heap, who: look again every -i, and show what grows\n"
	"      --cycles         heap: garbage in cycles, of more than a million objects, too\n"
	"      --freeze         heap, who: stop the process while it is read, 2 s at most\n"
	"  -q, --quiet          errors only\n"
	"  -v, --verbose        say more; twice: libraries' messages, too\n"
	"      --version, --help\n"
	"\n"
	"Exit status: 0 done, 1 failed while running, 2 wrong usage, 77 this kernel or process "
	"cannot be traced.\n";

enum {
	OPTION_MIN_SIZE = 256,
	OPTION_OLDER,
	OPTION_LIVE_MAX,
	OPTION_STACKS_MAX,
	OPTION_VERSION,
	OPTION_BUDGET,
	OPTION_SAMPLE_BYTES,
	OPTION_WATCH,
	OPTION_FREEZE,
	OPTION_CYCLES,
	OPTION_SUPPRESS,
	OPTION_FAIL_ON,
	OPTION_FOLLOW,
	OPTION_NO_FOLLOW,
	OPTION_MERGE,
};

static const struct option options[] = {
	{"pid", required_argument, NULL, 'p'},
	{"duration", required_argument, NULL, 'd'},
	{"interval", required_argument, NULL, 'i'},
	{"output", required_argument, NULL, 'o'},
	{"format", required_argument, NULL, 'f'},
	{"mode", required_argument, NULL, 'm'},
	{"budget", required_argument, NULL, OPTION_BUDGET},
	{"sample-bytes", required_argument, NULL, OPTION_SAMPLE_BYTES},
	{"top", required_argument, NULL, 't'},
	{"min-size", required_argument, NULL, OPTION_MIN_SIZE},
	{"older", required_argument, NULL, OPTION_OLDER},
	{"live-max", required_argument, NULL, OPTION_LIVE_MAX},
	{"stacks-max", required_argument, NULL, OPTION_STACKS_MAX},
	{"watch", no_argument, NULL, OPTION_WATCH},
	{"freeze", no_argument, NULL, OPTION_FREEZE},
	{"cycles", no_argument, NULL, OPTION_CYCLES},
	{"suppress", required_argument, NULL, OPTION_SUPPRESS},
	{"fail-on", required_argument, NULL, OPTION_FAIL_ON},
	{"follow", no_argument, NULL, OPTION_FOLLOW},
	{"no-follow", no_argument, NULL, OPTION_NO_FOLLOW},
	{"merge", no_argument, NULL, OPTION_MERGE},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, OPTION_VERSION},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static int usage(const char *what, const char *value, const char *wanted)
{
	return log__fail(EXIT_USAGE, "%s %s: %s (see --help)", what, value, wanted);
}

static int parse_time(const char *option, const char *text, double least, double *seconds)
{
	if (quantity__parse(text, quantity_times, seconds) || *seconds < least || *seconds > 1e9)
		return usage(option, text, "want a time such as 30s, 5m or 1h");
	return 0;
}

static int parse_size(const char *option, const char *text, __u64 *bytes)
{
	double value;

	if (quantity__parse(text, quantity_sizes, &value) || value > 1e18)
		return usage(option, text, "want a size such as 4096, 64K or 1M");
	*bytes = value;
	return 0;
}

static int parse_count(const char *option, const char *text, long most, long *count)
{
	char *end;

	errno = 0;
	*count = strtol(text, &end, 10);
	if (errno || end == text || *end || *count < 1 || *count > most)
		return log__fail(EXIT_USAGE, "%s %s: want a number from 1 to %ld (see --help)",
				 option, text, most);
	return 0;
}

static int add_pid(struct cli *cli, const char *text)
{
	long pid;
	int err = parse_count("--pid", text, INT_MAX, &pid);

	if (err)
		return err;
	for (size_t i = 0; i < cli->pid_count; i++)
		if (cli->pids[i] == pid)
			return 0;
	if (cli->pid_count == CLI_MAX_PIDS)
		return log__fail(EXIT_USAGE, "--pid: at most %d processes at once", CLI_MAX_PIDS);
	cli->pids[cli->pid_count++] = pid;
	return 0;
}

int cli__add_output(struct cli_output *outputs, size_t *count, const char *path)
{
	if (*count == CLI_MAX_OUTPUTS)
		return log__fail(EXIT_USAGE, "--output: at most %d files", CLI_MAX_OUTPUTS);
	outputs[(*count)++].path = path;
	return 0;
}

int cli__set_format(struct cli_output *outputs, size_t *count, const char *format)
{
	if (!*count || outputs[*count - 1].format)
		if (cli__add_output(outputs, count, "-"))
			return -EXIT_USAGE;
	outputs[*count - 1].format = format;
	return 0;
}

static const char *const mode_names[] = {
	[TRACE_AUTO] = "auto",     [TRACE_EXACT] = "exact",   [TRACE_SAMPLED] = "sampled",
	[TRACE_GROWTH] = "growth", [TRACE_CENSUS] = "census",
};

const char *trace_mode__name(enum trace_mode mode)
{
	return mode_names[mode];
}

static int set_mode(struct cli *cli, const char *mode)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++) {
		if (!strcmp(mode, mode_names[i])) {
			cli->mode = i;
			return 0;
		}
	}
	return usage("--mode", mode,
		     "no such mode; there are auto, exact, sampled, growth and census");
}

static int parse_budget(struct cli *cli, const char *text)
{
	if (quantity__parse(text, quantity_percent, &cli->budget) || cli->budget < 0.0001 ||
	    cli->budget > 10)
		return usage("--budget", text, "want a percentage from 0.01 to 1000");
	return 0;
}

static int parse_sample_bytes(struct cli *cli, const char *text)
{
	if (quantity__parse(text, quantity_sizes, &cli->sample_bytes) || cli->sample_bytes < 64 ||
	    cli->sample_bytes > (1 << 30))
		return usage("--sample-bytes", text, "want a size from 64 to 1G");
	return 0;
}

static int parse_option(struct cli *cli, int option, const char *value)
{
	long count;
	int err = 0;

	switch (option) {
	case 'p':
		return add_pid(cli, value);
	case 'd':
		return parse_time("--duration", value, 0.001, &cli->duration_s);
	case 'i':
		return parse_time("--interval", value, 0.1, &cli->interval_s);
	case 'o':
		return cli__add_output(cli->outputs, &cli->output_count, value);
	case 'f':
		return cli__set_format(cli->outputs, &cli->output_count, value);
	case 'm':
		return set_mode(cli, value);
	case OPTION_BUDGET:
		return parse_budget(cli, value);
	case OPTION_SAMPLE_BYTES:
		return parse_sample_bytes(cli, value);
	case 't':
		err = parse_count("--top", value, 1000000, &count);
		cli->top = count;
		return err;
	case OPTION_MIN_SIZE:
		return parse_size("--min-size", value, &cli->min_size);
	case OPTION_OLDER:
		return parse_time("--older", value, 0, &cli->older_s);
	case OPTION_LIVE_MAX:
		err = parse_count("--live-max", value, 1L << 28, &count);
		cli->live_max = count;
		return err;
	case OPTION_STACKS_MAX:
		err = parse_count("--stacks-max", value, 1L << 24, &count);
		cli->stacks_max = count;
		return err;
	case OPTION_SUPPRESS:
		cli->suppress = value;
		return 0;
	case OPTION_FAIL_ON:
		cli->fail_on_leak = true;
		return strcmp(value, "leak")
			       ? log__fail(EXIT_USAGE, "--fail-on %s: there is only leak", value)
			       : 0;
	case OPTION_FOLLOW:
	case OPTION_NO_FOLLOW:
		cli->follow = option == OPTION_FOLLOW;
		cli->follow_said = true;
		return 0;
	case OPTION_MERGE:
		cli->merge = true;
		return 0;
	case OPTION_WATCH:
		cli->watch = true;
		return 0;
	case OPTION_FREEZE:
		cli->freeze = true;
		return 0;
	case OPTION_CYCLES:
		cli->cycles = true;
		return 0;
	case 'q':
		cli->verbosity = -1;
		return 0;
	case 'v':
		cli->verbosity++;
		return 0;
	case 'h':
		fputs(help, stdout);
		cli->done = true;
		return 0;
	case OPTION_VERSION:
		printf("pyleak-bpf %s\n", PYLEAK_VERSION);
		cli->done = true;
		return 0;
	}
	return -EXIT_USAGE;
}

static int bad_option(int argc, char **argv, int option)
{
	const char *given = optind > 0 && optind <= argc ? argv[optind - 1] : "";

	if (option == ':')
		return log__fail(EXIT_USAGE, "option %s needs a value (see --help)", given);
	if (optopt > 0 && optopt < 256)
		return log__fail(EXIT_USAGE, "no such option: -%c (see --help)", optopt);
	return log__fail(EXIT_USAGE, "no such option: %s (see --help)", given);
}

/* What each subcommand wants beside options. */
static const struct {
	const char *name;
	enum subcommand subcommand;
	const char
		*object; /* it needs one --pid, and does this with it; NULL = any number will do */
	bool takes_what;
} subcommands[] = {
	{"doctor", SUBCOMMAND_DOCTOR, NULL, false},
	{"heap", SUBCOMMAND_HEAP, "whose heap?", false},
	{"who", SUBCOMMAND_WHO, "whose objects?", true},
};

#define SUBCOMMANDS (sizeof(subcommands) / sizeof(subcommands[0]))

/* Whether there will be children. */
static bool follows(const struct cli *cli)
{
	return cli->follow && cli->subcommand == SUBCOMMAND_TRACE && cli->mode != TRACE_CENSUS;
}

static int check_trace(const struct cli *cli)
{
	if (cli->watch)
		return log__fail(EXIT_USAGE, "--watch belongs to heap (see --help)");
	if (cli->cycles)
		return log__fail(EXIT_USAGE, "--cycles belongs to heap (see --help)");
	if (cli->freeze)
		return log__fail(EXIT_USAGE, "--freeze belongs to heap and who (see --help)");
	if (!cli->pid_count && !cli->command)
		return log__fail(
			EXIT_USAGE,
			"what to trace? give --pid PID, or a command after -- (see --help)");
	if (cli->pid_count && cli->command)
		return log__fail(EXIT_USAGE, "give either --pid or a command, not both");
	for (size_t i = 0; i < cli->output_count; i++)
		if (!strcmp(cli->outputs[i].path, "-") && !cli->outputs[i].format)
			return log__fail(
				EXIT_USAGE,
				"-o - needs a format: -f json, folded, svg, html or lines");
	return 0;
}

static int check(const struct cli *cli)
{
	if (cli->merge && !follows(cli))
		return log__fail(EXIT_USAGE,
				 "--merge belongs to --follow: here no children are traced (see "
				 "--help)");
	for (size_t i = 0; i < SUBCOMMANDS; i++) {
		if (subcommands[i].subcommand != cli->subcommand)
			continue;
		if (cli->command)
			return log__fail(EXIT_USAGE, "%s looks at a --pid, it starts nothing",
					 subcommands[i].name);
		if (subcommands[i].object && cli->pid_count != 1)
			return log__fail(EXIT_USAGE, "%s: %s give one --pid PID (see --help)",
					 subcommands[i].name, subcommands[i].object);
		if (subcommands[i].takes_what && !cli->what)
			return log__fail(EXIT_USAGE,
					 "%s: of what? give a type's name, an address, or "
					 "site:FILE:LINE (see --help)",
					 subcommands[i].name);
		return 0;
	}
	return check_trace(cli);
}

/* The first word, where it is one; steps over it. */
static void take_subcommand(int *argc, char ***argv, struct cli *cli)
{
	for (size_t i = 0; *argc > 1 && i < SUBCOMMANDS; i++) {
		if (strcmp((*argv)[1], subcommands[i].name))
			continue;
		cli->subcommand = subcommands[i].subcommand;
		--*argc;
		++*argv;
		return;
	}
}

static int parse_options(int argc, char **argv, struct cli *cli)
{
	int option, err;

	while ((option = getopt_long(argc, argv, "+:p:d:i:o:f:m:t:qvh", options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return bad_option(argc, argv, option);
		err = parse_option(cli, option, optarg);
		if (err || cli->done)
			return err;
	}
	return 0;
}

int cli__parse(int argc, char **argv, struct cli *cli)
{
	int err;

	*cli = (struct cli){.mode = TRACE_AUTO, .budget = 0.02, .interval_s = 5, .top = 10};
	opterr = 0;
	take_subcommand(&argc, &argv, cli);
	err = parse_options(argc, argv, cli);
	if (err || cli->done)
		return err;
	/* What `who` is asked for may stand before options. */
	if (cli->subcommand == SUBCOMMAND_WHO && optind < argc && strcmp(argv[optind - 1], "--")) {
		cli->what = argv[optind++];
		err = parse_options(argc, argv, cli);
		if (err || cli->done)
			return err;
	}
	if (optind < argc && strcmp(argv[optind - 1], "--"))
		return log__fail(EXIT_USAGE, "%s: not an option; a command to start goes after --",
				 argv[optind]);
	if (optind < argc)
		cli->command = argv + optind;
	if (cli->command && !cli->follow_said)
		cli->follow = true;
	return check(cli);
}
