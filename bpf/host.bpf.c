// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * host.bpf.c - processes of the host that come and go, to user space
 *
 * A host may fork thousands of times a second, and nearly none of it is about a Python: a record is 32 bytes of the ring, without a
 * string, and user space is woken for a half-full ring or a victim of the OOM killer only. It comes by on its own else.
 *
 * The programs are attached to the tracepoints themselves, not through perf: nothing is formatted, tracefs is not needed.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>

#include "host_event.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

#define RING_SIZE (256 << 10)

/* struct host_event, to user space. Full: the event is lost, and counted. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_SIZE);
} events SEC(".maps");

/* Events that did not get into the ring. Counted by the programs, read by user space. */
__u64 lost;

/*
 * A tracepoint that was not the same in all kernels from 6.1 on; the answer is no where it has no such field. Every kernel has to have
 * a type of this name: for one that is not in vmlinux, libbpf (1.1) goes through the modules' types, and fails without CAP_SYS_ADMIN.
 */
struct trace_event_raw_mark_victim___6_10 {
	unsigned long total_vm;
} __attribute__((preserve_access_index));

/* Whether user space is to be woken: not for each, but before the ring is full. */
static __always_inline __u64 wakeup(enum host_event_kind kind)
{
	if (kind == HOST_EVENT_OOM || bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > RING_SIZE / 2)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void tell(enum host_event_kind kind, __u32 pid, __u32 parent)
{
	struct host_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		__sync_fetch_and_add(&lost, 1);
		return;
	}
	event->time_ns = bpf_ktime_get_ns();
	event->kind = kind;
	event->pid = pid;
	event->parent = parent;
	event->_pad = 0;
	bpf_ringbuf_submit(event, wakeup(kind));
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_probe, struct task_struct *task)
{
	tell(HOST_EVENT_EXEC, task->tgid, task->real_parent->tgid);
	return 0;
}

/* Of the kernel's own processes none has an address space, and what will be a program of the user has none yet. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(fork_probe, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid == child->tgid && child->mm)
		tell(HOST_EVENT_FORK, child->tgid, parent->tgid);
	return 0;
}

/*
 * signal->live counts the threads that have not come past the beginning of do_exit(). Each does that before it gets here, so the
 * last one here finds 0, and another may as well.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(exit_probe, struct task_struct *task)
{
	if (!(task->flags & PF_KTHREAD) && !task->signal->live.counter)
		tell(HOST_EVENT_EXIT, task->tgid, task->real_parent->tgid);
	return 0;
}

/* Raw, for the argument is the number of a thread up to Linux 6.9 (user space knows of which process), its task from then on. */
SEC("raw_tp/mark_victim")
int victim_probe(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task;

	if (bpf_core_field_exists(struct trace_event_raw_mark_victim___6_10, total_vm)) {
		task = (void *)ctx->args[0];
		tell(HOST_EVENT_OOM, BPF_CORE_READ(task, tgid), 0);
	} else {
		tell(HOST_EVENT_OOM, (__u32)ctx->args[0], 0);
	}
	return 0;
}
