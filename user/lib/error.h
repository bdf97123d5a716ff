/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lib/error.h - how much there is, from what was sampled, and between which bounds
 *
 * Pure. A block of z bytes was recorded with probability p: 1 - exp(-z / mean) in sampled mode
 * (include/sample_tables.h), 1 / scale for a survivor of windows that make up 1 / scale of the
 * work. It stands for 1 / p blocks and z / p bytes, which makes sums of them right on average,
 * whatever the sizes and whichever blocks were freed later (Horvitz and Thompson). p must not
 * depend on what is asked for: memory that is allocated in step with the windows is not measured by
 * them, and survivors that come in bursts spread more than the interval says.
 *
 * The interval. What was recorded exists: its bytes, sum z, are certain. What was not is, for
 * blocks of one size, a number of failures before the n-th success (at least) or before the one
 * after it (at most) of tosses that succeed with p. That has a mean and a variance which are sums
 * over the blocks and so are had for mixed sizes, too; a gamma distribution with both gives the
 * bounds. Where p is small these are Poisson's (Garwood); where p goes to 1 the width goes to 0. So
 * an interval speaks of blocks of the sizes that were seen: a site whose large blocks are all
 * recorded may also have up to error__unseen_bytes() in small ones.
 *
 * The claim: of all sites of which anything at all was recorded, and a report shows no others, at
 * least 95 % have their true bytes in [low, high]. For that, low allows for having been seen by
 * luck: with one block, it is that block. For blocks of one size this is added up exactly, over p
 * from 0.0001 to 0.9999 and up to 400 expected samples (worst 95.06 %, tests/unit/test_error.c);
 * for mixed sizes it is simulated (tests/unit/test_sampling.c; 95.2 % or more in 20,000 runs,
 * but for the large and small ones above). Few blocks leave no choice but more: 96 to 100 %.
 */
#ifndef ERROR_H
#define ERROR_H

#include <linux/types.h>

#include "error_sum.h"

struct error_estimate {
	double bytes;     /* unbiased */
	double blocks;    /* unbiased; small blocks make it far less certain than bytes */
	double low, high; /* of bytes, 95 %; high is NAN where nothing was recorded */
	double error_pct; /* deviation of the farther bound in % of bytes; NAN where bytes is 0 */
};

/*
 * Adds a live block of size bytes that was recorded at this mean (bytes between samples; 0 = exact
 * mode). A block of 0 bytes is never sampled: it counts as itself.
 */
void error__add(struct error_sum *sum, __u64 size, __u64 mean);

/*
 * Adds a survivor of size bytes of windows; each block had the chance 1 / scale to fall into one.
 * scale >= 1.
 */
void error__add_scaled(struct error_sum *sum, __u64 size, double scale);

/* Adds other's blocks. */
void error__merge(struct error_sum *sum, const struct error_sum *other);

void error__estimate(const struct error_sum *sum, struct error_estimate *estimate);

/*
 * The scale itself is known to a relative standard error only: moves both bounds away by 1.96 of
 * these, added in quadrature to what they are away already. low stays >= at_least.
 */
void error__widen(struct error_estimate *estimate, double relative_error, double at_least);

/*
 * Bytes of a site of which nothing was recorded: with 97.5 % it has less. Holds for blocks of any
 * sizes, for the chance to see none of T bytes is exp(-T / mean): mean * ln 40, 3.69 means.
 */
double error__unseen_bytes(__u64 mean);

/* Blocks of one site in windows. */
struct error_window {
	double blocks;              /* that survive, of all that the site has allocated meanwhile */
	double low, high;           /* of that, 95 % */
	double error_pct;           /* as above; NAN without survivors */
	double rate;                /* of survival; NAN where none was recorded */
	double rate_low, rate_high; /* of that, 95 % */
};

/*
 * survivors of recorded blocks are still in use, of windows that make up 1 / scale (>= 1) of the
 * work done; scale has this relative standard error (0 = exact). survivors > recorded counts as
 * recorded.
 */
void error__window(__u64 survivors, __u64 recorded, double scale, double scale_error,
		   struct error_window *window);

#endif
