/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * bounded.h - bounds that the verifier can see
 */
#ifndef BOUNDED_H
#define BOUNDED_H

/*
 * value & (limit - 1), for a value that was checked against limit already. The compiler may move the check behind
 * what it guards, or keep the checked value in one place and use a copy (Linux 6.1 forgets the bounds of a 32-bit
 * copy on the stack); this it can do neither with. limit is a power of two.
 */
#ifdef __BPF__
#define bounded(value, limit)                                                                      \
	({                                                                                         \
		__u32 bounded_value = (value);                                                     \
		_Static_assert(((limit) & ((limit)-1)) == 0, "bounded() masks");                   \
		asm volatile("%0 &= %1" : "+r"(bounded_value) : "i"((limit)-1));                   \
		bounded_value;                                                                     \
	})
#else
#define bounded(value, limit) ((__u32)(value) & ((limit)-1))
#endif

#endif
