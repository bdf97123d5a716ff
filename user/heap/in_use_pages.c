// SPDX-License-Identifier: BSD-2-Clause
/*
 * in_use_pages.c - which pages of a process can be read without bringing them into memory
 *
 * /proc/PID/pagemap has 8 bytes a page: bit 63 present, bit 62 swapped (Documentation/admin-guide/mm/pagemap.rst,
 * Linux 2.6.25 and later). Since 4.2 only the frame numbers need a privilege.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "heap/in_use_private.h"
#include "lib/proc_number.h"

#define WINDOW 512   /* entries read at once: sequential ... */
#define WINDOW_FAR 8 /* ... and after a jump */
#define BIT_PRESENT (1ull << 63)
#define BIT_SWAPPED (1ull << 62)

struct pages {
	pid_t pid;
	int fd;
	__u64 page_size;
	__u64 first; /* page number of entries[0] */
	size_t count;
	bool any_swapped;
	__u64 entries[WINDOW];
};

/* Where it cannot be read, anything may be in swap. */
static bool any_swapped(pid_t pid)
{
	__u64 bytes;

	return proc_number__status(pid, "VmSwap:", &bytes) || bytes > 0;
}

int pages__open(pid_t pid, struct pages **result)
{
	struct pages *pages = calloc(1, sizeof(*pages));
	long size = sysconf(_SC_PAGESIZE);
	char path[64];

	if (!pages)
		return -ENOMEM;
	pages->pid = pid;
	pages->page_size = size > 0 ? (__u64)size : 4096;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pages->fd = open(path, O_RDONLY | O_CLOEXEC);
	pages__forget(pages);
	*result = pages;
	return 0;
}

void pages__close(struct pages *pages)
{
	if (!pages)
		return;
	if (pages->fd >= 0)
		close(pages->fd);
	free(pages);
}

void pages__forget(struct pages *pages)
{
	pages->count = 0;
	pages->any_swapped = any_swapped(pages->pid);
}

bool pages__any_swapped(struct pages *pages)
{
	return pages->any_swapped;
}

enum page_state pages__state(struct pages *pages, __u64 address)
{
	__u64 page = address / pages->page_size, entry;

	if (pages->fd < 0)
		return PAGE_RESIDENT;
	if (page - pages->first >= pages->count) {
		size_t ask = page - pages->first < 2 * WINDOW ? WINDOW : WINDOW_FAR;
		ssize_t n = pread(pages->fd, pages->entries, ask * sizeof(__u64), page * 8);

		pages->first = page;
		pages->count = n > 0 ? (size_t)n / 8 : 0;
		if (!pages->count)
			return n == 0 ? PAGE_EMPTY : PAGE_RESIDENT;
	}
	entry = pages->entries[page - pages->first];
	return entry & BIT_PRESENT   ? PAGE_RESIDENT
	       : entry & BIT_SWAPPED ? PAGE_SWAPPED
				     : PAGE_EMPTY;
}
