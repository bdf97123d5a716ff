// SPDX-License-Identifier: BSD-2-Clause
#include "trace/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "pyleak.skel.h"
#include "trace/sample_tables.h"

/* size_t size, then the API's letter and filler: Objects/obmalloc.c, _PyMem_DebugRawAlloc(). */
#define DEBUG_HEADER 16

#define DOUBT_EVERY_NS 100000000ULL

/* System calls that change the address space, each with a pair of tracepoints. */
static const char *const space_calls[] = {"mmap", "munmap", "mremap", "brk"};

int tracer__keep_link(struct tracer *tracer, struct bpf_link *link)
{
	struct bpf_link **grown;
	int err = -errno;

	if (!link)
		return err;
	grown = realloc(tracer->links, (tracer->link_count + 1) * sizeof(*grown));
	if (!grown) {
		bpf_link__destroy(link);
		return -ENOMEM;
	}
	tracer->links = grown;
	tracer->links[tracer->link_count++] = link;
	return 0;
}

int tracer__print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	log__vprint(level == LIBBPF_DEBUG ? 3 : 2, format, args);
	return 0;
}

static int attach_tracepoint(struct tracer *tracer, struct bpf_program *program,
			     const char *category, const char *name)
{
	int err =
		tracer__keep_link(tracer, bpf_program__attach_tracepoint(program, category, name));

	if (err == -EACCES || err == -EPERM)
		return log__fail(EXIT_CANNOT_TRACE,
				 "cannot attach to tracepoint %s:%s (%s); where "
				 "kernel.perf_event_paranoid is 3 that takes CAP_SYS_ADMIN, or "
				 "sysctl kernel.perf_event_paranoid=2",
				 category, name, strerror(-err));
	if (err)
		return log__fail(EXIT_CANNOT_TRACE,
				 "cannot attach to tracepoint %s:%s (%s); the kernel needs "
				 "CONFIG_FTRACE_SYSCALLS, and tracefs must be readable",
				 category, name, strerror(-err));
	return 0;
}

bool tracer__has_faults(const struct tracer *tracer)
{
	return bpf_program__autoload(tracer->bpf->progs.user_fault_probe);
}

#define FAULT_SHARE_MAX 0.005
#define FAULT_BUDGET_WINDOW_NS 10000000 /* FAULT_WINDOW_NS of bpf/faults.h */

void tracer__pace_faults(struct tracer *tracer, __u32 index, double share)
{
	/* One pace for all: that of the process that can stand the least. */
	double least = FAULT_SHARE_MAX;

	tracer->targets[index].fault_share = share;
	for (size_t i = 0; i < tracer->target_count; i++)
		if (tracer->targets[i].fault_share > 0 && tracer->targets[i].fault_share < least)
			least = tracer->targets[i].fault_share;
	__atomic_store_n(&tracer->bpf->data->fault_budget_ns,
			 (__u64)(least * FAULT_BUDGET_WINDOW_NS), __ATOMIC_RELAXED);
}

/* exceptions:page_fault_user and _kernel: x86 only (Linux 6.18); elsewhere the programs were not loaded. */
static int attach_faults(struct tracer *tracer)
{
	struct pyleak_bpf *bpf = tracer->bpf;
	int err;

	if (!tracer__has_faults(tracer))
		return 0;
	err = tracer__keep_link(tracer, bpf_program__attach_trace(bpf->progs.user_fault_probe));
	if (!err)
		err = tracer__keep_link(tracer,
					bpf_program__attach_trace(bpf->progs.kernel_fault_probe));
	if (err)
		return log__fail(EXIT_CANNOT_TRACE, "cannot attach to the page faults: %s",
				 strerror(-err));
	return 0;
}

static int attach_tracepoints(struct tracer *tracer)
{
	struct pyleak_bpf *bpf = tracer->bpf;
	char name[32];
	int err;

	for (size_t i = 0; i < sizeof(space_calls) / sizeof(space_calls[0]); i++) {
		snprintf(name, sizeof(name), "sys_enter_%s", space_calls[i]);
		err = attach_tracepoint(tracer, bpf->progs.space_enter_probe, "syscalls", name);
		if (err)
			return err;
		snprintf(name, sizeof(name), "sys_exit_%s", space_calls[i]);
		err = attach_tracepoint(tracer, bpf->progs.space_exit_probe, "syscalls", name);
		if (err)
			return err;
	}
	err = attach_faults(tracer);
	if (err)
		return err;
	err = attach_tracepoint(tracer, bpf->progs.exec_probe, "sched", "sched_process_exec");
	if (!err)
		err = tracer__keep_link(tracer,
					bpf_program__attach_raw_tracepoint(bpf->progs.fork_probe,
									   "sched_process_fork"));
	if (err)
		return err;
	return attach_tracepoint(tracer, bpf->progs.thread_exit_probe, "sched",
				 "sched_process_exit");
}

static void configure(struct tracer *tracer)
{
	const struct tracer_options *options = &tracer->options;
	struct pyleak_bpf *bpf = tracer->bpf;

	for (size_t i = 0; i < options->hook_count && i < MAX_HOOKS; i++)
		bpf->rodata->hooks[i] = options->hooks[i];
	if (libbpf_find_vmlinux_btf_id("page_fault_user", BPF_TRACE_RAW_TP) <= 0) {
		bpf_program__set_autoload(bpf->progs.user_fault_probe, false);
		bpf_program__set_autoload(bpf->progs.kernel_fault_probe, false);
	}
	bpf->rodata->page_size = sysconf(_SC_PAGESIZE);
	sample_tables__fill((struct sample_tables *)&bpf->rodata->sample_tables);
	bpf->rodata->nr.mmap = SYS_mmap;
	bpf->rodata->nr.munmap = SYS_munmap;
	bpf->rodata->nr.mremap = SYS_mremap;
	bpf->rodata->nr.brk = SYS_brk;
	if (options->live_max)
		bpf_map__set_max_entries(bpf->maps.live, options->live_max);
	if (options->stacks_max)
		bpf_map__set_max_entries(bpf->maps.stacks, options->stacks_max);
}

static int load(struct tracer *tracer)
{
	int err;

	tracer->bpf = pyleak_bpf__open();
	if (!tracer->bpf)
		return log__fail(EXIT_FAILED, "cannot open the BPF programs: %s", strerror(errno));
	configure(tracer);
	err = probes__use_multi(tracer);
	if (!err)
		err = pyleak_bpf__load(tracer->bpf);
	if (err)
		return log__fail(
			EXIT_CANNOT_TRACE,
			"the kernel refused the BPF programs (%s); try again with -vv, which "
			"prints the verifier's reason",
			strerror(-err));
	tracer->ring = ring_buffer__new(bpf_map__fd(tracer->bpf->maps.names), names__receive,
					tracer, NULL);
	if (!tracer->ring || ring_buffer__add(tracer->ring, bpf_map__fd(tracer->bpf->maps.space),
					      space__receive, tracer))
		return log__fail(EXIT_FAILED, "cannot map the ring buffers: %s", strerror(errno));
	return 0;
}

/* Two descriptors a probe; where the limit is lower, fewer targets fit. */
static void raise_file_limit(struct tracer *tracer)
{
	struct rlimit raised;

	if (getrlimit(RLIMIT_NOFILE, &tracer->files))
		return;
	raised = tracer->files;
	raised.rlim_cur = raised.rlim_max < 65536 ? raised.rlim_max : 65536;
	if (raised.rlim_cur > tracer->files.rlim_cur)
		setrlimit(RLIMIT_NOFILE, &raised);
}

int tracer__open(const struct tracer_options *options, struct tracer **result)
{
	struct tracer *tracer = calloc(1, sizeof(*tracer));
	int err;

	if (!tracer)
		return log__fail(EXIT_FAILED, "no memory");
	tracer->options = *options;
	tracer->cpus = libbpf_num_possible_cpus();
	libbpf_set_print(tracer__print_libbpf);
	raise_file_limit(tracer);
	err = load(tracer);
	if (!err)
		err = attach_tracepoints(tracer);
	if (err) {
		tracer__free(tracer);
		return err;
	}
	*result = tracer;
	return 0;
}

static int write_config(struct tracer *tracer, __u32 index, const struct target *target,
			const struct plan *plan)
{
	const struct python *python = &target->python;
	struct target_config config = {
		.tgid = target->pid,
		.flags = plan->object_count_only ? TARGET_OBJECT_COUNT_ONLY : 0,
		.debug_header = strstr(python->allocator, "debug") ? DEBUG_HEADER : 0,
		.runtime = python->runtime,
		.code_type = python->code_type,
		.tsd_first_block = target->tsd_first_block,
		.tsd_blocks = target->tsd_blocks,
		.layout = python->layout,
	};
	struct tracked tracked = {.target = index};
	struct stack_totals none = {.announced = 1};
	struct stack_key key = {.target = index};
	int err;

	if (python->flavour == PYTHON_OK)
		config.tstate_method = target->tsd_blocks ? TSTATE_TSD_GLIBC : TSTATE_LIST;
	err = bpf_map_update_elem(bpf_map__fd(tracer->bpf->maps.targets), &index, &config, BPF_ANY);
	for (key.domain = DOMAIN_RAW; !err && key.domain < DOMAIN_MAX; key.domain++)
		err = bpf_map_update_elem(bpf_map__fd(tracer->bpf->maps.stacks), &key, &none,
					  BPF_ANY);
	if (!err)
		err = bpf_map_update_elem(bpf_map__fd(tracer->bpf->maps.tracked), &config.tgid,
					  &tracked, BPF_ANY);
	return err;
}

int tracer__add(struct tracer *tracer, __u32 index, const struct target *target,
		const struct plan *plan)
{
	int err;

	if (index >= MAX_TARGETS)
		return log__fail(EXIT_USAGE, "at most %d processes can be traced at once",
				 MAX_TARGETS);
	tracer->targets[index].target = target;
	tracer->targets[index].plan = plan;
	tracer->targets[index].space = extents__new();
	if (index >= tracer->target_count)
		tracer->target_count = index + 1;
	if (!tracer->targets[index].space)
		return log__fail(EXIT_FAILED, "no memory");
	if (tracer__has_faults(tracer))
		faults__open(target->pid, &tracer->targets[index].faults);
	err = write_config(tracer, index, target, plan);
	if (err)
		return log__fail(EXIT_FAILED, "cannot set up process %d: %s", target->pid,
				 strerror(-err));
	tracer->bpf->bss->code_epoch[index] = 1;
	if (tracer->bpf->bss->active)
		space__seed(&tracer->targets[index]);
	return 0;
}

int tracer__attach(struct tracer *tracer, __u32 index, enum heap_layer layer,
		   enum probe_extent extent)
{
	return probes__set(tracer, index, layer, extent);
}

__u32 tracer__code_maps(const struct tracer *tracer, __u32 index)
{
	return __atomic_load_n(&tracer->bpf->bss->code_maps[index], __ATOMIC_RELAXED);
}

int tracer__extend(struct tracer *tracer, __u32 index, size_t first)
{
	return probes__extend(tracer, index, first);
}

void tracer__switch(struct tracer *tracer, __u32 index, enum heap_layer layer,
		    enum layer_switch what, __u32 mean)
{
	struct layer_control *control =
		(void *)&tracer->bpf->bss->layers[index * HEAP_LAYERS + layer];

	if (what == SWITCH_RECORD && getenv("PYLEAK_BENCH_COUNT_ONLY"))
		what = SWITCH_COUNT; /* for make bench: the price of the traps alone */
	if (what == SWITCH_RECORD && control->what != SWITCH_RECORD) {
		/* Code objects may have gone and calls returned while nobody looked. */
		__atomic_add_fetch(&tracer->bpf->bss->code_epoch[index], 1, __ATOMIC_SEQ_CST);
		if (layer == HEAP_LAYER_RAW)
			__atomic_add_fetch(&tracer->bpf->bss->raw_turn[index], 1, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&control->mean, mean, __ATOMIC_SEQ_CST);
	__atomic_store_n(&control->what, what, __ATOMIC_SEQ_CST);
}

void tracer__attach_cost(const struct tracer *tracer, double *attach_s, double *detach_s,
			 bool *multi)
{
	*attach_s = tracer->attach_ns / 1e9;
	*detach_s = tracer->detach_ns / 1e9;
	*multi = tracer->multi;
}

bool tracer__has_multi(const struct tracer *tracer)
{
	return tracer->multi;
}

int tracer__counters(const struct tracer *tracer, __u32 index, __u64 of[COUNTER_MAX])
{
	struct target_counters *values = calloc(tracer->cpus, sizeof(*values));
	int err = values ? 0 : -ENOMEM;

	if (!err)
		err = bpf_map_lookup_elem(bpf_map__fd(tracer->bpf->maps.counters), &index, values);
	memset(of, 0, COUNTER_MAX * sizeof(*of));
	for (int cpu = 0; !err && cpu < tracer->cpus; cpu++)
		for (int i = 0; i < COUNTER_MAX; i++)
			of[i] += values[cpu].of[i];
	free(values);
	return err;
}

void tracer__activate(struct tracer *tracer)
{
	tracer->started_ns = clock__ns();
	__atomic_store_n(&tracer->bpf->bss->active, 1, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < tracer->target_count; i++)
		space__seed(&tracer->targets[i]);
}

/* Where not every release is seen, code objects may go unnoticed: stacks are looked at in full now and then. */
static void doubt_code(struct tracer *tracer, __u32 index)
{
	struct traced *traced = &tracer->targets[index];
	__u64 now_ns = clock__ns();

	for (int layer = 0; layer < HEAP_LAYERS; layer++) {
		if (traced->extent[layer] == PROBES_ALL ||
		    now_ns - traced->doubted_ns < DOUBT_EVERY_NS)
			continue;
		__atomic_add_fetch(&tracer->bpf->bss->code_epoch[index], 1, __ATOMIC_SEQ_CST);
		traced->doubted_ns = now_ns;
	}
}

int tracer__poll(struct tracer *tracer, int timeout_ms)
{
	int n;

	for (size_t i = 0; i < tracer->target_count; i++) {
		if (tracer__replaced(tracer, i))
			continue;
		probes__heal(tracer, i);
		doubt_code(tracer, i);
	}
	tracer->drain_until_ns = clock__ns() + (timeout_ms + 100) * 1000000ULL;
	n = ring_buffer__poll(tracer->ring, timeout_ms);
	ring_buffer__consume(tracer->ring); /* page faults do not wake us */
	return n < 0 && n != -EINTR && n != -EAGAIN ? n : 0;
}

/* A ring is drained until it is empty; a busy target could fill it as fast for ever. */
int tracer__keep_draining(const struct tracer *tracer)
{
	return clock__ns() > tracer->drain_until_ns ? -EAGAIN : 0;
}

bool tracer__replaced(const struct tracer *tracer, __u32 index)
{
	return index < tracer->target_count && tracer->bpf->bss->replaced[index];
}

/* After the ring was emptied: a page that is there and has no record by then was left out of the sample. */
static void look_at_pages(struct tracer *tracer, bool everything)
{
	tracer->drain_until_ns = clock__ns() + 500000000;
	ring_buffer__consume(tracer->ring);
	for (size_t i = 0; i < tracer->target_count; i++)
		if (!tracer__replaced(tracer, i))
			faults__look(tracer->targets[i].faults, tracer->targets[i].maps,
				     everything);
}

void tracer__deactivate(struct tracer *tracer)
{
	if (!tracer->bpf || !tracer->bpf->bss || !tracer->bpf->bss->active)
		return;
	for (size_t i = 0; i < tracer->target_count; i++)
		if (!tracer__replaced(tracer, i))
			space__look(&tracer->targets[i]);
	look_at_pages(tracer, true);
	__atomic_store_n(&tracer->bpf->bss->active, 0, __ATOMIC_SEQ_CST);
	/* A program that passed the test of `active` may still run: let it finish. */
	usleep(20000);
}

void tracer__free(struct tracer *tracer)
{
	if (!tracer)
		return;
	tracer__deactivate(tracer);
	probes__detach(tracer);
	for (size_t i = 0; i < tracer->link_count; i++)
		bpf_link__destroy(tracer->links[i]);
	free(tracer->links);
	ring_buffer__free(tracer->ring);
	pyleak_bpf__destroy(tracer->bpf);
	for (size_t i = 0; i < tracer->target_count; i++) {
		extents__free(tracer->targets[i].space);
		proc_maps__free(tracer->targets[i].maps);
		faults__close(tracer->targets[i].faults);
	}
	names__free(&tracer->names);
	free(tracer);
}
