// SPDX-License-Identifier: BSD-2-Clause
#include "agent/leak_log.h"

#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "lib/json_build.h"
#include "lib/text.h"

#define SIGNATURES_MAX 65536 /* when it is full, the oldest half is forgotten */
#define SIGNATURE 16

struct leak_log {
	size_t count;
	char seen[SIGNATURES_MAX][SIGNATURE];
};

struct leak_log *leak_log__new(void)
{
	return calloc(1, sizeof(struct leak_log)); /* touched as far as it is used */
}

void leak_log__free(struct leak_log *log)
{
	free(log);
}

static bool is_known(const struct leak_log *log, const char *signature)
{
	for (size_t i = log->count; i-- > 0;)
		if (!memcmp(log->seen[i], signature, SIGNATURE))
			return true;
	return false;
}

static void remember(struct leak_log *log, const char *signature)
{
	if (log->count == SIGNATURES_MAX) {
		log->count /= 2;
		memcpy(log->seen, log->seen[log->count], log->count * SIGNATURE);
	}
	memcpy(log->seen[log->count++], signature, SIGNATURE);
}

static void put_text(struct builder *b, struct json_object *line, const char *key, const char *text)
{
	build__text(b, line, key, text && *text ? text : NULL);
}

/* 0 or -errno. */
static int write_line(const struct host_process *process, const struct finding *finding, FILE *out)
{
	struct json_object *line = json_object_new_object();
	struct builder builder = {false}, *b = &builder;
	char when[32];

	put_text(b, line, "time", text__time(process->result->at, when, sizeof(when)));
	put_text(b, line, "event", "leak_first_seen");
	put_text(b, line, "signature", finding->signature);
	build__count(b, line, "pid", process->pid);
	put_text(b, line, "comm", process->comm);
	put_text(b, line, "python", process->python);
	put_text(b, line, "cgroup", process->cgroup);
	put_text(b, line, "file", finding->file);
	if (finding->line > 0)
		build__count(b, line, "line", finding->line);
	else
		build__null(b, line, "line");
	put_text(b, line, "function", finding->function);
	put_text(b, line, "cause", verdict_cause__name(finding->cause));
	build__real(b, line, "confidence", finding->confidence);
	build__real(b, line, "growth_per_s", finding->growth_per_s);
	put_text(b, line, "type", finding->type);
	put_text(b, line, "held_by", finding->holder);
	put_text(b, line, "summary", finding->summary);
	return build__write(b, line, false, out);
}

int leak_log__add(struct leak_log *log, const struct host_process *process, FILE *out)
{
	const struct trace_result *result = process->result;
	int failed = 0;

	for (size_t i = 0; result && i < result->finding_count; i++) {
		const struct finding *finding = &result->findings[i];
		int err;

		if (finding->kind != VERDICT_LEAK || finding->suppressed || !*finding->signature ||
		    is_known(log, finding->signature))
			continue;
		err = write_line(process, finding, out);
		if (err)
			failed = err;
		else
			remember(log, finding->signature);
	}
	if (failed) { /* there may be room again by the next one */
		clearerr(out);
		__fpurge(out);
	}
	return failed;
}

size_t leak_log__count(const struct leak_log *log)
{
	return log->count;
}
