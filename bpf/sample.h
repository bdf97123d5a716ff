/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * sample.h - which blocks are recorded in sampled mode, and what a recorded one stands for
 *
 * A mark lies on the stream of allocated bytes every mean bytes on average, with exponential
 * distances; the block that a mark falls into is recorded. The exponential distribution has no
 * memory, which three things here rest on: marks that follow in the same block need not be drawn
 * (the count begins anew behind the block), a countdown may be thrown away and drawn again at any
 * time that does not depend on it (when the mean changes), and every CPU or thread may have its
 * own.
 *
 * Two programs that interrupt one another on the same countdown (uprobe programs can be preempted,
 * Linux 6.0 and later) may undo each other's step. Each block is then still recorded with its own
 * probability, for what it is compared with is exponential whichever of them wrote it; only the
 * independence of the few blocks around suffers.
 *
 * Compiled into the BPF programs, and as host C by tests/unit/test_sampling.c: integers only, no
 * loop, table indices masked. The includer provides
 * 	__u32 random_u32(void)		all 32 bits uniform
 * and the types of wire.h.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "bounded.h"
#include "sample_tables.h"

#define LN2_Q32 2977044472ULL /* ln 2 * 2^32 */

/*
 * Leading zero bits, 32 for 0. clang 14 knows no instruction for it on BPF and would call a
 * function.
 */
static __always_inline __u32 leading_zeros(__u32 value)
{
	__u32 zeros = 0;

	if (!value)
		return 32;
	if (!(value & 0xffff0000)) {
		zeros += 16;
		value <<= 16;
	}
	if (!(value & 0xff000000)) {
		zeros += 8;
		value <<= 8;
	}
	if (!(value & 0xf0000000)) {
		zeros += 4;
		value <<= 4;
	}
	if (!(value & 0xc0000000)) {
		zeros += 2;
		value <<= 2;
	}
	return zeros + !(value & 0x80000000);
}

/*
 * Whole bytes to the next mark: an exponential variable of this mean (at most SAMPLE_MEAN_MAX),
 * rounded down. Rounded down, because for a whole number of bytes z, floor(gap) < z exactly when
 * gap < z: nothing is lost.
 *
 * An exponential variable of mean 1 is K ln 2 + F, with K the zeros before the first one in fair
 * coin tosses (leading bits of random1) and F independent of it, in [0, ln 2) (interpolated from
 * the table by random2). So the tail needs no table. The distribution function is nowhere off by
 * more than 1.9e-6 (interpolation) + 2.4e-10 (K stops at 32); the mean is too large by 6.4e-7 of
 * it; the rate of marks is between the quantiles of the table off by up to 0.1 %, and right over
 * each step.
 */
static __always_inline __u64 sample_gap(const volatile struct sample_tables *t, __u32 random1,
					__u32 random2, __u64 mean)
{
	__u32 i = bounded(random2 >> (32 - SAMPLE_GAP_BITS), SAMPLE_GAP_STEPS);
	__u64 part = random2 & ((1U << (32 - SAMPLE_GAP_BITS)) - 1);
	__u64 from = t->gap[i], to = t->gap[i + 1], gap;

	gap = leading_zeros(random1) * LN2_Q32 + from;
	gap += (to - from) * part >> (32 - SAMPLE_GAP_BITS);
	return mean * (gap >> 32) + (mean * (gap & 0xffffffff) >> 32);
}

static __always_inline __u64 sample_draw(const volatile struct sample_tables *t, __u64 mean)
{
	__u32 random1 = random_u32(), random2 = random_u32();

	return sample_gap(t, random1, random2, mean);
}

/*
 * Whether the block of size bytes that was just allocated is to be recorded. mean 0 = exact mode:
 * each one is. A block of 0 bytes never is, otherwise: whoever wants to see those gives them a
 * byte, here and in what is recorded. size must be what sample_bytes_for() and user space will be
 * told.
 */
static __always_inline int sample_take(const volatile struct sample_tables *t,
				       struct sample_countdown *countdown, __u64 size, __u64 mean)
{
	if (!mean)
		return 1;
	if (countdown->mean != mean) { /* none drawn yet, or with another mean */
		countdown->left = sample_draw(t, mean);
		countdown->mean = mean;
	}
	if (countdown->left >= size) {
		countdown->left -= size;
		return 0;
	}
	countdown->left = sample_draw(t, mean);
	return 1;
}

/*
 * Bytes that a recorded block of size stands for, so that sums are unbiased: size / p(size). Never
 * less than size; size itself from 16 means on and with mean 0. Off by at most 2.1e-5 of it, plus
 * half a byte of rounding (which is more, below means of 24 KiB: user space computes with doubles
 * where it has the blocks).
 *
 * For counts: a block stands for this / size blocks; user space computes 1 / (1 - exp(-size /
 * mean)) instead.
 */
static __always_inline __u64 sample_bytes_for(const volatile struct sample_tables *t, __u64 size,
					      __u64 mean)
{
	const __u32 part_bits = SAMPLE_WEIGHT_SHIFT - SAMPLE_WEIGHT_BITS;
	__u64 x, from, to, bytes;
	__u32 i;

	if (!mean || !size || size / SAMPLE_CERTAIN >= mean)
		return size;
	x = (size << SAMPLE_WEIGHT_SHIFT) / mean; /* size < 2^36 */
	i = bounded(x >> part_bits, SAMPLE_WEIGHT_STEPS);
	from = t->weight[i];
	to = t->weight[i + 1];
	from += (to - from) * (x & ((1U << part_bits) - 1)) >> part_bits;
	bytes = (mean * from + (1ULL << (SAMPLE_WEIGHT_SHIFT - 1))) >> SAMPLE_WEIGHT_SHIFT;
	return bytes < size ? size : bytes;
}

#endif
