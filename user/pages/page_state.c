// SPDX-License-Identifier: BSD-2-Clause
#include "pages/page_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/page_owners.h"

/* PAGEMAP_SCAN, which Debian 12's headers lack: include/uapi/linux/fs.h of Linux 6.7. */
struct scan_region {
	__u64 start, end, categories;
};

struct scan {
	__u64 size, flags, start, end, walk_end, regions, region_count, max_pages;
	__u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN _IOWR('f', 16, struct scan)
#define SCAN_IS_HUGE (1 << 6)

/* Bits 0-54 of an entry; 0 without CAP_SYS_ADMIN (Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_FRAME ((1ULL << 55) - 1)

int page_state__open(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Linux 6.7 and later; before that none is told apart. */
static bool is_huge(int fd, __u64 address)
{
	struct scan_region region = {0};
	struct scan scan = {
		.size = sizeof(scan),
		.start = address,
		.end = address + PAGE_BYTES,
		.regions = (__u64)(unsigned long)&region,
		.region_count = 1,
		.max_pages = 1,
		.category_mask = SCAN_IS_HUGE,
		.return_mask = SCAN_IS_HUGE,
	};

	return ioctl(fd, SCAN, &scan) == 1 && region.categories & SCAN_IS_HUGE;
}

bool page_state__look(void *context, __u64 address, bool first, struct page_seen *seen)
{
	int fd = *(int *)context;
	__u64 entry;

	*seen = (struct page_seen){PAGE_GONE, 0};
	if (pread(fd, &entry, sizeof(entry), address / PAGE_BYTES * sizeof(entry)) != sizeof(entry))
		return false;
	if (!(entry & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED)) || entry & PAGEMAP_FILE)
		return true;
	seen->state = first && is_huge(fd, address) ? PAGE_HUGE : PAGE_SMALL;
	if (entry & PAGEMAP_PRESENT)
		seen->frame = entry & PAGEMAP_FRAME;
	return true;
}
