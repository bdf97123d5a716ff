// SPDX-License-Identifier: BSD-2-Clause
/*
 * follow_up.c - what has become of blocks whose release no probe could see
 */
#include "regime/private.h"

#include <math.h>
#include <stdlib.h>

#include "lib/clock.h"

#define FOLLOW_UP_EVERY 5.0 /* all that is held, however old */

/* Blocks of blind layers, as questions to the heap. */
static size_t list_questions(const struct regime *r, const struct tracked_block *blocks,
			     size_t count, struct block_query *questions)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		enum heap_layer layer = heap_layer__of(blocks[i].block.domain);

		if (r->layers[layer].blind)
			questions[n++] = (struct block_query){
				.address = blocks[i].key.addr,
				.size = blocks[i].block.size,
				.domain = blocks[i].block.domain,
			};
	}
	return n;
}

/*
 * When to believe that a block which a window recorded and which is in use is the one that was recorded. A slot whose
 * blocks come and go has a block in use at a part of all looks, perhaps nearly always: one look says little. But a later
 * window records the slot anew, and then it is young again. So: when another window has passed and been looked into; or
 * after some looks, where there will be no other window.
 */
#define LAST_WINDOW_NS 20000000000ULL

void regime__judge(struct regime *r, bool final)
{
	for (int i = 0; i < HEAP_LAYERS; i++) {
		struct layer_regime *l = &r->layers[i];
		bool last =
			clock__ns() - l->window_end_ns > LAST_WINDOW_NS || (final && !l->judged_ns);

		if (!l->all_windows || !l->looks)
			continue;
		if (last && l->looks >= LOOKS) {
			l->judged_ns = l->window_end_ns;
			l->judged_work_s = l->window_work_s;
		} else if (l->all_windows > 1 && l->judged_ns < l->previous_end_ns) {
			l->judged_ns = l->previous_end_ns;
			l->judged_work_s = l->window_work_s - l->last_work_s;
		}
		tracer__set_judged(r->tracer, r->index, i, l->judged_ns);
	}
}

void regime__follow_up(struct regime *r)
{
	struct tracked_block *blocks = NULL;
	struct block_query *questions;
	__u64 now_ns = clock__ns();
	size_t count = 0, n;
	double took_s;

	r->follow_up_at_s = clock__s() + FOLLOW_UP_EVERY;
	if (!r->in_use && in_use__open(r->target, *r->pools, &r->in_use))
		return;
	if (tracer__blocks(r->tracer, r->index, &blocks, &count) || !count) {
		free(blocks);
		return;
	}
	questions = calloc(count, sizeof(*questions));
	if (questions) {
		n = list_questions(r, blocks, count, questions);
		if (n && !in_use__check(r->in_use, questions, n)) {
			for (size_t i = 0; i < n; i++) {
				r->followed++;
				r->unknown += questions[i].state == BLOCK_UNKNOWN;
				if (questions[i].state == BLOCK_FREE)
					tracer__forget(r->tracer, r->index, questions[i].address);
			}
		}
	}
	for (int layer = 0; layer < HEAP_LAYERS; layer++)
		r->layers[layer].looks++;
	free(questions);
	free(blocks);
	for (int layer = 0; layer < HEAP_LAYERS; layer++)
		if (regime__is_always_on(r->layers[layer].now.mode))
			r->layers[layer].blind = false;
	/* A large heap takes its time: a twentieth of ours at most. */
	took_s = clock__s() - now_ns / 1e9;
	r->follow_up_at_s = clock__s() + fmax(FOLLOW_UP_EVERY, 20 * took_s);
	regime__judge(r, false);
}
