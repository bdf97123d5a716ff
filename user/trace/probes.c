// SPDX-License-Identifier: BSD-2-Clause
/*
 * probes.c - uprobes of a plan, put in and taken out by layer
 *
 * Where the kernel has links that carry many probes, each kind of probe of a file is one link, attached and detached in
 * a fiftieth of a second. Such a link has a fault: a process that the target forks inherits the breakpoints
 * and they are never taken out of it, so that a child which nobody traces pays for every trap (Linux 6.18: 30 us for a malloc
 * and its free, measured; 9 ns otherwise). Hence probes__heal(): the same probes are attached once more and
 * the first set is then taken out, of the children as well, since the second is for the target alone. Which set counts
 * is told by the generation in the cookies, and changes at one instant.
 *
 * On other kernels a perf event each: 0.1 s to detach one, and the kernel takes the breakpoints out of a child that hits one.
 */
#include "trace/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "pyleak.skel.h"
#include "trace/uprobe_multi.h"

#define HEAL_EVERY_NS 1000000000ULL

static struct bpf_program *program_of_kind(const struct tracer *tracer, enum probe_kind kind)
{
	switch (kind) {
	case PROBE_ENTER:
		return tracer->bpf->progs.heap_enter_probe;
	case PROBE_RETURN:
		return tracer->bpf->progs.heap_return_probe;
	case PROBE_EXIT:
		return tracer->bpf->progs.heap_exit_probe;
	case PROBE_FREE:
		return tracer->bpf->progs.heap_free_probe;
	case PROBE_POOL_ALLOC:
	case PROBE_POOL_FRESH:
		return tracer->bpf->progs.pool_alloc_probe;
	case PROBE_POOL_FREE:
		return tracer->bpf->progs.pool_free_probe;
	case PROBE_KINDS:
		break;
	}
	return NULL;
}

int probes__use_multi(struct tracer *tracer)
{
	struct bpf_program *both = tracer->bpf->progs.heap_call_probe;
	int err = 0;

	tracer->multi = uprobe_multi__supported();
	tracer->session = tracer->multi && uprobe_multi__has_sessions();
	for (int kind = 0; tracer->multi && !err && kind < PROBE_KINDS; kind++)
		err = bpf_program__set_expected_attach_type(program_of_kind(tracer, kind),
							    UPROBE_MULTI_ATTACH_TYPE);
	if (!err && tracer->session)
		err = bpf_program__set_expected_attach_type(both, UPROBE_SESSION_ATTACH_TYPE);
	bpf_program__set_autoload(both, tracer->session);
	return err;
}

static bool is_other_end(const struct probe *a, const struct probe *b)
{
	return ((a->kind == PROBE_ENTER && b->kind == PROBE_RETURN) ||
		(a->kind == PROBE_RETURN && b->kind == PROBE_ENTER)) &&
	       a->module == b->module && a->function_address == b->function_address &&
	       a->offset == b->offset;
}

/* Whether one probe is for this end of a call and the other. */
static bool in_session(const struct tracer *tracer, const struct plan *plan,
		       const struct probe *probe)
{
	for (size_t i = 0; tracer->session && i < plan->probe_count; i++)
		if (is_other_end(&plan->probes[i], probe))
			return true;
	return false;
}

static struct bpf_program *program_of(const struct tracer *tracer, const struct plan *plan,
				      const struct probe *probe)
{
	return in_session(tracer, plan, probe) ? tracer->bpf->progs.heap_call_probe
					       : program_of_kind(tracer, probe->kind);
}

static enum heap_layer layer_of(enum probe_kind kind)
{
	return kind == PROBE_POOL_ALLOC || kind == PROBE_POOL_FRESH || kind == PROBE_POOL_FREE
		       ? HEAP_LAYER_OBJECT
		       : HEAP_LAYER_RAW;
}

static bool is_release(enum probe_kind kind)
{
	return kind == PROBE_FREE || kind == PROBE_POOL_FREE;
}

static bool is_glibc(const struct target *target, int module)
{
	for (size_t i = 0; i < target->allocator_count; i++)
		if (target->allocators[i].module == module)
			return !strncmp(target->allocators[i].name, "glibc", 5);
	return false;
}

static bool has_return_probe(const struct plan *plan, const struct probe *of)
{
	for (size_t i = 0; i < plan->probe_count; i++)
		if (plan->probes[i].kind == PROBE_RETURN && plan->probes[i].module == of->module &&
		    plan->probes[i].function_address == of->function_address)
			return true;
	return false;
}

/* See COOKIE_LEAF. Where functions of the object layer are probed, a release looks at what went on around it. */
static bool is_leaf(const struct tracer *tracer, const struct traced *traced,
		    const struct probe *probe)
{
	if (layer_of(probe->kind) != HEAP_LAYER_RAW ||
	    !(tracer->bpf->rodata->hooks[probe->hook].flags & HOOK_LEAF_GLIBC) ||
	    !is_glibc(traced->target, probe->module))
		return false;
	return probe->kind == PROBE_FREE ? !traced->plan->object_functions
					 : has_return_probe(traced->plan, probe);
}

static __u64 cookie_of(const struct tracer *tracer, __u32 index, const struct probe *probe)
{
	const struct traced *traced = &tracer->targets[index];

	return PROBE_COOKIE(index, probe->hook, traced->generation, probe->sp_delta,
			    probe->block_reg, probe->class_reg) |
	       (is_leaf(tracer, traced, probe) ? COOKIE_LEAF : 0);
}

/* The descriptor is the mapped file itself: no name to be followed, and deleted files work. */
static void module_path(const struct traced *traced, int module, char path[64])
{
	snprintf(path, 64, "/proc/self/fd/%d", traced->target->modules[module].fd);
}

static int keep(struct probe_links *links, struct probe_link link)
{
	struct probe_link *grown = realloc(links->list, (links->count + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	links->list = grown;
	links->list[links->count++] = link;
	return 0;
}

static void drop(struct probe_link *link)
{
	if (link->perf)
		bpf_link__destroy(link->perf);
	else
		close(link->fd);
}

/*
 * Links of many probes are closed all at once: closed one after the other, each waits before the next one's breakpoints
 * come out, and the target pays for their traps meanwhile (42 - 147 ms for three links, measured; at once: nothing).
 */
static void drop_all(struct probe_links *links)
{
	int *fds = calloc(links->count + 1, sizeof(*fds));
	size_t n = 0;

	for (size_t i = 0; i < links->count; i++) {
		if (fds && !links->list[i].perf)
			fds[n++] = links->list[i].fd;
		else
			drop(&links->list[i]);
	}
	uprobe_multi__detach(fds, n);
	free(fds);
	free(links->list);
	*links = (struct probe_links){0};
}

/* Moves what is in one list to the end of another, or drops it where there is no memory. */
static void move_links(struct probe_links *from, struct probe_links *to)
{
	for (size_t i = 0; i < from->count; i++)
		if (keep(to, from->list[i]))
			drop(&from->list[i]);
	free(from->list);
	*from = (struct probe_links){0};
}

static int attach_one(struct tracer *tracer, __u32 index, const struct probe *probe,
		      struct probe_links *links)
{
	struct traced *traced = &tracer->targets[index];
	LIBBPF_OPTS(bpf_uprobe_opts, options, .bpf_cookie = cookie_of(tracer, index, probe),
		    .retprobe = probe->kind == PROBE_RETURN);
	struct probe_link link = {.fd = -1};
	char path[64];
	int err;

	module_path(traced, probe->module, path);
	link.perf =
		bpf_program__attach_uprobe_opts(program_of_kind(tracer, probe->kind),
						traced->target->pid, path, probe->offset, &options);
	if (!link.perf)
		return -errno;
	err = keep(links, link);
	if (err)
		drop(&link);
	return err;
}

/* Whether one link can carry both. */
static bool share_link(const struct tracer *tracer, const struct plan *plan, const struct probe *a,
		       const struct probe *b)
{
	return a->module == b->module && program_of(tracer, plan, a) == program_of(tracer, plan, b);
}

/* A probe that another one stands for: the return of a session. */
static bool is_spoken_for(const struct tracer *tracer, const struct plan *plan,
			  const struct probe *probe)
{
	return probe->kind == PROBE_RETURN && in_session(tracer, plan, probe);
}

static enum uprobe_when when_of(const struct tracer *tracer, const struct plan *plan,
				const struct probe *probe)
{
	if (in_session(tracer, plan, probe))
		return UPROBE_BOTH;
	return probe->kind == PROBE_RETURN ? UPROBE_AT_RETURN : UPROBE_AT_ENTRY;
}

/* All probes that can be in one link with this one. */
static int attach_many(struct tracer *tracer, __u32 index, const struct probe *first,
		       struct probe_links *links)
{
	const struct traced *traced = &tracer->targets[index];
	const struct plan *plan = traced->plan;
	__u64 *offsets = calloc(plan->probe_count, sizeof(*offsets));
	__u64 *cookies = calloc(plan->probe_count, sizeof(*cookies));
	struct probe_link link = {.fd = -1};
	int err = offsets && cookies ? 0 : -ENOMEM;
	char path[64];
	__u32 n = 0;

	for (size_t i = 0; !err && i < plan->probe_count; i++) {
		const struct probe *probe = &plan->probes[i];

		if (!share_link(tracer, plan, probe, first) || is_spoken_for(tracer, plan, probe))
			continue;
		offsets[n] = probe->offset;
		cookies[n++] = cookie_of(tracer, index, probe);
	}
	if (!err && n) {
		module_path(traced, first->module, path);
		link.fd = uprobe_multi__attach(bpf_program__fd(program_of(tracer, plan, first)),
					       path, traced->target->pid, offsets, cookies, n,
					       when_of(tracer, plan, first));
		err = link.fd < 0 ? link.fd : keep(links, link);
		if (err && link.fd >= 0)
			drop(&link);
	}
	free(offsets);
	free(cookies);
	return err;
}

static int fail_attach(const struct traced *traced, const struct probe *probe, int err)
{
	if (err == -ESRCH)
		return log__fail(EXIT_FAILED, "process %d ended while it was being attached to",
				 traced->target->pid);
	return log__fail(EXIT_CANNOT_TRACE, "cannot probe %s in %s of process %d: %s",
			 probe->function, traced->target->modules[probe->module].name,
			 traced->target->pid, strerror(-err));
}

/* Whether a probe before this one in the plan has brought it along in its link. */
static bool is_attached(const struct tracer *tracer, const struct plan *plan, size_t index)
{
	const struct probe *probe = &plan->probes[index];

	for (size_t i = 0; tracer->multi && i < index; i++)
		if (share_link(tracer, plan, &plan->probes[i], probe))
			return true;
	return false;
}

/* Those of the layer that are releases, or those that are not; of the plan from first on. */
static int attach_part(struct tracer *tracer, __u32 index, enum heap_layer layer, bool releases,
		       size_t first, struct probe_links *links)
{
	struct traced *traced = &tracer->targets[index];
	const struct plan *plan = traced->plan;
	int err;

	for (size_t i = first; i < plan->probe_count; i++) {
		const struct probe *probe = &plan->probes[i];

		if (layer_of(probe->kind) != layer || is_release(probe->kind) != releases ||
		    is_attached(tracer, plan, i))
			continue;
		err = tracer->multi ? attach_many(tracer, index, probe, links)
				    : attach_one(tracer, index, probe, links);
		if (err) {
			drop_all(links);
			return fail_attach(traced, probe, err);
		}
	}
	return 0;
}

int probes__set(struct tracer *tracer, __u32 index, enum heap_layer layer, enum probe_extent extent)
{
	struct traced *traced = &tracer->targets[index];
	struct probe_links *parts = traced->links[layer], gone = {0};
	__u64 begin = clock__ns();
	int err = 0;

	if (extent < PROBES_ALL) {
		move_links(&parts[0], &gone);
		move_links(&parts[1], &gone);
	}
	if (extent <= traced->extent[layer]) {
		drop_all(&gone);
		tracer->detach_ns += clock__ns() - begin;
	} else {
		/* Releases first: one that is seen in vain does no harm. */
		if (!parts[1].count)
			err = attach_part(tracer, index, layer, true, 0, &parts[1]);
		if (!err && !parts[0].count)
			err = attach_part(tracer, index, layer, false, 0, &parts[0]);
		tracer->attach_ns += clock__ns() - begin;
	}
	traced->extent[layer] = err ? PROBES_NONE : extent;
	return err;
}

int probes__heal(struct tracer *tracer, __u32 index)
{
	struct traced *traced = &tracer->targets[index];
	struct probe_links old[HEAP_LAYERS][2], gone = {0};
	__u32 forks = tracer->bpf->bss->forks[index];
	int err = 0;

	if (!tracer->multi || forks == traced->forks_healed ||
	    clock__ns() - traced->healed_ns < HEAL_EVERY_NS)
		return 0;
	traced->forks_healed = forks;
	memcpy(old, traced->links, sizeof(old));
	memset(traced->links, 0, sizeof(traced->links));
	traced->generation++;
	for (int layer = 0; layer < HEAP_LAYERS; layer++)
		for (int part = 1; !err && part >= 0; part--)
			if (old[layer][part].count)
				err = attach_part(tracer, index, layer, part, 0,
						  &traced->links[layer][part]);
	if (err) { /* the process may have ended; what is there goes on counting */
		for (int layer = 0; layer < HEAP_LAYERS; layer++)
			for (int part = 0; part < 2; part++)
				drop_all(&traced->links[layer][part]);
		memcpy(traced->links, old, sizeof(old));
		traced->generation--;
		return err;
	}
	__atomic_store_n(&tracer->bpf->bss->generation[index], traced->generation,
			 __ATOMIC_SEQ_CST);
	for (int layer = 0; layer < HEAP_LAYERS; layer++)
		for (int part = 0; part < 2; part++)
			move_links(&old[layer][part], &gone);
	drop_all(&gone);
	traced->healed_ns = clock__ns();
	return 0;
}

int probes__extend(struct tracer *tracer, __u32 index, size_t first)
{
	struct traced *traced = &tracer->targets[index];
	struct probe_links more = {0};
	int err = 0;

	for (int layer = 0; !err && layer < HEAP_LAYERS; layer++)
		for (int part = 1; !err && part >= 0; part--)
			if (traced->extent[layer] == PROBES_ALL) {
				err = attach_part(tracer, index, layer, part, first, &more);
				move_links(&more, &traced->links[layer][part]);
			}
	return err;
}

void probes__detach(struct tracer *tracer)
{
	struct probe_links gone = {0};

	for (size_t i = 0; i < tracer->target_count; i++)
		for (int layer = 0; layer < HEAP_LAYERS; layer++)
			for (int part = 0; part < 2; part++)
				move_links(&tracer->targets[i].links[layer][part], &gone);
	drop_all(&gone);
}
