/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sample_tables.h - the logarithms and exponentials of sampled mode, as tables for programs that
 * cannot compute them
 *
 * Sampled mode lays marks over the stream of allocated bytes, one in mean bytes on average and
 * independent of each other (a Poisson process). A block is recorded when at least one mark falls
 * into it: with probability p = 1 - exp(-size / mean), whatever was recorded before. A recorded
 * block stands for size / p bytes and 1 / p blocks.
 *
 * User space fills the tables before the programs are loaded (trace/sample_tables.h); bpf/sample.h
 * reads them.
 *
 * Include vmlinux.h (BPF) or <linux/types.h> (user space, host tests) first.
 */
#ifndef SAMPLE_TABLES_H
#define SAMPLE_TABLES_H

/*
 * Largest mean, in bytes, for which the arithmetic of bpf/sample.h holds; the smallest is 1, and 0
 * is exact mode.
 */
#define SAMPLE_MEAN_MAX (1ULL << 32)

#define SAMPLE_GAP_BITS 8
#define SAMPLE_GAP_STEPS (1 << SAMPLE_GAP_BITS)

/* From this many means on a block is recorded for certain, but for one in exp(16) = 9,000,000. */
#define SAMPLE_CERTAIN 16
#define SAMPLE_WEIGHT_BITS 5 /* steps a mean: 32 */
#define SAMPLE_WEIGHT_STEPS (SAMPLE_CERTAIN << SAMPLE_WEIGHT_BITS)
#define SAMPLE_WEIGHT_SHIFT 27

struct sample_tables {
	/*
	 * gap[i] = -ln(1 - i / 512) * 2^32, 0 .. ln 2: quantiles of the part of an exponential
	 * variable (mean 1) that is left when the multiples of ln 2 are taken out. A straight line
	 * between two of them is off by at most (1 / 256)^2 / 8 = 1.9e-6, always to the larger
	 * side.
	 */
	__u32 gap[SAMPLE_GAP_STEPS + 1];
	/*
	 * weight[i] = x / (1 - exp(-x)) * 2^27 at x = i / 32, 1 .. 16: what a recorded block of x
	 * means stands for, in means. A straight line is off by at most (1 / 32)^2 / 8 / 6 =
	 * 2.0e-5, to the larger side.
	 */
	__u32 weight[SAMPLE_WEIGHT_STEPS + 1];
};
_Static_assert(sizeof(struct sample_tables) == 257 * 4 + 513 * 4, "sample_tables");

/* Where one sequence of blocks (of a CPU, of a thread) stands. All zero at first. */
struct sample_countdown {
	__u64 left; /* whole bytes to the next mark */
	__u64 mean; /* what left was drawn with; 0 = not drawn yet */
};
_Static_assert(sizeof(struct sample_countdown) == 16, "sample_countdown");

#endif
