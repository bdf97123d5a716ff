// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_emulated.c - the table against what arch/x86/kernel/uprobes.c does in 6.1, 6.12, 6.16, 6.18
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/emulated.h"

#define KERNEL(major, minor) ((major) << 16 | (minor) << 8)

#define STEPPED COST_STEPPED
#define EMULATED COST_EMULATED
#define OPTIMIZED COST_OPTIMIZED

/* Costs in 6.1 (and 0, the oldest), 6.12, 6.16, 6.18. */
static const struct {
	const char *what;
	__u8 length;
	__u8 bytes[15];
	enum probe_cost costs[4];
} rows[] = {
#define SAME(cost)                                                                                 \
	{                                                                                          \
		cost, cost, cost, cost                                                             \
	}
	{"push rbx", 1, {0x53}, SAME(EMULATED)},
	{"push rsp", 1, {0x54}, SAME(EMULATED)},
	{"push r12", 2, {0x41, 0x54}, SAME(EMULATED)},
	{"push rbx behind REX.W", 2, {0x48, 0x53}, SAME(STEPPED)},
	{"push r12 behind REX.WB", 2, {0x49, 0x54}, SAME(STEPPED)},
	{"push bx", 2, {0x66, 0x53}, SAME(STEPPED)},
	{"push 1", 2, {0x6a, 0x01}, SAME(STEPPED)},
	{"push imm32", 5, {0x68, 1, 0, 0, 0}, SAME(STEPPED)},
	{"push [rax]", 2, {0xff, 0x30}, SAME(STEPPED)},
	{"pop rbx", 1, {0x5b}, SAME(STEPPED)},
	{"je rel8", 2, {0x74, 0x05}, SAME(EMULATED)},
	{"js rel8", 2, {0x78, 0x05}, SAME(EMULATED)},
	{"jg rel8", 2, {0x7f, 0x05}, SAME(EMULATED)},
	{"jne rel32", 6, {0x0f, 0x85, 1, 0, 0, 0}, SAME(EMULATED)},
	{"bnd jne rel32", 7, {0xf2, 0x0f, 0x85, 1, 0, 0, 0}, SAME(EMULATED)},
	{"je with 66", 3, {0x66, 0x74, 0x05}, SAME(STEPPED)},
	{"je with a hint, refused", 3, {0x3e, 0x74, 0x05}, SAME(STEPPED)},
	{"jrcxz", 2, {0xe3, 0x05}, SAME(STEPPED)},
	{"loop", 2, {0xe2, 0x05}, SAME(STEPPED)},
	{"jmp rel8", 2, {0xeb, 0x05}, SAME(EMULATED)},
	{"jmp rel32", 5, {0xe9, 1, 0, 0, 0}, SAME(EMULATED)},
	{"jmp *rax", 2, {0xff, 0xe0}, SAME(STEPPED)},
	{"notrack jmp *rax", 3, {0x3e, 0xff, 0xe0}, SAME(STEPPED)},
	{"call rel32", 5, {0xe8, 1, 0, 0, 0}, SAME(EMULATED)},
	{"call with 66", 6, {0x66, 0xe8, 1, 0, 0, 0}, SAME(STEPPED)},
	{"call *rax", 2, {0xff, 0xd0}, SAME(STEPPED)},
	{"ret", 1, {0xc3}, SAME(STEPPED)},
	{"endbr64", 4, {0xf3, 0x0f, 0x1e, 0xfa}, SAME(STEPPED)},
	{"mov rax, rdi", 3, {0x48, 0x89, 0xf8}, SAME(STEPPED)},
	{"sub rsp, 24", 4, {0x48, 0x83, 0xec, 0x18}, SAME(STEPPED)},
	{"sete al", 3, {0x0f, 0x94, 0xc0}, SAME(STEPPED)},
	{"lock inc [rax]", 3, {0xf0, 0xff, 0x00}, SAME(STEPPED)},
	{"vzeroupper", 3, {0xc5, 0xf8, 0x77}, SAME(STEPPED)},
	{"nop", 1, {0x90}, SAME(EMULATED)},
	{"pause", 2, {0xf3, 0x90}, SAME(EMULATED)},
	/* the kernel takes it for a nop: never probed by us */
	{"xchg r8, rax", 2, {0x49, 0x90}, SAME(STEPPED)},
	{"66 nop", 2, {0x66, 0x90}, {STEPPED, EMULATED, EMULATED, EMULATED}},
	{"nop 3", 3, {0x0f, 0x1f, 0}, {STEPPED, STEPPED, EMULATED, EMULATED}},
	{"nop 4", 4, {0x0f, 0x1f, 0x40, 0}, {STEPPED, STEPPED, EMULATED, EMULATED}},
	{"nop 5", 5, {0x0f, 0x1f, 0x44, 0, 0}, {STEPPED, STEPPED, EMULATED, OPTIMIZED}},
	{"nop 5 of another kind",
	 5,
	 {0x66, 0x0f, 0x1f, 0x40, 0},
	 {STEPPED, STEPPED, STEPPED, OPTIMIZED}},
	{"nop 5 by prefixes",
	 5,
	 {0x66, 0x66, 0x66, 0x66, 0x90},
	 {STEPPED, EMULATED, EMULATED, OPTIMIZED}},
	{"not a nop, reg 1", 5, {0x0f, 0x1f, 0x4c, 0, 0}, SAME(STEPPED)},
	{"nop 6", 6, {0x66, 0x0f, 0x1f, 0x44}, {STEPPED, STEPPED, EMULATED, EMULATED}},
	{"nop 7", 7, {0x0f, 0x1f, 0x80}, {STEPPED, STEPPED, EMULATED, EMULATED}},
	{"nop 8", 8, {0x0f, 0x1f, 0x84}, {STEPPED, STEPPED, EMULATED, EMULATED}},
	{"nop 10, cs is refused", 10, {0x66, 0x2e, 0x0f, 0x1f, 0x84}, SAME(STEPPED)},
};

static void costs_by_kernel(void **state)
{
	static const __u32 kernels[] = {KERNEL(6, 1), KERNEL(6, 12), KERNEL(6, 16), KERNEL(6, 18)};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (size_t k = 0; k < 4; k++)
			if (uprobe__cost(rows[i].bytes, rows[i].length, kernels[k]) !=
			    rows[i].costs[k])
				fail_msg("%s, kernel %x", rows[i].what, kernels[k]);
		if (uprobe__cost(rows[i].bytes, rows[i].length, 0) != rows[i].costs[0])
			fail_msg("%s, kernel not known", rows[i].what);
		if (uprobe__cost(rows[i].bytes, rows[i].length, KERNEL(7, 2)) != rows[i].costs[3])
			fail_msg("%s, a later kernel", rows[i].what);
	}
}

static void a_nop_across_pages_stays_emulated(void **state)
{
	static const __u8 nop5[] = {0x0f, 0x1f, 0x44, 0, 0};

	(void)state;
	assert_int_equal(uprobe__cost_at(nop5, 5, 0x1ffb, KERNEL(6, 18)), COST_OPTIMIZED);
	assert_int_equal(uprobe__cost_at(nop5, 5, 0x1ffc, KERNEL(6, 18)), COST_EMULATED);
	assert_int_equal(uprobe__cost_at(nop5, 5, 0x2000, KERNEL(6, 18)), COST_OPTIMIZED);
}

static void impossible_ones(void **state)
{
	static const struct {
		const char *what;
		__u8 length;
		__u8 bytes[6];
		bool old, later; /* 6.1, 6.18 */
	} wanted[] = {
		{"push rbx", 1, {0x53}, true, true},
		{"sub rsp, 24", 4, {0x48, 0x83, 0xec, 0x18}, true, true},
		{"push bx", 2, {0x66, 0x53}, true, true},
		{"endbr64", 4, {0xf3, 0x0f, 0x1e, 0xfa}, true, true},
		{"lock inc [rdi]", 3, {0xf0, 0xff, 0x07}, false, false},
		{"notrack jmp *rax", 3, {0x3e, 0xff, 0xe0}, false, false},
		{"je with 66", 3, {0x66, 0x74, 0x00}, false, false},
		{"66 nop", 2, {0x66, 0x90}, false, true},
		{"xchg r8, rax", 2, {0x49, 0x90}, false, false},
		{"vmovdqu [rdi], xmm0", 4, {0xc5, 0xfa, 0x7f, 0x07}, false, false},
		{"vpcmpeqb", 4, {0xc5, 0xf9, 0x74, 0xc0}, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		const __u8 *bytes = wanted[i].bytes;

		if (uprobe__possible(bytes, wanted[i].length, KERNEL(6, 1)) != wanted[i].old ||
		    uprobe__possible(bytes, wanted[i].length, KERNEL(6, 18)) != wanted[i].later)
			fail_msg("%s", wanted[i].what);
	}
	assert_false(uprobe__possible(wanted[0].bytes, 0, 0));
}

static void nonsense_is_stepped(void **state)
{
	static const __u8 prefixes[15] = {0x66, 0x66, 0x66};

	(void)state;
	assert_int_equal(uprobe__cost(prefixes, 0, 0), COST_STEPPED);
	assert_int_equal(uprobe__cost(prefixes, 3, 0), COST_STEPPED);
	assert_int_equal(uprobe__cost((const __u8[]){0x0f}, 1, 0), COST_STEPPED);
	assert_int_equal(uprobe__cost((const __u8[]){0x48}, 1, 0), COST_STEPPED);
	assert_int_equal(uprobe__cost(prefixes, 16, 0), COST_STEPPED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(costs_by_kernel),
		cmocka_unit_test(a_nop_across_pages_stays_emulated),
		cmocka_unit_test(impossible_ones),
		cmocka_unit_test(nonsense_is_stepped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
