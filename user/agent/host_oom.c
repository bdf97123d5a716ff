// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_oom.c - what is known of a process that is killed for memory, or soon may be, kept where it can be found afterwards
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/host_private.h"
#include "agent/processes_json.h"
#include "lib/clock.h"
#include "lib/json_build.h"
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

/* A process that was never traced has no report; what was seen of it from outside is better than nothing. 0 or -errno. */
static int write_figures(const struct host_process *process, FILE *out)
{
	struct json_object *to = json_object_new_object();
	struct builder b = {false};

	build__string(&b, to, "schema", "pyleak.oom/1");
	build__count(&b, to, "pid", process->pid);
	build__text(&b, to, "comm", process->comm);
	build__text(&b, to, "python", process->python);
	build__measured(&b, to, "rss", process->rss);
	build__measured(&b, to, "own", process->own);
	build__measured(&b, to, "limit", process->limit);
	build__real(&b, to, "growth_per_s", process->growth.slope);
	if (process->grown)
		build__put(&b, to, "grown", processes_json__grown(&b, process->grown));
	else
		build__null(&b, to, "grown");
	return build__write(&b, to, false, out);
}

/* Its last report, or the figures, in place of what the file held before. 0 or -errno. */
static int write_last(const struct host_process *process, const char *path)
{
	struct out_file *file;
	int err = out_file__open(path, &file), failed = 0;

	if (err)
		return err;
	if (!process->result || !process->result->json)
		failed = write_figures(process, out_file__stream(file));
	else if (fputs(process->result->json, out_file__stream(file)) == EOF)
		failed = -errno;
	/* Of a stream that has failed it no longer knows why. */
	err = out_file__commit(file);
	return failed ? failed : err;
}

/* why: what the file's name begins with. */
static void keep(struct host *host, struct watched *watched, const char *why)
{
	const struct host_process *process = &watched->shown;
	const char *dir = host->options.oom_dir;
	char path[PATH_MOST], name[64];
	int err;

	if (!dir)
		return;
	if (!process->result || !process->result->json)
		host_pages__now(host, watched, clock__s());
	plain_name(process->comm, name, sizeof(name));
	snprintf(path, sizeof(path), "%s/%s-%d-%s.json", dir, why, process->pid, name);
	err = write_last(process, path);
	if (err)
		log__warn("%s: %s", path, strerror(-err));
	else
		log__warn("process %d: its last report is in %s", process->pid, path);
}

static void keep_killed(struct host *host, struct watched *watched)
{
	time_t now = time(NULL);
	struct tm utc;
	char why[32];

	strftime(why, sizeof(why), "oom-%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
	keep(host, watched, why);
}

void oom__victim(struct host *host, struct watched *watched)
{
	if (watched->killed_for_memory)
		return; /* said before */
	watched->killed_for_memory = true;
	log__warn("process %d is killed for memory%s", watched->shown.pid,
		  host->options.oom_dir ? "" : "; --oom-dir would keep its last report");
	if (!watched->tracing)
		keep_killed(host, watched);
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
		keep(host, watched, "near");
}

void oom__traced(struct host *host, struct watched *watched)
{
	if (watched->killed_for_memory)
		keep_killed(host, watched);
	else if (watched->near_limit)
		keep(host, watched, "near");
}
