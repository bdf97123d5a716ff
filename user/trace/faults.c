// SPDX-License-Identifier: BSD-2-Clause
/*
 * faults.c - the records of page faults, checked against /proc/PID/pagemap
 */
#include "trace/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/page_owners.h"

/* Entries read at once: 32 MiB of memory. */
#define BATCH 8192

/*
 * Mappings larger than this are read only where something is owned: sanitizers reserve terabytes. And of all of them
 * together no more than so much; an empty page costs 2 ns and 8 bytes copied.
 */
#define MAPPING_MAX (64ULL << 30)
#define TOTAL_MAX (256ULL << 30)

struct faults {
	struct page_owners *owners;
	int pagemap;
	__u64 page_size;
	__u64 *entries; /* BATCH of them */
	bool seeded;
	bool complete; /* every private mapping was read, at the seed and at each look so far */
	/* the last look at everything */
	bool measured;
	__u64 resident, orphans, inferred;
	double looked_s, look_cost_s;
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

int faults__open(pid_t pid, struct faults **result)
{
	struct faults *faults = calloc(1, sizeof(*faults));
	char path[64];
	int err = -ENOMEM;

	*result = NULL;
	if (!faults)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	faults->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (faults->pagemap < 0) {
		err = -errno;
		goto out;
	}
	faults->page_size = sysconf(_SC_PAGESIZE);
	faults->owners = page_owners__new(faults->page_size);
	faults->entries = malloc(BATCH * sizeof(*faults->entries));
	if (!faults->owners || !faults->entries)
		goto out;
	faults->complete = true;
	*result = faults;
	return 0;
out:
	faults__close(faults);
	return err;
}

void faults__close(struct faults *faults)
{
	if (!faults)
		return;
	if (faults->pagemap >= 0)
		close(faults->pagemap);
	page_owners__free(faults->owners);
	free(faults->entries);
	free(faults);
}

/* Reads the pagemap of [start, end) into the model. False: the process has no memory any more. */
static bool read_range(struct faults *faults, __u64 start, __u64 end)
{
	while (start < end) {
		__u64 page = start / faults->page_size, count = (end - start) / faults->page_size;
		ssize_t got;

		if (count > BATCH)
			count = BATCH;
		got = pread(faults->pagemap, faults->entries, count * sizeof(__u64),
			    page * sizeof(__u64));
		if (got < (ssize_t)sizeof(__u64))
			return false;
		count = got / sizeof(__u64);
		if (page_owners__read(faults->owners, start, faults->entries, count))
			faults->complete = false;
		start += count * faults->page_size;
	}
	return true;
}

/* Reads the parts of [start, end) in which something is owned. */
static bool read_owned(struct faults *faults, __u64 start, __u64 end)
{
	const __u64 bytes = faults->page_size * OWNERS_CHUNK;
	__u64 at = start, owned, until;

	while (at < end) {
		owned = page_owners__next_owned(faults->owners, at);
		if (owned >= end)
			break;
		until = end - owned > bytes ? owned + bytes : end;
		if (owned > at)
			page_owners__skip(faults->owners, at, owned);
		else
			owned = at;
		if (!read_range(faults, owned, until))
			return false;
		at = until;
	}
	page_owners__skip(faults->owners, at, end);
	return true;
}

/* Mappings whose pages are not memory of the process. */
static bool is_kernels(const struct mapping *m)
{
	return !strncmp(m->path, "[v", 2) || !strcmp(m->path, "[uprobes]");
}

/* Whether m is read page by page; *total is what has been so far. */
static bool is_affordable(struct faults *faults, const struct mapping *m, __u64 *total)
{
	__u64 bytes = m->end - m->start;

	if (!m->read && !m->write && !m->exec)
		return false; /* reserved */
	if (bytes > MAPPING_MAX || *total + bytes > TOTAL_MAX) {
		faults->complete = false;
		return false;
	}
	*total += bytes;
	return true;
}

void faults__seed(struct faults *faults, const struct proc_maps *maps)
{
	struct mapping *m;
	__u64 total = 0;

	if (!faults || !maps)
		return;
	proc_maps__for_each (maps, m)
		if (!m->shared && !is_kernels(m) && is_affordable(faults, m, &total) &&
		    !read_range(faults, m->start, m->end))
			return;
	faults->seeded = true;
}

static void receive_change(struct faults *faults, const struct space_message *change)
{
	struct page_owners *owners = faults->owners;

	switch (change->op) {
	case SPACE_MAP:
		page_owners__forget(owners, change->start, change->start + change->len);
		break;
	case SPACE_UNMAP:
		page_owners__forget(owners, change->old_start, change->old_start + change->old_len);
		break;
	case SPACE_REMAP:
		page_owners__move(owners, change->old_start, change->old_len, change->start,
				  change->len);
		break;
	case SPACE_BRK:
		if (change->start < change->old_start)
			page_owners__forget(owners, change->start + faults->page_size - 1,
					    change->old_start);
		break;
	}
}

void faults__receive(struct faults *faults, const void *data, size_t size)
{
	const struct fault_message *fault = data;

	if (!faults || size < sizeof(*fault))
		return;
	if (fault->op == SPACE_FAULT)
		page_owners__own(faults->owners, fault->address, fault->stack, fault->weight,
				 fault->flags & FAULT_PRESENT);
	else if (size >= sizeof(struct space_message))
		receive_change(faults, data);
}

/* Whether a look at everything is due. */
static bool can_afford(const struct faults *faults, double now_s)
{
	return now_s - faults->looked_s > 50 * faults->look_cost_s;
}

void faults__look(struct faults *faults, const struct proc_maps *maps, bool everything)
{
	double begin_s = seconds();
	struct mapping *m;
	__u64 total = 0;
	bool alive = true;

	if (!faults || !maps || !faults->seeded)
		return;
	everything = everything || can_afford(faults, begin_s);
	page_owners__begin(faults->owners);
	proc_maps__for_each (maps, m) {
		if (m->shared)
			page_owners__reject(faults->owners, m->start, m->end);
		else if (!is_kernels(m) && everything && is_affordable(faults, m, &total))
			alive = read_range(faults, m->start, m->end);
		else
			alive = read_owned(faults, m->start, m->end);
		if (!alive)
			return; /* what was seen last is what there is */
	}
	page_owners__end(faults->owners);
	if (!everything)
		return;
	faults->measured = faults->complete;
	faults->resident = page_owners__resident(faults->owners);
	faults->inferred = page_owners__inferred(faults->owners);
	faults->orphans = page_owners__orphans(faults->owners);
	faults->looked_s = seconds();
	faults->look_cost_s = faults->looked_s - begin_s;
}

void faults__fill(const struct faults *faults, struct stack_info *stack)
{
	struct page_sums sums;

	if (!faults || stack->key.domain != DOMAIN_RSS)
		return;
	sums = page_owners__sums(faults->owners, stack->key.hash);
	stack->live_count = sums.resident;
	/* A huge page is one fault, and a sample is one: never less than what is there. */
	stack->alloc_count = sums.faulted > sums.resident ? sums.faulted : sums.resident;
	stack->free_count = stack->alloc_count - stack->live_count;
	stack->live_bytes = stack->live_count * faults->page_size;
	stack->alloc_bytes = stack->alloc_count * faults->page_size;
	stack->free_bytes = stack->free_count * faults->page_size;
}

bool faults__measure(const struct faults *faults, __u64 *appeared, __u64 *seen, __u64 *inferred)
{
	if (!faults || !faults->measured)
		return false;
	*appeared = (faults->resident + faults->orphans) * faults->page_size;
	*seen = faults->resident * faults->page_size;
	*inferred = faults->inferred * faults->page_size;
	return true;
}
