/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * follow.h - --follow: the processes that come of those that are traced, as they come
 *
 *	follow__open(&follow)
 *	follow__add(follow, pid, family)		whose children are wanted
 *	follow__step(follow, take, context)		several times a second
 *	follow__close(follow)
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <sys/types.h>

struct follow;

/* 0, or -exit_status after a line on stderr. */
int follow__open(struct follow **follow);
void follow__close(struct follow *follow); /* NULL is fine */

/* From now on its children are followed, and theirs: all have the number of its family, below 65535, which is the caller's choice. */
void follow__add(struct follow *follow, pid_t pid, unsigned int family);

/*
 * Calls take() for each process that was made by one of those, or is one of those and has become another program; a tenth of a second after
 * that, or later. 0: it is taken, or of no use. -EAGAIN: it may be a Python soon, and is offered again a few times.
 */
typedef int follow_take(void *context, pid_t pid, unsigned int family);
void follow__step(struct follow *follow, follow_take *take, void *context);

#endif
