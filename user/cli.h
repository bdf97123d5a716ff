/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli.h - the command line, as data
 */
#ifndef CLI_H
#define CLI_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CLI_MAX_PIDS 256
#define CLI_MAX_OUTPUTS 16

/* What is to be done: the first word of the command line, or none. */
enum subcommand {
	SUBCOMMAND_TRACE,
	SUBCOMMAND_DOCTOR, /* say what is possible */
	SUBCOMMAND_HEAP,   /* without probes: what is alive, and where */
	SUBCOMMAND_WHO,    /* who holds it; probes only where a line is asked for */
};

/* How closely a process is traced; names as in the contract. */
enum trace_mode {
	TRACE_AUTO,    /* what fits in the budget */
	TRACE_EXACT,   /* every allocation and release */
	TRACE_SAMPLED, /* every one is seen, a sample is recorded */
	TRACE_GROWTH,  /* no probe in the process: address space and page faults */
	TRACE_CENSUS,  /* no BPF at all: the heap is read from outside */
};

struct cli_output {
	const char *path;   /* "-" = stdout */
	const char *format; /* -f, or NULL: by the path's ending */
};

struct cli {
	enum subcommand subcommand;
	pid_t pids[CLI_MAX_PIDS];
	size_t pid_count;
	char **command; /* after --, NULL = none */
	struct cli_output outputs[CLI_MAX_OUTPUTS];
	size_t output_count;
	enum trace_mode mode;
	const char *what; /* who: a type's name, an address, or site:FILE:LINE */
	bool watch;       /* heap: again and again */
	bool follow;      /* children, too */
	bool follow_said;
	bool merge;          /* ... and shown with the one that they come of */
	bool cycles;         /* heap: garbage in cycles, however many objects there are */
	bool freeze;         /* heap, who: the process is stopped while it is read */
	double budget;       /* most slowdown of a target in auto mode: 0.02 = 2 % */
	double sample_bytes; /* mean bytes between samples, 0 = chosen from what happens */
	double duration_s;   /* 0 = until Ctrl-C */
	double interval_s;
	double older_s;
	__u64 min_size;
	size_t top;
	unsigned int live_max, stacks_max;
	const char *suppress; /* file of findings not to be counted, NULL = none */
	bool fail_on_leak;    /* a leak is a failure */
	int verbosity;        /* see log__set_level() */
	bool done;            /* --help or --version was printed */
};

/* Fills cli from argv, which must outlive it. 0, or -EXIT_USAGE after one line on stderr. */
int cli__parse(int argc, char **argv, struct cli *cli);

/* -o and -f, into a list of CLI_MAX_OUTPUTS: -f belongs to the -o before it; alone it means stdout. 0, or -EXIT_USAGE after a line. */
int cli__add_output(struct cli_output *outputs, size_t *count, const char *path);
int cli__set_format(struct cli_output *outputs, size_t *count, const char *format);

/* The mode's name, static. */
const char *trace_mode__name(enum trace_mode mode);

#endif
