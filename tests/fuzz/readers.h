/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readers.h - everything that reads a heap, once
 */
#ifndef FUZZ_READERS_H
#define FUZZ_READERS_H

#include "mutate.h"

/* seed: of the round, says whether `who` or --mode census comes after `heap`. What does not hold after all that was read, static text; NULL: all is well. Errors of the readers are no faults. */
const char *readers__run(const struct victim *victim, __u64 seed);

#endif
