/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * account.h - the only code that adds or subtracts heap bytes
 *
 * A block has one entry, whatever the number of allocator layers that a call went through. Its sums are kept
 * with the stack that allocated it; both only ever grow, so that a reader needs no lock.
 *
 * A stack is looked up by the addresses of its code objects and instructions: one short read a frame, nothing
 * stored. Only where that finds no row, or where a code object has been released since the row was last looked at, is the
 * stack walked in full, its identity compared, its frames and names sent.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include "maps.h"

#include "capture.h"
#include "sample.h"

/* Fills thread->stack for the current thread; its key.hash is the identity. caller: native address, 0 = unknown. */
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
}

/* The row of this key, made where there is none; NULL: no room. */
static __always_inline struct stack_totals *row_of(const struct stack_key *key, __u64 identity)
{
	struct stack_totals fresh = {.identity = identity}, *row;

	row = bpf_map_lookup_elem(&stacks, key);
	if (row)
		return row;
	bpf_map_update_elem(&stacks, key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&stacks, key);
}

/*
 * Walks the current stack in full and finds the row that it has for good: that of the hash of its addresses, or
 * where another stack was at these addresses before, one of its own. Returns the row's hash, 0 = no room. The frames
 * stay in the thread's state.
 *
 * A function that the verifier looks at once, not once for each caller.
 */
__noinline __u64 settle_stack(__u32 target, __u32 domain, __u64 hash, __u64 caller)
{
	struct stack_key key = {.hash = hash, .target = target, .domain = domain};
	struct target_config *config = target_config(target);
	struct thread_state *thread;
	struct stack_totals *row;
	__u64 identity;
	__u32 epoch;

	if (!config || target >= MAX_TARGETS)
		return 0;
	thread = thread_state(target);
	if (!thread)
		return 0;
	epoch = code_epoch[bounded(target, MAX_TARGETS)];
	walk_stack(thread, config, domain, caller);
	identity = thread->stack.key.hash;
	row = row_of(&key, identity);
	if (row && row->identity != identity) {
		key.hash = hash_mix(hash, identity);
		row = row_of(&key, identity);
	}
	if (!row) {
		count(LOST_STACK_FULL, target, 1);
		return 0;
	}
	row->flags = thread->stack.flags;
	thread->stack.key.hash = key.hash;
	thread->epoch = epoch;
	if (row->announced)
		row->epoch = epoch;
	return key.hash;
}

/*
 * Sends what settle_stack() has found, for the first time or because the ring was full before. Not part of it: the stacks
 * of all functions that are inside one another are limited to 512 bytes.
 */
__noinline int announce_row(__u32 target, __u32 domain, __u64 hash)
{
	struct stack_key key = {.hash = hash, .target = target, .domain = domain};
	struct target_config *config = target_config(target);
	struct thread_state *thread = thread_state(target);
	struct stack_totals *row = bpf_map_lookup_elem(&stacks, &key);

	if (!config || !thread || !row || announce_stack(&thread->stack, config))
		return -1;
	row->announced = 1;
	row->epoch = thread->epoch;
	return 0;
}

/*
 * The current thread's PyThreadState. Where it is to be found is looked up again when code objects have gone, as they do when
 * an interpreter is finalized.
 */
static __always_inline __u64 current_tstate(struct thread_state *thread,
					    const struct target_config *config, __u32 epoch)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	if (config->tstate_method != TSTATE_TSD_GLIBC)
		return py_tstate(config, thread_pointer(task));
	if (!thread->slot || thread->slot_epoch != epoch) {
		thread->slot = py_tsd_slot(config, thread_pointer(task));
		thread->slot_epoch = epoch;
	}
	return tstate_in_slot(thread->slot);
}

/* py_stack_hash() of the current thread; a function of its own for the same reason, and for its room on the stack. */
__noinline __u64 stack_hash(struct thread_state *thread)
{
	struct target_config *config;
	__u32 target;

	if (!thread)
		return 0;
	target = bounded(thread->target, MAX_TARGETS);
	config = target_config(target);
	return config ? py_stack_hash(config, current_tstate(thread, config, code_epoch[target]),
				      &thread->windows)
		      : 0;
}

/* The row that sums up for the current stack, and its hash; the one of hash 0 where there is no room. */
static __always_inline struct stack_totals *event_stack(struct thread_state *thread, __u32 domain,
							__u64 caller, __u64 *hash)
{
	__u32 target = thread->target;
	struct stack_key key = {.target = target, .domain = domain};
	struct stack_totals *row;

	*hash = 0;
	if (target >= MAX_TARGETS)
		return 0;
	key.hash = hash_mix(stack_hash(thread), caller) | 1;
	row = bpf_map_lookup_elem(&stacks, &key);
	if (!row || row->epoch != code_epoch[bounded(target, MAX_TARGETS)]) {
		key.hash = settle_stack(target, domain, key.hash, caller);
		row = bpf_map_lookup_elem(&stacks, &key);
		if (row && !row->announced)
			announce_row(target, domain, key.hash);
	}
	if (row && row->flags) {
		if (row->flags & STACK_UNREADABLE)
			count(LOST_UNREADABLE_FRAME, target, 1);
		if (row->flags & STACK_TRUNCATED)
			count(LOST_TRUNCATED_STACK, target, 1);
	}
	*hash = key.hash;
	return row;
}

/* A released block may have been a code object: what is at its address from now on is another. */
static __always_inline void forget_code(__u32 target, __u64 addr)
{
	struct live_key key = {.addr = addr, .target = target};

	if (!code_filter[bounded(code_slot(target, addr), CODE_FILTER)])
		return;
	if (!bpf_map_delete_elem(&code_addresses, &key))
		__sync_fetch_and_add(&code_epoch[bounded(target, MAX_TARGETS)], 1);
}

/* Whether the allocation that is to be is part of the sample; every one is where mean says so. */
static __always_inline int is_sampled(__u32 target, enum heap_layer layer, __u32 mean, __u64 size)
{
	struct target_counters *of;

	if (!mean || mean == MEAN_WINDOW)
		return 1;
	of = counters_of(target);
	return of && sample_take(&sample_tables, &of->countdown[layer], size ? size : 1, mean);
}

/* Bytes and blocks (in 1/COUNT_ONE) that a recorded one stands for. */
static __always_inline __u64 stands_for(const struct live_block *block, __u64 *blocks)
{
	__u64 size = block->size ? block->size : 1, bytes;

	*blocks = COUNT_ONE;
	if (!block->mean)
		return block->size;
	bytes = sample_bytes_for(&sample_tables, size, block->mean);
	*blocks = bytes * COUNT_ONE / size;
	return bytes;
}

static __always_inline void add_alloc(struct stack_totals *row, const struct live_block *block)
{
	__u64 bytes, blocks;

	if (block->mean == MEAN_WINDOW) {
		__sync_fetch_and_add(&row->window_bytes, block->size);
		__sync_fetch_and_add(&row->window_count, 1);
		return;
	}
	bytes = stands_for(block, &blocks);
	__sync_fetch_and_add(&row->alloc_bytes, bytes);
	__sync_fetch_and_add(&row->alloc_count, blocks);
}

static __always_inline void add_free(const struct live_block *block, __u32 target)
{
	struct stack_key key = {.hash = block->stack, .target = target, .domain = block->domain};
	struct stack_totals *row;
	__u64 bytes, blocks;

	if (block->mean == MEAN_WINDOW)
		return;
	row = bpf_map_lookup_elem(&stacks, &key);
	if (!row)
		return;
	bytes = stands_for(block, &blocks);
	__sync_fetch_and_add(&row->free_bytes, bytes);
	__sync_fetch_and_add(&row->free_count, blocks);
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

/* Enters a new block of the heap, allocated by the current stack. */
static __always_inline void record_block(struct thread_state *thread, __u32 domain, __u64 addr,
					 __u64 size, __u64 caller, __u32 mean)
{
	__u32 target = thread->target;
	struct live_block block = {.size = size, .domain = domain, .mean = mean}, old;
	struct live_key key = {.addr = addr, .target = target};
	struct stack_totals *row;
	int err;

	row = event_stack(thread, domain, caller, &block.stack);
	block.born_ns = bpf_ktime_get_ns();
	err = bpf_map_update_elem(&live, &key, &block, BPF_NOEXIST);
	if (err && take_block(target, addr, &old)) {
		/* Handed out again, so it was released: by code that no probe sees, or between windows. */
		add_free(&old, target);
		if (old.mean != MEAN_WINDOW)
			count(COUNT_MISSED_FREES, target, 1);
		err = bpf_map_update_elem(&live, &key, &block, BPF_NOEXIST);
	}
	if (err) {
		count(LOST_LIVE_FULL, target, 1);
		count(LOST_LIVE_FULL_BYTES, target, size);
		return;
	}
	if (row)
		add_alloc(row, &block);
}

#endif
