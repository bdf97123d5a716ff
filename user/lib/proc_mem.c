// SPDX-License-Identifier: BSD-2-Clause
/*
 * proc_mem.c - see proc_mem.h
 */
#include "lib/proc_mem.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <sys/uio.h>

/* The kernel refuses more than SSIZE_MAX in all and cuts at 2 GiB less a page; stay well below. */
#define BATCH_BYTES (1UL << 30)

/* One call; reads up to the first address that cannot be read. Bytes read, or -errno. */
static ssize_t read_some(pid_t pid, const struct iovec *local, const struct iovec *remote,
			 size_t count)
{
	ssize_t n = process_vm_readv(pid, local, count, remote, count, 0);

	if (n < 0)
		return -errno;
	return n;
}

int proc_mem__read(pid_t pid, __u64 address, void *buffer, size_t size)
{
	size_t done = 0;

	if (address + size < address)
		return -EFAULT;
	while (done < size) {
		size_t part = size - done < BATCH_BYTES ? size - done : BATCH_BYTES;
		struct iovec local = {.iov_base = (char *)buffer + done, .iov_len = part};
		struct iovec remote = {.iov_base = (void *)(uintptr_t)(address + done),
				       .iov_len = part};
		ssize_t n = read_some(pid, &local, &remote, 1);

		if (n < 0)
			return n;
		if (n == 0)
			return -EFAULT;
		done += n;
	}
	return 0;
}

/* How many parts from the first one on fit in one call. */
static size_t fill_batch(const struct proc_mem_part *parts, size_t count, struct iovec *local,
			 struct iovec *remote)
{
	size_t bytes = 0, n;

	for (n = 0; n < count && n < IOV_MAX; n++) {
		if (parts[n].size > BATCH_BYTES - bytes)
			break;
		bytes += parts[n].size;
		local[n].iov_base = parts[n].buffer;
		remote[n].iov_base = (void *)(uintptr_t)parts[n].address;
		local[n].iov_len = remote[n].iov_len = parts[n].size;
	}
	return n;
}

int proc_mem__read_many(pid_t pid, struct proc_mem_part *parts, size_t count)
{
	struct iovec local[IOV_MAX], remote[IOV_MAX];
	size_t next = 0;

	while (next < count) {
		size_t batch = fill_batch(parts + next, count - next, local, remote);
		size_t end = next + batch, left;
		ssize_t n = 0;

		if (batch) {
			n = read_some(pid, local, remote, batch);
			if (n == -ESRCH || n == -EPERM)
				return n;
		}
		/* The kernel fills the parts in order and stops inside the first unreadable one. */
		left = n > 0 ? n : 0;
		while (next < end && parts[next].size <= left) {
			left -= parts[next].size;
			parts[next++].result = 0;
		}
		if (next == end && batch)
			continue;
		parts[next].result = proc_mem__read(pid, parts[next].address, parts[next].buffer,
						    parts[next].size);
		if (parts[next].result == -ESRCH || parts[next].result == -EPERM)
			return parts[next].result;
		next++;
	}
	return 0;
}
