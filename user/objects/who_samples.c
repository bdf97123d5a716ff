// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_samples.c - the objects that are asked for, or so many of them that the rest is like these
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "objects/classify.h"
#include "objects/who_private.h"

#define SAMPLES_DEFAULT 64
#define HEAD_MAX 32 /* bytes between the start of a block and its object: see object_type.head */
#define HEAD_STEP 16

/* Whether a type's name is what was asked for, or ends in it after a dot. */
static bool name_matches(const char *name, const char *wanted)
{
	size_t length = strlen(name), tail = strlen(wanted);

	if (!tail || tail > length || strcmp(name + length - tail, wanted))
		return false;
	return tail == length || name[length - tail - 1] == '.';
}

/* Which types match: a flag for each; the number of them. NULL: no memory. */
static bool *matching_types(const struct graph *graph, const char *wanted)
{
	__u32 count = types__count(graph->types);
	bool *match = calloc(count + 1, sizeof(*match));

	for (__u32 i = 0; match && i < count; i++)
		match[i] = name_matches(types__name(graph->types, types__get(graph->types, i)),
					wanted);
	return match;
}

/* Takes `most` nodes of those that match, evenly over all of them. */
static int sample_types(const struct graph *graph, const char *wanted, size_t most, struct who *who,
			struct samples *samples)
{
	bool *match = matching_types(graph, wanted);
	__u64 seen = 0;
	__u32 type = NO_NODE;
	bool several = false;

	if (!match)
		return -ENOMEM;
	for (__u32 i = 0; i < graph->count; i++) {
		if (!match[graph->type[i]])
			continue;
		who->found++;
		several |= type != NO_NODE && type != graph->type[i];
		type = graph->type[i];
	}
	for (__u32 i = 0; i < graph->count && samples->count < most; i++) {
		if (!match[graph->type[i]])
			continue;
		/* The middle of each of `most` equal parts. */
		if (who->found <= most ||
		    seen == (2 * samples->count + 1) * who->found / (2 * most))
			samples->nodes[samples->count++] = i;
		seen++;
	}
	free(match);
	if (type != NO_NODE && !several)
		wanted = types__name(graph->types, types__get(graph->types, type));
	who->what = who__printable(who, wanted);
	return 0;
}

/* The object at an address, or the one whose block begins there. */
static __u32 node_at(const struct graph *graph, __u64 address)
{
	for (__u64 head = 0; head <= HEAD_MAX; head += HEAD_STEP) {
		__u32 node = graph__find(graph, address + head);
		const struct object_type *type =
			node == NO_NODE ? NULL : types__get(graph->types, graph->type[node]);

		if (type && (!head || type->head == head))
			return node;
	}
	return NO_NODE;
}

static int by_number(const void *a, const void *b)
{
	const __u64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int by_node(const void *a, const void *b)
{
	const __u32 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Kinds whose items are in a block of their own. */
static bool may_own(const struct object_type *type)
{
	return type->kind == KIND_LIST || type->kind == KIND_DICT || type->kind == KIND_SET ||
	       type->kind == KIND_BYTEARRAY || type->kind == KIND_ARRAY ||
	       type->kind == KIND_NDARRAY;
}

/* Blocks that are no objects, but what one keeps its items in: nodes[i] of addresses[i], ascending. */
static void find_owners(const struct graph *graph, const struct who_query *query, __u32 *nodes)
{
	size_t missing = 0;

	for (size_t i = 0; i < query->address_count; i++)
		missing += nodes[i] == NO_NODE;
	for (__u32 node = 0; missing && node < graph->count; node++) {
		const struct object_type *type = types__get(graph->types, graph->type[node]);
		struct object_size size;
		__u64 *found;

		if (!type || !may_own(type))
			continue;
		classify__size(graph->types, graph->address[node], type, &size);
		found = size.buffer_address
				? bsearch(&size.buffer_address, query->addresses,
					  query->address_count, sizeof(*found), by_number)
				: NULL;
		if (!found || nodes[found - query->addresses] != NO_NODE)
			continue;
		nodes[found - query->addresses] = node;
		missing--;
	}
}

/* An object and its items' block may both be asked for: it is one. Returns how many are left, at the front. */
static size_t drop_doubles(__u32 *nodes, size_t count)
{
	size_t kept = 0;

	qsort(nodes, count, sizeof(*nodes), by_node);
	for (size_t i = 0; i < count && nodes[i] != NO_NODE; i++)
		if (!kept || nodes[kept - 1] != nodes[i])
			nodes[kept++] = nodes[i];
	return kept;
}

static int sample_addresses(const struct graph *graph, const struct who_query *query, size_t most,
			    struct who *who, struct samples *samples)
{
	__u32 *nodes = calloc(query->address_count + 1, sizeof(*nodes));
	const struct object_type *type;
	const char *name = query->name;

	if (!nodes)
		return -ENOMEM;
	qsort(query->addresses, query->address_count, sizeof(*query->addresses), by_number);
	for (size_t i = 0; i < query->address_count; i++)
		nodes[i] = node_at(graph, query->addresses[i]);
	find_owners(graph, query, nodes);
	who->found = drop_doubles(nodes, query->address_count);
	samples->count = who->found < most ? who->found : most;
	for (size_t i = 0; i < samples->count; i++)
		samples->nodes[i] = nodes[(2 * i + 1) * who->found / (2 * samples->count)];
	free(nodes);
	if (samples->count && !name) {
		type = types__get(graph->types, graph->type[samples->nodes[0]]);
		name = types__name(graph->types, type);
	}
	who->what = name ? who__printable(who, name) : NULL;
	return 0;
}

int samples__choose(const struct graph *graph, const struct who_query *query, struct who *who,
		    struct samples *samples)
{
	size_t most = query->samples ? query->samples : SAMPLES_DEFAULT;
	int err = 0;

	if (most > WHO_SAMPLES_MAX)
		most = WHO_SAMPLES_MAX;
	*samples = (struct samples){.nodes = calloc(most, sizeof(*samples->nodes))};
	if (!samples->nodes)
		return -ENOMEM;
	if (query->type)
		err = sample_types(graph, query->type, most, who, samples);
	else
		err = sample_addresses(graph, query, most, who, samples);
	who->sampled = samples->count;
	return err ? err : samples->count ? 0 : -ENOENT;
}

void samples__free(struct samples *samples)
{
	free(samples->nodes);
	*samples = (struct samples){0};
}
