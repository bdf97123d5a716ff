/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * label.h - the one text that a frame, a site or a process has in every format
 *
 * Printable: control characters are shown as escapes, see text__printable.
 */
#ifndef LABEL_H
#define LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

#define LABEL_MAX 1536

/*
 * "qualname (file.py:LINE)", "symbol (libfoo.so.1)", "libfoo.so.1+0x1a2b", a note as it is. What is
 * longer than the buffer loses the end of its function, never the place. Returns buffer.
 */
char *label__frame(const struct named_frame *frame, char buffer[LABEL_MAX]);

/* The same for a site. */
char *label__site(const struct report_site *site, char buffer[LABEL_MAX]);

/* "python3 (1234)" */
char *label__process(const struct report_process *process, char buffer[LABEL_MAX]);

/* "raw", "object", "mmap", "brk", "file", "rss". */
const char *label__domain(enum domain domain);

/* Three views of the same memory: they are never added to one another. */
enum label_layer {
	LABEL_HEAP,     /* blocks */
	LABEL_RESIDENT, /* pages: what of the address space is in memory */
	LABEL_SPACE,    /* mappings */
	LABEL_LAYERS,
};

enum label_layer label__layer(enum domain domain);

/* "block", "page", "mapping". */
const char *label__unit(enum label_layer layer);

/* Whether blocks of this domain are heap blocks. */
bool label__is_heap(enum domain domain);

#endif
