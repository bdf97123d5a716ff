/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error_sum.h - what is kept of the blocks of a stack or a site, to say how sure its figures are; see lib/error.h
 */
#ifndef ERROR_SUM_H
#define ERROR_SUM_H

/* Sums over recorded blocks. All zero at first. Plain numbers: may be copied and kept. */
struct error_sum {
	double samples;         /* blocks recorded */
	double bytes;           /* in them */
	double unseen_bytes;    /* estimated, in blocks that were not recorded: sum z (1 - p) / p */
	double unseen_blocks;   /* sum (1 - p) / p */
	double variance;        /* estimated, of bytes + unseen_bytes: sum z z (1 - p) / p^2 */
	double marks;           /* sum -ln(1 - p) / p: none is recorded with about exp(-marks) */
	double widest_bytes;    /* largest contribution of one block to unseen_bytes ... */
	double widest_variance; /* ... and to variance */
};

#endif
