/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * faults.h - page faults that give a target anonymous memory, each with the stack that took it
 *
 * A write that faults in a private mapping ends with a page of the process's own there, be it the first touch, the zero
 * page that has to go, or the copy of a file's page; one that faults in a shared mapping never does. A read
 * brings the zero page or a page of the page cache: no anonymous memory. So writes are recorded, from user code and
 * from system calls that fill a buffer (read() into a new bytes object faults in the kernel). Which mapping it
 * was in, and whether the page is still there, user space sees in /proc/PID/maps and pagemap: bpf_find_vma() would
 * need the mmap lock, which threads fight for, and with interrupts off, as they are here, an irq_work per call to
 * give it back (Linux 6.1 to 6.18, kernel/bpf/task_iter.c and kernel/bpf/mmap_unlock_work.h).
 *
 * A record costs about as much as a fault. Where records would take more than their share of a processor's time, a random part of
 * the faults is left out, unwalked; each record says how many faults it stands for, and user space gives a page that is
 * resident without a record to its neighbour's stack.
 *
 * Records go through the space ring: a page that is unmapped and taken again must be seen in this order.
 *
 * The tracepoints exist on x86 (arch/x86/mm/fault.c); programs are called with interrupts off.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "space.h"

#define FAULT_WINDOW_NS 10000000ULL
#define FAULT_SHIFT_MAX 8 /* about one fault in 256 is recorded at least */

/* Room of the space ring that faults leave to changes of the address space, and where they wake the reader. */
#define SPACE_RING_BYTES (4 << 20)
#define FAULTS_STOP_AT (SPACE_RING_BYTES / 2)
#define FAULTS_WAKE_AT (SPACE_RING_BYTES / 8)

/*
 * What records may cost on each processor, in nanoseconds per window. What windows have not used is saved up, FAULT_SAVED of it at
 * most: a program that grows, and does not take and give back memory all the time, is recorded in full.
 * Written by user space: a process that sleeps most of the time has less to spend.
 */
__u64 fault_budget_ns = FAULT_WINDOW_NS / 200;
#define FAULT_SAVED 1000

struct fault_pace {
	__u64 window_end_ns; /* CLOCK_MONOTONIC */
	__s64 credit_ns;     /* saved up; negative: owed */
	__u64 spent_ns;      /* in this window, since the present share began */
	__u64 record_ns;     /* what a record costs, smoothed */
	__u32 seen;          /* faults in this window */
	__u32 shift;         /* about one fault in 2^shift is recorded ... */
	__u32 skip;          /* ... so many from now on are not */
	__u32 _pad;
};

/* Written and read by the programs only, with interrupts off. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fault_pace);
} fault_paces SEC(".maps");

/* A new window begins with the share that would have been right for the last one. */
static __always_inline void open_window(struct fault_pace *pace, __u64 now)
{
	__u64 idle = (now - pace->window_end_ns) / FAULT_WINDOW_NS; /* windows without a record */
	__u64 all_ns = idle ? 0 : pace->seen * pace->record_ns;
	__u64 budget = fault_budget_ns;
	__s64 credit = pace->credit_ns, most = FAULT_SAVED * budget;
	__u32 shift = 0;

	if (idle > FAULT_SAVED)
		credit = most;
	else
		credit += (idle + 1) * budget;
	for (int i = 0; i < FAULT_SHIFT_MAX; i++)
		if (credit <= 2 * (__s64)budget && all_ns >> shift > budget)
			shift++;
	pace->credit_ns = credit > most ? most : credit;
	pace->shift = shift;
	pace->spent_ns = pace->seen = 0;
	pace->window_end_ns = now + FAULT_WINDOW_NS;
}

/* How many faults this one is to stand for; 0 = none, it is left out. *now is set where it is not. */
static __always_inline __u32 fault_weight(struct fault_pace *pace, __u64 *now)
{
	pace->seen++;
	if (pace->skip) {
		pace->skip--;
		return 0;
	}
	*now = bpf_ktime_get_ns();
	if (*now >= pace->window_end_ns)
		open_window(pace, *now);
	return 1U << (pace->shift & 31);
}

/* A record has been made since `before`: how many faults are left out after it. Returns what it took, ns. */
static __always_inline __u64 pay(struct fault_pace *pace, __u64 before)
{
	__u64 cost = bpf_ktime_get_ns() - before;
	__s64 budget = fault_budget_ns;
	__u32 span;

	pace->record_ns = (7 * pace->record_ns + cost) / 8;
	pace->spent_ns += cost;
	pace->credit_ns -= cost;
	if (pace->credit_ns > 2 * budget) {
		pace->shift = 0;
		return cost;
	}
	if (pace->credit_ns < -budget)
		pace->credit_ns = -budget;
	if (pace->spent_ns > (__u64)budget && pace->shift < FAULT_SHIFT_MAX) {
		pace->shift++;
		pace->spent_ns = 0;
	}
	/* At random, 2^shift - 1 on average: a fixed number would follow a pattern that the program has. */
	span = (2U << (pace->shift & 31)) - 1;
	pace->skip = bpf_get_prandom_u32() % span;
	return cost;
}

static __always_inline void send_fault(const struct fault_message *record)
{
	__u64 waiting = bpf_ringbuf_query(&space, BPF_RB_AVAIL_DATA);
	__u64 wake = waiting > FAULTS_WAKE_AT ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;

	if (waiting > FAULTS_STOP_AT ||
	    bpf_ringbuf_output(&space, (void *)record, sizeof(*record), wake))
		count(LOST_FAULTS_FULL, record->target, 1);
}

/* The native address is part of a stack only where no Python code runs: one line would be many stacks. */
static __always_inline __u64 fault_stack(__u32 target)
{
	struct target_config *config = target_config(target);
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread_state *thread = thread_state(target);
	__u64 hash, caller = 0;

	if (!config || !thread)
		return 0;
	if (!current_tstate(thread, config, code_epoch[bounded(target, MAX_TARGETS)]))
		caller = PT_REGS_IP_CORE((struct pt_regs *)bpf_task_pt_regs(task));
	event_stack(thread, DOMAIN_RSS, caller, &hash);
	return hash;
}

/*
 * Records a fault of the current process, if it is one of ours and the pace allows. A function that the verifier looks at
 * once, not once for each tracepoint.
 */
__noinline int record_fault(__u64 address, __u64 code)
{
	struct fault_message record = {.op = SPACE_FAULT, .address = address};
	struct tracked *process = followed_process();
	struct fault_pace *pace;
	__u32 zero = 0;
	__u64 now;

	pace = bpf_map_lookup_elem(&fault_paces, &zero);
	if (!process || !pace)
		return 0;
	record.weight = fault_weight(pace, &now);
	if (!record.weight)
		return 0;
	record.target = process->target;
	count(COUNT_FAULTS, record.target, 1);
	count(COUNT_FAULTS_LEFT_OUT, record.target, record.weight - 1);
	record.flags = code & FAULT_CODE_PRESENT ? FAULT_PRESENT : 0;
	record.stack = fault_stack(record.target);
	send_fault(&record);
	count(COUNT_FAULTS_NS, record.target, pay(pace, now));
	return 0;
}

/* A fault at this address, from user code or while the kernel serves a call of the current process. */
static __always_inline void fault(__u64 address, __u64 code)
{
	if (active && code & FAULT_CODE_WRITE && (__s64)address >= 0)
		record_fault(address, code);
}

#endif
