/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * maps.h - the BPF maps: who writes, who reads, what happens when one is full
 */
#ifndef MAPS_H
#define MAPS_H

#include "py_walk.h"

/* A call that is on its way: entered, not yet returned. */
struct pending_call {
	__u64 sp;   /* at the function's first instruction */
	__u64 size; /* bytes asked for */
	__u64 ptr;  /* the block to resize, or the place for the result */
	__u64 inner_ns; /* when the first call inside this one began that returned a block, or a later one */
	__u64 inner_addr; /* last block that a call inside this one returned */
	__u64 inner_size;
	struct live_block old; /* what ptr was, while old_taken */
	__u32 hook;
	__u8 old_taken; /* realloc: ptr is out of the live table until we know how it went */
	__u8 has_inner;
	__u8 inner_saw_ptr; /* a call inside this one released or resized ptr as well */
	__u8 ptr_is_outers; /* ptr is what the call around this one is about */
	__u32 sampled;      /* its block is to be recorded */
	__u32 mean;         /* live_block.mean at that time */
};

/* A system call that is on its way. */
struct pending_syscall {
	__u64 id; /* number + 1; 0 = none */
	__u64 args[4];
	__u64 entered_ns;
	__u64 ip; /* user instruction after the syscall */
	__u32 target;
	__u32 _pad;
};

/* What one thread needs between two probes, and room to build its stack. */
struct thread_state {
	__u32 depth; /* calls in pending[] */
	__u32 target;
	__u32 turn;       /* raw_turn[target] when pending[] was used last */
	__u32 epoch;      /* code_epoch[target] before stack was walked */
	__u64 caller;     /* of the outermost pending call */
	__u64 slot;       /* where its PyThreadState is looked up, 0 = not known ... */
	__u32 slot_epoch; /* ... and code_epoch[target] at that time */
	__u32 _pad;
	__u64 last_free;           /* last address whose release was seen ... */
	__u32 last_free_domain;    /* ... by a function of this layer ... */
	__u32 last_free_unmatched; /* ... and whether it was unknown to us */
	struct pending_call pending[MAX_NEST];
	struct pending_syscall syscall;
	struct space_message change; /* what it did */
	struct py_windows windows;
	struct stack_message stack;
};

/*
 * One per thread of a target. Written and read by the programs only. A thread's memory goes when it exits.
 * No room: the event is dropped, LOST_THREAD_STATE.
 *
 * Not a per-CPU array: uprobe programs run with preemption on (Linux 6.0 and later), so that two threads may
 * be inside one on the same CPU.
 */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} threads SEC(".maps");

/* Written by user space before activation, read by the programs. Index: target. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct target_config);
} targets SEC(".maps");

/* Processes whose system calls count. Written by user space, read by the tracepoint programs. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct tracked);
} tracked SEC(".maps");

/*
 * Live heap blocks. Written by the programs; read by user space in batches. Full: the block is not followed,
 * LOST_LIVE_FULL. Size: --live-max. Memory is taken as blocks come.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 21);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct live_key);
	__type(value, struct live_block);
} live SEC(".maps");

/*
 * Sums by stack. Written by the programs; user space adds one row of hash 0 per target and domain, and reads
 * all in batches. Full: the event goes to the row of hash 0, LOST_STACK_FULL. Size: --stacks-max.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, struct stack_key);
	__type(value, struct stack_totals);
} stacks SEC(".maps");

/*
 * Code objects whose strings have been sent. Written and read by the programs. Full: a code object is sent again
 * with every new stack it is in, which user space notices and drops.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, struct code_id);
	__type(value, __u8);
} codes SEC(".maps");

/*
 * The same code objects by address, for the moment when one is released: see code_epoch. Written and read by
 * the programs. Full: the code object's stacks are looked at in full each time.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct live_key);
	__type(value, __u8);
} code_addresses SEC(".maps");

/* Whoever waits for the ring is woken as the kernel sees fit. */
#define NAMES_FLAGS 0

/* Frames and strings, to user space. Full: sent at the stack's next event, LOST_NAMES_FULL. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} names SEC(".maps");

/*
 * Changes of the address space, in order, to user space, which keeps the ranges: a hash table cannot cut one.
 * Full: LOST_SPACE_FULL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} space SEC(".maps");

/* Written by the programs, read by user space. Index: target. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_TARGETS);
	__type(key, __u32);
	__type(value, struct target_counters);
} counters SEC(".maps");

/* Set by user space once every probe is attached, cleared before the first is detached. */
__u32 active;

/* What each layer's probes do. Written by user space. */
struct layer_control layers[MAX_TARGETS * HEAP_LAYERS];

/* The probe set that counts, see PROBE_COOKIE. Written by user space. */
__u8 generation[MAX_TARGETS];

/* Processes that a target has made by fork(2). Counted by the programs. */
__u32 forks[MAX_TARGETS];

/* Times that a target has mapped a file's code: dlopen(3). Counted by the programs. */
__u32 code_maps[MAX_TARGETS];

/* Counts the times that the raw layer was switched on: calls from before will not return to us. By user space. */
__u32 raw_turn[MAX_TARGETS];

/*
 * Grows when a code object that stacks are known of has been released, and when user space cannot tell (at the begin
 * of each window): a stack known by addresses is then looked at in full before it is believed to be the same.
 */
__u32 code_epoch[MAX_TARGETS];

/* Nonzero where code_addresses may have something: a filter in front of it. By code_slot(); never cleared. */
#define CODE_FILTER (1 << 17)
__u8 code_filter[CODE_FILTER];

/* Targets that have replaced their image by exec: nothing more is theirs. Set by the programs. */
__u8 replaced[MAX_TARGETS];

/* One row per allocator function; written by user space before loading. */
const volatile struct hook hooks[MAX_HOOKS];

/* Filled by user space before loading; see sample.h. */
const volatile struct sample_tables sample_tables;

/* Set by user space before loading. */
const volatile __u64 page_size = 4096;

static __always_inline struct target_counters *counters_of(__u32 target)
{
	return bpf_map_lookup_elem(&counters, &target);
}

static __always_inline void count(enum counter counter, __u32 target, __u64 n)
{
	struct target_counters *of = counters_of(target);

	if (of)
		__sync_fetch_and_add(&of->of[counter], n);
}

/* One that took longer was interrupted: the time was somebody else's. */
#define TIMED_MAX_NS 100000

/* Counts a hit; the time, where this one is to be timed, else 0. */
static __always_inline __u64 count_hit(enum counter counter, __u32 target)
{
	struct target_counters *of = counters_of(target);

	if (!of || __sync_fetch_and_add(&of->of[counter], 1) % TIMED_EVERY)
		return 0;
	return bpf_ktime_get_ns();
}

static __always_inline void end_hit(enum timed_hit kind, __u32 target, __u64 began_ns)
{
	__u64 took_ns;

	if (!began_ns)
		return;
	took_ns = bpf_ktime_get_ns() - began_ns;
	if (took_ns > TIMED_MAX_NS)
		return;
	count(COUNT_TIMED_HITS + kind, target, 1);
	count(COUNT_TIMED_NS + kind, target, took_ns);
}

static __always_inline __u32 code_slot(__u32 target, __u64 addr)
{
	return hash_mix(target, addr) >> 32 & (CODE_FILTER - 1);
}

/* For the moment when what is at this address is released. */
static __always_inline void note_code(__u32 target, __u64 code)
{
	struct live_key place = {.addr = code, .target = target};
	__u8 there = 1;

	bpf_map_update_elem(&code_addresses, &place, &there, BPF_ANY);
	code_filter[bounded(code_slot(target, code), CODE_FILTER)] = 1;
}

static __always_inline struct target_config *target_config(__u32 target)
{
	return bpf_map_lookup_elem(&targets, &target);
}

/* The current thread's state; made when first needed. */
static __always_inline struct thread_state *thread_state(__u32 target)
{
	struct thread_state *thread;

	thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0,
				      BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!thread) {
		count(LOST_THREAD_STATE, target, 1);
		return 0;
	}
	thread->target = target;
	return thread;
}

#endif
