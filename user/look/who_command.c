// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_command.c - reads the graph once, asks it, and looks a second time at how long the containers are
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "discover/discover.h"
#include "heap/pools.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/stop.h"
#include "lib/text.h"
#include "look/files.h"
#include "look/look.h"
#include "look/still.h"
#include "look/who_private.h"

#define CACHE_BYTES (64u << 20)
#define TRIES 2         /* at an answer that a process in motion may have made up */
#define DOUBTFUL_PART 8 /* more than one sample of so many has no root with a name */
#define SIMILAR_MAX 5
#define SIMILAR_TEXT 600

struct look {
	const struct cli *cli;
	struct look_files files;
	struct target *target;
	struct image *image;
	struct types *types;
	struct pools *pools; /* NULL = no pymalloc */
	struct graph *graph;
	struct who who;
	struct freeze_report freeze; /* of the first look */
	__u64 *blocks;               /* that are asked for, NULL = cli->what says what */
	size_t block_count;
};

/* ---- outputs ---- */

static const struct look_format formats[] = {
	{"json", ".json", who__write_json},
	{NULL, NULL, NULL},
};

static int open_outputs(struct look *look)
{
	return look_files__open(look->cli, formats, "who", &look->files);
}

static int write_outputs(struct look *look)
{
	struct who_answer answer = {&look->who, look->target,
				    look->cli->freeze ? &look->freeze : NULL};

	return look_files__write(&look->files, &answer);
}

static void show(const struct look *look)
{
	struct terminal_options options = look__terminal();

	if (look->files.stdout_taken || log__level() < 0)
		return;
	if (look->cli->watch && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	who__print(&look->who, look->target, look->cli->top, stdout, &options);
	if (look->cli->freeze) {
		struct line line;

		line__start(&line, stdout, &options);
		still__print(&line, &look->freeze, 1);
	}
	fflush(stdout);
}

/* ---- the question ---- */

static int make_query(const struct look *look, struct who_query *query, __u64 *address)
{
	const char *what = look->cli->what;
	char *end;

	if (look->blocks) {
		query->addresses = look->blocks;
		query->address_count = look->block_count;
		query->name = what;
		return 0;
	}
	if (strncmp(what, "0x", 2) && strncmp(what, "0X", 2)) {
		query->type = what;
		return 0;
	}
	errno = 0;
	*address = strtoull(what, &end, 16);
	if (errno || *end || !*address)
		return log__fail(EXIT_USAGE, "who: %s is no address", what);
	query->addresses = address;
	query->address_count = 1;
	return 0;
}

static int no_such(struct look *look, const struct who_query *query)
{
	const char *names[SIMILAR_MAX];
	char text[SIMILAR_TEXT] = "", name[2 * TYPE_NAME_MAX], what[2 * TYPE_NAME_MAX];
	size_t count, at = 0;

	text__printable(look->cli->what, what, sizeof(what));
	if (look->blocks)
		return log__fail(EXIT_FAILED,
				 "who: what %s allocated and is alive are no Python objects, nor "
				 "does one own it",
				 what);
	if (!query->type)
		return log__fail(EXIT_FAILED,
				 "who: there is no Python object at %s, nor does one begin in a "
				 "block there",
				 what);
	count = who__similar(look->graph, query->type, names, SIMILAR_MAX);
	for (size_t i = 0; i < count && at < sizeof(text); i++)
		at += snprintf(text + at, sizeof(text) - at, "%s%s", i ? ", " : "",
			       text__printable(names[i], name, sizeof(name)));
	if (!count)
		return log__fail(EXIT_FAILED,
				 "who: there is no object of a type %s, nor of one with a similar "
				 "name; `pyleak-bpf heap --pid %d` lists the types that there are",
				 what, look->target->pid);
	return log__fail(EXIT_FAILED, "who: there is no object of a type %s; there are: %s", what,
			 text);
}

/* ---- the steps ---- */

static int cannot_read(const struct look *look, int err)
{
	if (err == -EPERM)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: its memory may not be read; that takes root, or "
				 "CAP_SYS_PTRACE",
				 look->target->pid);
	return log__fail(EXIT_FAILED, "process %d: cannot read its objects: %s", look->target->pid,
			 err == -ESRCH ? "it has ended" : strerror(-err));
}

static int find_target(struct look *look)
{
	int err = target__discover(look->cli->pids[0], &look->target);

	if (!err)
		err = target__supported(look->target);
	if (!err && look->target->python.flavour != PYTHON_OK)
		err = log__fail(EXIT_CANNOT_TRACE, "process %d: there is no Python in it",
				look->target->pid);
	return err;
}

static int read_graph(struct look *look)
{
	const struct py_objects *objects = py_objects__find(look->target->python.layout.version);
	int err;

	if (!objects)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: the objects of Python %s are not known",
				 look->target->pid, look->target->python.version);
	err = image__open(look->target->pid, CACHE_BYTES, &look->image);
	if (!err)
		err = types__open(look->image, objects, &look->types);
	if (!err) {
		err = pools__open(look->target, &look->pools);
		if (err == -ENOENT)
			err = 0;
	}
	if (!err)
		err = graph__read(look->image, look->target, look->pools, look->types, 0,
				  &look->graph);
	return err ? cannot_read(look, err) : 0;
}

static void close_graph(struct look *look)
{
	graph__free(look->graph);
	pools__close(look->pools);
	types__close(look->types);
	image__close(look->image);
	look->graph = NULL;
	look->pools = NULL;
	look->types = NULL;
	look->image = NULL;
}

/* Whether what was read may be to blame for the answer: most of it is always so, or it was not so at any one moment. */
static bool is_doubtful(const struct who *who, int err)
{
	__u64 without_name = who->unreachable;

	if (err)
		return err == -ENOENT && who->found;
	for (size_t i = 0; i < who->shape_count; i++)
		if (who->shapes[i].root == ROOT_NATIVE)
			without_name += who->shapes[i].samples;
	return without_name * DOUBTFUL_PART > who->sampled;
}

/* One reading, and its answer. 0, -ENOENT: there is none, or -exit_status. */
static int ask_now(struct look *look, const struct who_query *query)
{
	double start = clock__s(), read_s;
	int err = read_graph(look);

	if (err)
		return err;
	read_s = clock__s() - start;
	err = who__holds(look->graph, look->target, query, &look->who);
	look->who.took_s += read_s;
	log__debug("%llu objects, %llu references, read in %.2f s, searched in %.2f s",
		   look->who.nodes, look->who.edges, read_s, look->who.took_s - read_s);
	return err && err != -ENOENT ? cannot_read(look, err) : err;
}

/* The first look alone is of a process that stands still: the later ones count what becomes more. */
static int ask_once(struct look *look, const struct who_query *query)
{
	struct freeze *freeze = NULL;
	int err = 0;

	if (look->cli->freeze)
		err = still__start(look->target->pid, look->target->pidfd, &freeze, &look->freeze);
	if (err) {
		int failed = still__fail(look->target->pid, err);

		return failed ? failed : cannot_read(look, err);
	}
	err = ask_now(look, query);
	freeze__end(freeze, &look->freeze);
	return err;
}

static int ask(struct look *look)
{
	struct who_query query = {0};
	__u64 address;
	int err = make_query(look, &query, &address);

	if (err)
		return err;
	for (int tries = 1;; tries++) {
		err = ask_once(look, &query);
		if (tries == TRIES || stop__requested() || !is_doubtful(&look->who, err))
			break;
		who__free(&look->who);
		close_graph(look);
	}
	if (err == -ENOENT && look->who.found)
		return log__fail(EXIT_FAILED,
				 "who: the objects that were found were gone before it could be "
				 "seen who holds them");
	return err == -ENOENT ? no_such(look, &query) : err;
}

/* false: a signal came. */
static bool pause_for(double seconds)
{
	struct timespec time = {.tv_sec = seconds};

	time.tv_nsec = (seconds - floor(seconds)) * 1e9;
	return !nanosleep(&time, NULL);
}

/* Of a target that has ended meanwhile the first look is what there is. */
static int look_again(struct look *look)
{
	double start = clock__s();
	bool go_on;

	/* Not needed any more, and the largest thing that there is. */
	graph__free(look->graph);
	look->graph = NULL;
	do {
		go_on = !stop__requested() && pause_for(look->cli->interval_s) && look->cli->watch;
		if (who__look_again(&look->who, look->types))
			go_on = false;
		if (look->cli->duration_s && clock__s() - start >= look->cli->duration_s)
			go_on = false;
		show(look);
	} while (go_on);
	return 0;
}

static void close_look(struct look *look)
{
	look_files__discard(&look->files);
	who__free(&look->who);
	close_graph(look);
	target__free(look->target);
}

int who__run(const struct cli *cli)
{
	return who__run_blocks(cli, NULL, 0);
}

int who__run_blocks(const struct cli *cli, __u64 *addresses, size_t count)
{
	int (*const steps[])(struct look *) = {
		open_outputs, find_target, ask, look_again, write_outputs,
	};
	struct look look = {.cli = cli, .blocks = addresses, .block_count = count};
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
		err = steps[i](&look);
	close_look(&look);
	return err;
}
