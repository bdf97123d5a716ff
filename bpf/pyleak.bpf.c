// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * pyleak.bpf.c - the programs: one per role, many hooks each
 *
 * An allocator function has an enter probe and a return probe, or a free probe. Their cookie names the target and
 * the row of the hook table that says where size and pointer are. Nothing counts before user space sets `active`,
 * which it does when every probe is in place: a half-attached set makes false leaks.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "arch.h"

/* How py_walk.h reads the target; must not fault pages in, and does not. */
static __always_inline int read_user(void *dst, __u32 size, __u64 address)
{
	return bpf_probe_read_user(dst, size, (const void *)address);
}

#include "heap.h"
#include "space.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SIGSTOP 19

/* The hook that this probe is for, or NULL while nothing counts. */
static __always_inline const volatile struct hook *hook_of(struct pt_regs *ctx, __u32 *index,
							   __u32 *target)
{
	__u64 cookie;

	if (!active)
		return 0;
	cookie = bpf_get_attach_cookie(ctx);
	*index = COOKIE_HOOK(cookie);
	*target = COOKIE_TARGET(cookie);
	if (*index >= MAX_HOOKS || *target >= MAX_TARGETS ||
	    replaced[bounded(*target, MAX_TARGETS)])
		return 0;
	count(COUNT_EVENTS, *target, 1);
	return &hooks[bounded(*index, MAX_HOOKS)];
}

SEC("uprobe")
int heap_enter_probe(struct pt_regs *ctx)
{
	__u32 index, target;
	const volatile struct hook *hook = hook_of(ctx, &index, &target);

	if (hook)
		heap_enter(ctx, hook, index, target);
	return 0;
}

SEC("uretprobe")
int heap_return_probe(struct pt_regs *ctx)
{
	__u32 index, target;
	const volatile struct hook *hook = hook_of(ctx, &index, &target);

	if (hook)
		heap_exit(ctx, hook, index, target);
	return 0;
}

SEC("uprobe")
int heap_free_probe(struct pt_regs *ctx)
{
	__u32 index, target;
	const volatile struct hook *hook = hook_of(ctx, &index, &target);

	if (hook)
		heap_free(ctx, hook, target);
	return 0;
}

/* Attached to sys_enter_{mmap,munmap,mremap,brk}. */
SEC("tracepoint")
int space_enter_probe(struct trace_event_raw_sys_enter *ctx)
{
	if (active)
		space_enter(ctx);
	return 0;
}

/* Attached to sys_exit_{mmap,munmap,mremap,brk}. */
SEC("tracepoint")
int space_exit_probe(struct trace_event_raw_sys_exit *ctx)
{
	if (active)
		space_exit(ctx);
	return 0;
}

/* A process of ours has a new image: stop it where it is to be traced, else its tracing is over. */
SEC("tracepoint/sched/sched_process_exec")
int exec_probe(void *ctx)
{
	struct tracked *process = tracked_process();
	if (!process)
		return 0;
	if (process->flags & TRACKED_STOP_AT_EXEC) {
		bpf_send_signal(SIGSTOP);
		return 0;
	}
	if (active && process->target < MAX_TARGETS)
		replaced[bounded(process->target, MAX_TARGETS)] = 1;
	return 0;
}

/* At the entry point of a program that we launched: its libraries are mapped, none of its code has run. */
SEC("uprobe")
int entry_probe(struct pt_regs *ctx)
{
	bpf_send_signal(SIGSTOP);
	return 0;
}

/* A thread is gone: calls that it was in will not return. */
SEC("tracepoint/sched/sched_process_exit")
int thread_exit_probe(void *ctx)
{
	struct tracked *process = active ? tracked_process() : 0;
	struct thread_state *thread;

	if (!process)
		return 0;
	thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (thread)
		drop_passed(thread, ~0ULL, MAX_HOOKS);
	return 0;
}
