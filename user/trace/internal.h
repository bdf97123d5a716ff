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
#include "trace/faults.h"
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

/* One or many probes, attached. */
struct probe_link {
	struct bpf_link *perf; /* or, where this is NULL, */
	int fd;                /* a link of many */
};

struct probe_links {
	struct probe_link *list;
	size_t count;
};

struct traced {
	const struct target *target;
	const struct plan *plan;
	struct probe_links links[HEAP_LAYERS][2]; /* allocations, releases */
	enum probe_extent extent[HEAP_LAYERS];
	double scale[HEAP_LAYERS];    /* what a block recorded in a window stands for */
	__u64 judged_ns[HEAP_LAYERS]; /* see tracer__set_judged() */
	struct pools_in_use in_use;   /* see tracer__bound_live() ... */
	bool bounded;                 /* ... if it has been called */
	__u64 doubted_ns;             /* when code_epoch was last raised for want of probes */
	bool followed;                /* releases were found out from outside as well */
	__u8 generation;              /* of the probe set that counts */
	__u32 forks_healed;           /* forks[] when breakpoints were last taken out of children */
	__u64 healed_ns;
	struct extents *space;
	struct proc_maps *maps; /* /proc/PID/maps when it was last looked at */
	struct faults *faults;  /* resident memory by stack; NULL = not followed */
	double fault_share;     /* see tracer__pace_faults(); 0 = as it comes */
	bool seeded;            /* what was mapped when tracing began is in space */
};

struct tracer {
	struct pyleak_bpf *bpf;
	struct tracer_options options;
	struct ring_buffer *ring;
	struct bpf_link **links; /* of tracepoints */
	size_t link_count;
	bool multi;                 /* many probes a link */
	bool session;               /* ... and one program for a call's begin and its return */
	__u64 attach_ns, detach_ns; /* spent so far on putting probes in, on taking them out */
	__u64 drain_until_ns;       /* when to stop taking records in, however many there are */
	struct rlimit files;        /* as it was before we raised it */
	struct traced targets[MAX_TARGETS];
	size_t target_count;
	struct name_store names;
	__u64 started_ns;
	int cpus;
};

/* What libbpf has to say, with -vv and -vvv. */
int tracer__print_libbpf(enum libbpf_print_level level, const char *format, va_list args);

/* Adds a link to those that are detached at the end; NULL = attaching failed, see errno. 0 or -errno. */
int tracer__keep_link(struct tracer *tracer, struct bpf_link *link);

/*
 * Calls visit for every entry of a hash map, a batch at a time. Entries that come or go meanwhile may or may
 * not be seen; every other one is, once. 0, -errno, or what visit returned if not 0.
 */
int entries__visit(int fd, size_t key_size, size_t value_size,
		   int (*visit)(void *context, const void *key, const void *value), void *context);

/* Finds out how probes are attached on this kernel; before the programs are loaded. 0 or -errno. */
int probes__use_multi(struct tracer *tracer);

/* Brings a layer's probes to this extent. 0, or -exit_status after a line on stderr: then none is in. */
int probes__set(struct tracer *tracer, __u32 index, enum heap_layer layer,
		enum probe_extent extent);

/*
 * Takes breakpoints out of processes that the target has forked, where the kernel does not; nothing that the target does
 * meanwhile is lost. At most once a second, else does nothing. 0, or -exit_status: the probes are as they were.
 */
int probes__heal(struct tracer *tracer, __u32 index);

/* See tracer__extend(). */
int probes__extend(struct tracer *tracer, __u32 index, size_t first);

/* Takes out every probe of every target. */
void probes__detach(struct tracer *tracer);

/* What a ring buffer callback returns: 0, or -EAGAIN when it is time to do something else. */
int tracer__keep_draining(const struct tracer *tracer);

/* Ring buffer callbacks: names (context is the tracer), and changes of address space. */
int names__receive(void *context, void *data, size_t size);
int space__receive(void *context, void *data, size_t size);

void names__free(struct name_store *names);

/* The stack's frames, or NULL while they have not arrived. */
const struct stack_entry *names__stack(const struct name_store *names, const struct stack_key *key);

/* How many blocks one that a target's window recorded stands for, at least 1. */
struct window_scale {
	double raw, object; /* traced->scale; object: where pymalloc does not serve it */
	double of_class
		[POOL_CLASSES]; /* the same, or less where that were more than the pools hold */
};

/* One for each target, which the caller frees, after an error too. 0 or -errno. */
int window_scale__find(const struct tracer *tracer, struct window_scale **scales);

double window_scale__of(const struct window_scale *scale, const struct live_block *block);

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
