/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * account.h - the only code that adds or subtracts heap bytes
 *
 * A block has one entry, whatever the number of allocator layers that a call went through. Its sums are kept
 * with the stack that allocated it; both only ever grow, so that a reader needs no lock.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "capture.h"

/* Fills thread->stack for the current thread. caller: native return address, 0 = unknown. */
static __always_inline void walk_stack(struct thread_state *thread,
				       const struct target_config *config, __u32 domain,
				       __u64 caller)
{
	struct stack_message *stack = &thread->stack;
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 tstate, hash;

	stack->kind = MESSAGE_STACK;
	stack->key.target = thread->target;
	stack->key.domain = domain;
	stack->caller = caller;
	stack->tid = bpf_get_current_pid_tgid();
	tstate = py_tstate(config, thread_pointer(task));
	hash = hash_mix(py_walk(config, tstate, stack, &thread->windows), caller);
	stack->key.hash = hash ? hash : 1;

	if (stack->flags & STACK_UNREADABLE)
		count(LOST_UNREADABLE_FRAME, thread->target, 1);
	if (stack->flags & STACK_TRUNCATED)
		count(LOST_TRUNCATED_STACK, thread->target, 1);
}

/* The row of the stack that walk_stack() found, made and announced when new. */
static __always_inline struct stack_totals *stack_row(struct thread_state *thread,
						      const struct target_config *config)
{
	struct stack_key *key = &thread->stack.key;
	struct stack_totals none = {}, *row;

	row = bpf_map_lookup_elem(&stacks, key);
	if (!row) {
		bpf_map_update_elem(&stacks, key, &none, BPF_NOEXIST);
		row = bpf_map_lookup_elem(&stacks, key);
	}
	if (!row) {
		count(LOST_STACK_FULL, thread->target, 1);
		key->hash = 0;
		return bpf_map_lookup_elem(&stacks, key);
	}
	if (!row->announced && !announce_stack(thread, config))
		row->announced = 1;
	return row;
}

static __always_inline void add_free(const struct live_block *block, __u32 target)
{
	struct stack_key key = {.hash = block->stack, .target = target, .domain = block->domain};
	struct stack_totals *row = bpf_map_lookup_elem(&stacks, &key);

	if (row) {
		__sync_fetch_and_add(&row->free_bytes, block->size);
		__sync_fetch_and_add(&row->free_count, 1);
	}
	if (block->domain == DOMAIN_OBJECT)
		count(COUNT_OBJECT_FREES, target, 1);
}

/* Takes a block out of the live table without counting it as released. 1 = it was there. */
static __always_inline int take_block(__u32 target, __u64 addr, struct live_block *block)
{
	struct live_key key = {.addr = addr, .target = target};
	struct live_block *found = bpf_map_lookup_elem(&live, &key);

	if (!found)
		return 0;
	*block = *found;
	return !bpf_map_delete_elem(&live, &key);
}

/* The opposite of take_block(): the call that was to change the block failed. */
static __always_inline void put_back_block(__u32 target, __u64 addr, const struct live_block *block)
{
	struct live_key key = {.addr = addr, .target = target};

	if (bpf_map_update_elem(&live, &key, block, BPF_NOEXIST))
		add_free(block, target);
}

/* Enters a block that thread->stack allocated. */
static __always_inline void add_block(struct thread_state *thread,
				      const struct target_config *config, __u64 addr, __u64 size)
{
	__u32 target = thread->target, domain = thread->stack.key.domain;
	struct live_key key = {.addr = addr, .target = target};
	struct stack_totals *row = stack_row(thread, config);
	struct live_block block = {.size = size, .domain = domain}, old;
	int err;

	block.born_ns = bpf_ktime_get_ns();
	block.stack = thread->stack.key.hash;
	err = bpf_map_update_elem(&live, &key, &block, BPF_NOEXIST);
	if (err && take_block(target, addr, &old)) {
		/* Handed out again, so it was released: by code that no probe sees. */
		add_free(&old, target);
		count(COUNT_MISSED_FREES, target, 1);
		err = bpf_map_update_elem(&live, &key, &block, BPF_NOEXIST);
	}
	if (err) {
		count(LOST_LIVE_FULL, target, 1);
		count(LOST_LIVE_FULL_BYTES, target, size);
		return;
	}
	if (row) {
		__sync_fetch_and_add(&row->alloc_bytes, size);
		__sync_fetch_and_add(&row->alloc_count, 1);
	}
}

/* A new block of the heap: whose, how large, from where. */
static __always_inline void record_block(struct thread_state *thread, __u32 domain, __u64 addr,
					 __u64 size)
{
	struct target_config *config = target_config(thread->target);

	if (!config)
		return;
	if (domain == DOMAIN_OBJECT) {
		count(COUNT_OBJECT_ALLOCS, thread->target, 1);
		if (config->flags & TARGET_OBJECT_COUNT_ONLY)
			return;
	}
	walk_stack(thread, config, domain, thread->caller);
	add_block(thread, config, addr, size);
}

#endif
