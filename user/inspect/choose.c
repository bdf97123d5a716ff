// SPDX-License-Identifier: BSD-2-Clause
#include "inspect/choose.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lib/site_key.h"

/* A stack of a chosen site. */
struct stack_of {
	__u64 hash;
	__u32 domain;
	__u32 site; /* in the list of the chosen */
};

static int by_hash(const void *a, const void *b)
{
	const struct stack_of *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->domain < y->domain ? -1 : x->domain > y->domain;
}

static bool is_heap(const struct report_site *site)
{
	return (site->domain == DOMAIN_OBJECT || site->domain == DOMAIN_RAW) && site->live_count;
}

/* The heap's site that grows fastest of those not chosen; -1 = none grows. */
static long fastest(const struct report_process *process, const bool *chosen)
{
	long best = -1;

	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];

		if (!chosen[i] && is_heap(site) && site->growth_per_s > 0 &&
		    (best < 0 || site->growth_per_s > process->sites[best].growth_per_s))
			best = i;
	}
	return best;
}

static void add_site(const struct report_process *process, size_t index, bool *chosen,
		     struct inspect_site *sites, size_t *count)
{
	const struct report_site *site = &process->sites[index];

	chosen[index] = true;
	sites[(*count)++] = (struct inspect_site){
		.site = index,
		.key = site_key__of(site),
		.live_count = site->live_count,
		.alloc_count = site->alloc_count,
	};
}

static int choose(const struct report_process *process, struct inspect_site *sites, size_t *count)
{
	bool *chosen = calloc(process->site_count + 1, sizeof(*chosen));
	long next;

	if (!chosen)
		return -ENOMEM;
	/* Sites are sorted by size. */
	for (size_t i = 0; i < process->site_count && *count < INSPECT_SITES / 2; i++)
		if (is_heap(&process->sites[i]))
			add_site(process, i, chosen, sites, count);
	while (*count < INSPECT_SITES && (next = fastest(process, chosen)) >= 0)
		add_site(process, next, chosen, sites, count);
	free(chosen);
	return 0;
}

static struct stack_of *list_stacks(const struct report_process *process,
				    const struct inspect_site *sites, size_t count, size_t *n)
{
	struct stack_of *stacks;
	size_t room = 0;

	for (size_t i = 0; i < count; i++)
		room += process->sites[sites[i].site].stack_count;
	stacks = calloc(room + 1, sizeof(*stacks));
	*n = 0;
	for (size_t i = 0; stacks && i < count; i++) {
		const struct report_site *site = &process->sites[sites[i].site];

		for (size_t k = 0; k < site->stack_count; k++) {
			const struct profile_stack *stack =
				&process->profile.stacks[site->stacks[k]];

			stacks[(*n)++] = (struct stack_of){
				.hash = stack->hash, .domain = stack->domain, .site = i};
		}
	}
	if (stacks)
		qsort(stacks, *n, sizeof(*stacks), by_hash);
	return stacks;
}

static int add_block(struct inspect_site *site, const struct tracked_block *block, __u64 now_ns)
{
	/* Room doubles: it is full where the count is a power of two. */
	if (!(site->block_count & (site->block_count - 1))) {
		size_t room = site->block_count ? 2 * site->block_count : 1;
		struct inspect_block *grown = realloc(site->blocks, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		site->blocks = grown;
	}
	site->blocks[site->block_count++] = (struct inspect_block){
		.address = block->key.addr,
		.size = block->block.size,
		.age_s = now_ns > block->block.born_ns ? (now_ns - block->block.born_ns) / 1e9 : 0,
	};
	return 0;
}

int choose__sites(const struct report_process *process, const struct tracked_block *blocks,
		  size_t block_count, __u64 now_ns, struct inspect_site **result, size_t *count)
{
	struct inspect_site *sites = calloc(INSPECT_SITES, sizeof(*sites));
	struct stack_of *stacks = NULL;
	size_t stack_count = 0;
	int err = sites ? 0 : -ENOMEM;

	*result = NULL;
	*count = 0;
	if (!err)
		err = choose(process, sites, count);
	if (!err) {
		stacks = list_stacks(process, sites, *count, &stack_count);
		err = stacks ? 0 : -ENOMEM;
	}
	for (size_t i = 0; !err && i < block_count; i++) {
		struct stack_of wanted = {.hash = blocks[i].block.stack,
					  .domain = blocks[i].block.domain};
		const struct stack_of *found =
			bsearch(&wanted, stacks, stack_count, sizeof(*stacks), by_hash);

		if (found && live_block__is_known(&blocks[i].block, process->tracing.judged_ns))
			err = add_block(&sites[found->site], &blocks[i], now_ns);
	}
	free(stacks);
	if (err) {
		choose__free(sites, *count);
		*count = 0;
		return err;
	}
	*result = sites;
	return 0;
}

void choose__free(struct inspect_site *sites, size_t count)
{
	for (size_t i = 0; sites && i < count; i++)
		free(sites[i].blocks);
	free(sites);
}
