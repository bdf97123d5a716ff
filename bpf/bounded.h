/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bounded.h - bounds that the verifier can see
 */
#ifndef BOUNDED_H
#define BOUNDED_H

/*
 * value & mask, for a value that was checked against it already. The compiler may move the check behind
 * what it guards, or keep the checked value in one place and use a copy (Linux 6.1 forgets the bounds of a 32-bit
 * copy on the stack); this it can do neither with.
 */
#ifdef __BPF__
#define masked(value, mask)                                                                        \
	({                                                                                         \
		__u32 masked_value = (value);                                                      \
		asm volatile("%0 &= %1" : "+r"(masked_value) : "i"(mask));                         \
		masked_value;                                                                      \
	})
#else
#define masked(value, mask) ((__u32)(value) & (mask))
#endif

/* value & (limit - 1); limit is a power of two. */
#define bounded(value, limit)                                                                      \
	({                                                                                         \
		_Static_assert(((limit) & ((limit)-1)) == 0, "bounded() masks");                   \
		masked(value, (limit)-1);                                                          \
	})

#endif
