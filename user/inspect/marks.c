// SPDX-License-Identifier: BSD-2-Clause
/*
 * marks.c - figures of earlier looks, to tell what has grown or survived since
 */
#include "inspect/private.h"

struct marks *marks__of(struct marks_table *table, __u64 key)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->list[i].key == key)
			return &table->list[i];
	if (table->count == MARKS_FOLLOWED)
		return NULL;
	table->list[table->count].key = key;
	return &table->list[table->count++];
}

void marks__add(struct marks *marks, double at_s, double value)
{
	__u32 n = marks->count;

	if (n == MARKS || (n && marks->at_s[n - 1] >= at_s))
		return;
	marks->at_s[n] = at_s;
	marks->value[n] = value;
	marks->count++;
}
