/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/internal.h - what the files of trace/ share
 */
#ifndef TRACE_INTERNAL_H
#define TRACE_INTERNAL_H

#include <sys/resource.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <uthash.h>

#include "lib/extents.h"
#include "lib/proc_maps.h"
#include "trace/trace.h"

struct pyleak_bpf;

/* A code object, by identity. */
struct code_entry {
	struct code_id id;
	size_t index; /* in name_store.codes */
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
	size_t bytes; /* of all of it, about */
	struct code_entry *code_index;
	struct stack_entry *stack_index;
};

struct traced {
	const struct target *target;
	struct extents *space;
	struct proc_maps *maps; /* /proc/PID/maps when it was last looked at */
	bool seeded;            /* what was mapped when tracing began is in space */
};

struct tracer {
	struct pyleak_bpf *bpf;
	struct tracer_options options;
	struct ring_buffer *ring;
	struct bpf_link **links;
	size_t link_count;
	__u64 drain_until_ns; /* when to stop taking records in, however many there are */
	struct rlimit files;  /* as it was before we raised it */
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

/* Attaches all of the plan's probes. 0, or -exit_status after a line on stderr. */
int probes__attach(struct tracer *tracer, __u32 index, const struct target *target,
		   const struct plan *plan);

/* Detaches everything that tracer__keep_link() has kept. */
void probes__detach(struct tracer *tracer);

/* What a ring buffer callback returns: 0, or -EAGAIN when it is time to do something else. */
int tracer__keep_draining(const struct tracer *tracer);

/* Ring buffer callbacks: names (context is the tracer), and changes of address space. */
int names__receive(void *context, void *data, size_t size);
int space__receive(void *context, void *data, size_t size);

void names__free(struct name_store *names);

/* The stack's frames, or NULL while they have not arrived. */
const struct stack_entry *names__stack(const struct name_store *names, const struct stack_key *key);

/* Takes what is mapped now as not ours. Called right after activation. */
void space__seed(struct traced *traced);

/*
 * Reads /proc/PID/maps, for the measuring that follows. Before the ring is emptied and while everything counts: what is
 * mapped later must not look like something that was missed.
 */
void space__look(struct traced *traced);

/* Compares the model with what was looked at; fills mmap_new ... brk_seen, space_measured. */
void space__measure(const struct traced *traced, struct memory_info *memory);

#endif
