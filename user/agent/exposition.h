/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/exposition.h - the Prometheus text format, 0.0.4: families, samples, labels
 *
 * Labels are built once as text, `pid="1",comm="python3"`, and given with each sample that has them. A figure that is not there has no
 * sample: NAN is left out.
 */
#ifndef AGENT_EXPOSITION_H
#define AGENT_EXPOSITION_H

#include <linux/types.h>
#include <stddef.h>
#include <stdio.h>

#define EXPOSITION_VALUE_MAX 256 /* bytes of a label's value before it is escaped, NUL included */
#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum family_type { FAMILY_GAUGE, FAMILY_COUNTER };

struct family {
	const char *name; /* without the prefix "pyleak_" */
	enum family_type type;
	const char *help; /* one line, of ours */
};

/* # HELP and # TYPE; the family's samples come next, before any other family. */
void exposition__family(FILE *out, const struct family *family);

/*
 * One sample. labels: text of exposition__label(), "" or NULL = none. NAN: nothing is written. Amounts of bytes and blocks are exact as long as
 * they are below 2^53.
 */
void exposition__sample(FILE *out, const struct family *family, const char *labels, double value);

/*
 * Writes name="value", after a comma where the stream is not at its start. value is text of a target: what is no UTF-8, a control character
 * or reorders its neighbours becomes U+FFFD; the rest is escaped and cut at a character.
 */
void exposition__label(FILE *labels, const char *name, const char *value);

#endif
