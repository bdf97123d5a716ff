// SPDX-License-Identifier: BSD-2-Clause
/*
 * decode.c - Zydis' view of an instruction, reduced to what the planner asks
 */
#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

#include "plan/decode.h"
#include "plan/emulated.h"

#define OPCODE_JCC_MASK 0x0f

/* REG_* are the numbers of the instruction set, as are Zydis' identifiers of 64-bit registers. */
static __u8 reg_of(ZydisRegister reg)
{
	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return GPR_IP;
	if (reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15)
		return reg - ZYDIS_REGISTER_RAX;
	if (reg >= ZYDIS_REGISTER_EAX && reg <= ZYDIS_REGISTER_R15D)
		return reg - ZYDIS_REGISTER_EAX;
	if (reg >= ZYDIS_REGISTER_AX && reg <= ZYDIS_REGISTER_R15W)
		return reg - ZYDIS_REGISTER_AX;
	if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL)
		return reg - ZYDIS_REGISTER_AL;
	if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH)
		return reg - ZYDIS_REGISTER_AH;
	/* spl, bpl, sil, dil, r8b ... */
	if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B)
		return GPR_SP + (reg - ZYDIS_REGISTER_SPL);
	return GPR_NONE;
}

static __u16 mask_of(ZydisRegister reg)
{
	__u8 number = reg_of(reg);

	return number <= GPR_R15 ? 1u << number : 0;
}

static enum insn_kind kind_of_branch(const ZydisDecodedInstruction *decoded)
{
	bool relative = decoded->raw.imm[0].is_relative;

	switch (decoded->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return INSN_JCC;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return relative ? INSN_JUMP : INSN_JUMP_INDIRECT;
	case ZYDIS_CATEGORY_CALL:
		return relative ? INSN_CALL : INSN_CALL_INDIRECT;
	case ZYDIS_CATEGORY_RET:
		return decoded->mnemonic == ZYDIS_MNEMONIC_RET ? INSN_RET : INSN_STOP;
	default:
		return INSN_OTHER;
	}
}

static enum insn_kind kind_of(const ZydisDecodedInstruction *decoded)
{
	switch (decoded->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		return INSN_MOV;
	case ZYDIS_MNEMONIC_LEA:
		return INSN_LEA;
	case ZYDIS_MNEMONIC_ADD:
	case ZYDIS_MNEMONIC_INC:
		return INSN_ADD;
	case ZYDIS_MNEMONIC_SUB:
	case ZYDIS_MNEMONIC_DEC:
		return INSN_SUB;
	case ZYDIS_MNEMONIC_CMP:
		return INSN_CMP;
	case ZYDIS_MNEMONIC_TEST:
		return INSN_TEST;
	case ZYDIS_MNEMONIC_PUSH:
		return INSN_PUSH;
	case ZYDIS_MNEMONIC_POP:
		return INSN_POP;
	case ZYDIS_MNEMONIC_NOP:
		return INSN_NOP;
	case ZYDIS_MNEMONIC_XCHG:
		/* xchg ax,ax */
		return decoded->opcode == 0x90 && !decoded->raw.rex.B ? INSN_NOP : INSN_OTHER;
	case ZYDIS_MNEMONIC_ENDBR64:
	case ZYDIS_MNEMONIC_ENDBR32:
		return INSN_ENDBR;
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_INT1:
	case ZYDIS_MNEMONIC_INT3:
		return INSN_STOP;
	default:
		return kind_of_branch(decoded);
	}
}

static void memory_operand(struct operand *to, const ZydisDecodedOperandMem *mem, __u64 next)
{
	to->kind = OPERAND_MEM;
	to->base = reg_of(mem->base);
	to->index = reg_of(mem->index);
	to->scale = mem->scale;
	to->segment = mem->segment == ZYDIS_REGISTER_FS || mem->segment == ZYDIS_REGISTER_GS;
	to->value = mem->disp.has_displacement ? mem->disp.value : 0;
	if (to->base == GPR_IP)
		to->value += next;
}

static void explicit_operands(struct insn *insn, const ZydisDecodedInstruction *decoded,
			      const ZydisDecodedOperand *operands)
{
	for (size_t i = 0; i < decoded->operand_count_visible && i < 3; i++) {
		const ZydisDecodedOperand *from = &operands[i];
		struct operand *to = &insn->operands[i];

		to->size = from->size / 8;
		to->reg = to->base = to->index = GPR_NONE;
		insn->operand_count++;
		switch (from->type) {
		case ZYDIS_OPERAND_TYPE_REGISTER:
			to->kind = OPERAND_REG;
			to->reg = reg_of(from->reg.value);
			break;
		case ZYDIS_OPERAND_TYPE_MEMORY:
			memory_operand(to, &from->mem, insn->address + insn->length);
			break;
		case ZYDIS_OPERAND_TYPE_IMMEDIATE:
			to->kind = OPERAND_IMM;
			to->value = from->imm.value.s;
			break;
		default:
			break;
		}
	}
	/* inc and dec are an add and a sub of 1, to who asks */
	if ((insn->kind == INSN_ADD || insn->kind == INSN_SUB) && insn->operand_count == 1) {
		insn->operands[1] = (struct operand){.kind = OPERAND_IMM,
						     .size = insn->operands[0].size,
						     .reg = GPR_NONE,
						     .base = GPR_NONE,
						     .index = GPR_NONE,
						     .value = 1};
		insn->operand_count = 2;
	}
}

/* What all operands, also the implicit ones, read and write. */
static void effects(struct insn *insn, const ZydisDecodedInstruction *decoded,
		    const ZydisDecodedOperand *operands)
{
	for (size_t i = 0; i < decoded->operand_count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];
		bool read = operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
		bool write = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER) {
			/* what is written under a condition may keep the value it had */
			read |= !!(operand->actions & ZYDIS_OPERAND_ACTION_CONDWRITE);
			insn->reads |= read ? mask_of(operand->reg.value) : 0;
			insn->writes |= write ? mask_of(operand->reg.value) : 0;
		} else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY) {
			insn->reads |= mask_of(operand->mem.base) | mask_of(operand->mem.index);
			if (operand->mem.type != ZYDIS_MEMOP_TYPE_AGEN) {
				insn->reads_memory |= read;
				insn->writes_memory |= write;
			}
		}
	}
	if (decoded->cpu_flags)
		insn->writes_flags = decoded->cpu_flags->modified || decoded->cpu_flags->set_0 ||
				     decoded->cpu_flags->set_1 || decoded->cpu_flags->undefined;
}

/* What operands do not say: the callee, the kernel. */
static void effects_elsewhere(struct insn *insn, const ZydisDecodedInstruction *decoded)
{
	switch (insn->kind) {
	case INSN_NOP:
	case INSN_ENDBR:
		insn->reads = insn->writes = 0;
		insn->reads_memory = insn->writes_memory = false;
		return;
	case INSN_CALL:
	case INSN_CALL_INDIRECT:
		insn->writes = CALL_CLOBBERS;
		break;
	case INSN_OTHER:
		if (decoded->meta.category == ZYDIS_CATEGORY_SYSCALL ||
		    decoded->meta.category == ZYDIS_CATEGORY_INTERRUPT) {
			insn->writes |= 1u << GPR_AX;
			break;
		}
		return;
	default:
		return;
	}
	insn->reads_memory = insn->writes_memory = insn->writes_flags = true;
}

/* Immediate of an add or a sub, or displacement of a lea, of all 64 bits of the stack pointer. */
static bool adjusts_sp(const struct insn *insn, __s64 *change)
{
	const struct operand *to = &insn->operands[0], *from = &insn->operands[1];

	if (to->kind != OPERAND_REG || to->reg != GPR_SP || to->size != 8)
		return false;
	*change = insn->kind == INSN_SUB ? -from->value : from->value;
	if (insn->kind == INSN_ADD || insn->kind == INSN_SUB)
		return from->kind == OPERAND_IMM;
	return insn->kind == INSN_LEA && from->kind == OPERAND_MEM && from->base == GPR_SP &&
	       from->index == GPR_NONE && !from->segment;
}

static void stack_pointer(struct insn *insn, const ZydisDecodedInstruction *decoded)
{
	__s64 change = 0;
	bool known;

	switch (decoded->mnemonic) {
	case ZYDIS_MNEMONIC_CALL:
		return;
	case ZYDIS_MNEMONIC_RET:
		insn->sp_change = decoded->operand_width / 8;
		/* far returns, and 16-bit ones, are of no compiler */
		insn->sp_unknown =
			insn->sp_change != 8 || decoded->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
		if (insn->operand_count && insn->operands[0].kind == OPERAND_IMM)
			insn->sp_change += insn->operands[0].value;
		return;
	case ZYDIS_MNEMONIC_PUSH:
	case ZYDIS_MNEMONIC_PUSHF:
	case ZYDIS_MNEMONIC_PUSHFQ:
		insn->sp_change = -(decoded->operand_width / 8);
		return;
	case ZYDIS_MNEMONIC_POP:
	case ZYDIS_MNEMONIC_POPF:
	case ZYDIS_MNEMONIC_POPFQ:
		insn->sp_change = decoded->operand_width / 8;
		insn->sp_unknown = insn->operand_count && insn->operands[0].kind == OPERAND_REG &&
				   insn->operands[0].reg == GPR_SP;
		return;
	default:
		break;
	}
	if (!(insn->writes & 1u << GPR_SP))
		return;
	known = adjusts_sp(insn, &change) && change >= INT32_MIN && change <= INT32_MAX;
	insn->sp_change = known ? change : 0;
	insn->sp_unknown = !known;
}

static void branch(struct insn *insn, const ZydisDecodedInstruction *decoded)
{
	if (insn->kind != INSN_JUMP && insn->kind != INSN_JCC && insn->kind != INSN_CALL)
		return;
	insn->target = insn->address + insn->length + (__u64)decoded->raw.imm[0].value.s;
	if (insn->kind != INSN_JCC)
		return;
	insn->condition = CONDITION_OTHER;
	if ((decoded->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (decoded->opcode & 0xf0) == 0x70) ||
	    (decoded->opcode_map == ZYDIS_OPCODE_MAP_0F && (decoded->opcode & 0xf0) == 0x80))
		insn->condition = decoded->opcode & OPCODE_JCC_MASK;
}

static const __u8 *bytes_at(const struct code *code, __u64 address, size_t *left)
{
	if (address < code->address || address - code->address >= code->size)
		return NULL;
	*left = code->size - (address - code->address);
	return code->bytes + (address - code->address);
}

static void decoder_init(ZydisDecoder *decoder)
{
	ZydisDecoderInit(decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

static void outline(struct insn *insn, __u64 address, const __u8 *bytes,
		    const ZydisDecodedInstruction *decoded)
{
	memset(insn, 0, sizeof(*insn));
	insn->address = address;
	insn->length = decoded->length;
	insn->kind = kind_of(decoded);
	branch(insn, decoded);
	insn->emulated = uprobe__cost(bytes, decoded->length, 0) == COST_EMULATED;
}

bool code__decode_quick(const struct code *code, __u64 address, struct insn *insn)
{
	ZydisDecodedInstruction decoded;
	ZydisDecoder decoder;
	const __u8 *bytes;
	size_t left;

	bytes = bytes_at(code, address, &left);
	if (!bytes)
		return false;
	decoder_init(&decoder);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, left, &decoded)))
		return false;
	outline(insn, address, bytes, &decoded);
	return true;
}

bool code__decode(const struct code *code, __u64 address, struct insn *insn)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction decoded;
	ZydisDecoder decoder;
	const __u8 *bytes;
	size_t left;

	bytes = bytes_at(code, address, &left);
	if (!bytes)
		return false;
	decoder_init(&decoder);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, left, &decoded, operands)))
		return false;
	outline(insn, address, bytes, &decoded);
	explicit_operands(insn, &decoded, operands);
	effects(insn, &decoded, operands);
	effects_elsewhere(insn, &decoded);
	stack_pointer(insn, &decoded);
	return true;
}

void code__format(const struct code *code, __u64 address, char *text, size_t size)
{
	ZydisDisassembledInstruction disassembled;
	const __u8 *bytes;
	size_t left;

	if (!size)
		return;
	bytes = bytes_at(code, address, &left);
	if (!bytes || !ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, address,
							  bytes, left, &disassembled)))
		strcpy(disassembled.text, "?");
	snprintf(text, size, "%s", disassembled.text);
}
