// SPDX-License-Identifier: BSD-2-Clause
/*
 * emulated.c - what Linux does with an instruction under a uprobe, as a table
 *
 * arch/x86/kernel/uprobes.c: arch_uprobe_analyze_insn() and what it calls, as read in 6.1, 6.12, 6.18.
 *	all   jmp, jcc and call with a relative target, 1-byte nop (branch_setup_xol_ops); push of a
 *	      register, alone or behind REX.B and nothing else (push_setup_xol_ops)
 *	6.3   66 90, refused until then (cefa72129e45); 66 in front of a branch is refused to this day
 *	6.16  the kernel's own nops of several bytes (610f6e14c29d, x86_nops[])
 *	6.18  a nop of 5 bytes becomes a call of a trampoline that makes a system call (can_optimize)
 * All else is stepped in all of them: mov, sub, lea, test, ret, push of an immediate or of memory,
 * jrcxz, loop. A prefix of those in is_prefix_bad() and an opcode outside good_insns_64[] are refused.
 */
#include <string.h>

#include "plan/emulated.h"

#define KERNEL(major, minor) ((major) << 16 | (minor) << 8)
#define PAGE 4096
#define LONGEST 15
#define NOP 0x90
#define VEX2 0xc5
#define VEX3 0xc4
#define EVEX 0x62

/* An instruction as far as the kernel looks at it. */
struct shape {
	size_t prefixes; /* legacy ones, REX not counted */
	bool refused;    /* one of them is es, cs, ss, ds or lock */
	bool size16;     /* one of them is 66 */
	__u8 rex;        /* 0 = none */
	bool escaped;    /* opcode is behind 0f */
	__u8 opcode;
	const __u8 *rest; /* behind the opcode */
	size_t rest_size;
};

/* Opcodes first ... last, behind 0f where escaped. */
struct pattern {
	__u32 since;
	bool escaped;
	__u8 first, last;
	bool allows_prefix; /* others than 66 */
	bool allows_size16;
	__u8 rex; /* none but this one; ANY_REX */
};

#define ANY_REX 0xff

static const struct pattern patterns[] = {
	{0, false, 0x70, 0x7f, true, false, ANY_REX}, /* jcc rel8 */
	{0, true, 0x80, 0x8f, true, false, ANY_REX},  /* jcc rel32 */
	{0, false, 0xe8, 0xe9, true, false, ANY_REX}, /* call, jmp rel32 */
	{0, false, 0xeb, 0xeb, true, false, ANY_REX}, /* jmp rel8 */
	{0, false, 0x50, 0x57, false, false, 0x41},   /* push reg */
	{0, false, 0x90, 0x90, true, false, 0},       /* nop, pause */
	{KERNEL(6, 3), false, 0x90, 0x90, true, true, 0},
};

/* x86_nops[3 ...]; the longer ones have a cs prefix, which is refused. */
static const struct {
	__u8 length;
	__u8 bytes[9];
} long_nops[] = {
	{3, {0x0f, 0x1f, 0x00}},
	{4, {0x0f, 0x1f, 0x40, 0x00}},
	{5, {0x0f, 0x1f, 0x44, 0x00, 0x00}},
	{6, {0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00}},
	{7, {0x0f, 0x1f, 0x80}},
	{8, {0x0f, 0x1f, 0x84}},
};

#define LONG_NOPS_SINCE KERNEL(6, 16)
#define OPTIMIZED_SINCE KERNEL(6, 18)

static bool note_prefix(struct shape *shape, __u8 byte)
{
	switch (byte) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0xf0:
		shape->refused = true;
		break;
	case 0x66:
		shape->size16 = true;
		break;
	case 0x64:
	case 0x65:
	case 0x67:
	case 0xf2:
	case 0xf3:
		break;
	default:
		return false;
	}
	shape->prefixes++;
	return true;
}

static bool shape_of(const __u8 *bytes, size_t length, struct shape *shape)
{
	size_t at = 0;

	*shape = (struct shape){0};
	if (length > LONGEST)
		return false;
	while (at < length && note_prefix(shape, bytes[at]))
		at++;
	if (at < length && (bytes[at] & 0xf0) == 0x40)
		shape->rex = bytes[at++];
	if (at < length && bytes[at] == 0x0f) {
		shape->escaped = true;
		at++;
	}
	if (at >= length)
		return false;
	shape->opcode = bytes[at++];
	shape->rest = bytes + at;
	shape->rest_size = length - at;
	return true;
}

static bool matches(const struct pattern *pattern, const struct shape *shape, __u32 kernel)
{
	if (kernel < pattern->since || shape->escaped != pattern->escaped ||
	    shape->opcode < pattern->first || shape->opcode > pattern->last)
		return false;
	if (shape->size16 && !pattern->allows_size16)
		return false;
	if (shape->prefixes && !pattern->allows_prefix)
		return false;
	return pattern->rex == ANY_REX || !shape->rex || shape->rex == pattern->rex;
}

static bool is_long_nop(const __u8 *bytes, size_t length)
{
	for (size_t i = 0; i < sizeof(long_nops) / sizeof(*long_nops); i++)
		if (long_nops[i].length == length && !memcmp(long_nops[i].bytes, bytes, length))
			return true;
	return false;
}

/* insn_is_nop(), insn_is_nopl() of can_optimize(): 90 or 0f 1f /0, prefixes filling the five bytes. */
static bool becomes_call(const struct shape *shape, size_t length)
{
	if (length != 5)
		return false;
	if (!shape->escaped)
		return shape->opcode == 0x90 && !shape->rex;
	return shape->opcode == 0x1f && shape->rest_size && !(shape->rest[0] & 0x38);
}

static bool is_emulated(const struct shape *shape, __u32 kernel)
{
	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		if (matches(&patterns[i], shape, kernel))
			return true;
	return false;
}

static enum probe_cost cost(const __u8 *bytes, size_t length, __u32 kernel, bool may_become_call)
{
	struct shape shape;

	if (!shape_of(bytes, length, &shape) || shape.refused)
		return COST_STEPPED;
	if (kernel >= OPTIMIZED_SINCE && may_become_call && becomes_call(&shape, length))
		return COST_OPTIMIZED;
	if (kernel >= LONG_NOPS_SINCE && is_long_nop(bytes, length))
		return COST_EMULATED;
	return is_emulated(&shape, kernel) ? COST_EMULATED : COST_STEPPED;
}

enum probe_cost uprobe__cost(const __u8 *bytes, size_t length, __u32 kernel)
{
	return cost(bytes, length, kernel, true);
}

enum probe_cost uprobe__cost_at(const __u8 *bytes, size_t length, __u64 address, __u32 kernel)
{
	return cost(bytes, length, kernel, address % PAGE + length <= PAGE);
}

bool uprobe__possible(const __u8 *bytes, size_t length, __u32 kernel)
{
	struct shape shape, without;

	if (!shape_of(bytes, length, &shape) || shape.refused)
		return false;
	if (!shape.escaped && (shape.opcode == VEX2 || shape.opcode == VEX3 ||
			       shape.opcode == EVEX || (shape.opcode == NOP && shape.rex)))
		return false;
	/* 66 in front of what would be emulated without */
	without = shape;
	without.size16 = false;
	return !shape.size16 || is_emulated(&shape, kernel) || !is_emulated(&without, kernel);
}
