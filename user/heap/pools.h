/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pools.h - pymalloc's own books, read from outside: how many blocks are in use
 *
 *	struct pools *pools;
 *	pools__open(target, &pools);
 *	pools__in_use(pools, &in_use);	as often as wanted
 *	pools__close(pools);
 *
 * The target is neither stopped nor changed. Its heap moves while it is read, so a count is as good
 * as the moment it took: some blocks of a busy target, none of an idle one.
 */
#ifndef POOLS_H
#define POOLS_H

#include "pools_in_use.h"
#include "target.h"

struct pools;

/*
 * Finds pymalloc in a process with a supported Python. The target is not referred to after the
 * call. 0 or -errno: -ENOENT there is no pymalloc at work (PYTHONMALLOC=malloc, no block handed out
 * yet), -ESRCH, -EPERM, -ENOMEM. The caller closes *pools.
 */
int pools__open(const struct target *target, struct pools **pools);
void pools__close(struct pools *pools);

/*
 * Blocks of at most 512 bytes that are handed out in all interpreters, free lists of object types
 * included. 0 or -errno: -ESRCH, -EPERM, -ENOMEM, -ENOENT (no arena any more), -E2BIG (larger than
 * a real heap), -EAGAIN (the tables changed at every try).
 */
int pools__in_use(struct pools *pools, struct pools_in_use *in_use);

#endif
