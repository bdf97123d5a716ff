// SPDX-License-Identifier: BSD-2-Clause
/*
 * flow.c - the flow graph of a function, by descent from its entry
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/emulated.h"
#include "plan/flow.h"

#define LEAVE 0xc9
#define POINTER_SEARCH 32 /* instructions in front of a jump that say what its register holds */

static bool inside(const struct flow *flow, __u64 address)
{
	return address >= flow->code.address && address - flow->code.address < flow->code.size;
}

static void count_jump(struct flow *flow, const struct insn *insn)
{
	__u64 offset = insn->target - flow->code.address;

	if ((insn->kind == INSN_JUMP || insn->kind == INSN_JCC) && inside(flow, insn->target) &&
	    flow->jumps_to[offset] < UINT8_MAX)
		flow->jumps_to[offset]++;
}

/* Decodes byte 0 to the last in one row, for the jumps of code that descent may not come to. */
static void sweep(struct flow *flow, __u8 *seen)
{
	struct insn insn;

	for (size_t at = 0; at < flow->code.size; at += insn.length) {
		if (!code__decode_quick(&flow->code, flow->code.address + at, &insn)) {
			insn.length = 1;
			continue;
		}
		seen[at] = 1;
		count_jump(flow, &insn);
	}
}

/* The node of the instruction at address, made where there is none yet; 0 = cannot be. */
static __u16 node_at(struct flow *flow, __u64 address, __u32 kernel)
{
	size_t offset = address - flow->code.address;
	struct flow_node *node;
	const __u8 *bytes;

	if (flow->index[offset])
		return flow->index[offset];
	if (flow->count == FLOW_NODES) {
		flow->complete = false;
		return 0;
	}
	node = &flow->nodes[flow->count];
	if (!code__decode(&flow->code, address, &node->insn))
		return 0;
	bytes = flow->code.bytes + offset;
	node->cost = uprobe__cost_at(bytes, node->insn.length, address, kernel);
	node->possible = uprobe__possible(bytes, node->insn.length, kernel);
	flow->index[offset] = ++flow->count;
	return flow->index[offset];
}

static void add_edge(struct flow *flow, size_t from, __u64 to, __u32 kernel)
{
	struct flow_node *node = &flow->nodes[from];
	__u16 next;

	if (!inside(flow, to)) {
		/* a call at the very end does not come back: the compiler knows, or there would be a ret */
		if (node->insn.kind == INSN_JUMP || node->insn.kind == INSN_JCC)
			node->leaves = true;
		else if (node->insn.kind != INSN_CALL && node->insn.kind != INSN_CALL_INDIRECT)
			node->lost = true;
		return;
	}
	next = node_at(flow, to, kernel);
	if (!next) {
		node->lost = true;
		return;
	}
	node->next[node->next_count++] = next - 1;
	node = &flow->nodes[next - 1];
	if (!node->comes_from)
		node->before = from;
	if (node->comes_from < UINT16_MAX)
		node->comes_from++;
}

/*
 * Whether an indirect jump is a call through a pointer in memory that has become a jump, and no
 * jump table: that one has an index, or an addition to what it loaded.
 */
static bool through_pointer(const struct flow *flow, size_t at)
{
	const struct operand *to = &flow->nodes[at].insn.operands[0], *from;

	if (to->kind == OPERAND_MEM)
		return to->index == GPR_NONE;
	if (to->kind != OPERAND_REG || to->reg > GPR_R15)
		return false;
	for (size_t i = 0; i < POINTER_SEARCH && flow->nodes[at].comes_from == 1; i++) {
		const struct insn *insn = &flow->nodes[at = flow->nodes[at].before].insn;

		if (!(insn->writes & 1u << to->reg))
			continue;
		from = &insn->operands[1];
		return insn->kind == INSN_MOV && from->kind == OPERAND_MEM &&
		       from->index == GPR_NONE;
	}
	return false;
}

static void follow(struct flow *flow, size_t at, __u32 kernel)
{
	struct insn *insn = &flow->nodes[at].insn;
	__u64 next = insn->address + insn->length;

	switch (insn->kind) {
	case INSN_RET:
		flow->nodes[at].returns = true;
		break;
	case INSN_STOP:
		break;
	case INSN_JUMP:
		add_edge(flow, at, insn->target, kernel);
		break;
	case INSN_JUMP_INDIRECT:
		if (through_pointer(flow, at))
			flow->nodes[at].leaves = true;
		else
			flow->nodes[at].lost = true;
		break;
	case INSN_JCC:
		add_edge(flow, at, next, kernel);
		add_edge(flow, at, insn->target, kernel);
		break;
	default:
		add_edge(flow, at, next, kernel);
		break;
	}
}

static void descend(struct flow *flow, const __u8 *seen, __u32 kernel, __u16 *todo)
{
	size_t pending = 0, known;

	if (!node_at(flow, flow->code.address, kernel))
		return;
	todo[pending++] = 0;
	while (pending) {
		size_t at = todo[--pending];

		if (!seen[flow->nodes[at].insn.address - flow->code.address])
			count_jump(flow, &flow->nodes[at].insn);
		known = flow->count;
		follow(flow, at, kernel);
		while (known < flow->count)
			todo[pending++] = known++;
	}
}

static bool is_register(const struct operand *operand, __u8 reg)
{
	return operand->kind == OPERAND_REG && operand->reg == reg && operand->size == 8;
}

static __s32 plus(__s32 delta, __s64 change)
{
	__s64 sum = delta + change;

	if (delta == FLOW_UNKNOWN || sum < INT16_MIN || sum > UINT16_MAX)
		return FLOW_UNKNOWN;
	return sum;
}

/* Depths behind an instruction. */
static void depths_after(const struct flow *flow, const struct flow_node *node, __s32 *sp,
			 __s32 *bp)
{
	const struct insn *insn = &node->insn;
	const struct operand *to = &insn->operands[0], *from = &insn->operands[1];

	*sp = insn->sp_unknown ? FLOW_UNKNOWN : plus(node->sp_delta, -(__s64)insn->sp_change);
	*bp = insn->writes & 1u << GPR_BP ? FLOW_UNKNOWN : node->bp_delta;
	if (insn->kind == INSN_MOV && is_register(from, GPR_SP) && is_register(to, GPR_BP))
		*bp = node->sp_delta;
	else if (insn->kind == INSN_MOV && is_register(from, GPR_BP) && is_register(to, GPR_SP))
		*sp = node->bp_delta;
	else if (insn->kind == INSN_LEA && is_register(to, GPR_SP) && from->kind == OPERAND_MEM &&
		 from->base == GPR_BP && from->index == GPR_NONE)
		*sp = plus(node->bp_delta, -from->value);
	else if (insn->length == 1 && flow->code.bytes[insn->address - flow->code.address] == LEAVE)
		*sp = plus(node->bp_delta, -8);
}

/* Takes over a depth from one more way that leads here. Whether that changed anything. */
static bool join(__s32 *here, __s32 from)
{
	if (*here == from || *here == FLOW_UNKNOWN)
		return false;
	*here = FLOW_UNKNOWN;
	return true;
}

/* A node is looked at when it is reached and when a depth becomes unknown: three times at most. */
static void depths(struct flow *flow, __u8 *reached, __u16 *todo)
{
	size_t pending = 0;
	__s32 sp, bp;

	if (!flow->count)
		return;
	flow->nodes[0].sp_delta = 0;
	flow->nodes[0].bp_delta = FLOW_UNKNOWN;
	reached[0] = 1;
	todo[pending++] = 0;
	while (pending) {
		const struct flow_node *node = &flow->nodes[todo[--pending]];

		depths_after(flow, node, &sp, &bp);
		for (size_t i = 0; i < node->next_count; i++) {
			struct flow_node *next = &flow->nodes[node->next[i]];
			bool changed = !reached[node->next[i]];

			if (changed) {
				reached[node->next[i]] = 1;
				next->sp_delta = sp;
				next->bp_delta = bp;
			} else {
				changed |= join(&next->sp_delta, sp);
				changed |= join(&next->bp_delta, bp);
			}
			if (changed)
				todo[pending++] = node->next[i];
		}
	}
}

int flow__build(const struct code *function, __u32 kernel, struct flow *flow)
{
	__u8 *seen;
	__u16 *todo;
	int err = -ENOMEM;

	*flow = (struct flow){.code = *function, .complete = function->size <= FLOW_WINDOW};
	if (!flow->complete)
		flow->code.size = FLOW_WINDOW;
	flow->nodes = calloc(FLOW_NODES, sizeof(*flow->nodes));
	flow->index = calloc(flow->code.size + 1, sizeof(*flow->index));
	flow->jumps_to = calloc(flow->code.size + 1, 1);
	seen = calloc(flow->code.size + FLOW_NODES, 1);
	todo = calloc(FLOW_NODES, 3 * sizeof(*todo));
	if (flow->nodes && flow->index && flow->jumps_to && seen && todo) {
		sweep(flow, seen);
		descend(flow, seen, kernel, todo);
		memset(seen, 0, FLOW_NODES);
		depths(flow, seen, todo);
		err = 0;
	}
	free(seen);
	free(todo);
	return err;
}

void flow__free(struct flow *flow)
{
	free(flow->nodes);
	free(flow->index);
	free(flow->jumps_to);
	*flow = (struct flow){0};
}

bool flow__overlapped(const struct flow *flow, const struct flow_node *node)
{
	size_t at = node->insn.address - flow->code.address, end = at + node->insn.length;

	for (size_t i = at + 1; i < end; i++)
		if (flow->index[i] || flow->jumps_to[i])
			return true;
	/* an instruction that began earlier and reaches into this one */
	for (size_t i = at > 14 ? at - 14 : 0; i < at; i++)
		if (flow->index[i] && i + flow->nodes[flow->index[i] - 1].insn.length > at)
			return true;
	return false;
}
