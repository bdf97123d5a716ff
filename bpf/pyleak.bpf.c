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

#include "wire.h"
#include "arch.h"
#include "user_memory.h"

/* How sample.h gets its chances. */
static __always_inline __u32 random_u32(void)
{
	return bpf_get_prandom_u32();
}

#include "heap.h"
#include "pool.h"
#include "space.h"
#include "faults.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define SIGSTOP 19

/* A probe hit: where, what is to be done there, when it began if it is timed. */
struct hit {
	__u64 cookie;
	__u64 began_ns;
	__u32 target;
	__u32 mean;
	int alone; /* of a call's begin: its end is of no interest */
};

/* Counts it; 1 where it is to be recorded as well. */
static __always_inline int begin_hit(enum heap_layer layer, enum counter counter, struct hit *hit)
{
	struct layer_control *control;
	__u32 target;

	hit->alone = 1;
	if (!active)
		return 0;
	target = bounded(COOKIE_TARGET(hit->cookie), MAX_TARGETS);
	if (replaced[target])
		return 0;
	/* The other set has seen it, and when it ends this set may be the one that counts. */
	if (generation[target] != COOKIE_GENERATION(hit->cookie)) {
		hit->alone = 0;
		return 0;
	}
	hit->target = target;
	control = &layers[bounded(target * HEAP_LAYERS + layer, MAX_TARGETS * HEAP_LAYERS)];
	hit->mean = control->mean;
	if (control->what == SWITCH_OFF ||
	    (control->what == SWITCH_RELEASE && counter != COUNT_OBJECT_FREES &&
	     counter != COUNT_RAW_FREES)) {
		count(COUNT_IDLE_HITS, target, 1);
		return 0;
	}
	hit->alone = 0;
	hit->began_ns = count_hit(counter, target);
	return control->what != SWITCH_COUNT;
}

/* The row of the hook table that a function's probe is for. */
static __always_inline const volatile struct hook *hook_of(const struct hit *hit)
{
	return &hooks[bounded(COOKIE_HOOK(hit->cookie), MAX_HOOKS)];
}

/* Returns whether nobody needs to see the call return. */
static __always_inline int call_begins(struct pt_regs *ctx)
{
	struct hit hit = {.cookie = bpf_get_attach_cookie(ctx)};

	if (!begin_hit(HEAP_LAYER_RAW, COUNT_RAW_CALLS, &hit))
		return hit.alone;
	hit.alone = heap_enter(ctx, hook_of(&hit), COOKIE_HOOK(hit.cookie), hit.target,
			       PT_REGS_SP(ctx) + COOKIE_SP_DELTA(hit.cookie),
			       hit.cookie & COOKIE_LEAF, hit.mean);
	end_hit(TIMED_RAW_CALL, hit.target, hit.began_ns);
	return hit.alone;
}

static __always_inline void call_returned(struct pt_regs *ctx)
{
	struct hit hit = {.cookie = bpf_get_attach_cookie(ctx)};

	if (!begin_hit(HEAP_LAYER_RAW, COUNT_RAW_RETURNS, &hit))
		return;
	heap_exit(hook_of(&hit), COOKIE_HOOK(hit.cookie), hit.target,
		  PT_REGS_SP(ctx) - RETURN_SP_DELTA, PT_REGS_RC(ctx), PT_REGS_IP(ctx), hit.mean);
	end_hit(TIMED_RAW_CALL, hit.target, hit.began_ns);
}

SEC("uprobe")
int heap_enter_probe(struct pt_regs *ctx)
{
	call_begins(ctx);
	return 0;
}

SEC("uretprobe")
int heap_return_probe(struct pt_regs *ctx)
{
	call_returned(ctx);
	return 0;
}

/*
 * Both, where they are on one instruction and the kernel has sessions (Linux 6.13; not loaded elsewhere). With 1 from the
 * begin the kernel does not put its address in the place of the caller's, and no trap is paid for the return. At
 * a return the instruction is no longer the probed one. bpf_session_is_return() would say so too, but
 * has another prototype from 7.0 on, over which libbpf 1.1 refuses the whole object.
 */
SEC("uprobe")
int heap_call_probe(struct pt_regs *ctx)
{
	if (PT_REGS_IP(ctx) == bpf_get_func_ip(ctx))
		return call_begins(ctx) != 0;
	call_returned(ctx);
	return 0;
}

/* In front of a function's return, the result in a register. */
SEC("uprobe")
int heap_exit_probe(struct pt_regs *ctx)
{
	struct hit hit = {.cookie = bpf_get_attach_cookie(ctx)};

	if (!begin_hit(HEAP_LAYER_RAW, COUNT_RAW_RETURNS, &hit))
		return 0;
	heap_exit(hook_of(&hit), COOKIE_HOOK(hit.cookie), hit.target,
		  PT_REGS_SP(ctx) + COOKIE_SP_DELTA(hit.cookie),
		  register_of(ctx, COOKIE_BLOCK_REG(hit.cookie)), 0, hit.mean);
	end_hit(TIMED_RAW_CALL, hit.target, hit.began_ns);
	return 0;
}

SEC("uprobe")
int heap_free_probe(struct pt_regs *ctx)
{
	struct hit hit = {.cookie = bpf_get_attach_cookie(ctx)};

	if (!begin_hit(HEAP_LAYER_RAW, COUNT_RAW_FREES, &hit))
		return 0;
	heap_free(ctx, hook_of(&hit), hit.target, hit.cookie & COOKIE_LEAF, hit.mean);
	end_hit(TIMED_RAW_FREE, hit.target, hit.began_ns);
	return 0;
}

/* Where the hook's number would be, the cookie says what the register holds: enum pool_path. */
SEC("uprobe")
int pool_alloc_probe(struct pt_regs *ctx)
{
	struct hit hit = {.cookie = bpf_get_attach_cookie(ctx)};
	__u32 path = COOKIE_HOOK(hit.cookie);
	__u64 place;

	/* The pool was full and is none to allocate from: this copy of the path is not taken. */
	if (path == POOL_HEAD && zero_flag(ctx))
		return 0;
	if (!begin_hit(HEAP_LAYER_OBJECT, COUNT_OBJECT_ALLOCS, &hit))
		return 0;
	place = register_of(ctx, COOKIE_BLOCK_REG(hit.cookie));
	if (path == POOL_FRESH)
		pool_fresh(hit.target, place, register_of(ctx, COOKIE_CLASS_REG(hit.cookie)),
			   hit.mean);
	else
		pool_alloc(hit.target, path == POOL_HEAD ? pool_head(place) : place, hit.mean);
	end_hit(TIMED_OBJECT_ALLOC, hit.target, hit.began_ns);
	return 0;
}

SEC("uprobe")
int pool_free_probe(struct pt_regs *ctx)
{
	struct hit hit = {.cookie = bpf_get_attach_cookie(ctx)};
	__u64 place;

	if (!begin_hit(HEAP_LAYER_OBJECT, COUNT_OBJECT_FREES, &hit))
		return 0;
	place = register_of(ctx, COOKIE_BLOCK_REG(hit.cookie));
	if (COOKIE_HOOK(hit.cookie) == POOL_HEAD)
		place = pool_head(place);
	pool_free(hit.target, place, hit.mean);
	end_hit(TIMED_OBJECT_FREE, hit.target, hit.began_ns);
	return 0;
}

/*
 * Programs of tracepoints return 1: with 0 the event would be kept from everybody else who watches it through perf
 * (Linux 6.18, kernel/trace/trace_syscalls.c, perf_call_bpf_enter()).
 */

/* Attached to sys_enter_{mmap,munmap,mremap,brk}. */
SEC("tracepoint")
int space_enter_probe(struct trace_event_raw_sys_enter *ctx)
{
	if (active)
		space_enter(ctx);
	return 1;
}

/* Attached to sys_exit_{mmap,munmap,mremap,brk}. */
SEC("tracepoint")
int space_exit_probe(struct trace_event_raw_sys_exit *ctx)
{
	if (active)
		space_exit(ctx);
	return 1;
}

/* Writing faults of user code, and of system calls that fill a buffer. */
SEC("tp_btf/page_fault_user")
int BPF_PROG(user_fault_probe, unsigned long address, struct pt_regs *regs, unsigned long code)
{
	fault(address, code);
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(kernel_fault_probe, unsigned long address, struct pt_regs *regs, unsigned long code)
{
	fault(address, code);
	return 0;
}

/* A process of ours has a new image: stop it where it is to be traced, else its tracing is over. */
SEC("tracepoint/sched/sched_process_exec")
int exec_probe(void *ctx)
{
	struct tracked *process = tracked_process();
	if (!process)
		return 1;
	if (process->flags & TRACKED_STOP_AT_EXEC) {
		bpf_send_signal(SIGSTOP);
		return 1;
	}
	if (active && process->target < MAX_TARGETS)
		replaced[bounded(process->target, MAX_TARGETS)] = 1;
	return 1;
}

/* At the entry point of a program that we launched: its libraries are mapped, none of its code has run. */
SEC("uprobe")
int entry_probe(struct pt_regs *ctx)
{
	bpf_send_signal(SIGSTOP);
	return 0;
}

/*
 * A target has made a process, which has inherited its breakpoints. Raw, for the mm's are needed: a thread, or a child of
 * vfork(2), has the parent's.
 */
SEC("raw_tp/sched_process_fork")
int fork_probe(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *parent = (void *)ctx->args[0], *child = (void *)ctx->args[1];
	struct tracked *process = tracked_process();

	if (!process || process->target >= MAX_TARGETS ||
	    BPF_CORE_READ(parent, mm) == BPF_CORE_READ(child, mm))
		return 0;
	__sync_fetch_and_add(&forks[bounded(process->target, MAX_TARGETS)], 1);
	return 0;
}

/* A thread is gone: calls that it was in will not return. */
SEC("tracepoint/sched/sched_process_exit")
int thread_exit_probe(void *ctx)
{
	struct tracked *process = active ? tracked_process() : 0;
	struct thread_state *thread;

	if (!process)
		return 1;
	thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
	if (thread)
		drop_passed(thread, ~0ULL, MAX_HOOKS);
	return 1;
}
