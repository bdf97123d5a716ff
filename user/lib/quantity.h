/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quantity.h - numbers with a unit, as people write them: 30s, 1.5h, 64K, 2%
 */
#ifndef QUANTITY_H
#define QUANTITY_H

struct unit {
	const char *name;
	double factor;
};

/* Seconds; bytes; a share, of which 1 is a hundredth. Ended by a row without a name. */
extern const struct unit quantity_times[], quantity_sizes[], quantity_percent[];

/* A number that is not negative, perhaps followed by one of the units, in any case of letters. 0 or -EINVAL. */
int quantity__parse(const char *text, const struct unit *units, double *value);

#endif
