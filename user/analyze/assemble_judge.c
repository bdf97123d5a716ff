// SPDX-License-Identifier: BSD-2-Clause
/*
 * assemble_judge.c - what was seen of the heap, brought together with sites and history, and judged
 */
#include <errno.h>

#include "analyze/assemble.h"
#include "lib/arena.h"

#define SITES_JUDGED 256 /* that evidence does not mention: the largest */

/* Room for what is known of all sites that are judged, as evidence has it and with the history's series. */
struct completed {
	struct evidence evidence;
	struct evidence_site *sites;
	double (*at_s)[HISTORY_POINTS], (*bytes)[HISTORY_POINTS];
};

static void complete_site(struct completed *to, const struct history *history,
			  const struct report_process *process, const struct evidence_site *about)
{
	size_t index = to->evidence.site_count++;
	struct evidence_site *site = &to->sites[index];

	*site = *about;
	if (site->point_count || site->site >= process->site_count)
		return;
	site->point_count = history__points(history, &process->sites[site->site], to->at_s[index],
					    to->bytes[index]);
	site->at_s = to->at_s[index];
	site->live_bytes = to->bytes[index];
}

static bool is_mentioned(const struct evidence *evidence, size_t site)
{
	for (size_t i = 0; i < evidence->site_count; i++)
		if (evidence->sites[i].site == site)
			return true;
	return false;
}

static int complete(struct completed *to, const struct evidence *evidence,
		    const struct history *history, const struct report_process *process,
		    struct arena *arena)
{
	size_t room = evidence->site_count + SITES_JUDGED, more = 0;

	to->evidence = *evidence;
	to->sites = arena__alloc(arena, room, sizeof(*to->sites));
	to->at_s = arena__alloc(arena, room, sizeof(*to->at_s));
	to->bytes = arena__alloc(arena, room, sizeof(*to->bytes));
	if (!to->sites || !to->at_s || !to->bytes)
		return -ENOMEM;
	to->evidence.sites = to->sites;
	to->evidence.site_count = 0;
	for (size_t i = 0; i < evidence->site_count; i++)
		complete_site(to, history, process, &evidence->sites[i]);
	for (size_t i = 0; i < process->site_count && more < SITES_JUDGED; i++) {
		struct evidence_site unknown = {.site = i};

		if (!(process->sites[i].growth_per_s > 0) || is_mentioned(evidence, i))
			continue;
		complete_site(to, history, process, &unknown);
		more++;
	}
	return 0;
}

static int copy_types(const struct evidence_site *about, struct arena *arena,
		      struct report_site *site)
{
	struct census_type *types = arena__alloc(arena, about->type_count + 1, sizeof(*types));

	if (!types)
		return -ENOMEM;
	for (size_t i = 0; i < about->type_count; i++) {
		types[i] = about->types[i];
		types[i].name = arena__intern(arena, types[i].name ? types[i].name : "?");
		if (!types[i].name)
			return -ENOMEM;
	}
	site->types = types;
	site->type_count = about->type_count;
	return 0;
}

static int copy_evidence(const struct evidence *evidence, struct arena *arena,
			 struct report_process *process)
{
	struct rss_bridge *bridge;
	int err = 0;

	for (size_t i = 0; !err && i < evidence->site_count; i++) {
		const struct evidence_site *about = &evidence->sites[i];

		if (about->site < process->site_count)
			err = copy_types(about, arena, &process->sites[about->site]);
	}
	if (err || !evidence->bridge)
		return err;
	bridge = arena__alloc(arena, 1, sizeof(*bridge));
	if (!bridge)
		return -ENOMEM;
	*bridge = *evidence->bridge;
	process->memory.bridge = bridge;
	return 0;
}

int assemble__judge(const struct evidence *evidence, const struct history *history,
		    const struct suppression *suppressions, size_t suppression_count,
		    struct report_process *process)
{
	struct arena *scratch, *arena;
	struct completed completed;
	int err = -ENOMEM;

	if (!evidence)
		return 0;
	arena__free(process->verdict_arena);
	process->verdict_arena = arena = arena__new();
	scratch = arena__new();
	if (!arena || !scratch)
		goto out;
	err = complete(&completed, evidence, history, process, scratch);
	if (!err)
		err = copy_evidence(evidence, arena, process);
	if (!err)
		err = analyze__verdicts(process, &completed.evidence, arena, &process->verdicts);
	if (err)
		goto out;
	analyze__suppress(process, suppressions, suppression_count, &process->verdicts);
	analyze__limit(evidence, &process->memory);
out:
	arena__free(scratch);
	return err;
}
