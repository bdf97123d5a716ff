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
 * The same for another process that runs the interpreter of the same file, where it lies by shift bytes higher: pymalloc is not looked for
 * but expected where it is in the other one. The other process need not be there any more. As pools__open().
 */
int pools__open_like(const struct pools *other, pid_t pid, __u64 shift, struct pools **pools);

/*
 * Blocks of at most 512 bytes that are handed out in all interpreters, free lists of object types
 * included. 0 or -errno: -ESRCH, -EPERM, -ENOMEM, -ENOENT (no arena any more), -E2BIG (larger than
 * a real heap), -EAGAIN (the tables changed at every try).
 */
int pools__in_use(struct pools *pools, struct pools_in_use *in_use);

/* What the pools are made of, in bytes. */
struct pools_count {
	struct pools_in_use in_use;
	__u64 object_bytes; /* of the blocks in use, by their size classes */
	__u64 bytes; /* of all pools that have ever been in use since their arena was mapped: these are resident, or swapped out */
	__u64 swapped; /* of these, whose header is swapped out: their blocks are in neither of the above */
};

/*
 * As pools__in_use(), for those who look at processes that they have no reason to disturb: what is swapped out is not brought back, but
 * left out.
 */
int pools__count(struct pools *pools, struct pools_count *count);

#endif
