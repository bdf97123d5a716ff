// SPDX-License-Identifier: BSD-2-Clause
/*
 * pool_machine.c - what registers and memory hold after a run of instructions, as expressions
 *
 * Nothing is computed: a register holds "what was loaded from 8 bytes behind what rdi held at the
 * start". Two such expressions are the same number exactly when they were built alike, so that
 * the matcher asks about values and never sees which register a compiler chose, or how often it
 * moved one.
 *
 * Stores to other expressions are taken not to overlap. That is no proof in general, and is true
 * of the code that is looked for: a pool's header, the block in it, the table of pools and the
 * stack are different things.
 */
#include <string.h>

#include "plan/pool_private.h"

void machine__begin(struct machine *machine)
{
	machine->value_count = 1;
	machine->values[0] = (struct value){VALUE_UNKNOWN, 0, 0, false, 0, 0};
	machine->store_count = machine->relation_count = 0;
	machine->epoch = 0;
	machine->compared = (struct relation){0};
	for (size_t i = 0; i < 16; i++) {
		machine->registers[i] = machine->value_count;
		machine->values[machine->value_count++] =
			(struct value){VALUE_INITIAL, 0, 8, false, 0, i};
	}
}

const struct value *machine__value(const struct machine *machine, value_t value)
{
	return &machine->values[value < machine->value_count ? value : 0];
}

bool machine__same(value_t a, value_t b)
{
	return a && a == b;
}

static bool alike(const struct value *a, const struct value *b)
{
	return a->kind == b->kind && a->a == b->a && a->size == b->size && a->narrow == b->narrow &&
	       a->epoch == b->epoch && a->n == b->n;
}

/* The number of an expression. Where the table is full it is 0, which equals nothing. */
static value_t number_of(struct machine *machine, struct value value)
{
	if (value.kind != VALUE_UNKNOWN)
		for (size_t i = machine->value_count; i-- > 1;)
			if (alike(&machine->values[i], &value))
				return i;
	if (machine->value_count == MAX_VALUES)
		return 0;
	machine->values[machine->value_count] = value;
	return machine->value_count++;
}

static value_t unknown(struct machine *machine)
{
	return number_of(machine, (struct value){.kind = VALUE_UNKNOWN});
}

static value_t constant(struct machine *machine, __s64 n)
{
	return number_of(machine, (struct value){.kind = VALUE_CONST, .n = n});
}

static value_t low_half(struct machine *machine, value_t a)
{
	const struct value *value = machine__value(machine, a);

	if (!a || value->narrow)
		return a;
	if (value->kind == VALUE_CONST)
		return constant(machine, (__u32)value->n);
	return number_of(machine, (struct value){.kind = VALUE_LOW, .a = a, .narrow = true});
}

static value_t sum(struct machine *machine, value_t a, __s64 n, bool narrow)
{
	const struct value *value;

	if (narrow)
		a = low_half(machine, a);
	if (!a)
		return 0;
	value = machine__value(machine, a);
	if (value->kind == VALUE_CONST) {
		n = (__u64)value->n + (__u64)n;
		return constant(machine, narrow ? (__s64)(__u32)n : n);
	}
	if (value->kind == VALUE_ADD && value->narrow == narrow) {
		n = (__u64)value->n + (__u64)n;
		a = value->a;
	}
	if (narrow)
		n = (__s32)n;
	if (!n)
		return a;
	return number_of(machine,
			 (struct value){.kind = VALUE_ADD, .a = a, .narrow = narrow, .n = n});
}

/* What is added to an address goes to the displacement: a place has one form. */
static void normalize(const struct machine *machine, value_t *address, __s64 *displacement)
{
	const struct value *value = machine__value(machine, *address);

	if (value->kind == VALUE_ADD && !value->narrow) {
		*displacement = (__u64)*displacement + (__u64)value->n;
		*address = value->a;
	}
}

/* An address as expression + displacement. */
static value_t address_of(struct machine *machine, const struct operand *operand,
			  __s64 *displacement)
{
	value_t base;

	*displacement = operand->value;
	if (operand->segment || operand->index != GPR_NONE)
		return unknown(machine);
	if (operand->base == GPR_IP || operand->base == GPR_NONE)
		return constant(machine, 0);
	if (operand->base > GPR_R15)
		return 0;
	base = machine->registers[operand->base];
	normalize(machine, &base, displacement);
	return base;
}

static bool overlap(const struct stored *stored, __s64 displacement, __u8 size)
{
	__u64 distance = (__u64)displacement - (__u64)stored->displacement;

	return distance < stored->size || -distance < size;
}

static value_t load(struct machine *machine, value_t address, __s64 displacement, __u8 size)
{
	if (!address || (size != 4 && size != 8))
		return unknown(machine);
	for (size_t i = machine->store_count; i-- > 0;) {
		const struct stored *stored = &machine->stores[i];

		if (stored->address != address || !overlap(stored, displacement, size))
			continue;
		if (stored->displacement == displacement && stored->size == size)
			return stored->value;
		return unknown(machine);
	}
	return number_of(machine, (struct value){VALUE_LOAD, address, size, size == 4,
						 machine->epoch, displacement});
}

static void store(struct machine *machine, value_t address, __s64 displacement, __u8 size,
		  value_t value)
{
	machine->epoch++;
	if (!address)
		return;
	if (machine->store_count == MAX_STORES) {
		memmove(machine->stores, machine->stores + 1,
			sizeof(machine->stores) - sizeof(*machine->stores));
		machine->store_count--;
	}
	machine->stores[machine->store_count++] =
		(struct stored){address, value, displacement, size};
}

static value_t read_operand(struct machine *machine, const struct operand *operand)
{
	value_t address;
	__s64 displacement;

	switch (operand->kind) {
	case OPERAND_IMM:
		return constant(machine,
				operand->size == 4 ? (__s64)(__u32)operand->value : operand->value);
	case OPERAND_MEM:
		address = address_of(machine, operand, &displacement);
		return load(machine, address, displacement, operand->size);
	case OPERAND_REG:
		if (operand->reg > GPR_R15 || (operand->size != 8 && operand->size != 4))
			return unknown(machine);
		return operand->size == 8 ? machine->registers[operand->reg]
					  : low_half(machine, machine->registers[operand->reg]);
	default:
		return unknown(machine);
	}
}

static void write_operand(struct machine *machine, const struct operand *operand, value_t value)
{
	value_t address;
	__s64 displacement;

	if (operand->kind == OPERAND_MEM) {
		address = address_of(machine, operand, &displacement);
		store(machine, address, displacement, operand->size, value);
	} else if (operand->kind == OPERAND_REG && operand->reg <= GPR_R15) {
		machine->registers[operand->reg] = operand->size >= 4 ? value : unknown(machine);
	}
}

/* The constant that the second operand is: an immediate, at the width of the first. */
static value_t second_operand(struct machine *machine, const struct insn *insn)
{
	const struct operand *operand = &insn->operands[1];

	if (operand->kind == OPERAND_IMM)
		return constant(machine, insn->operands[0].size == 4 ? (__s64)(__u32)operand->value
								     : operand->value);
	return read_operand(machine, operand);
}

static void do_mov(struct machine *machine, const struct insn *insn)
{
	write_operand(machine, &insn->operands[0], second_operand(machine, insn));
}

static void do_lea(struct machine *machine, const struct insn *insn)
{
	bool narrow = insn->operands[0].size == 4;
	value_t address;
	__s64 displacement;

	address = address_of(machine, &insn->operands[1], &displacement);
	write_operand(machine, &insn->operands[0], sum(machine, address, displacement, narrow));
}

static void do_add(struct machine *machine, const struct insn *insn)
{
	const struct operand *to = &insn->operands[0], *by = &insn->operands[1];
	value_t value = 0;

	if (by->kind == OPERAND_IMM && to->size >= 4)
		value = sum(machine, read_operand(machine, to),
			    insn->kind == INSN_SUB ? -(__u64)by->value : (__u64)by->value,
			    to->size == 4);
	if (!value)
		value = unknown(machine);
	write_operand(machine, to, value);
	machine->compared = (struct relation){value, constant(machine, 0), to->size, true};
}

static void do_compare(struct machine *machine, const struct insn *insn)
{
	const struct operand *a = &insn->operands[0], *b = &insn->operands[1];

	if (insn->kind == INSN_CMP)
		machine->compared = (struct relation){read_operand(machine, a),
						      second_operand(machine, insn), a->size, true};
	else if (a->kind == OPERAND_REG && b->kind == OPERAND_REG && a->reg == b->reg)
		machine->compared = (struct relation){read_operand(machine, a),
						      constant(machine, 0), a->size, true};
	else
		machine->compared.size = 0;
}

/* The decoder has no kind for it: and r/m,r; and r,r/m; and rax,imm; and r/m,imm. */
static bool is_and(const struct code *code, const struct insn *insn)
{
	const __u8 *bytes = code->bytes + (insn->address - code->address);
	const __u8 *end = bytes + insn->length;

	if (bytes < end && (*bytes & 0xf0) == 0x40)
		bytes++;
	if (end - bytes < 2)
		return false;
	switch (bytes[0]) {
	case 0x21:
	case 0x23:
	case 0x25:
		return true;
	case 0x81:
	case 0x83:
		return (bytes[1] >> 3 & 7) == 4;
	default:
		return false;
	}
}

static void do_and(struct machine *machine, const struct insn *insn)
{
	const struct operand *to = &insn->operands[0];
	value_t a = read_operand(machine, to), b = second_operand(machine, insn), value;

	if (machine__value(machine, a)->kind == VALUE_CONST) {
		value_t swap = a;

		a = b;
		b = swap;
	}
	if (a && to->size == 8 && machine__value(machine, b)->kind == VALUE_CONST)
		value = number_of(machine, (struct value){.kind = VALUE_AND,
							  .a = a,
							  .n = machine__value(machine, b)->n});
	else
		value = unknown(machine);
	write_operand(machine, to, value);
	machine->compared.size = 0;
}

static void do_push(struct machine *machine, const struct insn *insn)
{
	value_t value = read_operand(machine, &insn->operands[0]);
	value_t sp = sum(machine, machine->registers[GPR_SP], insn->sp_change, false);
	struct operand top = {.kind = OPERAND_MEM, .size = 8, .base = GPR_SP, .index = GPR_NONE};

	machine->registers[GPR_SP] = sp;
	write_operand(machine, &top, value);
}

static void do_pop(struct machine *machine, const struct insn *insn)
{
	struct operand top = {.kind = OPERAND_MEM, .size = 8, .base = GPR_SP, .index = GPR_NONE};
	value_t value = read_operand(machine, &top);

	machine->registers[GPR_SP] =
		sum(machine, machine->registers[GPR_SP], insn->sp_change, false);
	write_operand(machine, &insn->operands[0], value);
}

bool machine__on_stack(const struct machine *machine, value_t address)
{
	const struct value *value = machine__value(machine, address);

	return value->kind == VALUE_INITIAL && (value->n == GPR_SP || value->n == GPR_BP);
}

/* Of what was stored, only a function's own stack outlives a call. */
static void forget_memory(struct machine *machine)
{
	size_t kept = 0;

	machine->epoch++;
	for (size_t i = 0; i < machine->store_count; i++) {
		if (machine__on_stack(machine, machine->stores[i].address))
			machine->stores[kept++] = machine->stores[i];
	}
	machine->store_count = kept;
}

static void do_other(struct machine *machine, const struct insn *insn)
{
	const struct operand *to = &insn->operands[0];

	if (insn->writes_memory) {
		if (insn->kind == INSN_OTHER && insn->operand_count && to->kind == OPERAND_MEM)
			write_operand(machine, to, unknown(machine));
		else
			forget_memory(machine);
	}
	for (size_t i = 0; i < 16; i++)
		if (insn->writes & 1u << i)
			machine->registers[i] = unknown(machine);
	if (insn->writes_flags)
		machine->compared.size = 0;
}

/* je: 4, jne: 5, of which the run says whether it was taken. */
static void do_branch(struct machine *machine, const struct insn *insn, __u64 next)
{
	bool taken = next == insn->target;

	if (!machine->compared.size || (insn->condition & ~1) != 4 ||
	    machine->relation_count == MAX_RELATIONS ||
	    insn->target == insn->address + insn->length)
		return;
	machine->relations[machine->relation_count] = machine->compared;
	machine->relations[machine->relation_count++].equal = taken == (insn->condition == 4);
}

void machine__step(struct machine *machine, const struct code *code, const struct insn *insn,
		   __u64 next)
{
	switch (insn->kind) {
	case INSN_NOP:
	case INSN_ENDBR:
	case INSN_JUMP:
		return;
	case INSN_JCC:
		do_branch(machine, insn, next);
		return;
	case INSN_MOV:
		do_mov(machine, insn);
		return;
	case INSN_LEA:
		do_lea(machine, insn);
		return;
	case INSN_ADD:
	case INSN_SUB:
		do_add(machine, insn);
		return;
	case INSN_CMP:
	case INSN_TEST:
		do_compare(machine, insn);
		return;
	case INSN_PUSH:
		do_push(machine, insn);
		return;
	case INSN_POP:
		do_pop(machine, insn);
		return;
	default:
		if (insn->kind == INSN_OTHER && is_and(code, insn))
			do_and(machine, insn);
		else
			do_other(machine, insn);
	}
}

bool machine__is_load(const struct machine *machine, value_t value, __u8 size, __s64 displacement,
		      value_t *address)
{
	const struct value *load_of = machine__value(machine, value);

	if (load_of->kind != VALUE_LOAD || load_of->size != size || load_of->n != displacement)
		return false;
	*address = load_of->a;
	return true;
}

bool machine__is_const(const struct machine *machine, value_t value, __s64 n)
{
	const struct value *is = machine__value(machine, value);

	return is->kind == VALUE_CONST && is->n == n;
}

value_t machine__last_store(const struct machine *machine, value_t address, __s64 displacement,
			    __u8 size)
{
	normalize(machine, &address, &displacement);
	for (size_t i = machine->store_count; i-- > 0;) {
		const struct stored *stored = &machine->stores[i];

		if (stored->address == address && overlap(stored, displacement, size))
			return stored->displacement == displacement && stored->size == size
				       ? stored->value
				       : 0;
	}
	return 0;
}

__u8 machine__register_with(const struct machine *machine, value_t value)
{
	for (__u8 i = 0; i < 16; i++)
		if (i != GPR_SP && machine__same(machine->registers[i], value))
			return i;
	return GPR_NONE;
}

__u8 machine__register_with_low(struct machine *machine, value_t value)
{
	for (__u8 i = 0; i < 16; i++)
		if (i != GPR_SP && machine__same(low_half(machine, machine->registers[i]), value))
			return i;
	return GPR_NONE;
}
