/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page_owners.h - which stack wrote first to each resident anonymous page of a process; pure
 *
 * Fed with two kinds of evidence. Records of page faults say who took a page, in the order in which they, and the calls that
 * unmap and move pages, happened. Entries of /proc/PID/pagemap say which pages are there now.
 *
 *	page_owners__read(owners, address, entries, count);	while nothing has an owner: what is there is not ours
 *	page_owners__own(), page_owners__forget(), page_owners__move()	as records come
 *	page_owners__begin(owners);				a look at the whole process
 *	page_owners__read() ... page_owners__reject() ... page_owners__skip() ...
 *	page_owners__end(owners);
 *
 * A page that is there, was not at the beginning, and has no record was left out of the sample, or came with its
 * neighbour's fault (a huge page is one fault). It gets the owner of the nearest page below in the same aligned 512 pages
 * and mapping; else of the nearest above there; else, where memory goes on without a gap, of the page before these 512. Such
 * owners are inferred, stay, and are counted as such.
 *
 * A page in swap keeps its owner and is not resident. Read back, it is its owner's again; written to, it is the
 * writer's, since the fault is the same as that of a new page.
 */
#ifndef PAGE_OWNERS_H
#define PAGE_OWNERS_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Pages of a chunk: what one entry of an x86 page middle directory covers, hence a huge page. */
#define OWNERS_CHUNK 512

/* Bits of a pagemap entry (Linux, Documentation/admin-guide/mm/pagemap.rst). */
#define PAGEMAP_PRESENT (1ULL << 63)
#define PAGEMAP_SWAPPED (1ULL << 62)
#define PAGEMAP_FILE (1ULL << 61)      /* page of a file, or shared anonymous memory */
#define PAGEMAP_EXCLUSIVE (1ULL << 56) /* mapped once; never set for the zero page */

struct page_owners;

/* What one stack has, in pages. */
struct page_sums {
	__u64 faulted; /* faults that ended with a new page; estimated where records stand for more than one */
	__u64 resident; /* of these and of the inferred ones, what is there now */
	__u64 inferred; /* part of resident: without a record of their own */
};

/* page_size in bytes, a power of two. NULL: no memory. */
struct page_owners *page_owners__new(__u64 page_size);
void page_owners__free(struct page_owners *owners);

/*
 * Records a fault that stands for weight faults. was_present: a page was there that could not be written to; one that is
 * known as the process's own stays what it is (fork has made it read-only).
 * 0, or -ENOMEM, -ENOSPC (address space too scattered to be followed): the page has no owner then.
 */
int page_owners__own(struct page_owners *owners, __u64 address, __u64 stack, __u32 weight,
		     bool was_present);

/* [start, end) is unmapped, or mapped anew: nothing is there. Cost: by what is known in the range. */
void page_owners__forget(struct page_owners *owners, __u64 start, __u64 end);

/*
 * mremap(2) moved old_len bytes at old_start to start, where len bytes are now; at the same address, it cut or grew.
 * 0, or as page_owners__own(): part has no owner then.
 */
int page_owners__move(struct page_owners *owners, __u64 old_start, __u64 old_len, __u64 start,
		      __u64 len);

/* Begins a look at what is resident. */
void page_owners__begin(struct page_owners *owners);

/*
 * What the pagemap says of count pages from address on, in one private mapping; calls go up in address. Where beginning, that is before the
 * first page_owners__begin(), pages that are there and have no owner are marked as old.
 * 0, or as page_owners__own(): not all of it is known then.
 */
int page_owners__read(struct page_owners *owners, __u64 address, const __u64 *entries,
		      size_t count);

/* [start, end) is shared memory: what was recorded there is not anonymous, and is taken back. */
void page_owners__reject(struct page_owners *owners, __u64 start, __u64 end);

/* [start, end) is mapped but was not looked at: stays as it is. */
void page_owners__skip(struct page_owners *owners, __u64 start, __u64 end);

/* Ends the look: whatever was in none of the ranges is not mapped any more. */
void page_owners__end(struct page_owners *owners);

/* Address of the first page of the next 512 at or above address of which something is owned; ~0 = none. */
__u64 page_owners__next_owned(const struct page_owners *owners, __u64 address);

/* The sums of one stack; zeros where it is not known. */
struct page_sums page_owners__sums(const struct page_owners *owners, __u64 stack);

/* Resident pages that have an owner, those of them whose owner was inferred, and those found new and without one. */
__u64 page_owners__resident(const struct page_owners *owners);
__u64 page_owners__inferred(const struct page_owners *owners);
__u64 page_owners__orphans(const struct page_owners *owners);

#endif
