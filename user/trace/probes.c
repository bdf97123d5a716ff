// SPDX-License-Identifier: BSD-2-Clause
/*
 * probes.c - uprobes of a plan: attached together where the kernel can, else one by one
 *
 * A link of type uprobe_multi (Linux 6.6) carries any number of probes of one program in one file, each with its cookie.
 * What counts is the end: detaching costs a grace period a link, 0.1 s, and all of its probes go at once. Until 6.10
 * such a link looked at one thread instead of the process, so it is used from 6.11 on.
 */
#include "trace/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/log.h"
#include "pyleak.skel.h"

/* include/uapi/linux/bpf.h of Linux 6.6; libbpf has them from 1.3 on, Debian 12 has 1.1. */
#define UPROBE_MULTI 48
#define UPROBE_MULTI_RETURN 1
#define UPROBE_MULTI_MIN_MAJOR 6
#define UPROBE_MULTI_MIN_MINOR 11

/* union bpf_attr's link_create with its uprobe_multi. */
struct multi_link {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 link_flags;
	__u64 path;
	__u64 offsets;
	__u64 ref_ctr_offsets;
	__u64 cookies;
	__u32 count;
	__u32 flags;
	__u32 pid;
	__u32 _pad;
};
_Static_assert(sizeof(struct multi_link) == 64, "multi_link");

static bool has_uprobe_multi(void)
{
	struct utsname host;
	int major, minor;

	if (uname(&host) || sscanf(host.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > UPROBE_MULTI_MIN_MAJOR ||
	       (major == UPROBE_MULTI_MIN_MAJOR && minor >= UPROBE_MULTI_MIN_MINOR);
}

void probes__configure(struct tracer *tracer)
{
	struct pyleak_bpf *bpf = tracer->bpf;

	tracer->multi = has_uprobe_multi();
	if (!tracer->multi)
		return;
	bpf_program__set_expected_attach_type(bpf->progs.heap_enter_probe, UPROBE_MULTI);
	bpf_program__set_expected_attach_type(bpf->progs.heap_return_probe, UPROBE_MULTI);
	bpf_program__set_expected_attach_type(bpf->progs.heap_free_probe, UPROBE_MULTI);
}

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

/* The descriptor is the mapped file itself: no name to be followed, and deleted files work. */
static void path_of(const struct target *target, int module, char *path, size_t size)
{
	snprintf(path, size, "/proc/self/fd/%d", target->modules[module].fd);
}

static int complain(const struct target *target, const struct probe *probe, int err)
{
	if (err == -ESRCH)
		return log__fail(EXIT_FAILED, "process %d ended while it was being attached to",
				 target->pid);
	return log__fail(EXIT_CANNOT_TRACE, "cannot probe %s in %s of process %d: %s",
			 probe->function, target->modules[probe->module].name, target->pid,
			 strerror(-err));
}

static int attach_one(struct tracer *tracer, __u32 index, const struct target *target,
		      const struct probe *probe)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = PROBE_COOKIE(index, probe->hook),
		    .retprobe = probe->kind == PROBE_RETURN);
	char path[64];

	path_of(target, probe->module, path, sizeof(path));
	return tracer__keep_link(tracer, bpf_program__attach_uprobe_opts(
						 program_of(tracer, probe->kind), target->pid, path,
						 probe->offset, &options));
}

static int keep_multi(struct tracer *tracer, int fd)
{
	int *grown = realloc(tracer->multi_links, (tracer->multi_count + 1) * sizeof(*grown));

	if (!grown) {
		close(fd);
		return -ENOMEM;
	}
	tracer->multi_links = grown;
	tracer->multi_links[tracer->multi_count++] = fd;
	return 0;
}

/* All probes of one kind in one module, by one link; count of them were gathered. */
static int attach_group(struct tracer *tracer, const struct target *target, int module,
			enum probe_kind kind, const __u64 *offsets, const __u64 *cookies,
			__u32 count)
{
	char path[64];
	struct multi_link link = {
		.prog_fd = bpf_program__fd(program_of(tracer, kind)),
		.attach_type = UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = count,
		.flags = kind == PROBE_RETURN ? UPROBE_MULTI_RETURN : 0,
		.pid = target->pid,
	};
	int fd;

	path_of(target, module, path, sizeof(path));
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link));
	return fd < 0 ? -errno : keep_multi(tracer, fd);
}

/* The group that begins with plan->probes[first]; those before it are attached. */
static int attach_group_of(struct tracer *tracer, __u32 index, const struct target *target,
			   const struct plan *plan, size_t first)
{
	const struct probe *head = &plan->probes[first];
	__u64 *offsets = calloc(plan->probe_count, sizeof(*offsets));
	__u64 *cookies = calloc(plan->probe_count, sizeof(*cookies));
	__u32 count = 0;
	int err = -ENOMEM;

	if (offsets && cookies) {
		for (size_t i = first; i < plan->probe_count; i++) {
			const struct probe *probe = &plan->probes[i];

			if (probe->kind != head->kind || probe->module != head->module)
				continue;
			offsets[count] = probe->offset;
			cookies[count++] = PROBE_COOKIE(index, probe->hook);
		}
		err = attach_group(tracer, target, head->module, head->kind, offsets, cookies,
				   count);
	}
	free(offsets);
	free(cookies);
	return err;
}

static bool begins_group(const struct plan *plan, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (plan->probes[i].kind == plan->probes[index].kind &&
		    plan->probes[i].module == plan->probes[index].module)
			return false;
	return true;
}

int probes__attach(struct tracer *tracer, __u32 index, const struct target *target,
		   const struct plan *plan)
{
	int err = 0;

	for (size_t i = 0; i < plan->probe_count; i++) {
		if (!tracer->multi)
			err = attach_one(tracer, index, target, &plan->probes[i]);
		else if (begins_group(plan, i))
			err = attach_group_of(tracer, index, target, plan, i);
		if (err)
			return complain(target, &plan->probes[i], err);
	}
	return 0;
}

void probes__detach(struct tracer *tracer)
{
	for (size_t i = 0; i < tracer->multi_count; i++)
		close(tracer->multi_links[i]);
	free(tracer->multi_links);
	tracer->multi_links = NULL;
	tracer->multi_count = 0;
}
