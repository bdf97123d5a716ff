// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_similar.c - names of types that somebody may have meant
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "objects/who.h"

#define NAME_MAX_COMPARED 64
#define DISTANCE_MAX 2 /* letters that are wrong */

static const char *last_component(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Letters to change, add or leave out; case does not matter. */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_COMPARED + 1], n = strlen(a), m = strlen(b);

	if (n > NAME_MAX_COMPARED || m > NAME_MAX_COMPARED)
		return NAME_MAX_COMPARED;
	for (size_t k = 0; k <= m; k++)
		row[k] = k;
	for (size_t i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t k = 1; k <= m; k++) {
			size_t changed = diagonal + !same_letter(a[i - 1], b[k - 1]);

			diagonal = row[k];
			row[k] = smallest(row[k] + 1, row[k - 1] + 1, changed);
		}
	}
	return row[m];
}

static bool is_similar(const char *name, const char *wanted)
{
	const char *last = last_component(wanted);

	return (strlen(last) > 2 && strcasestr(name, last)) ||
	       distance(last_component(name), last) <= DISTANCE_MAX;
}

/* Counts of objects by type, 0 for types that are not similar; NULL: no memory. */
static __u64 *count_similar(const struct graph *graph, const char *wanted)
{
	__u32 types = types__count(graph->types);
	__u64 *counts = calloc(types + 1ull, sizeof(*counts));

	for (__u32 i = 0; counts && i < graph->count; i++)
		counts[graph->type[i]]++;
	for (__u32 i = 0; counts && i < types; i++)
		if (counts[i] &&
		    !is_similar(types__name(graph->types, types__get(graph->types, i)), wanted))
			counts[i] = 0;
	return counts;
}

size_t who__similar(const struct graph *graph, const char *type, const char **names, size_t max)
{
	__u64 *counts = count_similar(graph, type);
	size_t found = 0;

	while (counts && found < max) {
		__u32 best = 0;

		for (__u32 i = 0; i < types__count(graph->types); i++)
			if (counts[i] > counts[best])
				best = i;
		if (!counts[best])
			break;
		names[found++] = types__name(graph->types, types__get(graph->types, best));
		counts[best] = 0;
	}
	free(counts);
	return found;
}
