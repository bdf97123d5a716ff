// SPDX-License-Identifier: BSD-2-Clause
/*
 * pool_sites.c - every place where pymalloc hands out or takes back a block
 *
 * A sweep finds the stores that such a place must have, then the branch behind each; the runs
 * of instructions that lead to the branch are executed on expressions and judged.
 */
#include <errno.h>
#include <stdlib.h>

#include "plan/emulated.h"
#include "plan/pool_private.h"

#define TO_BRANCH 14    /* instructions from the anchor to the branch */
#define CORE 24         /* instructions within which a path of pymalloc shows itself */
#define BUDGET 2048     /* runs to try for one place: ways that part and meet double them */
#define TOTAL (1 << 15) /* runs to try in one text */

/* A place that is looked at. */
struct candidate {
	__u64 address;
	judge_fn judge;
};

/* The branch behind an anchor: for the new pool, a jump is one, too. false: there is none. */
static bool branch_behind(const struct code *code, const struct anchor *anchor, struct insn *insn)
{
	__u64 address = code->address + anchor->offset;

	for (size_t i = 0; i < TO_BRANCH && code__decode(code, address, insn); i++) {
		switch (insn->kind) {
		case INSN_JCC:
			return true;
		case INSN_JUMP:
			if (anchor->kind == ANCHOR_ONE)
				return true;
			address = insn->target;
			continue;
		case INSN_JUMP_INDIRECT:
		case INSN_CALL:
		case INSN_CALL_INDIRECT:
		case INSN_RET:
		case INSN_STOP:
			return false;
		default:
			address += insn->length;
		}
	}
	return false;
}

static int by_address(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/*
 * The places to look at, by address, none twice. *count of them; NULL: out of memory. For a new
 * pool it is the store itself: see fresh_site().
 */
static struct candidate *candidates(const struct text_map *map, size_t *count)
{
	struct candidate *list = calloc(map->anchor_count + 1, sizeof(*list));
	size_t kept = 0;

	*count = 0;
	if (!list)
		return NULL;
	for (size_t i = 0; i < map->anchor_count; i++) {
		const struct anchor *anchor = &map->anchors[i];
		struct insn insn;

		if (anchor->kind == ANCHOR_ONE)
			list[(*count)++] = (struct candidate){map->code->address + anchor->offset,
							      judge__fresh};
		else if (branch_behind(map->code, anchor, &insn) && (insn.condition & ~1) == 4)
			list[(*count)++] = (struct candidate){insn.address, judge__block};
	}
	qsort(list, *count, sizeof(*list), by_address);
	for (size_t i = 0; i < *count; i++)
		if (!kept || list[kept - 1].address != list[i].address)
			list[kept++] = list[i];
	*count = kept;
	return list;
}

/* Judges the place path[0]: a quick look first, for nearly all candidates are something else. */
static enum verdict examine(struct search *search, judge_fn judge, struct pool_site *site)
{
	enum verdict verdict;

	if (paths__look(search, CORE, judge, site) == VERDICT_NO)
		return VERDICT_NO;
	search->budget = search->total < BUDGET ? search->total : BUDGET;
	search->total -= search->budget;
	verdict = paths__prove(search, judge, site);
	search->total += search->budget;
	/* it did look like one */
	return verdict == VERDICT_NO ? VERDICT_UNPROVED : verdict;
}

/* The first block of a pool: at the branch behind the store, else, rare as it is, at the store. */
static enum verdict fresh_site(struct search *search, __u64 address, struct pool_site *site)
{
	const struct code *code = search->map->code;
	const struct anchor anchor = {ANCHOR_ONE, address - code->address};
	enum verdict verdict;

	if (!code__decode(code, address, &search->path[0]) ||
	    examine(search, judge__fresh, site) == VERDICT_NO)
		return VERDICT_NO;
	if (branch_behind(code, &anchor, &search->path[0])) {
		verdict = examine(search, judge__fresh, site);
		if (verdict == VERDICT_YES)
			return verdict;
	}
	code__decode(code, address, &search->path[0]);
	return examine(search, judge__fresh, site);
}

static enum verdict site_at(struct search *search, const struct candidate *candidate,
			    struct pool_site *site)
{
	if (candidate->judge == judge__fresh)
		return fresh_site(search, candidate->address, site);
	if (!code__decode(search->map->code, candidate->address, &search->path[0]))
		return VERDICT_NO;
	return examine(search, candidate->judge, site);
}

static enum probe_cost cost_of(const struct search *search, __u64 address)
{
	const struct code *code = search->map->code;
	struct insn insn;

	if (!code__decode(code, address, &insn))
		return COST_STEPPED;
	return uprobe__cost(code->bytes + (address - code->address), insn.length, search->kernel);
}

static int keep(struct pool_sites *sites, const struct pool_site *site)
{
	struct pool_site *room;

	if (!(sites->count & (sites->count + 1))) { /* full at 0, 1, 3, 7 ... */
		room = reallocarray(sites->sites, sites->count * 2 + 1, sizeof(*room));
		if (!room)
			return -ENOMEM;
		sites->sites = room;
	}
	sites->sites[sites->count++] = *site;
	sites->allocs += site->kind == POOL_SITE_ALLOC;
	sites->fresh += site->kind == POOL_SITE_FRESH;
	sites->frees += site->kind == POOL_SITE_FREE;
	return 0;
}

static int site_order(const void *a, const void *b)
{
	const struct pool_site *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int look_at_all(struct search *search, const struct candidate *list, size_t count,
		       struct pool_sites *sites)
{
	for (size_t i = 0; i < count; i++) {
		struct pool_site site = {0};

		switch (site_at(search, &list[i], &site)) {
		case VERDICT_YES:
			site.cost = cost_of(search, site.address);
			if (keep(sites, &site))
				return -ENOMEM;
			break;
		case VERDICT_UNPROVED:
			sites->incomplete++;
			break;
		default:
			break;
		}
	}
	if (sites->count)
		qsort(sites->sites, sites->count, sizeof(*sites->sites), site_order);
	return 0;
}

int pool_sites__find(const struct code *text, __u32 pool_size, __u32 kernel,
		     struct pool_sites *sites)
{
	struct candidate *list = NULL;
	struct search *search = NULL;
	struct text_map map;
	size_t count = 0;
	int err;

	*sites = (struct pool_sites){0};
	err = text_map__make(text, &map);
	if (err)
		goto out;
	err = -ENOMEM;
	list = candidates(&map, &count);
	search = malloc(sizeof(*search));
	if (!list || !search)
		goto out;
	search->map = &map;
	search->pool_size = pool_size;
	search->kernel = kernel;
	search->total = TOTAL;
	err = look_at_all(search, list, count, sites);
	if (!err && (!sites->allocs || !sites->fresh || !sites->frees))
		err = -ENOENT;
out:
	free(search);
	free(list);
	text_map__free(&map);
	return err;
}

void pool_sites__free(struct pool_sites *sites)
{
	free(sites->sites);
	*sites = (struct pool_sites){0};
}
