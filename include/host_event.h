/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * host_event.h - what the kernel says of the host's processes: records of the ring of bpf/host.bpf.c
 *
 * Include vmlinux.h (BPF) or <linux/types.h> (user space) first.
 *
 * Every PID is one of the initial PID namespace, as everywhere in this program, which does not run in another one
 * (requirements__check()). Events of one process are in order; those of different processors are as they got into the ring.
 */
#ifndef HOST_EVENT_H
#define HOST_EVENT_H

enum host_event_kind {
	/*
	 * A process has a new image, whose file and program interpreter are mapped; none of its code has run, so that no library
	 * is there yet. fs/exec.c, exec_binprm(). parent: its parent.
	 */
	HOST_EVENT_EXEC = 1,
	/*
	 * A process, not a thread, was made and has not run yet. kernel/fork.c, kernel_clone(). parent: the process that made it,
	 * which CLONE_PARENT lets be another than its parent. Processes that the kernel makes for itself are left out: what becomes
	 * a program shows by its exec.
	 */
	HOST_EVENT_FORK,
	/*
	 * The last thread of a process is about to end, by which the process does; its zombie remains until the parent waits.
	 * kernel/exit.c, do_exit(). The address space is already gone up to Linux 6.15; from 6.16 on it goes at once. It is
	 * said more than once where the last threads end at the same moment. parent: its parent.
	 */
	HOST_EVENT_EXIT,
	/*
	 * The process is being killed for want of memory: SIGKILL has been sent, none of its code runs any more, its memory goes
	 * within moments. mm/oom_kill.c, mark_oom_victim(). Another process that shares its memory dies without such an event.
	 * Twice, where the kernel comes back to one that is slow to die. parent: 0.
	 */
	HOST_EVENT_OOM,
};

struct host_event {
	__u64 time_ns; /* bpf_ktime_get_ns(): CLOCK_MONOTONIC */
	__u32 kind;    /* enum host_event_kind */
	__u32 pid;
	__u32 parent;
	__u32 _pad;
};
_Static_assert(sizeof(struct host_event) == 24, "host_event");

#endif
