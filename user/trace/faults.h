/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/faults.h - resident anonymous memory of one target, by the stack that wrote to it first
 *
 *	faults__open(pid, &faults);
 *	faults__seed(faults, maps);		right after activation
 *	faults__receive(faults, message);	the space ring's records, all of them, in order
 *	faults__look(faults, maps, everything);	after the ring was emptied, while the process lives
 *	faults__fill(faults, stack); faults__measure(faults, ...);
 *	faults__close(faults);
 */
#ifndef TRACE_FAULTS_H
#define TRACE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/proc_maps.h"
#include "snapshot.h"

struct faults;

/*
 * Opens /proc/PID/pagemap, so while we may. 0 or -errno: then nothing can be said of this target, and every other
 * function takes NULL for it and does nothing.
 */
int faults__open(pid_t pid, struct faults **faults);
void faults__close(struct faults *faults);

/* Takes what is resident now, less what has been recorded already, as not ours. maps may be NULL: unreadable. */
void faults__seed(struct faults *faults, const struct proc_maps *maps);

/* A record of the space ring: fault_message or space_message. */
void faults__receive(struct faults *faults, const void *data, size_t size);

/*
 * Reads which pages are still there: those of the 2 MiB ranges in which something is owned; everything: of all private
 * memory, which finds what has no owner, and makes faults__measure() say something. Not everything: that all the same
 * where it has cost less than 2 % of the time since the last time.
 */
void faults__look(struct faults *faults, const struct proc_maps *maps, bool everything);

/* Fills the sums of a row of domain DOMAIN_RSS, bytes and pages; others are left alone. */
void faults__fill(const struct faults *faults, struct stack_info *stack);

/*
 * Bytes of resident anonymous memory that appeared since the seed: all that there is, what has an owner, and
 * what of that was inferred, as of the last look at everything. False: could not be measured.
 */
bool faults__measure(const struct faults *faults, __u64 *appeared, __u64 *seen, __u64 *inferred);

#endif
