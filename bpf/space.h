/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * space.h - mmap, munmap, mremap, brk: changes of a target's address space, as a stream of records
 *
 * Ranges are cut, moved and mapped over, which a hash table cannot model; user space keeps them. Here each call
 * that succeeded becomes one record with the time before and after it, and the stack that made it.
 */
#ifndef SPACE_H
#define SPACE_H

#include "account.h"

/* System call numbers of this architecture; written by user space before loading. */
const volatile struct {
	__u64 mmap, munmap, mremap, brk;
} nr;

#define MAP_ANONYMOUS_FLAG 0x20
#define PROT_EXEC_FLAG 0x4
#define LARGEST_ERROR 4095UL

static __always_inline struct tracked *tracked_process(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&tracked, &tgid);
}

/* The same, unless it has become another program. */
static __always_inline struct tracked *followed_process(void)
{
	struct tracked *process = tracked_process();

	if (!process || process->target >= MAX_TARGETS ||
	    replaced[bounded(process->target, MAX_TARGETS)])
		return 0;
	return process;
}

static __always_inline __u64 whole_pages(__u64 bytes)
{
	return (bytes + page_size - 1) & ~(page_size - 1);
}

/*
 * What perf hands to a program has an int here and padding behind it, not the long of struct trace_event_raw_sys_enter
 * (Linux 6.18, kernel/trace/trace_syscalls.c, perf_call_bpf_enter()).
 */
static __always_inline __u64 number_of(long id)
{
	return (__u32)id;
}

static __always_inline void space_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct tracked *process = followed_process();
	struct pending_syscall *call;
	struct task_struct *task;
	struct thread_state *thread;
	struct pt_regs *regs;

	if (!process)
		return;
	thread = thread_state(process->target);
	if (!thread)
		return;
	task = bpf_get_current_task_btf();
	call = &thread->syscall;
	call->id = number_of(ctx->id) + 1;
	call->target = process->target;
	/* From the registers: a program that reads ctx->args[3] cannot be attached to munmap, which has two. */
	regs = (struct pt_regs *)bpf_task_pt_regs(task);
	call->args[0] = PT_REGS_PARM1_CORE_SYSCALL(regs);
	call->args[1] = PT_REGS_PARM2_CORE_SYSCALL(regs);
	call->args[2] = PT_REGS_PARM3_CORE_SYSCALL(regs);
	call->args[3] = PT_REGS_PARM4_CORE_SYSCALL(regs);
	call->ip = PT_REGS_IP_CORE(regs);
	if (number_of(ctx->id) == nr.brk)
		call->args[1] = BPF_CORE_READ(task, mm, brk);
	call->entered_ns = bpf_ktime_get_ns();
}

/* Fills the record from the call and its result; op stays 0 where nothing has changed. */
static __always_inline void describe(struct space_message *record,
				     const struct pending_syscall *call, __u64 result)
{
	__u64 id = call->id - 1;

	record->start = result;
	record->old_start = call->args[0];
	record->old_len = whole_pages(call->args[1]);
	if (id == nr.mmap) {
		record->op = SPACE_MAP;
		record->len = whole_pages(call->args[1]);
		record->flags = call->args[3];
		record->domain = record->flags & MAP_ANONYMOUS_FLAG ? DOMAIN_MMAP : DOMAIN_FILE;
		record->grown = record->len;
	} else if (id == nr.munmap) {
		record->op = SPACE_UNMAP;
	} else if (id == nr.mremap) {
		record->op = SPACE_REMAP;
		record->len = whole_pages(call->args[2]);
		record->flags = call->args[3];
		record->domain = DOMAIN_MMAP;
		if (record->len > record->old_len)
			record->grown = record->len - record->old_len;
	} else if (id == nr.brk && result != call->args[1]) {
		record->op = SPACE_BRK;
		record->old_start = call->args[1];
		record->domain = DOMAIN_BRK;
		if (result > record->old_start)
			record->grown = result - record->old_start;
	}
}

/* The target may have loaded a library: user space looks for allocators in it. */
static __always_inline void notice_code(const struct space_message *record,
					const struct pending_syscall *call)
{
	if (record->op == SPACE_MAP && record->domain == DOMAIN_FILE &&
	    call->args[2] & PROT_EXEC_FLAG && call->target < MAX_TARGETS)
		__sync_fetch_and_add(&code_maps[bounded(call->target, MAX_TARGETS)], 1);
}

/* Whose growth it is: walks the stack where the call made address space. */
static __always_inline void find_owner(struct thread_state *thread, struct space_message *record,
				       __u64 ip)
{
	struct stack_totals *row;

	if (!record->grown)
		return;
	row = event_stack(thread, record->domain, ip, &record->stack);
	if (row) {
		__sync_fetch_and_add(&row->alloc_bytes, record->grown);
		__sync_fetch_and_add(&row->alloc_count, COUNT_ONE);
	}
}

static __always_inline void space_send(struct space_message *record)
{
	if (bpf_ringbuf_output(&space, record, sizeof(*record), 0))
		count(LOST_SPACE_FULL, record->target, 1);
}

/*
 * The record is built in the thread's state, not on the stack: what the verifier knows of a stack slot it follows
 * into the walk, once for each kind of call, and Linux 6.1 gives up on that.
 */
static __always_inline void space_exit(struct trace_event_raw_sys_exit *ctx)
{
	struct tracked *process = followed_process();
	struct space_message *record;
	struct pending_syscall *call;
	struct thread_state *thread;

	if (!process)
		return;
	thread = thread_state(process->target);
	if (!thread)
		return;
	call = &thread->syscall;
	if (call->id != number_of(ctx->id) + 1)
		return;
	record = &thread->change;
	__builtin_memset(record, 0, sizeof(*record));
	record->exit_ns = bpf_ktime_get_ns();
	record->enter_ns = call->entered_ns;
	record->target = call->target;
	if ((__u64)ctx->ret < -LARGEST_ERROR)
		describe(record, call, ctx->ret);
	notice_code(record, call);
	call->id = 0;
	if (!record->op)
		return;
	count(COUNT_SYSCALLS, record->target, 1);
	find_owner(thread, record, call->ip);
	space_send(record);
}

#endif
