// SPDX-License-Identifier: BSD-2-Clause
/*
 * who_mend.c - references that were missed because the target went on
 *
 * A container is read in two steps: its head, which says where its entries are, then these. Where it grows in between, what is read as its
 * entries is memory that was given back; and each window of the image is of another moment. An object whose only holder was caught so
 * would look as if C code kept it; and so would one whose holder was made after the graph was read (who_more.c). So all that may change is read once more before that is said, and what changes even now is read
 * alone, until its head was the same before and after.
 */
#include <errno.h>
#include <stdlib.h>

#include "objects/who_private.h"

#define TRIES 4        /* for one object that changes all the time */
#define ALONE_MAX 1024 /* objects that are read so */
#define HEAD_WORDS 5   /* behind the type: lengths and addresses of tables of every container */
#define WORDS_MORE (1ull << 20)

struct mend {
	struct root_reader *reader;
	struct search *search;
	const struct samples *samples;
	struct late *late;
	__u32 *heads;     /* by node: what its head was when it was read, 0 = not read yet */
	__u64 words_left; /* that may still be looked at */
	__u32 alone_left;
};

/* The same number for the same words, never 0. */
static __u32 head_of(struct mend *mend, __u32 node)
{
	__u64 words[HEAD_WORDS] = {0}, sum = 1;

	if (image__read(mend->reader->image, mend->reader->graph->address[node] + VAR_SIZE, words,
			sizeof(words)))
		return 1;
	for (int i = 0; i < HEAD_WORDS; i++)
		sum = (sum ^ words[i]) * 0x9e3779b97f4a7c15ull;
	return sum >> 32 | 1;
}

static bool may_change(const struct object_type *type)
{
	switch (type->kind) {
	case KIND_TUPLE:
	case KIND_STR:
	case KIND_BYTES:
	case KIND_BYTEARRAY:
	case KIND_INT:
	case KIND_FLOAT:
	case KIND_CODE:
	case KIND_ARRAY:
		return type->is_class;
	default:
		return true;
	}
}

/* Takes the references that lead to what was not reached before. */
static void follow(struct mend *mend, __u32 node)
{
	const struct graph *graph = mend->reader->graph;
	struct ref_iter it;
	struct ref ref;

	refs__start(&it, graph->types, graph->address[node],
		    types__get(graph->types, graph->type[node]));
	it.want_labels = false;
	it.most = mend->words_left;
	while (refs__next(&it, &ref)) {
		__u32 to = graph__find(graph, ref.to);

		if (ref.kind == REF_WEAK)
			continue;
		if (to != NO_NODE)
			search__reach(mend->search, to, node);
		else if (ref.kind != REF_TYPE && ref.kind != REF_GUESS)
			late__follow(mend->late, node, &ref);
	}
	mend->words_left -= it.visited;
}

static void follow_alone(struct mend *mend, __u32 node)
{
	for (int i = 0; i < TRIES && mend->words_left; i++) {
		image__forget(mend->reader->image);
		mend->heads[node] = head_of(mend, node);
		follow(mend, node);
		image__forget(mend->reader->image);
		if (head_of(mend, node) == mend->heads[node])
			return;
	}
}

bool search__has_all(const struct search *search, const struct samples *samples)
{
	for (size_t i = 0; i < samples->count; i++)
		if (search->parent[samples->nodes[i]] == NO_NODE)
			return false;
	return true;
}

/* Reads once more what was never read again, or (alone) has changed since. True: all samples have been reached. */
static bool go_round(struct mend *mend, bool alone)
{
	struct search *search = mend->search;
	const struct graph *graph = mend->reader->graph;

	for (__u32 i = 0; i < search->reached && mend->words_left; i++) {
		__u32 node = search->queue[i], reached = search->reached;

		if (!may_change(types__get(graph->types, graph->type[node])))
			continue;
		if (!mend->heads[node]) {
			mend->heads[node] = head_of(mend, node);
			follow(mend, node);
		} else if (alone && mend->alone_left && head_of(mend, node) != mend->heads[node]) {
			mend->alone_left--;
			follow_alone(mend, node);
		}
		if (search->reached == reached)
			continue;
		search__spread(search, reached);
		if (search__has_all(search, mend->samples))
			return true;
	}
	return false;
}

int search__mend(struct search *search, struct root_reader *reader, const struct samples *samples)
{
	struct mend mend = {
		.reader = reader,
		.search = search,
		.samples = samples,
		.words_left = reader->graph->words + WORDS_MORE,
		.alone_left = ALONE_MAX,
	};
	size_t roots = reader->roots->count;
	int err = image__refresh(reader->image);

	if (!err)
		err = roots__find(reader);
	if (err)
		return err;
	search__add_roots(search, reader->roots, roots);
	if (search__has_all(search, samples))
		return 0;
	mend.heads = calloc(reader->graph->count + 1ull, sizeof(*mend.heads));
	mend.late = late__new(search, reader->types);
	if (mend.heads && mend.late && !go_round(&mend, false)) {
		image__forget(reader->image);
		go_round(&mend, true);
	}
	err = mend.heads && mend.late ? 0 : -ENOMEM;
	late__free(mend.late);
	free(mend.heads);
	return err;
}

bool node__is_alive(struct root_reader *reader, __u32 node)
{
	const struct graph *graph = reader->graph;
	const struct object_type *type = types__get(graph->types, graph->type[node]);
	__u64 head[2] = {0}; /* reference count, type */

	return !image__read(reader->image, graph->address[node], head, sizeof(head)) && head[0] &&
	       type && head[1] == type->address;
}
