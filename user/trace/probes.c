// SPDX-License-Identifier: BSD-2-Clause
/*
 * probes.c - uprobes of a plan, attached one by one
 *
 * A link of type uprobe_multi (Linux 6.6) would carry any number of probes and detach at once. It is not used: a process
 * that the target forks inherits the breakpoints, and such a link leaves them in, so that a child which nobody
 * traces pays for every trap as long as we run (Linux 6.18: 30 us for a malloc and its free, measured; 9 ns
 * otherwise). A perf event takes them out of the child when it first hits one.
 */
#include "trace/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/log.h"
#include "pyleak.skel.h"

static struct bpf_program *program_of(const struct tracer *tracer, enum probe_kind kind)
{
	switch (kind) {
	case PROBE_ENTER:
		return tracer->bpf->progs.heap_enter_probe;
	case PROBE_RETURN:
		return tracer->bpf->progs.heap_return_probe;
	case PROBE_FREE:
		return tracer->bpf->progs.heap_free_probe;
	}
	return NULL;
}

static int attach(struct tracer *tracer, __u32 index, const struct target *target,
		  const struct probe *probe)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = PROBE_COOKIE(index, probe->hook),
		    .retprobe = probe->kind == PROBE_RETURN);
	char path[64];

	/* The descriptor is the mapped file itself: no name to be followed, and deleted files work. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", target->modules[probe->module].fd);
	return tracer__keep_link(tracer, bpf_program__attach_uprobe_opts(
						 program_of(tracer, probe->kind), target->pid, path,
						 probe->offset, &options));
}

int probes__attach(struct tracer *tracer, __u32 index, const struct target *target,
		   const struct plan *plan)
{
	for (size_t i = 0; i < plan->probe_count; i++) {
		const struct probe *probe = &plan->probes[i];
		int err = attach(tracer, index, target, probe);

		if (err == -ESRCH)
			return log__fail(EXIT_FAILED,
					 "process %d ended while it was being attached to",
					 target->pid);
		if (err)
			return log__fail(EXIT_CANNOT_TRACE,
					 "cannot probe %s in %s of process %d: %s", probe->function,
					 target->modules[probe->module].name, target->pid,
					 strerror(-err));
	}
	return 0;
}

/* The kernel waits for grace periods under one mutex, 0.1 s a probe: threads would only queue up there. */
void probes__detach(struct tracer *tracer)
{
	for (size_t i = 0; i < tracer->link_count; i++)
		bpf_link__destroy(tracer->links[i]);
	tracer->link_count = 0;
}
