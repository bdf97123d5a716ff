/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * arch.h - what differs between processors: the thread pointer, and where a caller's address is
 */
#ifndef ARCH_H
#define ARCH_H

/* All are read first: the verifier wants constant offsets into the registers. */
static __always_inline __u64 argument(struct pt_regs *ctx, __u32 number)
{
	__u64 first = PT_REGS_PARM1(ctx), second = PT_REGS_PARM2(ctx), third = PT_REGS_PARM3(ctx);

	asm volatile("" : "+r"(first), "+r"(second), "+r"(third));
	return number == 1 ? first : number == 2 ? second : number == 3 ? third : 0;
}

#if defined(__TARGET_ARCH_x86)

/* The stack pointer after a return, less the one at the function's first instruction. */
#define RETURN_SP_DELTA 8

/* pthread_self() of glibc and musl: the FS base. Current since exec or clone set it there. */
static __always_inline __u64 thread_pointer(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread.fsbase);
}

/* Where a function returns to whose first instruction had this stack pointer. */
static __always_inline int caller_of(struct pt_regs *ctx, __u64 sp, __u64 *caller)
{
	return bpf_probe_read_user(caller, sizeof(*caller), (void *)sp);
}

/* The verifier wants constant offsets into the registers: the compiler must not compute one. */
#define REGISTER_CASE(number, field)                                                               \
	case number:                                                                               \
		value = ctx->field;                                                                \
		asm volatile("" : "+r"(value));                                                    \
		break

/* General register by number (enum reg). */
static __always_inline __u64 register_of(struct pt_regs *ctx, __u32 number)
{
	__u64 value = 0;

	switch (number) {
		REGISTER_CASE(GPR_AX, ax);
		REGISTER_CASE(GPR_CX, cx);
		REGISTER_CASE(GPR_DX, dx);
		REGISTER_CASE(GPR_BX, bx);
		REGISTER_CASE(GPR_BP, bp);
		REGISTER_CASE(GPR_SI, si);
		REGISTER_CASE(GPR_DI, di);
		REGISTER_CASE(GPR_R8, r8);
		REGISTER_CASE(GPR_R9, r9);
		REGISTER_CASE(GPR_R10, r10);
		REGISTER_CASE(GPR_R11, r11);
		REGISTER_CASE(GPR_R12, r12);
		REGISTER_CASE(GPR_R13, r13);
		REGISTER_CASE(GPR_R14, r14);
		REGISTER_CASE(GPR_R15, r15);
	}
	return value;
}

/* The zero flag, before the probed instruction. */
static __always_inline int zero_flag(struct pt_regs *ctx)
{
	return ctx->flags >> 6 & 1;
}

#elif defined(__TARGET_ARCH_arm64)

#define RETURN_SP_DELTA 0

static __always_inline __u64 thread_pointer(struct task_struct *task)
{
	return BPF_CORE_READ(task, thread.uw.tp_value);
}

static __always_inline int caller_of(struct pt_regs *ctx, __u64 sp, __u64 *caller)
{
	*caller = PT_REGS_RET(ctx);
	return 0;
}

/* Inlined paths are found in x86-64 code only so far. */
static __always_inline __u64 register_of(struct pt_regs *ctx, __u32 number)
{
	return 0;
}

static __always_inline int zero_flag(struct pt_regs *ctx)
{
	return 0;
}

#else
#error "no such architecture yet"
#endif

#endif
