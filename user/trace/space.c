// SPDX-License-Identifier: BSD-2-Clause
/*
 * space.c - the address space of each target, kept up by the records of the space ring
 *
 * What was mapped before tracing began is in the model, too, without an owner. So the model can be compared
 * with /proc/PID/maps at any time: what is mapped there and not here was missed.
 */
#include "trace/internal.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static __u64 page_up(__u64 address)
{
	__u64 page = sysconf(_SC_PAGESIZE);

	return (address + page - 1) & ~(page - 1);
}

static void move_break(struct extents *space, const struct space_message *message)
{
	__u64 from = page_up(message->old_start), to = page_up(message->start);
	struct extent grown = {
		.start = from,
		.end = to,
		.born_ns = message->exit_ns,
		.stack = message->stack,
		.domain = DOMAIN_BRK,
	};

	if (to > from)
		extents__add(space, &grown);
	else if (to < from)
		extents__remove(space, to, from, message->enter_ns);
}

static void remap(struct extents *space, const struct space_message *message)
{
	/* mremap() of 0 bytes makes a second mapping of shared pages and leaves the first. */
	int keep_old = (message->flags & MREMAP_DONTUNMAP) || !message->old_len;
	/* Anonymous memory or a file: the kernel's side cannot tell. */
	const struct extent *old = extents__at(space, message->old_start);
	struct extent grown = {
		.born_ns = message->exit_ns,
		.stack = message->stack,
		.domain = old ? old->domain : message->domain,
	};

	extents__move(space, message->old_start, message->old_len, message->start, message->len,
		      &grown, keep_old, message->enter_ns);
}

int space__receive(void *context, void *data, size_t size)
{
	const struct space_message *message = data;
	struct tracer *tracer = context;
	struct traced *traced;
	struct extent mapped;

	if (size < sizeof(struct fault_message) || message->target >= tracer->target_count)
		return 0;
	traced = &tracer->targets[message->target];
	faults__receive(traced->faults, data, size);
	if (message->op == SPACE_FAULT || size < sizeof(*message))
		return tracer__keep_draining(tracer);
	switch (message->op) {
	case SPACE_MAP:
		mapped = (struct extent){
			.start = message->start,
			.end = message->start + message->len,
			.born_ns = message->exit_ns,
			.stack = message->stack,
			.domain = message->domain,
		};
		extents__add(traced->space, &mapped);
		break;
	case SPACE_UNMAP:
		extents__remove(traced->space, message->old_start,
				message->old_start + message->old_len, message->enter_ns);
		break;
	case SPACE_REMAP:
		remap(traced->space, message);
		break;
	case SPACE_BRK:
		move_break(traced->space, message);
		break;
	}
	return tracer__keep_draining(tracer);
}

/* Mappings that no system call of the process makes or grows. */
static bool is_kernels(const struct mapping *m)
{
	return !strncmp(m->path, "[stack", 6) || !strncmp(m->path, "[v", 2) ||
	       !strcmp(m->path, "[uprobes]");
}

static enum domain domain_of(const struct mapping *m)
{
	if (!strcmp(m->path, "[heap]"))
		return DOMAIN_BRK;
	if (!strcmp(m->path, "/dev/zero (deleted)"))
		return DOMAIN_MMAP; /* anonymous and shared */
	return m->ino ? DOMAIN_FILE : DOMAIN_MMAP;
}

void space__seed(struct traced *traced)
{
	struct mapping *m;

	space__look(traced);
	if (!traced->maps)
		return;
	proc_maps__for_each (traced->maps, m) {
		struct extent there = {.start = m->start, .end = m->end, .domain = domain_of(m)};

		if (!is_kernels(m))
			extents__add(traced->space, &there);
	}
	faults__seed(traced->faults, traced->maps);
	traced->seeded = true;
}

void space__look(struct traced *traced)
{
	struct proc_maps *maps;

	if (!traced->target || proc_maps__read(traced->target->pid, &maps))
		return;
	proc_maps__free(traced->maps);
	traced->maps = maps;
}

void space__measure(const struct traced *traced, struct memory_info *memory)
{
	struct mapping *m;
	__u64 since, fresh;

	if (!traced->seeded || !traced->maps)
		return;
	proc_maps__for_each (traced->maps, m) {
		enum domain domain = domain_of(m);

		if (is_kernels(m) || domain == DOMAIN_FILE)
			continue;
		since = extents__traced_in(traced->space, m->start, m->end);
		fresh = m->end - m->start - extents__untraced_in(traced->space, m->start, m->end);
		if (domain == DOMAIN_BRK) {
			memory->brk_new += fresh;
			memory->brk_seen += since;
		} else {
			memory->mmap_new += fresh;
			memory->mmap_seen += since;
		}
	}
	memory->space_measured = true;
}
