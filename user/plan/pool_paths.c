// SPDX-License-Identifier: BSD-2-Clause
/*
 * pool_paths.c - the runs of instructions that lead to a place
 *
 * Backwards from the place along straight code and along every direct jump that leads into it. A
 * compiler may put the head of a fast path elsewhere than its tail, or let several heads share a
 * tail: then each run has to show what is looked for.
 */
#include "plan/pool_private.h"

/* Fills path[from ...] backwards while there is but one way; the number of instructions in path. */
static size_t extend(struct search *search, size_t from, size_t length)
{
	size_t jumps;

	while (from < length) {
		__u64 address = search->path[from - 1].address;

		text_map__jumps_to(search->map, address, &jumps);
		if (jumps || !text_map__before(search->map, address, &search->path[from]))
			break;
		from++;
	}
	return from;
}

void paths__run(struct search *search, size_t until)
{
	machine__begin(&search->state);
	for (size_t i = search->count; i-- > until + 1;)
		machine__step(&search->state, search->map->code, &search->path[i],
			      search->path[i - 1].address);
}

/* The verdict on the run of the count instructions in path. */
static enum verdict run(struct search *search, size_t count, judge_fn judge, struct pool_site *site)
{
	search->count = count;
	paths__run(search, 0);
	return judge(search, site);
}

/* The index-th way to get to path[count - 1], as path[count]: straight on, then the jumps. */
static bool step_back(struct search *search, size_t count, size_t index)
{
	const struct text_map *map = search->map;
	__u64 address = search->path[count - 1].address;
	struct insn *insn = &search->path[count];
	const __u64 *jumps;
	size_t jump_count;

	if (!index)
		return text_map__before(map, address, insn);
	jumps = text_map__jumps_to(map, address, &jump_count);
	return index - 1 < jump_count &&
	       code__decode(map->code, map->code->address + (__u32)jumps[index - 1], insn);
}

static size_t ways_back(const struct search *search, size_t count)
{
	size_t jump_count;

	text_map__jumps_to(search->map, search->path[count - 1].address, &jump_count);
	return jump_count + 1;
}

enum verdict paths__look(struct search *search, size_t length, judge_fn judge,
			 struct pool_site *site)
{
	size_t count = 1;

	while (count < length) {
		size_t ways = ways_back(search, count), way = 0;

		while (way < ways && !step_back(search, count, way))
			way++;
		if (way == ways)
			break;
		count++;
	}
	return run(search, count, judge, site);
}

static bool same_registers(const struct pool_site *a, const struct pool_site *b)
{
	return a->block_reg == b->block_reg && a->class_reg == b->class_reg && a->kind == b->kind &&
	       a->address == b->address;
}

/* paths__prove() for runs that end with the count instructions in path. */
static enum verdict prove(struct search *search, size_t count, judge_fn judge,
			  struct pool_site *site)
{
	enum verdict verdict, worst = VERDICT_YES;
	struct pool_site other = *site;
	size_t ways, found = 0;

	count = extend(search, count, MAX_PATH);
	if (!search->budget)
		return VERDICT_UNPROVED;
	search->budget--;
	verdict = run(search, count, judge, site);
	if (verdict == VERDICT_YES || count == MAX_PATH)
		return verdict;
	ways = ways_back(search, count);
	if (ways > MAX_JUMPS) /* there may be more than are known */
		return VERDICT_UNPROVED;
	for (size_t way = 0; way < ways && worst == VERDICT_YES; way++) {
		if (!step_back(search, count, way))
			continue;
		worst = prove(search, count + 1, judge, found ? &other : site);
		if (found && worst == VERDICT_YES && !same_registers(site, &other))
			worst = VERDICT_UNPROVED;
		found++;
	}
	return found ? worst : verdict;
}

enum verdict paths__prove(struct search *search, judge_fn judge, struct pool_site *site)
{
	return prove(search, 1, judge, site);
}

bool paths__ahead(struct search *search, __u64 address, size_t count,
		  bool (*found)(struct machine *machine, const void *what), const void *what)
{
	const struct code *code = search->map->code;
	struct insn insn;

	search->side = search->state;
	while (count-- && code__decode(code, address, &insn)) {
		address += insn.length;
		switch (insn.kind) {
		case INSN_JUMP:
			address = insn.target;
			continue;
		case INSN_JCC:
		case INSN_JUMP_INDIRECT:
		case INSN_CALL:
		case INSN_CALL_INDIRECT:
		case INSN_RET:
		case INSN_STOP:
			return false;
		default:
			machine__step(&search->side, code, &insn, address);
		}
		if (found(&search->side, what))
			return true;
	}
	return false;
}
