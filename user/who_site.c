// SPDX-License-Identifier: BSD-2-Clause
#include "who_site.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/text.h"
#include "look/look.h"
#include "session.h"

#define PREFIX "site:"
#define TRACE_S 10.0
#define NEAR_MAX 3 /* lines that are named where the one that was asked for has nothing */

/* What is asked for, and what of it is there. */
struct question {
	const struct cli *cli;
	char *file;
	int line;
	double allocated, seconds; /* blocks, while it was traced */
	__u64 *stacks;             /* hashes, by size */
	size_t stack_count;
	__u64 *addresses; /* of the live blocks */
	size_t address_count;
};

bool who_site__is_one(const char *what)
{
	return !strncmp(what, PREFIX, strlen(PREFIX));
}

static int parse(const char *what, struct question *question)
{
	const char *file = what + strlen(PREFIX), *colon = strrchr(file, ':');
	char *end;
	long line;

	if (colon == file || !colon || colon[1] < '0' || colon[1] > '9')
		return log__fail(EXIT_USAGE, "who: %s: want a line, such as site:app.py:12", what);
	errno = 0;
	line = strtol(colon + 1, &end, 10);
	if (errno || *end || line < 1 || line > INT_MAX)
		return log__fail(EXIT_USAGE, "who: %s: there is no such line number", what);
	question->line = line;
	question->file = strndup(file, colon - file);
	return question->file ? 0 : log__fail(EXIT_FAILED, "no memory");
}

/* Whether a path is the file that was named, or ends in it. */
static bool is_file(const char *path, const char *file)
{
	size_t length = path ? strlen(path) : 0, tail = strlen(file);

	if (!path || tail > length || strcmp(path + length - tail, file))
		return false;
	return tail == length || path[length - tail - 1] == '/';
}

/* ---- its stacks, and their blocks ---- */

static int by_number(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool is_heap(const struct report_site *site)
{
	return site->domain == DOMAIN_OBJECT || site->domain == DOMAIN_RAW;
}

static bool is_wanted(const struct question *question, const struct report_site *site)
{
	return is_heap(site) && site->line == question->line && is_file(site->path, question->file);
}

static int list_stacks(struct question *question, const struct report_process *process)
{
	size_t room = 0;

	for (size_t i = 0; i < process->site_count; i++)
		if (is_wanted(question, &process->sites[i])) {
			room += process->sites[i].stack_count;
			question->allocated += process->sites[i].alloc_count;
		}
	question->stacks = calloc(room + 1, sizeof(*question->stacks));
	if (!question->stacks)
		return -ENOMEM;
	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];

		for (size_t k = 0; is_wanted(question, site) && k < site->stack_count; k++)
			question->stacks[question->stack_count++] =
				process->profile.stacks[site->stacks[k]].hash;
	}
	qsort(question->stacks, question->stack_count, sizeof(*question->stacks), by_number);
	return 0;
}

static int list_blocks(struct question *question, struct tracer *tracer,
		       const struct report_process *process)
{
	struct tracked_block *blocks = NULL;
	size_t count = 0;
	int err = tracer__blocks(tracer, 0, &blocks, &count);

	if (!err) {
		question->addresses = calloc(count + 1, sizeof(*question->addresses));
		err = question->addresses ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < count; i++)
		if ((blocks[i].block.domain == DOMAIN_OBJECT ||
		     blocks[i].block.domain == DOMAIN_RAW) &&
		    live_block__is_known(&blocks[i].block, process->tracing.judged_ns) &&
		    bsearch(&blocks[i].block.stack, question->stacks, question->stack_count,
			    sizeof(*question->stacks), by_number))
			question->addresses[question->address_count++] = blocks[i].key.addr;
	free(blocks);
	return err;
}

/* ---- the answer ---- */

/* Lines of the same file that blocks of are alive. */
static void near_text(const struct question *question, const struct report_process *process,
		      char *text, size_t max)
{
	size_t at = 0;
	int count = 0, last = 0;

	text[0] = '\0';
	for (size_t i = 0; i < process->site_count && count < NEAR_MAX && at < max; i++) {
		const struct report_site *site = &process->sites[i];

		if (!is_heap(site) || !site->live_count || site->line == last || !site->line ||
		    !is_file(site->path, question->file))
			continue;
		at += snprintf(text + at, max - at, "%s%d",
			       count ? ", " : "; of that file there is something alive of line ",
			       site->line);
		last = site->line;
		count++;
	}
}

static int nothing(const struct question *question, const struct report_process *process)
{
	char near[160], what[4 * PATH_MAX], seconds[32];

	near_text(question, process, near, sizeof(near));
	text__printable(question->cli->what + strlen(PREFIX), what, sizeof(what));
	text__seconds(question->seconds, seconds, sizeof(seconds));
	if (question->allocated > 0)
		return log__fail(
			EXIT_FAILED,
			"who: of what %s allocated in %s nothing is alive that was followed%s",
			what, seconds, near);
	return log__fail(EXIT_FAILED, "who: nothing was seen to be allocated at %s in %s%s", what,
			 seconds, near);
}

/* The time of tracing is not that of looking on. */
static int ask(const struct question *question)
{
	struct cli cli = *question->cli;

	cli.duration_s = 0;
	return who__run_blocks(&cli, question->addresses, question->address_count);
}

static int answer(void *context, struct tracer *tracer, const struct report *report)
{
	struct question *question = context;
	const struct report_process *process = &report->processes[0];
	int err = list_stacks(question, process);

	question->seconds = report->duration_s;
	if (!err)
		err = list_blocks(question, tracer, process);
	if (err)
		return log__fail(EXIT_FAILED, "cannot read the live blocks: %s", strerror(-err));
	return question->address_count ? ask(question) : nothing(question, process);
}

static int trace(struct question *question)
{
	struct cli cli = *question->cli;
	struct session *session;
	int err;

	/* The outputs are for the answer. */
	cli.output_count = 0;
	if (!cli.duration_s)
		cli.duration_s = TRACE_S;
	session = session__new(&cli);
	err = session ? session__run_for(session, answer, question) : -EXIT_FAILED;
	session__free(session);
	return err;
}

int who_site__run(const struct cli *cli)
{
	struct question question = {.cli = cli};
	int err = parse(cli->what, &question);

	if (!err && (cli->mode == TRACE_GROWTH || cli->mode == TRACE_CENSUS))
		err = log__fail(EXIT_USAGE, "who: what a line allocates is not seen in mode %s",
				trace_mode__name(cli->mode));
	if (!err)
		err = trace(&question);
	free(question.file);
	free(question.stacks);
	free(question.addresses);
	return err;
}
