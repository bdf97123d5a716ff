/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/internal.h - what the files of trace/ share
 */
#ifndef TRACE_INTERNAL_H
#define TRACE_INTERNAL_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uthash.h>

#include "lib/extents.h"
#include "trace/trace.h"

struct pyleak_bpf;

/* A code object, by identity. */
struct code_entry {
	struct code_id id;
	size_t index;		/* in name_store.codes */
	UT_hash_handle hh;
};

/* A stack whose frames have arrived. */
struct stack_entry {
	struct stack_key key;
	__u32 flags;
	int caller_module;
	__u64 caller;
	struct frame *frames;
	size_t frame_count;
	UT_hash_handle hh;
};

/* What the names ring has brought; only grows. */
struct name_store {
	struct code_info *codes;
	size_t code_count, code_capacity;
	struct code_entry *code_index;
	struct stack_entry *stack_index;
};

struct traced {
	const struct target *target;
	struct extents *space;
	bool space_measured;		/* the address space was read when tracing began */
	bool replaced;
	__u64 replaced_ns;
};

struct tracer {
	struct pyleak_bpf *bpf;
	struct tracer_options options;
	struct ring_buffer *ring;
	struct bpf_link **links;
	size_t link_count;
	struct traced targets[MAX_TARGETS];
	size_t target_count;
	struct name_store names;
	__u64 started_ns;
	int cpus;
};

/* CLOCK_MONOTONIC, as bpf_ktime_get_ns(). */
__u64 now_ns(void);

/* Adds a link to those that are detached at the end; NULL = attaching failed, see errno. 0 or -errno. */
int tracer__keep_link(struct tracer *tracer, struct bpf_link *link);

/* Ring buffer callbacks: names (context is the tracer), and changes of address space. */
int names__receive(void *context, void *data, size_t size);
int space__receive(void *context, void *data, size_t size);

void names__free(struct name_store *names);

/* The stack's frames, or NULL while they have not arrived. */
const struct stack_entry *names__stack(const struct name_store *names, const struct stack_key *key);

/* Takes what is mapped now as not ours. Called right after activation. */
void space__seed(struct traced *traced);

/* Compares the model with /proc/PID/maps and fills mmap_new ... brk_seen, space_measured. */
void space__measure(const struct traced *traced, struct memory_info *memory);

#endif
