// SPDX-License-Identifier: BSD-2-Clause
/*
 * sample_tables.c - see include/sample_tables.h for what the entries are
 */
#include <math.h>

#include "trace/sample_tables.h"

void sample_tables__fill(struct sample_tables *tables)
{
	const double weight_unit = 1 << SAMPLE_WEIGHT_SHIFT;

	for (int i = 0; i <= SAMPLE_GAP_STEPS; i++)
		tables->gap[i] = llrint(ldexp(-log1p(-i / (2.0 * SAMPLE_GAP_STEPS)), 32));

	tables->weight[0] = weight_unit; /* the limit */
	for (int i = 1; i <= SAMPLE_WEIGHT_STEPS; i++) {
		double x = ldexp(i, -SAMPLE_WEIGHT_BITS);

		tables->weight[i] = llrint(x / -expm1(-x) * weight_unit);
	}
}
