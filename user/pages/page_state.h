/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages/page_state.h - whether a page of a process is there, by /proc/PID/pagemap
 *
 * The target's memory is not touched: a process cannot hold up who asks.
 */
#ifndef PAGES_PAGE_STATE_H
#define PAGES_PAGE_STATE_H

#include <linux/types.h>
#include <sys/types.h>

#include "pages/page_sample.h"

/* For page_state__of(). -errno: the process has ended, or may not be looked at. The caller closes it. */
int page_state__open(pid_t pid);

/*
 * A page_sample_look. context: int *, what page_state__open() returned. A page in swap is there: it is memory that was not given back. Huge
 * pages are told apart from Linux 6.7 on (PAGEMAP_SCAN, include/uapi/linux/fs.h). Of a process that has ended nothing can be read.
 */
bool page_state__look(void *context, __u64 address, bool first, struct page_seen *seen);

#endif
