/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * in_use_private.h - what the files behind in_use.h share
 */
#ifndef IN_USE_PRIVATE_H
#define IN_USE_PRIVATE_H

#include <stdbool.h>

#include "heap/in_use.h"

/* What reading a page of anonymous memory would do. */
enum page_state {
	PAGE_RESIDENT, /* or not known: nothing could be asked */
	PAGE_EMPTY,    /* not mapped, or never written: it could only read as zero */
	PAGE_SWAPPED,  /* reading would bring it back from swap (or wait for a migration) */
};

/* in_use_pages.c: /proc/PID/pagemap, read a window at a time; ask in order of addresses. */
struct pages;

/* Always opens, but for -ENOMEM; without the file every page counts as resident. */
int pages__open(pid_t pid, struct pages **pages);
void pages__close(struct pages *pages);

/* Nothing learnt before the call is trusted after it. */
void pages__forget(struct pages *pages);
/* Whether the process had anything in swap at the last forget. */
bool pages__any_swapped(struct pages *pages);

enum page_state pages__state(struct pages *pages, __u64 address);

/* in_use_pools.c: object blocks, sorted by address. 0, -ESRCH, -EPERM, -ENOMEM. */
int in_use__check_pools(const struct target *target, struct pools *pools, struct pages *pages,
			struct block_query *blocks, size_t count);

#endif
