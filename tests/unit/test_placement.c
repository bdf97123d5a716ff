// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_placement.c - each rule of placement on a function written for it, in bytes
 *
 * Real functions, and a processor's word on them: test_placement_live.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/placement.h"

#define LINUX_6_1 (6 << 16 | 1 << 8)
#define LINUX_6_18 (6 << 16 | 18 << 8)
#define BASE 0x401000UL

#define DI (1u << GPR_DI)
#define SI (1u << GPR_SI)

#define BYTES(...) {__VA_ARGS__}, sizeof((const __u8[]){__VA_ARGS__})

static const struct {
	const char *what;
	__u8 bytes[40];
	size_t size;
	__u32 kernel;
	struct {
		__u8 offset;
		enum probe_cost cost;
		__u16 sp_delta;
	} enter, back; /* of the argument in rdi */
} functions[] = {
	{"sub $0x18,%rsp; test %rdi,%rdi; js; xor %eax,%eax; add $0x18,%rsp; ret",
	 BYTES(0x48, 0x83, 0xec, 0x18, 0x48, 0x85, 0xff, 0x78, 0x02, 0x31, 0xc0, 0x48, 0x83, 0xc4,
	       0x18, 0xc3),
	 LINUX_6_1,
	 {7, COST_EMULATED, 0x18},
	 {0, COST_STEPPED, 0}},
	{"mov %rsi,%rdi; push %rbx; pop %rbx; ret: the argument is gone",
	 BYTES(0x48, 0x89, 0xf7, 0x53, 0x5b, 0xc3),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {3, COST_EMULATED, 0}},
	{"mov %rdi,%rax; 1: push %rcx; pop %rcx; dec %rsi; jne 1b; ret: a loop",
	 BYTES(0x48, 0x89, 0xf8, 0x51, 0x59, 0x48, 0xff, 0xce, 0x75, 0xf9, 0xc3),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
	{"endbr64; push %rbx; pop %rbx; ret",
	 BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0x53, 0x5b, 0xc3),
	 LINUX_6_1,
	 {4, COST_EMULATED, 0},
	 {4, COST_EMULATED, 0}},
	{"endbr64; push %rbp; sub $8,%rsp; ...: the first one",
	 BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x83, 0xec, 0x08, 0x53, 0x5b, 0x48, 0x83, 0xc4,
	       0x08, 0x5d, 0xc3),
	 LINUX_6_18,
	 {4, COST_EMULATED, 0},
	 {4, COST_EMULATED, 0}},
	{"mov %rdi,%rax; mov %rdi,%rdi; call; push %rbx; pop %rbx; ret: on the call, not behind it",
	 BYTES(0x48, 0x89, 0xf8, 0xe8, 0xfb, 0x0f, 0, 0, 0x53, 0x5b, 0xc3),
	 LINUX_6_1,
	 {3, COST_EMULATED, 0},
	 {3, COST_EMULATED, 0}},
	{"call *%rax; push %rbx; pop %rbx; ret: nothing behind a call",
	 BYTES(0xff, 0xd0, 0x53, 0x5b, 0xc3),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
	{"mov %rsi,%rax; jrcxz; push %rbx; pop %rbx; ret: nothing behind a fork",
	 BYTES(0x48, 0x89, 0xf0, 0xe3, 0x02, 0x53, 0x5b, 0xc3),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
	{"mov %rdi,%rax; jmp 1f; nop; 1: push %rbx; pop %rbx; ret",
	 BYTES(0x48, 0x89, 0xf8, 0xeb, 0x01, 0x90, 0x53, 0x5b, 0xc3),
	 LINUX_6_1,
	 {3, COST_EMULATED, 0},
	 {3, COST_EMULATED, 0}},
	{"jmp 1f; nop; 1: nopl; ret: a way through a jump to the cheaper one",
	 BYTES(0xeb, 0x01, 0x90, 0x0f, 0x1f, 0x44, 0, 0, 0xc3),
	 LINUX_6_18,
	 {3, COST_OPTIMIZED, 0},
	 {3, COST_OPTIMIZED, 0}},
	{"jmp 1f; 2: dec %rsi; 1: nopl; jne 2b; ret: other ways lead there",
	 BYTES(0xeb, 0x03, 0x48, 0xff, 0xce, 0x0f, 0x1f, 0x44, 0, 0, 0x75, 0xf6, 0xc3),
	 LINUX_6_18,
	 {0, COST_EMULATED, 0},
	 {0, COST_EMULATED, 0}},
	{"mov %rsp,%rax; and $-32,%rsp; push %rbx; mov %rax,%rsp; ret: depth not known",
	 BYTES(0x48, 0x89, 0xe0, 0x48, 0x83, 0xe4, 0xe0, 0x53, 0x48, 0x89, 0xc4, 0xc3),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
	{"mov %rsp,%rbp; sub $16,%rsp; mov %rbp,%rsp; nop; ret: depth known again",
	 BYTES(0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x10, 0x48, 0x89, 0xec, 0x90, 0xc3),
	 LINUX_6_1,
	 {10, COST_EMULATED, 0},
	 {10, COST_EMULATED, 0}},
	{"mov %edi,%eax; push %rbx; sub $8,%rsp; jump table: it is deeper",
	 BYTES(0x89, 0xf8, 0x53, 0x48, 0x83, 0xec, 0x08, 0x48, 0x63, 0x04, 0x81, 0x48, 0x01, 0xc8,
	       0xff, 0xe0),
	 LINUX_6_1,
	 {2, COST_EMULATED, 0},
	 {2, COST_EMULATED, 0}},
	{"mov %rsi,%rax; nop; jump table at the same depth: could come back to the nop",
	 BYTES(0x48, 0x89, 0xf0, 0x90, 0x48, 0x63, 0x04, 0xb9, 0x48, 0x01, 0xc8, 0xff, 0xe0),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
	{"mov %rsi,%rax; nop; mov x(%rip),%rax; jmp *%rax: a call through a pointer",
	 BYTES(0x48, 0x89, 0xf0, 0x90, 0x48, 0x8b, 0x05, 0, 0x10, 0, 0, 0xff, 0xe0),
	 LINUX_6_1,
	 {3, COST_EMULATED, 0},
	 {3, COST_EMULATED, 0}},
	{"sub $8,%rsp; jump table; 1: nop; jmp 1b: unseen code may jump back only to its own depth",
	 BYTES(0x50, 0x48, 0x63, 0x04, 0xb9, 0x48, 0x01, 0xc8, 0xff, 0xe0, 0x58, 0xc3),
	 LINUX_6_1,
	 {0, COST_EMULATED, 0},
	 {0, COST_EMULATED, 0}},
	{"mov %rdi,%rax; nop; push %rcx; jump table; pop %rcx; jmp to the nop: seen by the sweep",
	 BYTES(0x48, 0x89, 0xf8, 0x90, 0x51, 0xff, 0x24, 0xc5, 0, 0x10, 0, 0, 0x59, 0xeb, 0xf4),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
	{"nopl 0(%rax,%rax,1); push %rbx; pop %rbx; ret, stepped in 6.1",
	 BYTES(0x0f, 0x1f, 0x44, 0, 0, 0x53, 0x5b, 0xc3),
	 LINUX_6_1,
	 {5, COST_EMULATED, 0},
	 {5, COST_EMULATED, 0}},
	{"push %rbx; nopl 0(%rax,%rax,1); pop %rbx; ret, optimized in 6.18",
	 BYTES(0x53, 0x0f, 0x1f, 0x44, 0, 0, 0x5b, 0xc3),
	 LINUX_6_18,
	 {1, COST_OPTIMIZED, 8},
	 {0, COST_EMULATED, 0}},
	{"mov %rdi,-8(%rsp); nopl 0(%rax,%rax,1); ...: its call would overwrite -8(%rsp)",
	 BYTES(0x48, 0x89, 0x7c, 0x24, 0xf8, 0x0f, 0x1f, 0x44, 0, 0, 0x48, 0x8b, 0x44, 0x24, 0xf8,
	       0xc3),
	 LINUX_6_18,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
	{"mov %rdi,%rax; je into the je; ...: bytes with two meanings",
	 BYTES(0x48, 0x89, 0xf8, 0x90, 0x66, 0x90, 0x74, 0xfc, 0xc3),
	 LINUX_6_1,
	 {3, COST_EMULATED, 0},
	 {3, COST_EMULATED, 0}},
	{"vmovdqu %xmm0,(%rsi); mov %rdi,%rax; ret: not where the kernel would not do it",
	 BYTES(0xc5, 0xfa, 0x7f, 0x06, 0x48, 0x89, 0xf8, 0xc3),
	 LINUX_6_18,
	 {4, COST_STEPPED, 0},
	 {4, COST_STEPPED, 0}},
	{"no instruction",
	 BYTES(0x06, 0x06),
	 LINUX_6_1,
	 {0, COST_STEPPED, 0},
	 {0, COST_STEPPED, 0}},
};

static void enter_and_return(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		struct code code = {functions[i].bytes, functions[i].size, BASE};
		struct place place;

		placement__enter(&code, DI, functions[i].kernel, &place);
		if (place.address != BASE + functions[i].enter.offset ||
		    place.cost != functions[i].enter.cost ||
		    place.sp_delta != functions[i].enter.sp_delta || !place.why)
			fail_msg("%s: enter at +%d, cost %d, %d deep", functions[i].what,
				 (int)(place.address - BASE), place.cost, place.sp_delta);
		placement__return(&code, functions[i].kernel, &place);
		if (place.address != BASE + functions[i].back.offset ||
		    place.cost != functions[i].back.cost || place.sp_delta != 0)
			fail_msg("%s: return at +%d, cost %d, %d deep", functions[i].what,
				 (int)(place.address - BASE), place.cost, place.sp_delta);
	}
}

/* Exits wanted: offset, register, depth; as many as have a depth that is not NONE. */
#define NONE 0xffff
static const struct {
	const char *what;
	__u8 bytes[64];
	size_t size;
	struct {
		__u8 offset, reg;
		__u16 sp_delta;
	} exits[3];
} results[] = {
	{"pymalloc's shape: je behind the fast path, jmp behind the slow one",
	 BYTES(0x53, 0x48, 0x89, 0xfb, 0x48, 0x81, 0xff, 0, 0x02, 0, 0, 0x77, 0x1c, 0x48, 0x8b,
	       0x46, 0x08, 0x48, 0x85, 0xc0, 0x74, 0x13, 0x48, 0x8b, 0x08, 0x48, 0x89, 0x4e, 0x08,
	       0x48, 0x85, 0xc9, 0x74, 0x02, 0x5b, 0xc3, 0x48, 0x89, 0x36, 0x5b, 0xc3, 0x48, 0x89,
	       0xdf, 0xe8, 0xfb, 0x0f, 0, 0, 0xeb, 0xef),
	 {{32, GPR_AX, 8}, {49, GPR_AX, 8}, {0, 0, NONE}}},
	{"the result waits in rbx behind a call",
	 BYTES(0x53, 0xe8, 0xfb, 0x0f, 0, 0, 0x48, 0x89, 0xc3, 0x48, 0x85, 0xc0, 0x74, 0x08, 0x48,
	       0x89, 0xdf, 0xe8, 0xfb, 0x0f, 0, 0, 0x48, 0x89, 0xd8, 0x5b, 0xc3),
	 {{12, GPR_BX, 8}, {0, 0, NONE}}},
	{"of two in a row the later",
	 BYTES(0x48, 0x89, 0xf8, 0x48, 0x85, 0xf6, 0x74, 0x03, 0x48, 0x89, 0x37, 0x48, 0x85, 0xd2,
	       0x74, 0x03, 0x48, 0x89, 0x17, 0xc3),
	 {{14, GPR_AX, 0}, {0, 0, NONE}}},
	{"frame pointer, leave",
	 BYTES(0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0xe8, 0xfb,
	       0x0f, 0, 0, 0x48, 0x85, 0xc0, 0x74, 0x03, 0x48, 0x89, 0x38, 0xc9, 0xc3),
	 {{20, GPR_AX, 0x28}, {0, 0, NONE}}},
	{"xor eax, eax; nop: a result of NULL is one",
	 BYTES(0x31, 0xc0, 0x90, 0xc3),
	 {{2, GPR_AX, 0}, {0, 0, NONE}}},
	{"a loop around the only one",
	 BYTES(0x48, 0x89, 0xf8, 0x48, 0xff, 0xce, 0x75, 0xfb, 0xc3),
	 {{0, 0, NONE}}},
	{"one of two rets has none before it",
	 BYTES(0x48, 0x89, 0xf8, 0x48, 0x85, 0xf6, 0x74, 0x03, 0x31, 0xc0, 0xc3, 0x90, 0xc3),
	 {{0, 0, NONE}}},
	{"a fork, and one more on one side: once or twice, so on neither",
	 BYTES(0x48, 0x85, 0xff, 0x74, 0x05, 0x48, 0x89, 0xf8, 0x90, 0xc3, 0x48, 0x89, 0xf0, 0xc3),
	 {{0, 0, NONE}}},
	{"tail jump",
	 BYTES(0x48, 0x85, 0xff, 0x74, 0x05, 0x48, 0x89, 0xf8, 0x90, 0xc3, 0xe9, 0xfb, 0x0f, 0, 0),
	 {{0, 0, NONE}}},
	{"mov %ebx,%eax: half of the result",
	 BYTES(0x53, 0xe8, 0xfb, 0x0f, 0, 0, 0x48, 0x89, 0xc3, 0x90, 0x89, 0xd8, 0x5b, 0xc3),
	 {{0, 0, NONE}}},
	{"a ret that is not at the entry's depth",
	 BYTES(0x50, 0x48, 0x89, 0xf8, 0x90, 0xc3),
	 {{0, 0, NONE}}},
	{"behind a call that does not return",
	 BYTES(0x48, 0x89, 0xf8, 0x48, 0x85, 0xff, 0x74, 0x01, 0xc3, 0xe8, 0xfb, 0x0f, 0, 0),
	 {{6, GPR_AX, 0}, {0, 0, NONE}}},
};

static void exits_by_hand(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(results) / sizeof(*results); i++) {
		struct code code = {results[i].bytes, results[i].size, BASE};
		struct place exits[MAX_EXITS];
		size_t count, wanted = 0;
		int err = placement__exits(&code, LINUX_6_18, exits, &count);

		while (results[i].exits[wanted].sp_delta != NONE)
			wanted++;
		if (count != wanted || err != (wanted ? 0 : -ENOENT))
			fail_msg("%s: %d, %zu exits", results[i].what, err, count);
		for (size_t k = 0; k < count; k++)
			if (exits[k].address != BASE + results[i].exits[k].offset ||
			    exits[k].result_reg != results[i].exits[k].reg ||
			    exits[k].sp_delta != results[i].exits[k].sp_delta ||
			    exits[k].cost != COST_EMULATED)
				fail_msg("%s: exit at +%d, register %d, %d deep", results[i].what,
					 (int)(exits[k].address - BASE), exits[k].result_reg,
					 exits[k].sp_delta);
	}
}

/* Nothing that the bytes may be makes it run on, or read outside of them. */
static void noise(void **state)
{
	struct place exits[MAX_EXITS], place;
	unsigned int rng = 1;
	size_t count;

	(void)state;
	for (int round = 0; round < 150; round++) {
		size_t size = 1 + round * 7;
		__u8 *bytes = malloc(size);
		struct code code = {bytes, size, BASE};

		for (size_t i = 0; i < size; i++) {
			rng = rng * 1664525u + 1013904223u;
			bytes[i] = rng >> 24;
			/* many jumps */
			if (rng & 0x100)
				bytes[i] = 0x70 | (rng >> 24 & 0xf);
		}
		placement__enter(&code, DI | SI, LINUX_6_18, &place);
		assert_in_range(place.address, BASE, BASE + size - 1);
		placement__return(&code, LINUX_6_18, &place);
		assert_in_range(place.address, BASE, BASE + size - 1);
		placement__exits(&code, LINUX_6_18, exits, &count);
		free(bytes);
	}
}

static void larger_than_the_window(void **state)
{
	size_t size = 200000, count;
	__u8 *bytes = malloc(size);
	struct code code = {bytes, size, BASE};
	struct place exits[MAX_EXITS], place;

	(void)state;
	memset(bytes, 0x90, size);
	bytes[size - 1] = 0xc3;
	placement__enter(&code, DI, LINUX_6_1, &place);
	assert_int_equal(place.address, BASE);
	assert_int_equal(place.cost, COST_EMULATED);
	assert_int_equal(placement__exits(&code, LINUX_6_1, exits, &count), -ENOENT);
	assert_int_equal(count, 0);
	/* a jcc of every other instruction, backward and forward */
	for (size_t i = 0; i + 1 < size; i += 2) {
		bytes[i] = 0x74;
		bytes[i + 1] = i % 4 ? 0x10 : 0xf0;
	}
	placement__enter(&code, DI, LINUX_6_1, &place);
	assert_int_equal(place.address, BASE);
	placement__exits(&code, LINUX_6_1, exits, &count);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enter_and_return),
		cmocka_unit_test(exits_by_hand),
		cmocka_unit_test(noise),
		cmocka_unit_test(larger_than_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
