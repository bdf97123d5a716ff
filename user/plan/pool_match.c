// SPDX-License-Identifier: BSD-2-Clause
/*
 * pool_match.c - what pymalloc's paths look like, in terms of values
 *
 * Objects/obmalloc.c, 3.8.18, 3.9.18, 3.10.13, 3.11.7, 3.12.1, 3.13.0, 3.14, 3.15:
 *
 *	pymalloc_alloc()	if (pool != pool->nextpool) {
 *					++pool->ref.count;
 *					bp = pool->freeblock;
 *					if ((pool->freeblock = *(block **)bp) == NULL)	<- ALLOC
 *
 *	new pool		next = usedpools[size + size];
 *				pool->nextpool = pool->prevpool = next;
 *				next->nextpool = next->prevpool = pool;
 *				pool->ref.count = 1;
 *				if (pool->szidx == size) {			<- FRESH
 *					bp = pool->freeblock;
 *					pool->freeblock = *(block **)bp;
 *				} else { pool->szidx = size; ...
 *
 *	pymalloc_free()		pool = POOL_ADDR(p);
 *				*(block **)p = lastfree = pool->freeblock;
 *				pool->freeblock = (block *)p;
 *				pool->ref.count--;	(3.8: in both branches)
 *				if (lastfree == NULL)				<- FREE
 *
 * pymalloc_realloc() leaves a block in place, or goes through the first and the last of these. No
 * other function changes ref.count; the end of an interpreter that has pools of its own (3.12 on)
 * gives back whole arenas.
 *
 * Lists of the same form exist elsewhere: the width of the count and its place, the comparison
 * with nextpool, and a pool that is the block's address with the lower bits masked off are what
 * they do not have.
 */
#include "plan/pool_private.h"

#define AHEAD 16 /* instructions behind a branch that may do what usually is done in front of it */

struct wanted {
	value_t pool, a, b;
	int delta;
};

/* pool->ref.count has been changed by delta. */
static bool count_is_changed(struct machine *machine, const void *what)
{
	const struct wanted *wanted = what;
	value_t now = machine__last_store(machine, wanted->pool, POOL_COUNT, 4), from;
	const struct value *value = machine__value(machine, now);

	return now && value->kind == VALUE_ADD && value->n == wanted->delta &&
	       machine__is_load(machine, value->a, 4, POOL_COUNT, &from) &&
	       machine__same(from, wanted->pool);
}

/* In front of the branch, or on both sides of it. */
static bool changes_count(struct search *search, value_t pool, int delta)
{
	const struct insn *branch = &search->path[0];
	struct wanted wanted = {.pool = pool, .delta = delta};

	if (count_is_changed(&search->state, &wanted))
		return true;
	return paths__ahead(search, branch->address + branch->length, AHEAD, count_is_changed,
			    &wanted) &&
	       paths__ahead(search, branch->target, AHEAD, count_is_changed, &wanted);
}

/* The value that the branch compares with NULL; 0 = it does something else. */
static value_t tested_for_null(const struct search *search)
{
	const struct relation *compared = &search->state.compared;

	if (search->path[0].kind != INSN_JCC || (search->path[0].condition & ~1) != 4 ||
	    compared->size != 8 || !machine__is_const(&search->state, compared->b, 0))
		return 0;
	return compared->a;
}

/* One of two values is the nextpool of the other, which is the pool; 0: no. */
static value_t compared_with_next(const struct machine *machine, const struct relation *relation)
{
	value_t from;

	if (relation->size != 8)
		return 0;
	if (machine__is_load(machine, relation->b, 8, POOL_NEXT, &from) &&
	    machine__same(from, relation->a))
		return from;
	if (machine__is_load(machine, relation->a, 8, POOL_NEXT, &from) &&
	    machine__same(from, relation->b))
		return from;
	return 0;
}

/* Whether the run is one on which pool != pool->nextpool. */
static bool is_linked(const struct machine *machine, value_t pool)
{
	for (size_t i = 0; i < machine->relation_count; i++)
		if (!machine->relations[i].equal &&
		    machine__same(compared_with_next(machine, &machine->relations[i]), pool))
			return true;
	return false;
}

/*
 * Where the block is in no register any more, the branch in front is as good, which asks whether
 * pool != pool->nextpool: from there straight code leads here, and the block is pool->freeblock
 * still.
 */
static enum verdict alloc_at_comparison(struct search *search, struct pool_site *site)
{
	size_t branch = 0, jumps;
	value_t pool;

	do {
		text_map__jumps_to(search->map, search->path[branch].address, &jumps);
		if (jumps || ++branch == search->count)
			return VERDICT_UNPROVED;
	} while (search->path[branch].kind != INSN_JCC);
	paths__run(search, branch);
	pool = compared_with_next(&search->state, &search->state.compared);
	/* the zero flag must say what the comparison does, and lead here when clear */
	if (!pool || (search->path[branch].condition & ~1) != 4 ||
	    (search->path[branch].condition == 4) ==
		    (search->path[branch].target == search->path[branch - 1].address))
		return VERDICT_UNPROVED;
	site->address = search->path[branch].address;
	site->class_reg = machine__register_with(&search->state, pool);
	return site->class_reg == GPR_NONE ? VERDICT_UNPROVED : VERDICT_YES;
}

static enum verdict judge_alloc(struct search *search, struct pool_site *site)
{
	struct machine *machine = &search->state;
	value_t next = tested_for_null(search), block, pool;

	if (!machine__is_load(machine, next, 8, 0, &block) ||
	    !machine__is_load(machine, block, 8, POOL_FREEBLOCK, &pool) ||
	    !machine__same(machine__last_store(machine, pool, POOL_FREEBLOCK, 8), next) ||
	    !changes_count(search, pool, 1))
		return VERDICT_NO;
	site->kind = POOL_SITE_ALLOC;
	site->block_reg = machine__register_with(machine, block);
	site->class_reg = GPR_NONE;
	if (!is_linked(machine, pool))
		return VERDICT_UNPROVED;
	return site->block_reg == GPR_NONE ? alloc_at_comparison(search, site) : VERDICT_YES;
}

static enum verdict judge_free(struct search *search, struct pool_site *site)
{
	struct machine *machine = &search->state;
	value_t last = tested_for_null(search), block, pool;
	const struct value *mask;

	if (!machine__is_load(machine, last, 8, POOL_FREEBLOCK, &pool))
		return VERDICT_NO;
	block = machine__last_store(machine, pool, POOL_FREEBLOCK, 8);
	if (!block || !machine__same(machine__last_store(machine, block, 0, 8), last) ||
	    !changes_count(search, pool, -1))
		return VERDICT_NO;
	mask = machine__value(machine, pool);
	site->kind = POOL_SITE_FREE;
	site->block_reg = machine__register_with(machine, block);
	/* else the block is pool->freeblock, since a moment ago */
	site->class_reg =
		site->block_reg == GPR_NONE ? machine__register_with(machine, pool) : GPR_NONE;
	if ((site->block_reg == GPR_NONE && site->class_reg == GPR_NONE) ||
	    mask->kind != VALUE_AND || mask->n != -(__s64)search->pool_size ||
	    !machine__same(mask->a, block))
		return VERDICT_UNPROVED;
	return VERDICT_YES;
}

enum verdict judge__block(struct search *search, struct pool_site *site)
{
	enum verdict verdict;

	site->address = search->path[0].address;
	verdict = judge_alloc(search, site);
	return verdict == VERDICT_NO ? judge_free(search, site) : verdict;
}

/*
 * Both links of the item at address have been written: at once, or one by one with the same
 * value.
 */
static bool links_written(const struct machine *machine, value_t address, value_t to)
{
	value_t next = 0, previous = 0;

	for (size_t i = machine->store_count; i-- > 0;) {
		const struct stored *stored = &machine->stores[i];

		if (!machine__same(stored->address, address))
			continue;
		if (stored->displacement == POOL_NEXT && stored->size == 16)
			return true;
		if (stored->displacement == POOL_NEXT && stored->size == 8 && !next)
			next = stored->value;
		if (stored->displacement == POOL_PREV && stored->size == 8 && !previous)
			previous = stored->value;
	}
	return machine__same(next, previous) && (!to || machine__same(next, to));
}

/* The pool's links, and those of another item, the head of the list of its class. */
static bool is_being_linked(const struct machine *machine, value_t pool)
{
	if (!links_written(machine, pool, 0))
		return false;
	for (size_t i = 0; i < machine->store_count; i++) {
		value_t head = machine->stores[i].address;

		if (!machine__same(head, pool) && !machine__on_stack(machine, head) &&
		    links_written(machine, head, pool))
			return true;
	}
	return false;
}

/* pool->szidx = one of two values. */
static bool class_is_set(struct machine *machine, const void *what)
{
	const struct wanted *wanted = what;
	value_t class = machine__last_store(machine, wanted->pool, POOL_SZIDX, 4);

	return machine__same(class, wanted->a) || machine__same(class, wanted->b);
}

/* pool->freeblock has been read. What follows may be an assert()'s branch. */
static bool block_is_read(struct machine *machine, const void *what)
{
	const struct wanted *wanted = what;

	for (size_t i = 0; i < 16; i++) {
		value_t pool;

		if (machine__is_load(machine, machine->registers[i], 8, POOL_FREEBLOCK, &pool) &&
		    machine__same(pool, wanted->pool))
			return true;
	}
	return false;
}

/* The class, of the two values that the branch compares, is the one that becomes szidx. */
static value_t class_compared(struct search *search, value_t pool)
{
	const struct insn *branch = &search->path[0];
	const struct relation *compared = &search->state.compared;
	bool equal_jumps = branch->condition == 4;
	__u64 straight = branch->address + branch->length;
	__u64 equal = equal_jumps ? branch->target : straight;
	__u64 unequal = equal_jumps ? straight : branch->target;
	struct wanted wanted = {.pool = pool, .a = compared->a, .b = compared->b};
	value_t class;

	if ((branch->condition & ~1) != 4 || compared->size != 4 ||
	    !paths__ahead(search, unequal, AHEAD, class_is_set, &wanted))
		return 0;
	class = machine__last_store(&search->side, pool, POOL_SZIDX, 4);
	return paths__ahead(search, equal, AHEAD, block_is_read, &wanted) ? class : 0;
}

/*
 * pool->szidx has another value than it had, and no constant: that would be the mark of a pool
 * without a class.
 */
static bool new_class_is_set(struct machine *machine, const void *what)
{
	const struct wanted *wanted = what;
	value_t class = machine__last_store(machine, wanted->pool, POOL_SZIDX, 4);

	return class && class != wanted->a && machine__value(machine, class)->kind != VALUE_CONST;
}

/*
 * A pool that was carved off just now has no class yet, and a compiler that knows compares
 * nothing.
 */
static value_t class_set_by(struct search *search, __u64 address, value_t pool)
{
	struct wanted wanted = {.pool = pool};
	value_t class;

	/*
	 * the halves of all registers get their numbers before the copy is made, for they are
	 * compared in both
	 */
	machine__register_with_low(&search->state, 0);
	wanted.a = machine__last_store(&search->state, pool, POOL_SZIDX, 4);
	if (!paths__ahead(search, address, AHEAD, new_class_is_set, &wanted))
		return 0;
	class = machine__last_store(&search->side, pool, POOL_SZIDX, 4);
	return class < search->state.value_count ? class : 0;
}

/* The pool whose count has just become 1: the last such store. */
static value_t pool_taken(const struct machine *machine)
{
	for (size_t i = machine->store_count; i-- > 0;) {
		const struct stored *stored = &machine->stores[i];

		if (stored->size == 4 && stored->displacement == POOL_COUNT &&
		    machine__is_const(machine, stored->value, 1))
			return stored->address;
	}
	return 0;
}

enum verdict judge__fresh(struct search *search, struct pool_site *site)
{
	struct machine *machine = &search->state;
	const struct insn *at = &search->path[0];
	value_t pool, class = 0;

	if (at->kind == INSN_MOV)
		machine__step(machine, search->map->code, at, at->address + at->length);
	pool = pool_taken(machine);
	if (!pool || machine__on_stack(machine, pool) || !is_being_linked(machine, pool))
		return VERDICT_NO;
	/* the block must still be where the header says */
	if (machine__last_store(machine, pool, POOL_FREEBLOCK, 8))
		return VERDICT_NO;
	if (at->kind == INSN_JCC)
		class = class_compared(search, pool);
	else if (at->kind == INSN_JUMP)
		class = class_set_by(search, at->target, pool);
	else
		class = class_set_by(search, at->address + at->length, pool);
	site->kind = POOL_SITE_FRESH;
	site->address = at->address;
	site->block_reg = machine__register_with(machine, pool);
	site->class_reg = class ? machine__register_with_low(machine, class) : GPR_NONE;
	return site->block_reg == GPR_NONE || site->class_reg == GPR_NONE ? VERDICT_UNPROVED
									  : VERDICT_YES;
}
