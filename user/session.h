/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - one run of the tracer: from the first check to what is made of the report at the end
 *
 *	session__new(cli)
 *	session__run(session)			shows and writes the report		or
 *	session__run_for(session, use, context)	use() has it instead
 *	session__free(session)
 */
#ifndef SESSION_H
#define SESSION_H

#include "cli.h"
#include "report.h"
#include "trace/trace.h"

struct session;

/* cli is copied, the strings that it points to are not. NULL: no memory. */
struct session *session__new(const struct cli *cli);

/* 0, or -exit_status after a line on stderr. */
int session__run(struct session *session);

/*
 * Traces as long, but shows nothing on the way; then use() is given the final report while the tracer still has its live blocks (it
 * counts no more, its probes are out). What use() returns is returned.
 */
typedef int session_use(void *context, struct tracer *tracer, const struct report *report);
int session__run_for(struct session *session, session_use *use, void *context);

/* Takes the probes out, which takes the kernel a while; NULL is fine. */
void session__free(struct session *session);

#endif
