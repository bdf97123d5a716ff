/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pools_private.h - pymalloc's structs, the same in CPython 3.8 - 3.14 (Objects/obmalloc.c,
 * Include/internal/pycore_obmalloc.h), and what the files of pools share
 */
#ifndef POOLS_PRIVATE_H
#define POOLS_PRIVATE_H

#include "heap/pools.h"

#define USEDPOOLS_WORDS (2 * POOL_CLASSES)

#define MAX_VARIABLES 16
#define MAX_INTERPRETERS 256
#define MAX_ARENAS (1u << 18) /* 64 GiB up to 3.9, 256 GiB since */
#define MAX_POOLS (1u << 23)

struct pool_header {
	__u32 count; /* blocks in use; 0 = the pool is free */
	__u32 _pad;
	__u64 freeblock, nextpool, prevpool;
	__u32 arenaindex;
	__u32 szidx; /* size class */
	__u32 nextoffset, maxnextoffset;
};
_Static_assert(sizeof(struct pool_header) == 48, "pool_header");

struct arena_object {
	__u64 address;      /* 0 = unused entry: only nextarena is set */
	__u64 pool_address; /* pools from here on have never been used */
	__u32 nfreepools, ntotalpools;
	__u64 freepools, nextarena, prevarena;
};
_Static_assert(sizeof(struct arena_object) == 48, "arena_object");

struct pools {
	pid_t pid;
	struct py_layout layout;
	__u64 runtime;
	/* <= 3.11: `arenas`, and variables that may point into that table or nowhere */
	__u64 variables[MAX_VARIABLES];
	size_t variable_count;
};

/* The pools of an arena that have been in use. */
struct arena_range {
	__u64 address; /* of the arena, which need not begin with a pool */
	__u64 first, end;
	__u32 index; /* in the table of its interpreter */
	__u32 used;  /* pools that hold blocks; 0: just made, or about to be given back */
};

/* What one census has gathered. */
struct arena_list {
	struct arena_range *list;
	size_t count, room;
};

/*
 * pools_arenas.c: the arenas of all interpreters, by address; the caller frees arenas->list, after an error
 * too. 0 or -errno, -ENOENT: there is none.
 */
int pools__read_arenas(const struct pools *pools, struct arena_list *arenas);

/*
 * pools_find.c: fills in the variables, for Pythons whose pymalloc is static data. 0 or -errno, as
 * pools__open().
 */
int pools__find_variables(const struct target *target, struct pools *pools);

/* Whether this is the entry of an arena in use. */
bool arena__is_plausible(const struct arena_object *arena, const struct py_layout *layout);

/*
 * Whether the words at address are usedpools: in each class the list head points to itself (no
 * partly used pool) or to pool-aligned addresses. The pools themselves are not looked at.
 */
bool usedpools__is_plausible(const __u64 words[USEDPOOLS_WORDS], __u64 address,
			     const struct py_layout *layout);

#endif
