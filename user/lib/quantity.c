// SPDX-License-Identifier: BSD-2-Clause
#include "lib/quantity.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

const struct unit quantity_times[] = {
	{"", 1},     {"s", 1},    {"ms", 1e-3}, {"m", 60},
	{"min", 60}, {"h", 3600}, {"d", 86400}, {NULL, 0},
};

const struct unit quantity_sizes[] = {
	{"", 1},          {"B", 1},         {"K", 1 << 10},   {"M", 1 << 20}, {"G", 1 << 30},
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {NULL, 0},
};

const struct unit quantity_percent[] = {{"", 0.01}, {"%", 0.01}, {NULL, 0}};

int quantity__parse(const char *text, const struct unit *units, double *value)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	if (end == text || errno || !isfinite(*value) || *value < 0)
		return -EINVAL;
	for (; units->name; units++) {
		if (!strcasecmp(units->name, end)) {
			*value *= units->factor;
			return 0;
		}
	}
	return -EINVAL;
}
