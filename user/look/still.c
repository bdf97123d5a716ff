// SPDX-License-Identifier: BSD-2-Clause
#include "look/still.h"

#include <errno.h>

#include "lib/log.h"
#include "lib/text.h"

int still__start(pid_t pid, int pidfd, struct freeze **freeze, struct freeze_report *report)
{
	int err = freeze__start(pid, pidfd, STILL_LIMIT_S, freeze, report);

	return err == -EAGAIN ? 0 : err;
}

int still__fail(pid_t pid, int err)
{
	if (err == -EBUSY)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d cannot be stopped: another process traces it "
				 "(a debugger?); leave out --freeze, or end that",
				 pid);
	if (err == -ESTALE)
		return log__fail(EXIT_FAILED,
				 "process %d is just becoming another program; try again", pid);
	return 0;
}

void still__print(struct line *line, const struct freeze_report *report, unsigned int stops)
{
	const enum style style = report->whole ? STYLE_PLAIN : STYLE_WARN;
	char took[32];

	line__pad(line, INDENT);
	line__printf(line, style, "stopped for %s, %u %s",
		     text__seconds(report->stopped_s, took, sizeof(took)), report->threads,
		     report->threads == 1 ? "thread" : "threads");
	if (stops > 1)
		line__printf(line, style, ", %u times", stops);
	line__put(line, style,
		  report->whole ? ": all figures are of one moment"
				: ": that was not enough, it ran on while the rest was read");
	line__end(line);
}

void still__build(struct builder *b, struct json_object *parent, const struct freeze_report *report,
		  unsigned int stops)
{
	struct json_object *to = json_object_new_object();

	build__real(b, to, "stopped_s", report->stopped_s);
	build__count(b, to, "stops", stops);
	build__count(b, to, "threads", report->threads);
	build__bool(b, to, "whole", report->whole);
	build__put(b, parent, "freeze", to);
}
