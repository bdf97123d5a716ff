/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool_private.h - what the files behind pool_sites.h share
 *
 * Three layers: where instructions begin and who jumps where (pool_text.c); what registers and
 * memory hold after a run of instructions, as expressions (pool_machine.c); the runs that lead to
 * an instruction (pool_paths.c). pool_match.c says what pymalloc looks like in those terms.
 */
#ifndef POOL_PRIVATE_H
#define POOL_PRIVATE_H

#include "plan/pool_sites.h"

/* struct pool_header: Objects/obmalloc.c up to 3.11, then Include/internal/pycore_obmalloc.h */
#define POOL_COUNT 0
#define POOL_FREEBLOCK 8
#define POOL_NEXT 16
#define POOL_PREV 24
#define POOL_SZIDX 36

/* ---- pool_text.c ---- */

/* Instructions that some path of pymalloc may contain, by a look at their bytes. */
enum anchor_kind {
	ANCHOR_FREEBLOCK, /* stores a 64-bit register at +8 */
	ANCHOR_ONE,       /* stores 32 bits of 1 at +0 */
};

struct anchor {
	enum anchor_kind kind;
	__u32 offset;
};

struct text_map {
	const struct code *code;
	__u64 *starts; /* a bit for each byte: an instruction begins there in a linear sweep */
	__u64 *edges;  /* direct jumps in it, sorted: target offset << 32 | source offset */
	size_t edge_count;
	struct anchor *anchors;
	size_t anchor_count;
};

/* 0, -ENOMEM, -ENOENT (no text, or 4 GiB of it). text_map__free() in any case. */
int text_map__make(const struct code *code, struct text_map *map);
void text_map__free(struct text_map *map);

/* The instruction in front of address, if it may continue there. */
bool text_map__before(const struct text_map *map, __u64 address, struct insn *insn);

#define MAX_JUMPS 64

/*
 * Direct jumps to address: *count of them, the low half of each the offset of the source; at most
 * MAX_JUMPS.
 */
const __u64 *text_map__jumps_to(const struct text_map *map, __u64 address, size_t *count);

/* ---- pool_machine.c ---- */

/*
 * An expression; equal expressions have equal numbers. Number 0 is equal to nothing, itself
 * included.
 */
typedef __u16 value_t;

enum value_kind {
	VALUE_UNKNOWN,
	VALUE_INITIAL, /* of register n when the run began */
	VALUE_CONST,   /* n */
	VALUE_LOAD,    /* size bytes at a + n, when epoch stores had been done */
	VALUE_ADD,     /* a + n */
	VALUE_AND,     /* a & n */
	VALUE_LOW,     /* the lower 32 bits of a */
};

struct value {
	enum value_kind kind;
	value_t a;
	__u8 size;
	bool narrow; /* the upper 32 bits are 0 */
	__u16 epoch;
	__s64 n;
};

struct stored {
	value_t address, value;
	__s64 displacement;
	__u8 size;
};

struct relation {
	value_t a, b;
	__u8 size;
	bool equal;
};

#define MAX_VALUES 512
#define MAX_STORES 64
#define MAX_RELATIONS 32

struct machine {
	struct value values[MAX_VALUES];
	size_t value_count;
	value_t registers[16];
	struct stored stores[MAX_STORES]; /* the latest MAX_STORES, oldest first */
	size_t store_count;
	struct relation relations[MAX_RELATIONS]; /* known from the branches that were taken */
	size_t relation_count;
	struct relation compared; /* what the zero flag says; size 0 = nothing known */
	__u16 epoch;
};

void machine__begin(struct machine *machine);

/* Executes insn; next is the address of the one that follows on this run. */
void machine__step(struct machine *machine, const struct code *code, const struct insn *insn,
		   __u64 next);

const struct value *machine__value(const struct machine *machine, value_t value);
bool machine__same(value_t a, value_t b);
/* Whether value is a load of size bytes at some address + displacement; *address is set if so. */
bool machine__is_load(const struct machine *machine, value_t value, __u8 size, __s64 displacement,
		      value_t *address);
/* Whether an address is that of the stack or frame pointer when the run began. */
bool machine__on_stack(const struct machine *machine, value_t address);
bool machine__is_const(const struct machine *machine, value_t value, __s64 n);
/* What was last stored at address + displacement in this size, 0 = nothing. */
value_t machine__last_store(const struct machine *machine, value_t address, __s64 displacement,
			    __u8 size);
/* A general register, the stack pointer excluded, that holds value now; GPR_NONE. */
__u8 machine__register_with(const struct machine *machine, value_t value);
/* The same for a 32-bit value, in the lower half of a register. */
__u8 machine__register_with_low(struct machine *machine, value_t value);

/* ---- pool_paths.c ---- */

#define MAX_PATH 192

enum verdict {
	VERDICT_NO,       /* not this path of pymalloc */
	VERDICT_UNPROVED, /* looks like it; something is missing */
	VERDICT_YES,
};

struct search {
	const struct text_map *map;
	__u32 pool_size, kernel;
	struct insn path[MAX_PATH]; /* backwards: [0] is the last instruction */
	size_t count;               /* of the run that is being judged */
	struct machine state, side;
	size_t budget; /* runs that may still be tried for this place */
	size_t total;  /* for all places, those of this one taken off */
};

/*
 * Judges the state in which path[0] finds registers and memory; fills *site. Called for several
 * runs that lead to the same place.
 */
typedef enum verdict (*judge_fn)(struct search *search, struct pool_site *site);

/*
 * What path[until] finds in registers and memory, in search->state, at the end of the run being
 * judged.
 */
void paths__run(struct search *search, size_t until);

/* The verdict on one of the runs of at most length instructions that end with path[0]. */
enum verdict paths__look(struct search *search, size_t length, judge_fn judge,
			 struct pool_site *site);

/* YES where all runs that lead to path[0] are a YES with the same registers. */
enum verdict paths__prove(struct search *search, judge_fn judge, struct pool_site *site);

/*
 * Continues search->state on a copy, search->side, from address on, along straight code and
 * direct jumps, until found() or at most count instructions.
 */
bool paths__ahead(struct search *search, __u64 address, size_t count,
		  bool (*found)(struct machine *machine, const void *what), const void *what);

/* ---- pool_match.c ---- */

/* At a branch: ALLOC or FREE. */
enum verdict judge__block(struct search *search, struct pool_site *site);
/* At the branch behind the store of 1 to the count, or at that store. */
enum verdict judge__fresh(struct search *search, struct pool_site *site);

#endif
