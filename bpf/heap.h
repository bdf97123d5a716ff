/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * heap.h - what happens at the probes of allocator functions
 *
 * Calls nest: PyObject_Malloc hands a large request to PyMem_RawMalloc, that to malloc. Each thread has a
 * small stack of pending calls. The innermost call that returns a block records it; those around it, on their
 * return, see that the block is there already. A pymalloc block has no inner call and is recorded by the outer.
 *
 * A block that is being resized is out of the live table from entry to return: inside realloc it may be released
 * and at once be handed out to another thread, whose return may come before ours.
 */
#ifndef HEAP_H
#define HEAP_H

#include "account.h"

/* Bytes asked for. A product that overflows is more than there can be, not what is left of it: the call will fail. */
static __always_inline __u64 asked_size(struct pt_regs *ctx, const volatile struct hook *hook)
{
	__u64 size = argument(ctx, hook->size_arg), n, most;

	if (!hook->count_arg)
		return size;
	n = argument(ctx, hook->count_arg);
	if (!n)
		return 0;
	most = ~0ULL / n;
	/* Or the compiler sees through it and multiplies in 128 bits, which BPF has not. */
	asm volatile("" : "+r"(most));
	return size > most ? ~0ULL : size * n;
}

static __always_inline struct pending_call *pending_at(struct thread_state *thread, __u32 index)
{
	return index < MAX_NEST ? &thread->pending[bounded(index, MAX_NEST)] : 0;
}

/* A call that will not return any more: longjmp, a C++ exception, a killed coroutine. */
static __always_inline void abandon(struct thread_state *thread, struct pending_call *call)
{
	if (call->old_taken)
		put_back_block(thread->target, call->ptr, &call->old);
	call->old_taken = 0;
	if (thread->turn == raw_turn[bounded(thread->target, MAX_TARGETS)])
		count(LOST_MISSING_EXIT, thread->target, 1);
}

/*
 * Drops pending calls that the stack pointer has passed. A tail call enters at the very stack pointer of the
 * function it replaces, so equality drops only a call of the same function.
 */
static __always_inline void drop_passed(struct thread_state *thread, __u64 sp, __u32 hook)
{
	for (int i = 0; i < MAX_NEST; i++) {
		struct pending_call *top = pending_at(thread, thread->depth - 1);

		if (!top || top->sp > sp || (top->sp == sp && top->hook != hook))
			break;
		abandon(thread, top);
		thread->depth--;
	}
}

/* Whether a call around the current one is about ptr; it is told. */
static __always_inline int outer_has(struct thread_state *thread, __u64 ptr)
{
	int found = 0;

	for (__u32 i = 0; i < MAX_NEST; i++) {
		struct pending_call *call = &thread->pending[i];

		if (i >= thread->depth)
			break;
		if (call->ptr == ptr &&
		    hooks[bounded(call->hook, MAX_HOOKS)].role == HOOK_REALLOC) {
			call->inner_saw_ptr = 1;
			found = 1;
		}
	}
	return found;
}

/* A release of a block that is not in the live table; each block counts once, in its own layer. */
static __always_inline void release_unknown(struct thread_state *thread, __u64 ptr, __u32 domain,
					    __u32 mean)
{
	/* Of a sample most are unknown, which says nothing. */
	if (mean || outer_has(thread, ptr))
		return;
	if (thread->last_free == ptr) {
		if (thread->last_free_unmatched && thread->last_free_domain == DOMAIN_OBJECT &&
		    domain == DOMAIN_RAW) {
			/* The object layer passed it down: it was no pymalloc block. */
			count(COUNT_OBJECT_FREES, thread->target, -1);
			thread->last_free_domain = DOMAIN_RAW;
		}
		return;
	}
	count(COUNT_UNMATCHED_FREES, thread->target, 1);
	if (domain == DOMAIN_OBJECT)
		count(COUNT_OBJECT_FREES, thread->target, 1);
	thread->last_free = ptr;
	thread->last_free_domain = domain;
	thread->last_free_unmatched = 1;
}

/*
 * PYTHONMALLOC=debug puts a header before each block, so that the object layer releases header + 16 and the
 * layer below it the block itself: what was counted as unknown was this one.
 */
static __always_inline void release_known(struct thread_state *thread, __u64 ptr)
{
	if (thread->last_free_unmatched && thread->last_free - ptr <= 32 &&
	    thread->last_free_domain == DOMAIN_OBJECT) {
		count(COUNT_UNMATCHED_FREES, thread->target, -1);
		count(COUNT_OBJECT_FREES, thread->target, -1);
	}
	thread->last_free = ptr;
	thread->last_free_unmatched = 0;
}

/* Its release was seen. */
static __always_inline void release(const struct live_block *block, __u32 target)
{
	add_free(block, target);
	if (block->domain == DOMAIN_OBJECT)
		count(COUNT_OBJECT_FREES, target, 1);
}

/* leaf: COOKIE_LEAF. The release of a known block then says nothing about others. */
static __always_inline void heap_free(struct pt_regs *ctx, const volatile struct hook *hook,
				      __u32 target, __u64 leaf, __u32 mean)
{
	__u64 ptr = argument(ctx, hook->ptr_arg);
	struct thread_state *thread;
	struct live_block block;
	int known;

	if (!ptr)
		return;
	forget_code(target, ptr);
	known = take_block(target, ptr, &block);
	if (known)
		release(&block, target);
	/* Of a sample most are unknown, which says nothing either. */
	if (leaf && (known || mean))
		return;
	thread = thread_state(target);
	if (!thread)
		return;
	if (known)
		release_known(thread, ptr);
	else
		release_unknown(thread, ptr, hook->domain, mean);
}

/* Calls of a time when this layer was traced before: most have returned meanwhile, unseen. */
static __always_inline void forget_calls(struct thread_state *thread)
{
	__u32 turn = raw_turn[bounded(thread->target, MAX_TARGETS)];

	if (thread->turn == turn)
		return;
	for (int i = 0; i < MAX_NEST; i++) {
		struct pending_call *top = pending_at(thread, thread->depth - 1);

		if (!top)
			break;
		abandon(thread, top);
		thread->depth--;
	}
	thread->turn = turn;
}

/*
 * sp: the stack pointer at the function's first instruction, wherever the probe is. leaf: COOKIE_LEAF. Returns
 * whether nobody needs to see the call return.
 */
static __always_inline int heap_enter(struct pt_regs *ctx, const volatile struct hook *hook,
				      __u32 index, __u32 target, __u64 sp, __u64 leaf, __u32 mean)
{
	struct thread_state *thread = thread_state(target);
	__u64 size = asked_size(ctx, hook);
	struct pending_call *call, *outer;
	__u32 sampled;

	if (!thread)
		return 1;
	forget_calls(thread);
	drop_passed(thread, sp, index);
	/* One decision for a block, however many functions it goes through. */
	outer = pending_at(thread, thread->depth - 1);
	sampled = outer ? outer->sampled : is_sampled(target, HEAP_LAYER_RAW, mean, size);
	if (leaf && !outer && !sampled)
		return 1;
	if (!outer)
		thread->caller = 0;
	/* A leaf's return probe will know it without a read. */
	if (!outer && !leaf && caller_of(ctx, sp, &thread->caller))
		count(LOST_UNREADABLE_ARGUMENT, target, 1);
	call = pending_at(thread, thread->depth);
	if (!call) {
		count(LOST_NEST_FULL, target, 1);
		return 1;
	}
	call->sp = sp;
	call->hook = index;
	call->size = size;
	call->ptr = argument(ctx, hook->ptr_arg);
	call->old_taken = 0;
	call->has_inner = 0;
	call->inner_saw_ptr = 0;
	call->ptr_is_outers = 0;
	if (outer && !outer->has_inner)
		outer->inner_ns = bpf_ktime_get_ns();
	call->mean = mean;
	call->sampled = sampled;
	if (hook->role == HOOK_REALLOC && call->ptr) {
		call->old_taken = take_block(target, call->ptr, &call->old);
		if (!call->old_taken)
			call->ptr_is_outers = outer_has(thread, call->ptr);
	}
	thread->depth++;
	return 0;
}

/* The pending call that returns now; NULL where its entry was not seen. */
static __always_inline struct pending_call *pop_call(struct thread_state *thread, __u64 sp,
						     __u32 hook)
{
	for (int i = 0; i < MAX_NEST; i++) {
		struct pending_call *top = pending_at(thread, thread->depth - 1);

		if (!top || top->sp > sp)
			return 0;
		thread->depth--;
		if (top->sp == sp && top->hook == hook)
			return top;
		abandon(thread, top);
	}
	return 0;
}

/* realloc: what became of the block that went in. */
static __always_inline void settle_old(struct thread_state *thread, struct pending_call *call,
				       const volatile struct hook *hook, __u64 result)
{
	__u32 target = thread->target;

	if (!call->ptr)
		return;
	if (!result && !(hook->flags & HOOK_FAIL_FREES) &&
	    !(call->size == 0 && (hook->flags & HOOK_ZERO_FREES))) {
		if (call->old_taken)
			put_back_block(target, call->ptr, &call->old);
		return;
	}
	if (call->old_taken) {
		release(&call->old, target);
	} else if (!call->ptr_is_outers && !call->mean) {
		count(COUNT_UNMATCHED_FREES, target, 1);
		if (hook->domain == DOMAIN_OBJECT && !call->inner_saw_ptr)
			count(COUNT_OBJECT_FREES, target, 1);
	}
}

/* Whether a call inside this one has recorded the block already. */
static __always_inline int recorded_inside(struct thread_state *thread, struct pending_call *call,
					   __u64 addr)
{
	struct live_key key = {.addr = addr, .target = thread->target};
	struct live_block *block;

	if (!call->has_inner)
		return 0;
	/* Inside, not only equal: PYTHONMALLOC=debug returns an address behind its header. */
	if (addr == call->inner_addr || addr - call->inner_addr < call->inner_size)
		return 1;
	/* The last inner call was for something else, as tracemalloc's own entries are. */
	block = bpf_map_lookup_elem(&live, &key);
	return block && block->born_ns >= call->inner_ns;
}

static __always_inline void record_call(struct thread_state *thread, __u32 domain, __u64 addr,
					const struct pending_call *call, __u64 caller, __u32 mean)
{
	struct target_config *config;

	if (domain == DOMAIN_OBJECT) {
		count(COUNT_OBJECT_ALLOCS, thread->target, 1);
		config = target_config(thread->target);
		if (config && config->flags & TARGET_OBJECT_COUNT_ONLY)
			return;
	}
	if (call->sampled)
		record_block(thread, domain, addr, call->size, caller, mean);
}

/*
 * sp: as in heap_enter(); result: what the function returns; caller: where to, 0 = not known. Where calls are inside one
 * another, the outermost one's caller counts.
 */
static __always_inline void heap_exit(const volatile struct hook *hook, __u32 index, __u32 target,
				      __u64 sp, __u64 result, __u64 caller, __u32 mean)
{
	struct thread_state *thread = thread_state(target);
	struct pending_call *call, *outer;
	__u64 addr = result;

	if (!thread)
		return;
	forget_calls(thread);
	call = pop_call(thread, sp, index);
	if (!call)
		return;
	if (hook->role == HOOK_ALLOC_OUT) {
		int failed = (__s32)addr;

		addr = 0;
		if (!failed && read_user(&addr, sizeof(addr), call->ptr))
			count(LOST_UNREADABLE_ARGUMENT, target, 1);
	}
	if (hook->role == HOOK_REALLOC)
		settle_old(thread, call, hook, addr);
	if (!addr)
		return;
	if (thread->last_free == addr)
		thread->last_free = 0;

	if (!recorded_inside(thread, call, addr)) {
		if (thread->depth || !caller)
			caller = thread->caller;
		record_call(thread, hook->domain, addr, call, caller, mean);
		call->inner_addr = addr;
		call->inner_size = call->size;
	}
	outer = pending_at(thread, thread->depth - 1);
	/* A smaller one is not what the outer call was asked for: tracemalloc's entry for it, say. */
	if (outer && (!outer->has_inner || call->inner_size >= outer->size)) {
		outer->has_inner = 1;
		outer->inner_addr = call->inner_addr;
		outer->inner_size = call->inner_size;
	}
}

#endif
