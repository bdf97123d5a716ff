/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap/image.h - a process's memory, read from outside and kept for a while
 *
 * Small reads at scattered places go through a bounded cache of windows; sweeps over large areas are copied once and not kept.
 * The target is neither stopped nor written to. Pages that are swapped out are not brought back, anonymous pages that were never
 * written are not made: neither is read; the former count as unreadable, the latter as zeros.
 * What is in the cache is of different moments: whoever needs a consistent pair of words reads them in one call.
 */
#ifndef HEAP_IMAGE_H
#define HEAP_IMAGE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/proc_maps.h"

#define IMAGE_WINDOW 16384

struct image;

/* cache: bytes to keep at most. 0, or -ESRCH, -ENOMEM and what proc_maps__read() says. */
int image__open(pid_t pid, size_t cache, struct image **image);
void image__close(struct image *image);

/* Drops what is cached and reads the list of mappings anew: the next look at a living process. As image__open(). */
int image__refresh(struct image *image);

/* Drops what is cached, keeps the list of mappings: the words that are read next are of one moment, as nearly as that can be. */
void image__forget(struct image *image);

/* The mappings at the last refresh; of the image. */
const struct proc_maps *image__maps(const struct image *image);
pid_t image__pid(const struct image *image);
/* Bytes that they span, all together: nothing in the process can be larger. */
__u64 image__mapped(const struct image *image);

/* Reads exactly size bytes through the cache. 0, or -EFAULT: not mapped, swapped out, gone. */
int image__read(struct image *image, __u64 address, void *buffer, size_t size);

/*
 * What a sweep has just copied: reads that lie inside are taken from there, not from the target. The copy must be complete, and stay where
 * it is until another is lent, or none (bytes = NULL).
 */
void image__lend(struct image *image, __u64 address, const void *bytes, size_t size);

/* The word at address, 0 where there is none to be read. */
__u64 image__word(struct image *image, __u64 address);
__u32 image__word32(struct image *image, __u64 address);

/*
 * Copies a large area past the cache; what cannot be read is zeros. Returns bytes that were read or known to be zeros, size where
 * nothing is missing; -ESRCH, -EPERM, -ENOMEM. address and size: multiples of the page size.
 */
long image__copy(struct image *image, __u64 address, void *buffer, size_t size);

/* Forgets which pages are in memory; a copy made again after this has what has been written meanwhile. */
void image__look_again(struct image *image);

/*
 * Bytes of an area that are in memory now; all of them where the kernel does not say. What is looked at in all until a refresh is
 * bounded (image.c), and 0 is said from then on: a forged heap may name terabytes of addresses without memory again and again.
 */
__u64 image__resident(struct image *image, __u64 address, __u64 size);

#endif
