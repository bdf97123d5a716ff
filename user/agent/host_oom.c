// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_oom.c - what is known of a process that is killed for memory, kept where it can be found afterwards
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/host_private.h"
#include "lib/log.h"
#include "lib/out_file.h"

#define PATH_MOST 4096

/* Of a name that the process chose: letters, digits and what else is harmless in a file's name. */
static void plain_name(const char *text, char *name, size_t size)
{
	size_t at = 0;

	for (; *text && at + 1 < size; text++)
		name[at++] =
			strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_",
			       *text)
				? *text
				: '_';
	name[at] = '\0';
}

/* A process that was never traced has no report; what was seen of it from outside is better than nothing. */
static void write_figures(const struct host_process *process, FILE *out)
{
	fprintf(out,
		"{\"schema\": \"pyleak.oom/1\", \"pid\": %d, \"python\": \"%s\", \"rss\": %lld, "
		"\"own\": %lld, \"limit\": ",
		process->pid, process->python, process->rss, process->own);
	if (process->limit == REPORT_UNMEASURED)
		fputs("null", out);
	else
		fprintf(out, "%lld", process->limit);
	if (isfinite(process->growth.slope))
		fprintf(out, ", \"growth_per_s\": %.1f}\n", process->growth.slope);
	else
		fputs(", \"growth_per_s\": null}\n", out);
}

static void keep(struct host *host, const struct watched *watched)
{
	const struct host_process *process = &watched->shown;
	const char *dir = host->options.oom_dir;
	char path[PATH_MOST], name[64], when[32];
	struct out_file *file;
	struct tm utc;
	time_t now = time(NULL);
	int err;

	if (!dir)
		return;
	plain_name(process->comm, name, sizeof(name));
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	snprintf(path, sizeof(path), "%s/oom-%s-%d-%s.json", dir, when, process->pid, name);
	err = out_file__open(path, &file);
	if (!err) {
		if (process->result && process->result->json)
			fputs(process->result->json, out_file__stream(file));
		else
			write_figures(process, out_file__stream(file));
		err = out_file__commit(file);
	}
	if (err)
		log__warn("%s: %s", path, strerror(-err));
	else
		log__warn("process %d: its last report is in %s", process->pid, path);
}

void oom__victim(struct host *host, struct watched *watched)
{
	if (watched->killed_for_memory)
		return; /* said before */
	watched->killed_for_memory = true;
	log__warn("process %d is killed for memory%s", watched->shown.pid,
		  host->options.oom_dir ? "" : "; --oom-dir would keep its last report");
	if (!watched->tracing)
		keep(host, watched);
}

void oom__traced(struct host *host, const struct watched *watched)
{
	if (watched->killed_for_memory)
		keep(host, watched);
}
