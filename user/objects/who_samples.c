// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_samples.c - the objects that are asked for, or so many of them that the rest is like these
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static void sample_addresses(const struct graph *graph, const struct who_query *query, size_t most,
			     struct who *who, struct samples *samples)
{
	size_t count = query->address_count < most ? query->address_count : most;

	for (size_t i = 0; i < query->address_count; i++)
		who->found += node_at(graph, query->addresses[i]) != NO_NODE;
	for (size_t i = 0; i < count; i++) {
		size_t at = (2 * i + 1) * query->address_count / (2 * count);
		__u32 node = node_at(graph, query->addresses[at]);

		if (node != NO_NODE)
			samples->nodes[samples->count++] = node;
	}
	if (samples->count)
		who->what = who__printable(
			who, types__name(graph->types,
					 types__get(graph->types, graph->type[samples->nodes[0]])));
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
		sample_addresses(graph, query, most, who, samples);
	who->sampled = samples->count;
	return err ? err : samples->count ? 0 : -ENOENT;
}

void samples__free(struct samples *samples)
{
	free(samples->nodes);
	*samples = (struct samples){0};
}
