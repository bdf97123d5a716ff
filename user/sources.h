/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sources.h - the text of the files that hold most, for outputs that show it
 *
 *	sources__wanted(&outputs)
 *	sources__open(pid)			while the process is there
 *	sources__read(sources, &process)	when its sites are known, also after it has ended
 *	sources__close(sources)			when the report is done with
 *
 * A file is looked for where the process itself finds it, in its own root, which no link leads out of. Only regular
 * files of bounded size are opened.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include <stdbool.h>
#include <sys/types.h>

#include "report.h"

#define SOURCE_BYTES_MAX (4 << 20)
#define SOURCE_LINES_MAX (1 << 17)
#define SOURCE_LINE_BYTES_MAX 512 /* what is longer is cut */

struct outputs;
struct sources;

/* Whether any of the outputs shows source. */
bool sources__wanted(const struct outputs *outputs);

/* Holds on to the process's root and current directory: both outlive it. NULL: no memory. */
struct sources *sources__open(pid_t pid);

/*
 * Fills process->sources with the files that hold most by its sites; those that cannot be read too, and why. What it
 * refers to lives until the next call. NULL sources: nothing. 0 or -ENOMEM.
 */
int sources__read(struct sources *sources, struct report_process *process);

/* NULL is fine. */
void sources__close(struct sources *sources);

#endif
