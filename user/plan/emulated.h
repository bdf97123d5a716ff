/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan/emulated.h - which instructions a uprobe costs little on, by kernel version, as data
 *
 * arch/x86/kernel/uprobes.c: branch_setup_xol_ops(), push_setup_xol_ops(), and can_optimize() from 6.18 on.
 */
#ifndef PLAN_EMULATED_H
#define PLAN_EMULATED_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "plan.h"

/*
 * kernel: (major << 16) | (minor << 8) | patch; 0 = the oldest supported. COST_STEPPED also for what a
 * kernel refuses to probe at all (a lock or segment prefix of the old kind).
 *
 * COST_OPTIMIZED says what the kernel will do, not that it is harmless: the call that replaces the nop
 * pushes a return address, over what the function may keep in the 128 bytes below its stack
 * pointer (linux-trace-kernel, 8 May 2026, "red zone"; seen on 6.18: 999 of 1,000
 * values lost). At a function's entry nothing is kept there.
 */
enum probe_cost uprobe__cost(const __u8 *bytes, size_t length, __u32 kernel);

/* The same at an address: a nop across a page boundary is not optimized, and stays emulated. */
enum probe_cost uprobe__cost_at(const __u8 *bytes, size_t length, __u64 address, __u32 kernel);

/*
 * Whether a probe there is accepted, and the program still does what it did. Refused: lock, es, cs, ss, ds
 * prefixes; 66 before a branch. Accepted and then executed wrongly, seen on 6.18: VEX instructions whose
 * opcode byte is 70 - 7f, which the kernel takes for conditional jumps (vmovdqu to memory stores nothing,
 * vpcmpeqb compares nothing), and xchg r8, rax, which it takes for a nop; here all of VEX and EVEX is false.
 */
bool uprobe__possible(const __u8 *bytes, size_t length, __u32 kernel);

#endif
