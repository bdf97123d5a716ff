// SPDX-License-Identifier: BSD-2-Clause
#include "census.h"

#include "lib/arena.h"

void census__free(struct census *census)
{
	if (!census)
		return;
	arena__free(census->arena);
	*census = (struct census){0};
}
