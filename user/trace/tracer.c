// SPDX-License-Identifier: BSD-2-Clause
#include "trace/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "pyleak.skel.h"

/* System calls that change the address space, each with a pair of tracepoints. */
static const char *const space_calls[] = {"mmap", "munmap", "mremap", "brk"};

__u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

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

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	log__vprint(level == LIBBPF_DEBUG ? 3 : 2, format, args);
	return 0;
}

static int attach_tracepoint(struct tracer *tracer, struct bpf_program *program,
			     const char *category, const char *name)
{
	int err =
		tracer__keep_link(tracer, bpf_program__attach_tracepoint(program, category, name));

	if (err)
		return log__fail(EXIT_CANNOT_TRACE,
				 "cannot attach to tracepoint %s:%s (%s); the kernel needs "
				 "CONFIG_FTRACE_SYSCALLS, and tracefs must be readable",
				 category, name, strerror(-err));
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
	err = attach_tracepoint(tracer, bpf->progs.exec_probe, "sched", "sched_process_exec");
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
	bpf->rodata->page_size = sysconf(_SC_PAGESIZE);
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
	libbpf_set_print(print_libbpf);
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
	tracer->targets[index].space = extents__new();
	if (index >= tracer->target_count)
		tracer->target_count = index + 1;
	if (!tracer->targets[index].space)
		return log__fail(EXIT_FAILED, "no memory");
	err = write_config(tracer, index, target, plan);
	if (err)
		return log__fail(EXIT_FAILED, "cannot set up process %d: %s", target->pid,
				 strerror(-err));
	return probes__attach(tracer, index, target, plan);
}

void tracer__activate(struct tracer *tracer)
{
	tracer->started_ns = now_ns();
	__atomic_store_n(&tracer->bpf->bss->active, 1, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < tracer->target_count; i++)
		space__seed(&tracer->targets[i]);
}

int tracer__poll(struct tracer *tracer, int timeout_ms)
{
	int n;

	tracer->drain_until_ns = now_ns() + (timeout_ms + 100) * 1000000ULL;
	n = ring_buffer__poll(tracer->ring, timeout_ms);
	return n < 0 && n != -EINTR && n != -EAGAIN ? n : 0;
}

/* A ring is drained until it is empty; a busy target could fill it as fast for ever. */
int tracer__keep_draining(const struct tracer *tracer)
{
	return now_ns() > tracer->drain_until_ns ? -EAGAIN : 0;
}

bool tracer__replaced(const struct tracer *tracer, __u32 index)
{
	return index < tracer->target_count && tracer->bpf->bss->replaced[index];
}

void tracer__deactivate(struct tracer *tracer)
{
	if (!tracer->bpf || !tracer->bpf->bss || !tracer->bpf->bss->active)
		return;
	for (size_t i = 0; i < tracer->target_count; i++)
		if (!tracer__replaced(tracer, i))
			space__look(&tracer->targets[i]);
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
	free(tracer->links);
	ring_buffer__free(tracer->ring);
	pyleak_bpf__destroy(tracer->bpf);
	for (size_t i = 0; i < tracer->target_count; i++) {
		extents__free(tracer->targets[i].space);
		proc_maps__free(tracer->targets[i].maps);
	}
	names__free(&tracer->names);
	free(tracer);
}
