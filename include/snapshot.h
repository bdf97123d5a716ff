/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - the BPF maps at one instant, copied out
 *
 * Plain data: everything after this point runs without privileges and without the target.
 * Strings are UTF-8 as captured and not yet escaped for any output.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "error_sum.h"
#include "wire.h"

/* A code object as it was when first seen. */
struct code_info {
	__u32 target;
	__u64 code_key;
	int first_line;
	char *file;        /* co_filename */
	char *name;        /* co_qualname, before 3.11 co_name */
	__u8 *lines;       /* line table, in the target's format */
	size_t lines_len;  /* bytes that arrived, from the start */
	size_t lines_size; /* bytes that there are */
};

/* An entry of the live table. */
struct tracked_block {
	struct live_key key;
	struct live_block block;
};

static inline enum heap_layer heap_layer__of(__u32 domain)
{
	return domain == DOMAIN_OBJECT ? HEAP_LAYER_OBJECT : HEAP_LAYER_RAW;
}

/* A window's block may be long gone until it has been followed up. judged_ns: until when windows have been, by layer. */
static inline bool live_block__is_known(const struct live_block *block,
					const __u64 judged_ns[HEAP_LAYERS])
{
	return block->mean != MEAN_WINDOW ||
	       block->born_ns <= judged_ns[heap_layer__of(block->domain)];
}

/* A distinct stack and what happened there. */
struct stack_info {
	struct stack_key key;
	bool known;           /* frames have arrived */
	__u32 flags;          /* STACK_* */
	__u64 caller;         /* address the outermost allocator function returns to, 0 = unknown */
	int caller_module;    /* index in the target's modules, -1 = none */
	struct frame *frames; /* innermost first */
	size_t frame_count;

	__u64 alloc_bytes, alloc_count, free_bytes, free_count;
	__u64 window_bytes, window_count; /* recorded in windows, as they are */
	__u64 live_bytes,
		live_count;     /* from the live table, or alloc - free if that was not read */
	struct error_sum error; /* of the live blocks, if the live table was read */
	/* Ages of the live blocks, seconds; < 0 = not measured. */
	double oldest_s, median_age_s;
};

/* What was seen of one process's memory from outside. */
struct memory_info {
	__u64 rss, rss_start; /* bytes */
	/* pymalloc blocks in use by the pool headers; < 0 = not measured */
	long long pool_blocks_start, pool_blocks;
	/* anonymous address space that appeared since tracing began: all, and what the model has */
	__u64 mmap_new, mmap_seen, brk_new, brk_seen; /* bytes */
	bool space_measured;
	/* resident anonymous memory that appeared since: all, what has an owner, and what of that by inference */
	__u64 rss_new, rss_seen, rss_inferred; /* bytes */
	bool rss_measured;
	bool ended;    /* the process has ended; the above is its last state */
	bool replaced; /* by exec */
};

struct snapshot {
	__u64 now_ns;     /* CLOCK_MONOTONIC */
	__u64 started_ns; /* activation of the probes */

	struct stack_info *stacks;
	size_t stack_count;
	const struct code_info *codes; /* owned by the tracer, grows only */
	size_t code_count;
	__u64 counters[COUNTER_MAX][MAX_TARGETS];

	struct memory_info *memory; /* one per target */
	size_t target_count;
};

#endif
