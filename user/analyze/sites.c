// SPDX-License-Identifier: BSD-2-Clause
/*
 * sites.c - groups stacks by the place in the code that allocates
 *
 * By sorting: stacks of one site stand together, and within it the largest comes first. Texts are
 * compared as texts, so that profiles that were read from a file need not be interned.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "lib/error.h"

/* A stack on its way to its site. */
struct entry {
	const struct named_frame *place;
	const struct profile_stack *stack;
};

/* For the choice of a site's native caller and of its median age. */
struct vote {
	const struct named_frame *caller;
	double age_s;
	__u64 weight;
};

static int compare_texts(const char *a, const char *b)
{
	if (a == b)
		return 0;
	if (!a || !b)
		return a ? 1 : -1;
	return strcmp(a, b);
}

static int compare_numbers(__u64 a, __u64 b)
{
	return a < b ? -1 : a > b;
}

/* Zero if two frames are the same place; by kind, then by text. */
static int compare_places(const struct named_frame *a, const struct named_frame *b)
{
	int order = compare_numbers(a->kind, b->kind);

	if (!order)
		order = compare_texts(a->path, b->path);
	if (!order)
		order = compare_numbers(a->line, b->line);
	if (!order)
		order = compare_texts(a->module, b->module);
	if (!order)
		order = compare_texts(a->function, b->function);
	if (!order && !a->function) /* one site per symbol, wherever in it */
		order = compare_numbers(a->offset, b->offset);
	return order;
}

static const struct named_frame *place_of(const struct profile_stack *stack)
{
	static const struct named_frame nothing = {
		.kind = FRAME_NOTE,
		.function = "[stack not known]",
	};
	const struct named_frame *native = NULL;

	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct named_frame *frame = &stack->frames[i];

		if (frame->kind == FRAME_PYTHON)
			return frame;
		if (frame->kind == FRAME_NOTE)
			return native ? native : frame;
		if (!native)
			native = frame;
	}
	return native ? native : &nothing;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = compare_places(x->place, y->place);

	if (!order)
		order = compare_numbers(x->stack->domain, y->stack->domain);
	if (!order)
		order = compare_numbers(y->stack->live_bytes, x->stack->live_bytes);
	return order ? order : x->stack < y->stack ? -1 : x->stack > y->stack;
}

static bool same_site(const struct entry *a, const struct entry *b)
{
	return a->stack->domain == b->stack->domain && !compare_places(a->place, b->place);
}

static int compare_sites(const void *a, const void *b)
{
	const struct report_site *x = a, *y = b;
	int order = compare_numbers(y->live_bytes, x->live_bytes);

	return order ? order : compare_numbers(x->id, y->id);
}

static int compare_ages(const void *a, const void *b)
{
	const struct vote *x = a, *y = b;

	return x->age_s < y->age_s ? -1 : x->age_s > y->age_s;
}

static int compare_callers(const void *a, const void *b)
{
	const struct vote *x = a, *y = b;

	return x->caller == y->caller ? 0 : compare_places(x->caller, y->caller);
}

static double median_age(const struct entry *entries, size_t count, struct vote *votes)
{
	__u64 total = 0, sum = 0;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct profile_stack *stack = entries[i].stack;

		if (!(stack->median_age_s >= 0) || !stack->live_count)
			continue;
		votes[n++] =
			(struct vote){.age_s = stack->median_age_s, .weight = stack->live_count};
		total += stack->live_count;
	}
	if (!n)
		return NAN;
	qsort(votes, n, sizeof(*votes), compare_ages);
	for (size_t i = 0; i < n - 1; i++) {
		sum += votes[i].weight;
		if (sum >= total - sum)
			return votes[i].age_s;
	}
	return votes[n - 1].age_s;
}

static const struct named_frame *caller_of(const struct profile_stack *stack)
{
	if (stack->caller)
		return stack->caller;
	return stack->frame_count && stack->frames[0].kind == FRAME_NATIVE ? stack->frames : NULL;
}

/*
 * Entries come largest first, so that equal votes go to the caller of the largest stack of the
 * first by text.
 */
static const struct named_frame *main_caller(const struct entry *entries, size_t count,
					     struct vote *votes)
{
	const struct named_frame *best = NULL;
	__u64 most = 0;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct named_frame *caller = caller_of(entries[i].stack);

		if (caller)
			votes[n++] = (struct vote){.caller = caller,
						   .weight = entries[i].stack->live_bytes};
	}
	qsort(votes, n, sizeof(*votes), compare_callers);
	for (size_t from = 0, to; from < n; from = to) {
		__u64 sum = 0;

		for (to = from; to < n && !compare_callers(&votes[from], &votes[to]); to++)
			sum += votes[to].weight;
		if (!best || sum > most) {
			best = votes[from].caller;
			most = sum;
		}
	}
	return best;
}

/* How far off the scale of what windows have recorded may be. */
static double scale_error_of(const struct report_process *process, enum domain domain)
{
	return process->tracing.scale_error[heap_layer__of(domain)];
}

/* One site of count entries, of which all are the same place. */
static void fill_site(struct report_site *site, const struct entry *entries, size_t count,
		      const struct report_process *process, struct vote *votes)
{
	const struct named_frame *place = entries->place;
	struct error_estimate estimate;
	struct error_sum error = {0};

	site->domain = entries->stack->domain;
	site->file = place->file;
	site->path = place->path;
	site->line = place->line;
	site->function = place->function;
	site->module = place->module;
	site->offset = place->function ? 0 : place->offset;
	site->growth_per_s = NAN;
	site->oldest_s = NAN;
	for (size_t i = 0; i < count; i++) {
		const struct profile_stack *stack = entries[i].stack;

		site->stacks[site->stack_count++] = stack - process->profile.stacks;
		site->live_bytes += stack->live_bytes;
		site->live_count += stack->live_count;
		site->alloc_bytes += stack->alloc_bytes;
		site->alloc_count += stack->alloc_count;
		site->free_bytes += stack->free_bytes;
		site->free_count += stack->free_count;
		error__merge(&error, &stack->error);
		if (stack->oldest_s >= 0 && !(site->oldest_s >= stack->oldest_s))
			site->oldest_s = stack->oldest_s;
	}
	if (error.unseen_bytes > 0) {
		error__estimate(&error, &estimate);
		error__widen(&estimate, scale_error_of(process, site->domain), error.bytes);
		site->error_pct = estimate.error_pct;
	}
	site->median_age_s = median_age(entries, count, votes);
	site->native = main_caller(entries, count, votes);
}

/*
 * Sites and their lists of stacks are one block: entries are sorted, so each site's list is a part
 * of one array.
 */
static int make_sites(struct report_process *process, const struct entry *entries, size_t count,
		      struct vote *votes)
{
	size_t sites = 0, *stacks;

	for (size_t i = 0; i < count; i++)
		sites += !i || !same_site(&entries[i - 1], &entries[i]);
	process->sites = calloc(1, sites * sizeof(*process->sites) + count * sizeof(*stacks) + 1);
	if (!process->sites)
		return -ENOMEM;
	stacks = (size_t *)(process->sites + sites);
	for (size_t from = 0, to; from < count; from = to) {
		struct report_site *site = &process->sites[process->site_count];

		for (to = from + 1; to < count && same_site(&entries[from], &entries[to]); to++)
			;
		site->id = process->site_count++;
		site->stacks = stacks + from;
		fill_site(site, entries + from, to - from, process, votes);
	}
	qsort(process->sites, sites, sizeof(*process->sites), compare_sites);
	for (size_t i = 0; i < sites; i++)
		process->sites[i].id = i;
	return 0;
}

int analyze__sites(struct report_process *process)
{
	const struct profile *profile = &process->profile;
	struct entry *entries = calloc(profile->stack_count + 1, sizeof(*entries));
	struct vote *votes = calloc(profile->stack_count + 1, sizeof(*votes));
	int err = -ENOMEM;

	process->sites = NULL;
	process->site_count = 0;
	if (!entries || !votes)
		goto out;
	for (size_t i = 0; i < profile->stack_count; i++) {
		entries[i].stack = &profile->stacks[i];
		entries[i].place = place_of(entries[i].stack);
	}
	qsort(entries, profile->stack_count, sizeof(*entries), compare_entries);
	err = make_sites(process, entries, profile->stack_count, votes);
out:
	free(votes);
	free(entries);
	return err;
}

void analyze__free_sites(struct report_process *process)
{
	free(process->sites);
	process->sites = NULL;
	process->site_count = 0;
}
