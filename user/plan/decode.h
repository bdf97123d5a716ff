/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan/decode.h - x86-64 instructions of a file, as the planner asks about them
 *
 * The only file that knows Zydis. Registers are numbered as in wire.h (GPR_AX ... GPR_R15).
 */
#ifndef PLAN_DECODE_H
#define PLAN_DECODE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire.h"

/* A run of executable bytes: a function, or a whole segment. */
struct code {
	const __u8 *bytes;
	size_t size;
	__u64 address; /* ELF virtual address of bytes[0] */
};

enum insn_kind {
	INSN_OTHER,
	INSN_MOV, /* mov of registers, memory, immediates; no extension */
	INSN_LEA,
	INSN_ADD, /* add or inc: operands[1] says how much, also for inc, an immediate of 1 */
	INSN_SUB, /* sub or dec: likewise */
	INSN_CMP,
	INSN_TEST,
	INSN_PUSH,
	INSN_POP,
	INSN_NOP, /* any form of it, endbr64 excluded */
	INSN_ENDBR,
	INSN_JUMP, /* unconditional, target known */
	INSN_JCC,
	INSN_JUMP_INDIRECT,
	INSN_CALL, /* target known */
	INSN_CALL_INDIRECT,
	INSN_RET,
	INSN_STOP, /* ud2, hlt, int3: the path ends */
};

enum operand_kind { OPERAND_NONE, OPERAND_REG, OPERAND_MEM, OPERAND_IMM };

struct operand {
	enum operand_kind kind;
	__u8 reg;                /* GPR_*, for OPERAND_REG; GPR_NONE = not a general register */
	__u8 size;               /* bytes */
	__u8 base, index, scale; /* OPERAND_MEM; GPR_NONE, GPR_IP for rip-relative */
	bool segment;            /* fs: or gs: */
	__s64 value; /* immediate, or displacement; rip-relative: resolved to an address */
};

#define CONDITION_OTHER 0xff /* jrcxz, loop, xbegin: two successors, and no flag decides */

struct insn {
	__u64 address;
	__u8 length;
	enum insn_kind kind;
	__u8 condition; /* low nibble of the opcode of a JCC: 4 = e, 5 = ne ...; or CONDITION_OTHER */
	__u64 target;   /* of jumps and calls */
	struct operand operands[3]; /* destination first */
	__u8 operand_count;         /* explicit operands, at most 3 kept */
	/*
	 * A bit per GPR_*: any part of the register, implicit ones and those of addresses included; read,
	 * too, where written under a condition. call: writes is CALL_CLOBBERS.
	 */
	__u16 reads, writes;
	bool writes_memory, reads_memory;
	bool writes_flags;
	__s32 sp_change; /* bytes added to the stack pointer where known from the instruction; call: 0 */
	bool sp_unknown; /* writes the stack pointer in another way */
	bool emulated;   /* by the kernel under a uprobe, see emulated.h; set by decode */
};

/* Registers that a call leaves undefined (System V AMD64 psABI). */
#define CALL_CLOBBERS                                                                              \
	((1u << GPR_AX) | (1u << GPR_CX) | (1u << GPR_DX) | (1u << GPR_SI) | (1u << GPR_DI) |      \
	 (1u << GPR_R8) | (1u << GPR_R9) | (1u << GPR_R10) | (1u << GPR_R11))

/* Decodes the instruction at address. false: outside the code, or no instruction. */
bool code__decode(const struct code *code, __u64 address, struct insn *insn);

/*
 * As code__decode(), but only address, length, kind, condition, target and emulated: at half the time
 * (0.25 us instead of 0.5). For a first look through a whole file.
 */
bool code__decode_quick(const struct code *code, __u64 address, struct insn *insn);

/* Intel syntax text of it, at most size bytes. */
void code__format(const struct code *code, __u64 address, char *text, size_t size);

#endif
