/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages/page_sample.h - a bounded sample of the pages that a process has taken and that are still there, with the stacks that took
 * them; pure
 *
 *	page_sample__code(), __more(), __add(), __forget()	as records come
 *	page_sample__look(sample, LOOK_AT_UNSETTLED, ...)	every few seconds: is the page there, and still the same?
 *	page_sample__look(sample, LOOK_AT_ALL, ...)	now and then: what has been given back is forgotten
 *	page_sample__stacks(sample, ...)		who took what is there
 *
 * A program that takes and gives back memory all the time takes the same addresses again and again: that a page is there says little.
 * Therefore a record is forgotten when somebody takes its page again (see growth_event.h), and counts only when it has settled: looks
 * SETTLED_AFTER_S apart found the same page frame there. Later a frame may be another, for the kernel moves pages.
 *
 * Each record stands for a number of faults. When the sample is full, pairs of neighbours in time among its older half become one
 * record with the weight of both, either with its share as probability: sums stay right on average, what is old is known more coarsely.
 *
 * What it takes for something else: pages of a huge one that the kernel put together in the first seconds, if only one of them is in the
 * sample (it counts as huge); and faults that the kernel causes to see who uses a page (kernel.numa_balancing, on machines of several nodes).
 */
#ifndef PAGES_PAGE_SAMPLE_H
#define PAGES_PAGE_SAMPLE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "error_sum.h"
#include "growth_event.h"
#include "pages/code_store.h"

#define SAMPLE_PAGES 192  /* records kept of a process */
#define SAMPLE_STACKS 64  /* different stacks; those of further ones are not known */
#define SAMPLE_FRAMES 64  /* innermost frames kept of a stack */
#define SAMPLE_CODES 1024 /* code objects */
#define SAMPLE_BYTES                                                                               \
	(512                                                                                       \
	 << 10) /* of all that is kept of a process, shared or not: nobody shall have the store for himself */

#define SETTLED_AFTER_S 8.0

#define PAGE_BYTES 4096
#define HUGE_BYTES (2 << 20) /* x86-64's */

struct page_sample;

enum page_state { PAGE_GONE, PAGE_SMALL, PAGE_HUGE };

/* What a look found at an address. */
struct page_seen {
	enum page_state state;
	__u64 frame; /* number of the page frame; 0 = it may not be seen, or is in swap */
};

/* first: nobody has looked there before; only then it matters whether the page is huge. False: the process cannot be asked any more. */
typedef bool (*page_sample_look)(void *context, __u64 address, bool first, struct page_seen *seen);

/* What one stack took that is there. */
struct sampled_stack {
	__u64 hash;                 /* 0 = further stacks than there was room for */
	__u32 flags;                /* STACK_*; STACK_TRUNCATED also where we have cut it */
	const struct frame *frames; /* innermost first */
	size_t frame_count;
	double bytes, recent_bytes; /* estimated; recent: taken since the time asked for */
	double unsettled_bytes;     /* of bytes: what may be given back in a moment */
	double taken_bytes;         /* whether it is still there or not, as small pages */
	double oldest_s;            /* when the first of what is there was taken */
	struct error_sum error;     /* of bytes */
};

/* store is shared and outlives it; seed: of the choice of records. NULL: no memory. */
struct page_sample *page_sample__new(struct code_store *store, __u64 seed);
void page_sample__free(struct page_sample *sample);

/* False: it was not kept; it should be sent again when it is met again. */
bool page_sample__code(struct page_sample *sample, const struct code_message *code);
void page_sample__more(struct page_sample *sample, const struct code_more_message *more);

/* fault->stack.frame_count of its frames are there. at_s on any clock, not decreasing. */
void page_sample__add(struct page_sample *sample, const struct growth_fault *fault, double at_s);

/* The page at this address was given back. */
void page_sample__forget(struct page_sample *sample, __u64 address);

enum page_look { LOOK_AT_UNSETTLED, LOOK_AT_ALL };

/* Asks about pages by address, and forgets those that are gone. Ends with the process: what was known then stays. */
void page_sample__look(struct page_sample *sample, enum page_look which, double now_s,
		       page_sample_look look, void *context);

/*
 * Code objects that no stack needs any more are dropped; forget is told their keys, so that they are sent again when they are met
 * again.
 */
void page_sample__tidy(struct page_sample *sample, void (*forget)(void *context, __u64 code_key),
		       void *context);

/* Records that have not settled, and records in all. */
size_t page_sample__unsettled(const struct page_sample *sample);
size_t page_sample__pages(const struct page_sample *sample);

/* Records that there was no room for in the store. */
__u64 page_sample__lost(const struct page_sample *sample);

/*
 * Fills stacks with those that have something there, in no order; good until the sample changes. unsettled: with what has not
 * settled. Returns how many.
 */
size_t page_sample__stacks(const struct page_sample *sample, double recent_since_s, bool unsettled,
			   struct sampled_stack stacks[SAMPLE_STACKS + 1]);

/* The code object of a frame; NULL: it has not come, or there was no room. */
const struct code_info *page_sample__code_of(const struct page_sample *sample, __u64 code_key);

#endif
