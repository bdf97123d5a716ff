// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_oom.c - what is known of a process that is killed for memory, or soon may be, kept where it can be found afterwards
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/host_private.h"
#include "lib/log.h"
#include "lib/out_file.h"

#define PATH_MOST 4096
#define NEAR_AGAIN_S 600.0

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

/* Its last report, or the figures, in place of what the file held before. 0 or -errno. */
static int write_last(const struct host_process *process, const char *path)
{
	struct out_file *file;
	int err = out_file__open(path, &file);

	if (err)
		return err;
	if (process->result && process->result->json)
		fputs(process->result->json, out_file__stream(file));
	else
		write_figures(process, out_file__stream(file));
	return out_file__commit(file);
}

/* why: what the file's name begins with. */
static void keep(const struct host *host, const struct host_process *process, const char *why)
{
	const char *dir = host->options.oom_dir;
	char path[PATH_MOST], name[64];
	int err;

	if (!dir)
		return;
	plain_name(process->comm, name, sizeof(name));
	snprintf(path, sizeof(path), "%s/%s-%d-%s.json", dir, why, process->pid, name);
	err = write_last(process, path);
	if (err)
		log__warn("%s: %s", path, strerror(-err));
	else
		log__warn("process %d: its last report is in %s", process->pid, path);
}

static void keep_killed(const struct host *host, const struct host_process *process)
{
	time_t now = time(NULL);
	struct tm utc;
	char why[32];

	strftime(why, sizeof(why), "oom-%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	keep(host, process, why);
}

void oom__victim(struct host *host, struct watched *watched)
{
	if (watched->killed_for_memory)
		return; /* said before */
	watched->killed_for_memory = true;
	log__warn("process %d is killed for memory%s", watched->shown.pid,
		  host->options.oom_dir ? "" : "; --oom-dir would keep its last report");
	if (!watched->tracing)
		keep_killed(host, &watched->shown);
}

/* One file a process, however often it comes near: they shall not fill a disk. */
void oom__near(struct host *host, struct watched *watched, double now_s)
{
	const struct host_process *process = &watched->shown;
	char when[48] = "";

	if (now_s < watched->next_near_s)
		return;
	watched->next_near_s = now_s + NEAR_AGAIN_S;
	if (isfinite(process->seconds_to_limit))
		snprintf(when, sizeof(when), ", and meets it in %.0f s at this pace",
			 process->seconds_to_limit);
	log__warn("process %d comes near its limit of %lld MiB: it has %lld MiB%s", process->pid,
		  process->limit >> 20, process->rss >> 20, when);
	if (!watched->tracing)
		keep(host, process, "near");
}

void oom__traced(struct host *host, const struct watched *watched)
{
	if (watched->killed_for_memory)
		keep_killed(host, &watched->shown);
	else if (watched->near_limit)
		keep(host, &watched->shown, "near");
}
