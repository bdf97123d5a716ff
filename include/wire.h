/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * wire.h - everything that the BPF programs and the user-space loader share
 *
 * Keys and values of the maps, records of the ring buffers, the hook table, the counters. Each type
 * is defined here and nowhere else; fixed-width fields, no holes, every size asserted.
 *
 * Include vmlinux.h (BPF) or <linux/types.h> (user space, host tests) first.
 */
#ifndef WIRE_H
#define WIRE_H

#include "py_layout.h"
#include "sample_tables.h"

#define MAX_TARGETS 256 /* processes traced at once */
#define MAX_HOOKS 128   /* rows of the hook table; a power of two */
#define MAX_FRAMES 256  /* Python frames kept of one stack */
#define MAX_NEST 8      /* allocator functions inside one another, per thread */

/* What an allocator function does, hence what its probes must do. */
enum hook_role {
	HOOK_ALLOC = 1, /* returns a new block */
	HOOK_REALLOC,   /* takes a block, returns its successor */
	HOOK_ALLOC_OUT, /* returns 0 and stores the new block through ptr_arg */
	HOOK_FREE,      /* releases the block in ptr_arg */
};

/* Where a block lives. The object layer hands large blocks to the raw layer below it. */
enum domain {
	DOMAIN_RAW = 1, /* the malloc heap */
	DOMAIN_OBJECT,  /* a pymalloc pool */
	DOMAIN_MMAP,    /* anonymous address space */
	DOMAIN_BRK,     /* the break */
	DOMAIN_FILE,    /* mappings of files */
	DOMAIN_RSS, /* resident anonymous pages, by who wrote to them first; part of the above */
	DOMAIN_MAX,
};

#define HOOK_ZERO_FREES 1 /* realloc(p, 0) that returns NULL has released p */
#define HOOK_FAIL_FREES 2 /* any call that returns NULL has */
#define HOOK_LEAF_GLIBC 4 /* glibc's calls no other function of this table, see COOKIE_LEAF */

struct hook {
	__u8 role;      /* enum hook_role */
	__u8 domain;    /* DOMAIN_RAW or DOMAIN_OBJECT: the layer that the function belongs to */
	__u8 size_arg;  /* arguments are numbered from 1; 0 = has none */
	__u8 count_arg; /* size = size_arg * count_arg */
	__u8 ptr_arg;   /* block to resize or release, or the place for the result */
	__u8 flags;
	__u8 _pad[2];
};
_Static_assert(sizeof(struct hook) == 8, "hook");

/* General registers, as x86-64 numbers them in its instructions. */
/* GPR_: sys/ucontext.h has REG_. */
enum gpr {
	GPR_AX,
	GPR_CX,
	GPR_DX,
	GPR_BX,
	GPR_SP,
	GPR_BP,
	GPR_SI,
	GPR_DI,
	GPR_R8,
	GPR_R9,
	GPR_R10,
	GPR_R11,
	GPR_R12,
	GPR_R13,
	GPR_R14,
	GPR_R15,
	GPR_IP = 30, /* in an address only */
	GPR_NONE = 31,
};

/*
 * A probe's cookie: all that a program must know of the place it is at.
 *	bits 0-7 hook, 8-15 target, 16-23 generation, 24-35 stack pointer delta / 8,
 *	36-40 block register, 41-45 class register, 46 COOKIE_LEAF
 * The generation tells a probe set from the one that is about to replace it.
 */
#define PROBE_COOKIE(target, hook, generation, sp_delta, block_reg, class_reg)                     \
	((__u64)((hook)&0xff) | (__u64)((target)&0xff) << 8 | (__u64)((generation)&0xff) << 16 |   \
	 (__u64)(((sp_delta) / 8) & 0xfff) << 24 | (__u64)((block_reg)&31) << 36 |                 \
	 (__u64)((class_reg)&31) << 41)
#define COOKIE_HOOK(cookie) ((__u32)(cookie)&0xff)
#define COOKIE_TARGET(cookie) ((__u32)((cookie) >> 8) & 0xff)
#define COOKIE_GENERATION(cookie) ((__u32)((cookie) >> 16) & 0xff)
#define COOKIE_SP_DELTA(cookie) (((cookie) >> 24 & 0xfff) * 8)
#define COOKIE_BLOCK_REG(cookie) ((__u32)((cookie) >> 36) & 31)
/*
 * The function calls no other one that is probed; of one that allocates, the return is seen by a return probe, which
 * knows the caller.
 */
#define COOKIE_LEAF (1ULL << 46)
#define COOKIE_CLASS_REG(cookie) ((__u32)((cookie) >> 41) & 31)

/* In the place of a hook's number, at pymalloc's own paths: what block_reg holds. */
enum pool_path {
	POOL_BLOCK, /* the block */
	POOL_FRESH, /* the pool, of which it will be the first; class_reg holds the new size class */
	POOL_HEAD, /* the pool, of whose free list it is the head; an allocation if the zero flag is clear */
};

/* How a thread finds its PyThreadState. */
enum tstate_method {
	TSTATE_NONE,      /* not a Python process */
	TSTATE_TSD_GLIBC, /* pthread_getspecific's table, at glibc's offsets from the thread pointer */
	TSTATE_LIST,      /* interpreter's list, by thread_id; any libc */
};

#define TARGET_OBJECT_COUNT_ONLY 1 /* releases are partly inlined: count object blocks, keep none */

/* What the programs must know of one process; written by user space before activation. */
struct target_config {
	__u32 tgid;
	__u32 flags;
	__u64 runtime;         /* address of _PyRuntime */
	__u64 code_type;       /* address of PyCode_Type; 0 = unknown, not checked */
	__u32 tstate_method;   /* enum tstate_method */
	__u32 tsd_first_block; /* glibc: struct pthread.specific_1stblock */
	__u32 tsd_blocks;      /* glibc: struct pthread.specific */
	__u32 debug_header;    /* bytes that PYTHONMALLOC=debug puts in front of each object */
	struct py_layout layout;
};

/* Recorded inside a window, in which every allocation is and no release. */
#define MEAN_WINDOW (~0U)

/* One live heap block. */
struct live_key {
	__u64 addr;
	__u32 target;
	__u32 _pad;
};
_Static_assert(sizeof(struct live_key) == 16, "live_key");

struct live_block {
	__u64 size;    /* bytes asked for; pymalloc's own paths: of the size class */
	__u64 born_ns; /* CLOCK_MONOTONIC */
	__u64 stack;   /* stack_key.hash */
	__u32 domain;
	__u32 mean; /* bytes between samples when it was recorded, 0 = all were, or MEAN_WINDOW */
};
_Static_assert(sizeof(struct live_block) == 32, "live_block");

/* One distinct stack of one target in one domain. hash 0 = stacks that did not fit in the table. */
struct stack_key {
	__u64 hash;
	__u32 target;
	__u32 domain;
};
_Static_assert(sizeof(struct stack_key) == 16, "stack_key");

/*
 * Sums over the blocks of one stack; only ever grow. Sampled blocks count for as many as they stand for;
 * what windows recorded is apart. Counts are in units of 1/COUNT_ONE.
 */
#define COUNT_ONE 256

struct stack_totals {
	__u64 alloc_bytes;
	__u64 alloc_count;
	__u64 free_bytes;
	__u64 free_count;
	__u64 window_bytes;
	__u64 window_count;
	__u64 identity; /* of the frames' code objects as well, where the key has but their addresses */
	__u32 epoch;     /* code_epoch[target] when the identity was last looked at */
	__u16 flags;     /* STACK_* */
	__u16 announced; /* 1 once its frames are in the names ring */
};
_Static_assert(sizeof(struct stack_totals) == 64, "stack_totals");

/* What a layer's probes do. */
enum layer_switch {
	SWITCH_OFF,     /* nothing counts: probes are being attached or detached */
	SWITCH_COUNT,   /* hits are counted and nothing else */
	SWITCH_RECORD,  /* allocations are recorded, releases take them out */
	SWITCH_RELEASE, /* releases take out what has been recorded; allocations pass */
};

enum heap_layer { HEAP_LAYER_OBJECT, HEAP_LAYER_RAW, HEAP_LAYERS };

/* Written by user space at any time, read by the programs at each hit. */
struct layer_control {
	__u32 what; /* enum layer_switch */
	__u32 mean; /* live_block.mean of what is recorded */
};

/* A code object whose strings are in the names ring. */
struct code_id {
	__u64 code_key;
	__u32 target;
	__u32 _pad;
};
_Static_assert(sizeof(struct code_id) == 16, "code_id");

#define TRACKED_STOP_AT_EXEC 1 /* launched by us: stop at each exec until it is traced */

/* A process whose system calls are followed; key: tgid. */
struct tracked {
	__u32 target;
	__u32 flags; /* TRACKED_* */
};
_Static_assert(sizeof(struct tracked) == 8, "tracked");

/* Every way to lose data, and what is needed to judge coverage; one per-CPU slot each. */
enum counter {
	COUNT_SYSCALLS,      /* changes of the address space */
	COUNT_IDLE_HITS,     /* probe hits that a layer's switch lets pass */
	COUNT_OBJECT_ALLOCS, /* pymalloc blocks seen to be handed out ... */
	COUNT_OBJECT_FREES,  /* ... and released, known to us or not */
	COUNT_RAW_CALLS,     /* calls of allocating functions ... */
	COUNT_RAW_RETURNS,   /* ... and their returns */
	COUNT_RAW_FREES,     /* calls of releasing functions */
	/* Of one hit in TIMED_EVERY: how many, and how long their program ran; by enum timed_hit. */
	COUNT_TIMED_HITS,
	COUNT_TIMED_NS = COUNT_TIMED_HITS + 4,
	COUNT_TIMED_LAST = COUNT_TIMED_NS + 3,
	COUNT_UNMATCHED_FREES, /* released blocks that are older than the tracing */
	COUNT_MISSED_FREES,    /* an address was handed out again: its release was not seen */
	COUNT_FAULTS,          /* writing page faults recorded ... */
	COUNT_FAULTS_LEFT_OUT, /* ... and left out, about: there were many */
	COUNT_FAULTS_NS,       /* what recording them took */

	LOST_LIVE_FULL, /* blocks not recorded: live table full */
	LOST_LIVE_FULL_BYTES,
	LOST_STACK_FULL,          /* blocks recorded without a stack: stack table full */
	LOST_THREAD_STATE,        /* events: no memory for a thread's state */
	LOST_NEST_FULL,           /* allocator calls nested deeper than MAX_NEST */
	LOST_MISSING_EXIT,        /* calls that never returned to their caller */
	LOST_UNREADABLE_ARGUMENT, /* caller or out-pointer could not be read */
	LOST_UNREADABLE_FRAME,    /* stacks cut where a frame or code object could not be read */
	LOST_TRUNCATED_STACK,     /* stacks deeper than MAX_FRAMES, cut at the root side */
	LOST_NAMES_FULL,          /* names ring full; announced again at the stack's next event */
	LOST_SPACE_FULL,          /* space ring full: changes of the address space not seen */
	LOST_FAULTS_FULL,         /* space ring half full: page faults not recorded */
	LOST_UNREADABLE_NAME,     /* code objects whose strings could not be read */
	COUNTER_MAX,
};

#define TIMED_EVERY 64

/* A return is timed with the call that it ends. */
enum timed_hit {
	TIMED_OBJECT_ALLOC,
	TIMED_OBJECT_FREE,
	TIMED_RAW_CALL,
	TIMED_RAW_FREE,
	TIMED_KINDS,
};
_Static_assert(COUNT_TIMED_NS - COUNT_TIMED_HITS == TIMED_KINDS, "timed hits");

/* What the programs count on one CPU. */
struct target_counters {
	__u64 of[COUNTER_MAX];
	struct sample_countdown countdown[HEAP_LAYERS]; /* programs only */
};

/* Records of the names ring. */
enum message_kind {
	MESSAGE_STACK = 1,
	MESSAGE_CODE,
	MESSAGE_CODE_MORE,
	MESSAGE_FAULT, /* growth_event.h */
	MESSAGE_RETAKEN,
};

struct frame {
	__u64 code_key; /* identity of the code object, see MESSAGE_CODE */
	__u64 code;     /* its address */
	__s32 lasti;    /* byte offset of the instruction; < 0 = not started */
	__u32 _pad;
};
_Static_assert(sizeof(struct frame) == 24, "frame");

#define STACK_TRUNCATED 1  /* deeper than MAX_FRAMES */
#define STACK_UNREADABLE 2 /* cut at an unreadable frame */
#define STACK_NO_THREAD 4  /* the thread has no Python thread state */

/* Innermost frame first; only frame_count of the frames are sent. */
struct stack_message {
	__u32 kind; /* MESSAGE_STACK */
	__u32 frame_count;
	struct stack_key key;
	__u64 caller; /* where the outermost allocator function returns to; 0 = unknown */
	__u32 flags;  /* STACK_* */
	__u32 tid;
	struct frame frames[MAX_FRAMES];
};
#define STACK_MESSAGE_HEAD (sizeof(struct stack_message) - sizeof(struct frame) * MAX_FRAMES)
_Static_assert(STACK_MESSAGE_HEAD == 40, "stack_message");

#define CODE_FILE_MAX 512 /* bytes of a file name kept */
#define CODE_NAME_MAX 256
#define CODE_LINES_MAX 1024 /* bytes of line table in the first record, and in each further one */
#define CODE_LINES_TOTAL_MAX (64 * CODE_LINES_MAX) /* of one that is longer, the rest is not sent */

#define CODE_MISSING_FILE 1
#define CODE_MISSING_NAME 2
#define CODE_MISSING_LINES 4

/* A code object when first seen. Text as CPython stores it: kind 1, 2 or 4 bytes a code point. */
struct code_message {
	__u32 kind; /* MESSAGE_CODE */
	__u32 target;
	__u64 code_key;
	__u64 code;
	__s32 first_line;
	__u32 file_bytes; /* bytes in file[] */
	__u32 name_bytes;
	__u32 lines_bytes; /* size of the whole line table */
	__u8 file_kind;
	__u8 name_kind;
	__u8 file_cut; /* longer than what is kept */
	__u8 name_cut;
	__u32 missing; /* CODE_MISSING_*: not resident when BPF looked; user space reads it */
	char file[CODE_FILE_MAX];
	char name[CODE_NAME_MAX];
	__u8 lines[CODE_LINES_MAX];
};
_Static_assert(sizeof(struct code_message) == 48 + 512 + 256 + 1024, "code_message");

/* The rest of a long line table. */
struct code_more_message {
	__u32 kind; /* MESSAGE_CODE_MORE */
	__u32 target;
	__u64 code_key;
	__u64 code;
	__u32 offset;
	__u32 bytes; /* 0 = not resident when BPF looked; user space reads it */
	__u8 lines[CODE_LINES_MAX];
};
_Static_assert(sizeof(struct code_more_message) == 32 + 1024, "code_more_message");

/* Records of the space ring: what a thread did to its process's address space. */
enum space_op {
	SPACE_MAP = 1, /* mmap: [start, start + len) is new, whatever was there is gone */
	SPACE_UNMAP,   /* munmap */
	SPACE_REMAP,   /* mremap: [old_start, + old_len) became [start, + len) */
	SPACE_BRK,     /* the break moved from old_start to start */
	SPACE_FAULT, /* struct fault_message: a page was written to that was not the process's own */
};

struct space_message {
	__u32 op; /* enum space_op */
	__u32 target;
	__u64 start, len; /* bytes; len rounded up to pages */
	__u64 old_start, old_len;
	__u64 enter_ns, exit_ns; /* CLOCK_MONOTONIC, around the call */
	__u64 grown;             /* bytes that are new */
	__u64 stack;             /* stack_key.hash of the call that made them, 0 = none */
	__u32 domain;            /* DOMAIN_MMAP, DOMAIN_FILE or DOMAIN_BRK */
	__u32 flags;             /* mmap's or mremap's */
};
_Static_assert(sizeof(struct space_message) == 80, "space_message");

/* The processor's word for why: arch/x86/include/asm/trap_pf.h. */
#define FAULT_CODE_PRESENT 1 /* the page is there, and may not be written */
#define FAULT_CODE_WRITE 2

#define FAULT_PRESENT                                                                              \
	1 /* a page was there that may not be written: zero page, file's, shared by fork */

/* The same ring's record of a page fault. */
struct fault_message {
	__u32 op; /* SPACE_FAULT */
	__u32 target;
	__u64 address; /* that was written to */
	__u64 stack;   /* stack_key.hash, domain DOMAIN_RSS */
	__u32 weight;  /* faults that this one stands for, itself included */
	__u32 flags;   /* FAULT_* */
};
_Static_assert(sizeof(struct fault_message) == 32, "fault_message");

#endif
