// SPDX-License-Identifier: BSD-2-Clause
/*
 * placement.c - places for enter and return probes: along the one way that leads from the entry
 */
#include <stdint.h>

#include "plan/flow.h"
#include "plan/placement.h"

/* Where we are on that way, before an instruction. */
struct walk {
	const struct flow *flow;
	const struct flow_node *node;
	__u16 written;      /* registers, since the entry */
	bool stack_written; /* the function may keep something below the stack pointer */
};

/* The trap is priced by the enumeration, which is not in order of price. */
static int price(const struct flow_node *node)
{
	if (!node->possible)
		return 3;
	return node->cost == COST_OPTIMIZED ? 0 : node->cost == COST_EMULATED ? 1 : 2;
}

/*
 * Code behind a jump table is not seen, and may jump back. It finds the stack as deep as the
 * instruction has it that it jumps to, so it cannot mean one that has it otherwise.
 */
static bool out_of_reach(const struct flow *flow, const struct flow_node *node)
{
	for (size_t i = 0; i < flow->count; i++) {
		const struct flow_node *other = &flow->nodes[i];

		if (other->lost &&
		    (other->sp_delta == FLOW_UNKNOWN || other->sp_delta == node->sp_delta))
			return false;
	}
	return true;
}

static bool can_carry(const struct walk *walk, __u16 arguments, bool return_address_on_top)
{
	const struct flow_node *node = walk->node;

	if (walk->written & arguments)
		return false;
	if (node->sp_delta < 0 || node->sp_delta > UINT16_MAX)
		return false;
	if (return_address_on_top && node->sp_delta)
		return false;
	/* see emulated.h: the kernel's call would overwrite it */
	if (node->cost == COST_OPTIMIZED && walk->stack_written)
		return false;
	return !flow__overlapped(walk->flow, node);
}

/* One instruction further; false where the way ends, forks or is joined by another. */
static bool step(struct walk *walk)
{
	const struct flow_node *node = walk->node, *next;
	const struct insn *insn = &node->insn;

	if (node->next_count != 1 || node->leaves || node->lost || node->returns)
		return false;
	/* behind a call or a fork not every call of the function comes by */
	if (insn->kind == INSN_CALL || insn->kind == INSN_CALL_INDIRECT || insn->kind == INSN_JCC)
		return false;
	next = &walk->flow->nodes[node->next[0]];
	if (next->comes_from != 1)
		return false;
	if (walk->flow->jumps_to[next->insn.address - walk->flow->code.address] !=
	    (insn->kind == INSN_JUMP))
		return false;
	walk->written |= insn->writes & ~(1u << GPR_SP);
	walk->stack_written |= insn->writes_memory && insn->kind != INSN_PUSH;
	walk->node = next;
	return true;
}

static void along_the_way(const struct flow *flow, __u16 arguments, bool return_address_on_top,
			  struct place *place)
{
	struct walk walk = {.flow = flow, .node = &flow->nodes[0]};
	const struct flow_node *best = walk.node;

	/* also bounded: a way that comes back is joined at the entry or behind it */
	for (size_t i = 0; i < flow->count && price(best) > 0; i++) {
		if (price(walk.node) < price(best) &&
		    can_carry(&walk, arguments, return_address_on_top) &&
		    out_of_reach(flow, walk.node))
			best = walk.node;
		if (!step(&walk))
			break;
	}
	place->address = best->insn.address;
	place->cost = best->cost;
	place->sp_delta = best->sp_delta;
	if (best->cost == COST_STEPPED)
		place->why =
			return_address_on_top
				? "no emulated instruction before the stack pointer moves"
				: "no emulated instruction before a fork or the arguments' end";
	else
		place->why = best == &flow->nodes[0] ? "first instruction"
						     : "first one that is emulated";
}

static void choose(const struct code *function, __u16 arguments, bool return_address_on_top,
		   __u32 kernel, struct place *place)
{
	struct flow flow;
	int err;

	*place = (struct place){.address = function->address,
				.cost = COST_STEPPED,
				.result_reg = GPR_NONE,
				.why = "its code does not decode"};
	err = flow__build(function, kernel, &flow);
	if (err)
		place->why = "out of memory";
	else if (flow.count)
		along_the_way(&flow, arguments, return_address_on_top, place);
	flow__free(&flow);
}

void placement__enter(const struct code *function, __u16 arguments, __u32 kernel,
		      struct place *place)
{
	choose(function, arguments, false, kernel, place);
}

void placement__return(const struct code *function, __u32 kernel, struct place *place)
{
	choose(function, 0, true, kernel, place);
}
