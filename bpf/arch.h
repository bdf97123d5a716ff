/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arch.h - what differs between processors: the thread pointer, and where a caller's address is
 */
#ifndef ARCH_H
#define ARCH_H

#if defined(__TARGET_ARCH_x86)

/* The stack pointer after a return, less the one at the function's first instruction. */
#define RETURN_SP_DELTA 8

/* pthread_self() of glibc and musl: the FS base. Current since exec or clone set it there. */
static __always_inline __u64 thread_pointer(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread.fsbase);
}

/* Where the function returns to; only right at its first instruction. */
static __always_inline int caller_of(struct pt_regs *ctx, __u64 *caller)
{
	return bpf_probe_read_user(caller, sizeof(*caller), (void *)PT_REGS_SP(ctx));
}

#elif defined(__TARGET_ARCH_arm64)

#define RETURN_SP_DELTA 0

static __always_inline __u64 thread_pointer(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread.uw.tp_value);
}

static __always_inline int caller_of(struct pt_regs *ctx, __u64 *caller)
{
	*caller = PT_REGS_RET(ctx);
	return 0;
}

#else
#error "no such architecture yet"
#endif

#endif
