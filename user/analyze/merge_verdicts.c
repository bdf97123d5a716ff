// SPDX-License-Identifier: BSD-2-Clause
/*
 * merge_verdicts.c - one verdict for the same leak in several processes
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/merge_private.h"
#include "lib/text.h"

/* One verdict on its way: its figures are those of all, its words those of the process where it grows fastest. */
struct common {
	struct verdict verdict;
	double fastest;         /* of one process */
	size_t member;          /* which one that is */
	size_t members, newest; /* how many have it, and which of them came last */
	struct type_sum types;
};

/* What was not measured is slower than all that was. */
static double speed(const struct verdict *verdict)
{
	return isnan(verdict->growth_per_s) ? -INFINITY : verdict->growth_per_s;
}

static bool is_same(const struct verdict *a, const struct verdict *b)
{
	return a->kind == b->kind && a->cause == b->cause && !strcmp(a->signature, b->signature);
}

static void start(struct common *common, const struct verdict *verdict, size_t member)
{
	*common = (struct common){
		.verdict = *verdict,
		.fastest = speed(verdict),
		.member = member,
		.members = 1,
		.newest = member,
	};
}

/* The words of the one, the figures of both. */
static void join(struct common *common, const struct verdict *verdict, size_t member)
{
	struct verdict *to = &common->verdict, before = *to;

	if (speed(verdict) > common->fastest) {
		*to = *verdict;
		common->fastest = speed(verdict);
		common->member = member;
	}
	to->growth_per_s = merge__sum(before.growth_per_s, verdict->growth_per_s);
	to->growth_low = merge__sum(before.growth_low, verdict->growth_low);
	to->growth_high = merge__sum(before.growth_high, verdict->growth_high);
	to->confidence = fmax(before.confidence, verdict->confidence);
	to->suppressed = before.suppressed && verdict->suppressed;
	common->members += common->newest != member;
	common->newest = member;
}

static int add_verdict(struct merge *merge, struct common *list, size_t *count, size_t member,
		       const struct verdict *from)
{
	struct verdict verdict = *from;
	size_t i = 0;

	verdict.site = merge__site(merge, member, from->site);
	while (i < *count && !is_same(&list[i].verdict, &verdict))
		i++;
	if (i == *count)
		start(&list[(*count)++], &verdict, member);
	else
		join(&list[i], &verdict, member);
	return type_sum__add(&list[i].types, merge->to->verdict_arena, from->types,
			     from->type_count);
}

/* A copy of the list, and of its texts. NULL: no memory. */
static const char *const *copy_texts(struct arena *arena, const char *const *texts, size_t count)
{
	const char **copy = arena__alloc(arena, count + 1, sizeof(*copy));

	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = arena__intern(arena, texts[i]);
		if (!copy[i])
			return NULL;
	}
	return copy;
}

static int copy_text(struct arena *arena, const char **text)
{
	if (!*text)
		return 0;
	*text = arena__intern(arena, *text);
	return *text ? 0 : -ENOMEM;
}

/* In how many it is, which is also whose figures the sentences have. */
static const char *where_seen(const struct merge *merge, const struct common *common)
{
	int pid = merge->members[common->member]->pid;
	char text[160], bytes[32], together[48] = "";

	if (isfinite(common->verdict.growth_per_s))
		snprintf(together, sizeof(together), ", %s/s together",
			 text__bytes(common->verdict.growth_per_s, bytes, sizeof(bytes)));
	if (common->members == 1)
		snprintf(text, sizeof(text), "in 1 of %zu processes, PID %d", merge->count, pid);
	else
		snprintf(text, sizeof(text),
			 "in %zu of %zu processes%s; the figures said here are those of PID %d",
			 common->members, merge->count, together, pid);
	return arena__intern(merge->to->verdict_arena, text);
}

/* The verdict as it stays, with all that it points to in the arena. */
static int finish(const struct merge *merge, const struct common *common, struct verdict *to)
{
	struct arena *arena = merge->to->verdict_arena;
	const struct verdict *from = &common->verdict;
	int err;

	*to = *from;
	to->types = common->types.list;
	to->type_count = common->types.count;
	to->held_by = copy_texts(arena, from->held_by, from->held_by_count);
	to->evidence[0] = where_seen(merge, common);
	to->evidence_count = 1;
	for (size_t i = 0; i < from->evidence_count && to->evidence_count < VERDICT_EVIDENCE; i++)
		to->evidence[to->evidence_count++] = from->evidence[i];
	err = to->held_by ? 0 : -ENOMEM;
	for (size_t i = 0; !err && i < to->evidence_count; i++)
		err = to->evidence[i] ? copy_text(arena, &to->evidence[i]) : -ENOMEM;
	if (!err)
		err = copy_text(arena, &to->summary);
	if (!err)
		err = copy_text(arena, &to->advice);
	return err ? err : copy_text(arena, &to->container);
}

static int compare_verdicts(const void *a, const void *b)
{
	const struct verdict *x = a, *y = b;
	double p = speed(x), q = speed(y);

	if (p != q)
		return p < q ? 1 : -1;
	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	return x->confidence < y->confidence ? 1 : x->confidence > y->confidence ? -1 : 0;
}

int merge__verdicts(struct merge *merge)
{
	struct verdict_list *to = &merge->to->verdicts;
	struct common *list;
	size_t room = 0, count = 0;
	int err = 0;

	for (size_t i = 0; i < merge->count; i++)
		room += merge->members[i]->verdicts.count;
	list = arena__alloc(merge->scratch, room + 1, sizeof(*list));
	to->list = arena__alloc(merge->to->verdict_arena, room + 1, sizeof(*to->list));
	to->count = 0;
	if (!list || !to->list)
		return -ENOMEM;
	for (size_t i = 0; i < merge->count; i++) {
		const struct verdict_list *from = &merge->members[i]->verdicts;

		for (size_t k = 0; !err && k < from->count; k++)
			err = add_verdict(merge, list, &count, i, &from->list[k]);
	}
	for (; !err && to->count < count; to->count++)
		err = finish(merge, &list[to->count], &to->list[to->count]);
	qsort(to->list, to->count, sizeof(*to->list), compare_verdicts);
	return err;
}
