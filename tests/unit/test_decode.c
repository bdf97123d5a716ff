// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_decode.c - what is said of an instruction against what the manual says of it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/decode.h"

#define BASE 0x401000UL

#define AX (1u << GPR_AX)
#define CX (1u << GPR_CX)
#define DX (1u << GPR_DX)
#define BX (1u << GPR_BX)
#define SP (1u << GPR_SP)
#define BP (1u << GPR_BP)
#define SI (1u << GPR_SI)
#define DI (1u << GPR_DI)
#define R8 (1u << GPR_R8)
#define R11 (1u << GPR_R11)
#define R12 (1u << GPR_R12)

enum { READS_MEMORY = 1, WRITES_MEMORY = 2, FLAGS = 4, SP_UNKNOWN = 8, EMULATED = 16 };

static const struct {
	const char *what;
	__u8 length;
	__u8 bytes[10];
	enum insn_kind kind;
	__u16 reads, writes;
	__s32 sp_change;
	unsigned int effects;
} rows[] = {
	{"mov rax, rdi", 3, {0x48, 0x89, 0xf8}, INSN_MOV, DI, AX, 0, 0},
	{"mov eax, edi", 2, {0x89, 0xf8}, INSN_MOV, DI, AX, 0, 0},
	{"mov ah, bl", 2, {0x88, 0xdc}, INSN_MOV, BX, AX, 0, 0},
	{"mov dil, r8b", 3, {0x44, 0x88, 0xc7}, INSN_MOV, R8, DI, 0, 0},
	{"mov rax, [rbx+rcx*8+16]",
	 5,
	 {0x48, 0x8b, 0x44, 0xcb, 0x10},
	 INSN_MOV,
	 BX | CX,
	 AX,
	 0,
	 READS_MEMORY},
	{"mov [rdi+8], rsi", 4, {0x48, 0x89, 0x77, 8}, INSN_MOV, DI | SI, 0, 0, WRITES_MEMORY},
	{"movzx eax, byte [rdi]", 3, {0x0f, 0xb6, 7}, INSN_OTHER, DI, AX, 0, READS_MEMORY},
	{"lea rax, [rdi+rsi]", 4, {0x48, 0x8d, 4, 0x37}, INSN_LEA, DI | SI, AX, 0, 0},
	{"add [rdx], 1",
	 3,
	 {0x83, 0x02, 0x01},
	 INSN_ADD,
	 DX,
	 0,
	 0,
	 READS_MEMORY | WRITES_MEMORY | FLAGS},
	{"inc rcx", 3, {0x48, 0xff, 0xc1}, INSN_ADD, CX, CX, 0, FLAGS},
	{"dec [rdx]", 2, {0xff, 0x0a}, INSN_SUB, DX, 0, 0, READS_MEMORY | WRITES_MEMORY | FLAGS},
	{"sub rsp, 24", 4, {0x48, 0x83, 0xec, 0x18}, INSN_SUB, SP, SP, -24, FLAGS},
	{"add rsp, -128", 4, {0x48, 0x83, 0xc4, 0x80}, INSN_ADD, SP, SP, -128, FLAGS},
	{"sub esp, 24", 3, {0x83, 0xec, 0x18}, INSN_SUB, SP, SP, 0, FLAGS | SP_UNKNOWN},
	{"sub rsp, rax", 3, {0x48, 0x29, 0xc4}, INSN_SUB, AX | SP, SP, 0, FLAGS | SP_UNKNOWN},
	{"and rsp, -32", 4, {0x48, 0x83, 0xe4, 0xe0}, INSN_OTHER, SP, SP, 0, FLAGS | SP_UNKNOWN},
	{"lea rsp, [rsp+16]", 5, {0x48, 0x8d, 0x64, 0x24, 0x10}, INSN_LEA, SP, SP, 16, 0},
	{"lea rsp, [rbp-40]", 4, {0x48, 0x8d, 0x65, 0xd8}, INSN_LEA, BP, SP, 0, SP_UNKNOWN},
	{"leave", 1, {0xc9}, INSN_OTHER, SP | BP, SP | BP, 0, READS_MEMORY | SP_UNKNOWN},
	{"push rbx", 1, {0x53}, INSN_PUSH, SP | BX, SP, -8, WRITES_MEMORY | EMULATED},
	{"push r12", 2, {0x41, 0x54}, INSN_PUSH, SP | R12, SP, -8, WRITES_MEMORY | EMULATED},
	{"push bx", 2, {0x66, 0x53}, INSN_PUSH, SP | BX, SP, -2, WRITES_MEMORY},
	{"push 1", 2, {0x6a, 1}, INSN_PUSH, SP, SP, -8, WRITES_MEMORY},
	{"pop rbx", 1, {0x5b}, INSN_POP, SP, SP | BX, 8, READS_MEMORY},
	{"pop rsp", 1, {0x5c}, INSN_POP, SP, SP, 8, READS_MEMORY | SP_UNKNOWN},
	{"cmp rdi, 512", 7, {0x48, 0x81, 0xff, 0, 2}, INSN_CMP, DI, 0, 0, FLAGS},
	{"test rdi, rdi", 3, {0x48, 0x85, 0xff}, INSN_TEST, DI, 0, 0, FLAGS},
	{"cmovne rdi, rbx", 4, {0x48, 0x0f, 0x45, 0xfb}, INSN_OTHER, DI | BX, DI, 0, 0},
	{"mul rbx", 3, {0x48, 0xf7, 0xe3}, INSN_OTHER, AX | BX, AX | DX, 0, FLAGS},
	{"lock cmpxchg [rbp+0], edx",
	 5,
	 {0xf0, 0x0f, 0xb1, 0x55, 0},
	 INSN_OTHER,
	 AX | DX | BP,
	 AX,
	 0,
	 READS_MEMORY | WRITES_MEMORY | FLAGS},
	{"rep stosq", 3, {0xf3, 0x48, 0xab}, INSN_OTHER, AX | CX | DI, CX | DI, 0, WRITES_MEMORY},
	{"nop", 1, {0x90}, INSN_NOP, 0, 0, 0, EMULATED},
	{"66 nop", 2, {0x66, 0x90}, INSN_NOP, 0, 0, 0, 0},
	{"xchg r8, rax", 2, {0x49, 0x90}, INSN_OTHER, AX | R8, AX | R8, 0, 0},
	{"nop [rax+rax]", 5, {0x0f, 0x1f, 0x44}, INSN_NOP, 0, 0, 0, 0},
	{"cs nop", 10, {0x66, 0x2e, 0x0f, 0x1f, 0x84}, INSN_NOP, 0, 0, 0, 0},
	{"endbr64", 4, {0xf3, 0x0f, 0x1e, 0xfa}, INSN_ENDBR, 0, 0, 0, 0},
	{"jmp *rax", 2, {0xff, 0xe0}, INSN_JUMP_INDIRECT, AX, 0, 0, 0},
	{"notrack jmp *rax", 3, {0x3e, 0xff, 0xe0}, INSN_JUMP_INDIRECT, AX, 0, 0, 0},
	{"call *rdx",
	 2,
	 {0xff, 0xd2},
	 INSN_CALL_INDIRECT,
	 SP | DX,
	 CALL_CLOBBERS,
	 0,
	 READS_MEMORY | WRITES_MEMORY | FLAGS},
	{"ret", 1, {0xc3}, INSN_RET, SP, SP, 8, READS_MEMORY},
	{"ret 16", 3, {0xc2, 0x10, 0}, INSN_RET, SP, SP, 24, READS_MEMORY},
	{"ud2", 2, {0x0f, 0x0b}, INSN_STOP, 0, 0, 0, 0},
	{"int3", 1, {0xcc}, INSN_STOP, 0, 0, 0, FLAGS},
	{"hlt", 1, {0xf4}, INSN_STOP, 0, 0, 0, 0},
	{"syscall",
	 2,
	 {0x0f, 0x05},
	 INSN_OTHER,
	 0,
	 AX | CX | R11,
	 0,
	 READS_MEMORY | WRITES_MEMORY | FLAGS},
};

static void effects_of_instructions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct code code = {rows[i].bytes, rows[i].length, BASE};
		struct insn insn, quick;
		unsigned int effects;

		if (!code__decode(&code, BASE, &insn) || insn.length != rows[i].length)
			fail_msg("%s: not decoded", rows[i].what);
		effects = (insn.reads_memory ? READS_MEMORY : 0) |
			  (insn.writes_memory ? WRITES_MEMORY : 0) |
			  (insn.writes_flags ? FLAGS : 0) | (insn.sp_unknown ? SP_UNKNOWN : 0) |
			  (insn.emulated ? EMULATED : 0);
		if (insn.kind != rows[i].kind || insn.sp_change != rows[i].sp_change ||
		    effects != rows[i].effects)
			fail_msg("%s: kind %d, sp %d, effects %x", rows[i].what, insn.kind,
				 insn.sp_change, effects);
		if (insn.reads != rows[i].reads || insn.writes != rows[i].writes)
			fail_msg("%s: reads %x, writes %x", rows[i].what, insn.reads, insn.writes);
		assert_true(code__decode_quick(&code, BASE, &quick));
		assert_int_equal(quick.kind, insn.kind);
		assert_int_equal(quick.length, insn.length);
		assert_int_equal(quick.emulated, insn.emulated);
	}
}

static struct insn decode(const char *bytes, size_t size)
{
	struct code code = {(const __u8 *)bytes, size, BASE};
	struct insn insn;

	assert_true(code__decode(&code, BASE, &insn));
	assert_int_equal(insn.length, size);
	return insn;
}
#define DECODE(bytes) decode(bytes, sizeof(bytes) - 1)

static void branches(void **state)
{
	struct insn insn;

	(void)state;
	insn = DECODE("\x74\xfe");
	assert_int_equal(insn.kind, INSN_JCC);
	assert_int_equal(insn.condition, 4);
	assert_int_equal(insn.target, BASE);
	insn = DECODE("\x0f\x8f\x10\x00\x00\x00");
	assert_int_equal(insn.kind, INSN_JCC);
	assert_int_equal(insn.condition, 0xf);
	assert_int_equal(insn.target, BASE + 6 + 0x10);
	insn = DECODE("\xe3\x10");
	assert_int_equal(insn.kind, INSN_JCC);
	assert_int_equal(insn.condition, CONDITION_OTHER);
	assert_int_equal(insn.target, BASE + 0x12);
	insn = DECODE("\xeb\x80");
	assert_int_equal(insn.kind, INSN_JUMP);
	assert_int_equal(insn.target, BASE + 2 - 0x80);
	insn = DECODE("\xe8\x00\xff\xff\xff");
	assert_int_equal(insn.kind, INSN_CALL);
	assert_int_equal(insn.target, BASE + 5 - 0x100);
	assert_int_equal(insn.writes, CALL_CLOBBERS);
	assert_int_equal(insn.sp_change, 0);
	assert_false(insn.sp_unknown);
}

static void operands(void **state)
{
	struct insn insn;

	(void)state;
	/* mov rax, [rip+0x100] */
	insn = DECODE("\x48\x8b\x05\x00\x01\x00\x00");
	assert_int_equal(insn.operand_count, 2);
	assert_int_equal(insn.operands[0].kind, OPERAND_REG);
	assert_int_equal(insn.operands[0].reg, GPR_AX);
	assert_int_equal(insn.operands[0].size, 8);
	assert_int_equal(insn.operands[1].kind, OPERAND_MEM);
	assert_int_equal(insn.operands[1].base, GPR_IP);
	assert_int_equal(insn.operands[1].index, GPR_NONE);
	assert_int_equal(insn.operands[1].value, BASE + 7 + 0x100);
	assert_int_equal(insn.reads, 0);
	/* mov rdx, [rax*8 + 0x959d20] */
	insn = DECODE("\x48\x8b\x14\xc5\x20\x9d\x95\x00");
	assert_int_equal(insn.operands[1].base, GPR_NONE);
	assert_int_equal(insn.operands[1].index, GPR_AX);
	assert_int_equal(insn.operands[1].scale, 8);
	assert_int_equal(insn.operands[1].value, 0x959d20);
	/* mov rax, fs:[0x28] */
	insn = DECODE("\x64\x48\x8b\x04\x25\x28\x00\x00\x00");
	assert_true(insn.operands[1].segment);
	assert_int_equal(insn.operands[1].value, 0x28);
	/* inc dword [rdx]: an add of 1 */
	insn = DECODE("\xff\x02");
	assert_int_equal(insn.kind, INSN_ADD);
	assert_int_equal(insn.operand_count, 2);
	assert_int_equal(insn.operands[0].kind, OPERAND_MEM);
	assert_int_equal(insn.operands[0].size, 4);
	assert_int_equal(insn.operands[1].kind, OPERAND_IMM);
	assert_int_equal(insn.operands[1].value, 1);
	/* add dword [rdx], -1 */
	insn = DECODE("\x83\x02\xff");
	assert_int_equal(insn.operands[1].value, -1);
	/* mov rax, xmm0: no general register */
	insn = DECODE("\x66\x48\x0f\x7e\xc0");
	assert_int_equal(insn.operands[0].reg, GPR_AX);
	assert_int_equal(insn.operands[1].reg, GPR_NONE);
}

static void edges(void **state)
{
	static const __u8 bytes[] = {0x53, 0x48, 0x89};
	struct code code = {bytes, sizeof(bytes), BASE};
	struct insn insn;
	char text[8];

	(void)state;
	assert_false(code__decode(&code, BASE - 1, &insn));
	assert_true(code__decode(&code, BASE, &insn));
	assert_false(code__decode(&code, BASE + 1, &insn)); /* cut off */
	assert_false(code__decode_quick(&code, BASE + 1, &insn));
	assert_false(code__decode(&code, BASE + 3, &insn));
	assert_false(code__decode(&code, UINT64_MAX, &insn));
	code__format(&code, BASE, text, sizeof(text));
	assert_string_equal(text, "push rb"); /* as much as there is room for */
	code__format(&code, BASE + 1, text, sizeof(text));
	assert_string_equal(text, "?");
	code__format(&code, BASE, text, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(effects_of_instructions),
		cmocka_unit_test(branches),
		cmocka_unit_test(operands),
		cmocka_unit_test(edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
