/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h - which instruction of which file gets which probe, and why
 */
#ifndef PLAN_H
#define PLAN_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire.h"

enum probe_kind {
	PROBE_ENTER, /* allocation or resize begins; the arguments are in their registers */
	PROBE_RETURN, /* it returned: a return probe, placed where the return address is on top of the stack */
	PROBE_EXIT,       /* it is about to return: the result is in block_reg */
	PROBE_FREE,       /* release begins; the argument is in its register */
	PROBE_POOL_ALLOC, /* pymalloc hands out the block in block_reg from a pool that was in use */
	PROBE_POOL_FRESH, /* pymalloc hands out the first block of the pool in block_reg */
	PROBE_POOL_FREE,  /* pymalloc takes back the block in block_reg */
	PROBE_KINDS,
};

/* "enter", "return", ...: static text. */
static inline const char *probe_kind__name(enum probe_kind kind)
{
	static const char *const names[PROBE_KINDS] = {
		[PROBE_ENTER] = "enter",
		[PROBE_RETURN] = "return",
		[PROBE_EXIT] = "exit",
		[PROBE_FREE] = "free",
		[PROBE_POOL_ALLOC] = "pool_alloc",
		[PROBE_POOL_FRESH] = "pool_fresh",
		[PROBE_POOL_FREE] = "pool_free",
	};

	return kind < PROBE_KINDS ? names[kind] : "?";
}

/* What the kernel does after the trap: the price of a probe. */
enum probe_cost {
	COST_EMULATED,  /* the kernel does what the instruction does */
	COST_STEPPED,   /* a copy is single-stepped: seven times the price in a virtual machine */
	COST_OPTIMIZED, /* the trap has become a system call (Linux 6.18, 5-byte nop) */
};

struct probe {
	enum probe_kind kind;
	enum probe_cost cost;
	const char *function;   /* name in the hook table, or of the pymalloc path; static */
	__u32 hook;             /* row of the hook table; pool kinds: enum pool_path */
	int module;             /* index in target.modules */
	__u64 function_address; /* ELF virtual address of the function; pool kinds: 0 = not known */
	__u64 address;          /* ELF virtual address of the probed instruction */
	__u64 offset;           /* of it in the file, as perf_event_open(2) takes it */
	__u16 sp_delta; /* bytes that the stack pointer is below its value at function entry */
	__u8 block_reg; /* DWARF-independent number as in wire.h, GPR_NONE = not needed */
	__u8 class_reg; /* PROBE_POOL_FRESH: register that holds the size class, or GPR_NONE */
	char instruction[48]; /* disassembled */
	const char *why;      /* why here, for doctor; static */
};

struct plan {
	struct probe *probes;
	size_t probe_count;
	size_t module_count;    /* of the target, that were looked at: the first ones */
	bool object_count_only; /* see TARGET_OBJECT_COUNT_ONLY in wire.h */
	bool pool_sites;        /* pymalloc's own paths are probed, not the exported functions */
	bool no_pymalloc;       /* this process serves objects by malloc: nothing of it to probe */
	size_t object_functions; /* functions of the object layer that get probes, of the raw layer */
	size_t raw_functions;
	size_t no_place; /* functions left out for want of a safe place for a probe */
	size_t pool_allocs, pool_fresh, pool_frees; /* copies of each path, where pool_sites */
	size_t pool_incomplete;                     /* copies without a place for a probe */
};

#endif
