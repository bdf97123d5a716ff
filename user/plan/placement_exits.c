// SPDX-License-Identifier: BSD-2-Clause
/*
 * placement_exits.c - a set of places that every call crosses exactly one of, with its result in hand
 *
 * Two questions about every instruction of the function, answered on its flow graph:
 *
 * Which registers hold the result already? Behind it none but rax does, at a ret. One instruction
 * earlier, every register that the instruction does not write still does, and where it copies one
 * register to another, the source does for the copy. At a fork, what holds on both ways.
 *
 * How many places has a call crossed that is about to execute it? None at the entry, one at a ret, and
 * it must be the same by whatever way the call came. So all successors of an instruction share their
 * figure, which is the instruction's own, or one more if the instruction carries a probe. Instructions
 * that cannot carry one are merged with their successors into classes (union-find), and what is left are
 * implications: one crossed here, so one crossed there. The instructions on which the figure changes
 * are the places. An instruction in a loop implies itself, and so is never among them.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plan/flow.h"
#include "plan/placement.h"

#define ALL_REGISTERS 0xffff
/* Functions settle in a few rounds; what does not is not worth the time. */
#define MAX_ROUNDS 512

struct exits {
	struct flow flow;
	__u16 *holders; /* by node: registers that hold the result before it */
	__u16 *parent;  /* union-find; a node's own number at a root */
	__u8 *returns;  /* some way from here ends at a ret */
	__u8 *carries;  /* may carry a probe */
	__u8 *mark;     /* by class */
};

static __u16 before(const struct insn *insn, __u16 after)
{
	const struct operand *to = &insn->operands[0], *from = &insn->operands[1];
	__u16 holders = after & ~insn->writes;

	if (insn->kind == INSN_MOV && to->kind == OPERAND_REG && from->kind == OPERAND_REG &&
	    to->size == 8 && from->size == 8 && to->reg <= GPR_R15 && from->reg <= GPR_R15 &&
	    after & 1u << to->reg)
		holders |= 1u << from->reg;
	return holders;
}

/* One round of both backward questions. Whether anything changed. */
static bool look_back(struct exits *exits)
{
	bool changed = false;

	for (size_t i = exits->flow.count; i-- > 0;) {
		const struct flow_node *node = &exits->flow.nodes[i];
		__u16 holders = node->returns ? 1u << GPR_AX : ALL_REGISTERS;
		bool returns = node->returns;

		for (size_t k = 0; k < node->next_count; k++) {
			holders &= exits->holders[node->next[k]];
			returns |= exits->returns[node->next[k]];
		}
		/* a call at the function's end, an invalid instruction: a way without a result */
		if (node->next_count || node->returns)
			holders = before(&node->insn, holders);
		holders &= exits->holders[i];
		changed |= holders != exits->holders[i] || returns != exits->returns[i];
		exits->holders[i] = holders;
		exits->returns[i] = returns;
	}
	return changed;
}

/* Whether the graph is one of which anything can be said; -ENOENT where not. */
static int check_graph(const struct flow *flow)
{
	bool returns = false;

	if (!flow->count || !flow->complete)
		return -ENOENT;
	for (size_t i = 0; i < flow->count; i++) {
		const struct flow_node *node = &flow->nodes[i];

		if (node->leaves || node->lost)
			return -ENOENT;
		/* else our idea of the function's end, or of its stack, is wrong */
		if (node->returns && node->sp_delta != 0)
			return -ENOENT;
		returns |= node->returns;
	}
	return returns ? 0 : -ENOENT;
}

static __u16 class_of(const struct exits *exits, __u16 node)
{
	while (exits->parent[node] != node) {
		exits->parent[node] = exits->parent[exits->parent[node]];
		node = exits->parent[node];
	}
	return node;
}

static void merge(struct exits *exits, __u16 a, __u16 b)
{
	exits->parent[class_of(exits, a)] = class_of(exits, b);
}

static bool can_carry(const struct exits *exits, size_t i)
{
	const struct flow_node *node = &exits->flow.nodes[i];

	/* not a nop that becomes a call: see emulated.h */
	return node->cost == COST_EMULATED && node->next_count && exits->holders[i] &&
	       node->sp_delta >= 0 && node->sp_delta <= UINT16_MAX &&
	       !flow__overlapped(&exits->flow, node);
}

static void classify(struct exits *exits)
{
	for (size_t i = 0; i < exits->flow.count; i++)
		exits->parent[i] = i;
	for (size_t i = 0; i < exits->flow.count; i++) {
		const struct flow_node *node = &exits->flow.nodes[i];

		exits->carries[i] = can_carry(exits, i);
		if (node->next_count == 2)
			merge(exits, node->next[0], node->next[1]);
		if (node->next_count && !exits->carries[i])
			merge(exits, i, node->next[0]);
	}
}

/*
 * Marks the classes that have crossed one for certain: those of the rets and what they imply. Or, early,
 * those that have not: the entry's and what implies it. 0 or -ENOENT: it does not settle.
 */
static int mark(struct exits *exits, bool early)
{
	bool changed = true;

	memset(exits->mark, 0, exits->flow.count);
	if (early)
		exits->mark[class_of(exits, 0)] = 1;
	for (size_t i = 0; !early && i < exits->flow.count; i++)
		if (exits->flow.nodes[i].returns)
			exits->mark[class_of(exits, i)] = 1;
	for (size_t round = 0; changed; round++) {
		if (round == MAX_ROUNDS)
			return -ENOENT;
		changed = false;
		for (size_t i = 0; i < exits->flow.count; i++) {
			const struct flow_node *node = &exits->flow.nodes[i];
			__u16 here, behind;

			if (!exits->carries[i])
				continue;
			here = class_of(exits, early ? node->next[0] : i);
			behind = class_of(exits, early ? i : node->next[0]);
			changed |= exits->mark[here] && !exits->mark[behind];
			exits->mark[behind] |= exits->mark[here];
		}
	}
	return 0;
}

static __u8 result_register(__u16 holders)
{
	if (holders & 1u << GPR_AX)
		return GPR_AX;
	return __builtin_ctz(holders);
}

static int collect(const struct exits *exits, bool early, struct place places[MAX_EXITS],
		   size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < exits->flow.count; i++) {
		const struct flow_node *node = &exits->flow.nodes[i];
		bool here, behind;

		/* a way that never returns has no result */
		if (!exits->carries[i] || !exits->returns[i])
			continue;
		here = exits->mark[class_of(exits, i)] != early;
		behind = exits->mark[class_of(exits, node->next[0])] != early;
		if (here || !behind)
			continue;
		if (*count == MAX_EXITS)
			return -ENOENT;
		places[(*count)++] = (struct place){
			.address = node->insn.address,
			.cost = node->cost,
			.sp_delta = node->sp_delta,
			.result_reg = result_register(exits->holders[i]),
			.why = "every way to a return crosses one of these, with the result known",
		};
	}
	return *count ? 0 : -ENOENT;
}

static int by_address(const void *a, const void *b)
{
	const struct place *one = a, *other = b;

	return (one->address > other->address) - (one->address < other->address);
}

static bool separates(const struct exits *exits, bool early)
{
	if (!early)
		return !exits->mark[class_of(exits, 0)];
	for (size_t i = 0; i < exits->flow.count; i++)
		if (exits->flow.nodes[i].returns && exits->mark[class_of(exits, i)])
			return false;
	return true;
}

/* As late as can be and as early as can be: the smaller set, the late one where they are alike. */
static int choose(struct exits *exits, struct place places[MAX_EXITS], size_t *count)
{
	struct place early[MAX_EXITS];
	size_t early_count;
	int late_err, early_err;

	late_err = mark(exits, false);
	if (!late_err)
		late_err = separates(exits, false) ? collect(exits, false, places, count) : -ENOENT;
	early_err = mark(exits, true);
	if (!early_err)
		early_err = separates(exits, true) ? collect(exits, true, early, &early_count)
						   : -ENOENT;
	if (!early_err && (late_err || early_count < *count)) {
		memcpy(places, early, early_count * sizeof(*early));
		*count = early_count;
	}
	return late_err && early_err ? -ENOENT : 0;
}

static int analyze(struct exits *exits, struct place places[MAX_EXITS], size_t *count)
{
	size_t nodes = exits->flow.count, round = 0;
	int err = check_graph(&exits->flow);

	if (err)
		return err;
	exits->holders = malloc(nodes * sizeof(*exits->holders));
	exits->parent = malloc(nodes * sizeof(*exits->parent));
	exits->returns = calloc(nodes, 1);
	exits->carries = calloc(nodes, 1);
	exits->mark = calloc(nodes, 1);
	if (!exits->holders || !exits->parent || !exits->returns || !exits->carries || !exits->mark)
		return -ENOENT;
	memset(exits->holders, 0xff, nodes * sizeof(*exits->holders));
	while (look_back(exits))
		if (++round == MAX_ROUNDS)
			return -ENOENT;
	classify(exits);
	return choose(exits, places, count);
}

int placement__exits(const struct code *function, __u32 kernel, struct place exits[MAX_EXITS],
		     size_t *count)
{
	struct exits state = {0};
	int err;

	*count = 0;
	err = flow__build(function, kernel, &state.flow);
	err = err ? -ENOENT : analyze(&state, exits, count);
	if (err)
		*count = 0;
	qsort(exits, *count, sizeof(*exits), by_address);
	free(state.holders);
	free(state.parent);
	free(state.returns);
	free(state.carries);
	free(state.mark);
	flow__free(&state.flow);
	return err;
}
