// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * growth.bpf.c - which Python line makes a watched process larger, for all processes of a host at once
 *
 * Two tracepoints shared by all: a page that is touched first, by user code or by a system call that fills a buffer. No probe is in any
 * process, and no system call is watched: a tracepoint of one would put every call of every process of the host on the kernel's slow
 * path (63 ns more a call where this was written, of 200), and memory that is mapped and never touched makes nobody larger.
 *
 * For a process that is not watched a fault costs the tracepoint and a look into a table. For one that is, a few faults a second are recorded, with
 * their stacks: see GROWTH_GAP_NS. A copy on write takes no new page from the process's point of view: what fork(2) left it is not counted.
 *
 * The tracepoints exist on x86 (arch/x86/mm/fault.c) and call with interrupts off, so that what belongs to a processor is ours while we run.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "growth_event.h"
#include "arch.h"
#include "user_memory.h"
#include "py_walk.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Written by user space. Full: the process is not followed, which shows in the number of those that are. Memory is taken as they come. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct growth_target);
} watched SEC(".maps");

/*
 * How many of the processes that are watched have a PID of these last bits; written by user space. A fault of any process of the host asks
 * here first, which costs next to nothing.
 */
__u8 watched_pids[GROWTH_PIDS];

/*
 * Code objects that have been sent. Written and read by the programs; user space takes out what it has forgotten. Full: those that
 * were not met for longest are forgotten, and sent again.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 15);
	__type(key, struct code_id);
	__type(value, __u8);
} codes SEC(".maps");

/* To user space, which comes by on its own. Full: see lost. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} names SEC(".maps");

#define NAMES_FLAGS BPF_RB_NO_WAKEUP

#define PAGE_BYTES 4096 /* x86's */

/* Where a record is made. Of the processor, while interrupts are off. */
struct scratch {
	struct growth_fault fault;
	struct py_windows windows;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Records that did not get into the ring. Counted by the programs, read by user space. */
__u64 lost;

/* What cannot be read of a code object shows in its record; what does not fit is counted once, with the fault. */
static __always_inline void count(enum counter counter, __u32 target, __u64 n)
{
}

/* The address of a code object that is gone may be another's: the identity tells them apart, as every walk is in full. */
static __always_inline void note_code(__u32 target, __u64 code)
{
}

#include "capture.h"

/* The level goes down with the time that no fault was recorded in. */
static __always_inline void calm_down(struct growth_target *process, __u64 now)
{
	__u64 quiet = (now - process->last_ns) / GROWTH_GAP_NS;
	__u32 level = process->level;

	if (!level || !quiet)
		return;
	process->level = quiet < level ? level - quiet : 0;
	process->last_ns = now;
}

/* Of the faults that are left out, one in so many reads the clock to see whether too many are. */
#define CALM_DOWN_EVERY 16

/* How many faults this one stands for; 0 = it is left out. Two processors at once may undo one another's step: no harm. */
static __always_inline __u32 take_turn(struct growth_target *process)
{
	__u32 shift = process->level / GROWTH_LEVELS & 31, random;
	__u64 now, due;

	if (shift) {
		random = bpf_get_prandom_u32();
		if (random >> (32 - shift)) {
			if (random % CALM_DOWN_EVERY == 0)
				calm_down(process, bpf_ktime_get_ns());
			return 0;
		}
	}
	now = bpf_ktime_get_ns();
	calm_down(process, now);
	due = process->due_ns;
	if (due + GROWTH_SAVED * GROWTH_GAP_NS < now)
		due = now - GROWTH_SAVED * GROWTH_GAP_NS;
	due += GROWTH_GAP_NS;
	process->last_ns = now;
	if (due <= now) {
		process->due_ns = due;
	} else {
		process->due_ns = now;
		if (process->level < GROWTH_LEVEL_MAX)
			process->level++;
	}
	return 1U << shift;
}

static __always_inline void walk(struct scratch *scratch, const struct target_config *config,
				 __u32 pid)
{
	struct stack_message *stack = &scratch->fault.stack;
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 tstate = py_tstate(config, thread_pointer(task));

	stack->kind = MESSAGE_STACK;
	stack->key.target = pid;
	stack->key.domain = DOMAIN_RSS;
	stack->caller = 0;
	stack->tid = bpf_get_current_pid_tgid();
	stack->key.hash = py_walk(config, tstate, stack, &scratch->windows) | 1;
}

/* A function that the verifier looks at once, not once for each tracepoint. */
__noinline int record_fault(__u64 address, __u32 weight)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32, zero = 0;
	struct growth_target *process = bpf_map_lookup_elem(&watched, &pid);
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &zero);
	struct growth_fault *fault;

	if (!process || !scratch)
		return 0;
	walk(scratch, &process->config, pid);
	fault = &scratch->fault;
	fault->kind = MESSAGE_FAULT;
	fault->weight = weight;
	fault->address = address;
	if (announce_codes(&fault->stack, pid, &process->config) ||
	    bpf_ringbuf_output(&names, fault, GROWTH_FAULT_HEAD + frames_size(&fault->stack),
			       NAMES_FLAGS))
		__sync_fetch_and_add(&lost, 1);
	return 0;
}

static __always_inline void tell_retaken(__u32 pid, __u64 address)
{
	struct growth_retaken retaken = {.kind = MESSAGE_RETAKEN, .pid = pid, .address = address};

	if (bpf_ringbuf_output(&names, &retaken, sizeof(retaken), NAMES_FLAGS))
		__sync_fetch_and_add(&lost, 1);
}

static __always_inline void fault_at(__u64 address, __u64 code)
{
	struct growth_target *process;
	__u32 pid, weight, tag;
	__u64 hash;
	__u32 *slot;

	if ((code & (FAULT_CODE_WRITE | FAULT_CODE_PRESENT)) != FAULT_CODE_WRITE ||
	    (__s64)address < 0)
		return;
	pid = bpf_get_current_task_btf()->tgid;
	if (!watched_pids[bounded(pid, GROWTH_PIDS)])
		return;
	process = bpf_map_lookup_elem(&watched, &pid);
	if (!process)
		return;
	hash = hash_mix(1, address / PAGE_BYTES);
	tag = hash >> 32 | 1;
	slot = &process->known[bounded(hash, GROWTH_KNOWN)];
	if (*slot == tag) {
		*slot = 0;
		tell_retaken(pid, address);
	}
	weight = take_turn(process);
	if (!weight)
		return;
	record_fault(address, weight);
	*slot = tag;
}

SEC("tp_btf/page_fault_user")
int BPF_PROG(user_fault, unsigned long address, struct pt_regs *regs, unsigned long code)
{
	fault_at(address, code);
	return 0;
}

SEC("tp_btf/page_fault_kernel")
int BPF_PROG(kernel_fault, unsigned long address, struct pt_regs *regs, unsigned long code)
{
	fault_at(address, code);
	return 0;
}

/* Another program: nothing of what is known of the process holds any more. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(new_image, struct task_struct *task)
{
	__u32 pid = task->tgid;

	bpf_map_delete_elem(&watched, &pid);
	return 0;
}
