// SPDX-License-Identifier: BSD-2-Clause
/*
 * stacks.c - threads' stacks, by the structs that libc keeps at their upper ends
 *
 * pthread_self() is the address of struct pthread, in the thread's own mapping. Python's thread states have it. Other threads
 * are found behind guard pages: on x86-64 the struct's first and third word are its own address (tcb, self: the ABI). It
 * names the mapping: stackblock and stackblock_size in glibc, map_base and map_size in musl, two words side by side whose place
 * changes from version to version and whose values fit nothing else.
 */
#include "heap/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096ull
#define MAX_THREADS 65536
#define MAX_INTERPRETERS 256
#define STRUCT_BYTES 4096    /* more than struct pthread has: 2304 */
#define TOP_BYTES (1u << 20) /* from struct pthread to the end: static TLS, on ARM */
#define MAX_STACK (1ull << 32)
#define MAX_GUARD (1u << 20)
#define SEARCH_BYTES (16u << 20) /* behind a guard, of what is resident */
#define SEARCH_STEP 65536u
#define SEARCH_ALL (1ull << 38) /* bytes of addresses, in all */
#define ALIGNMENT 64            /* of struct pthread */

struct search {
	struct image *image;
	struct stack_range *list;
	size_t count, room;
	__u64 left; /* of SEARCH_ALL */
	unsigned char buffer[SEARCH_STEP];
};

/* Adds the stack whose struct pthread is at address, if one is. 0 or -ENOMEM. */
static int add_stack(struct search *search, __u64 address)
{
	__u64 words[STRUCT_BYTES / 8];
	size_t bytes = sizeof(words);

	if (address & 7)
		return 0;
	/* The mapping may end with the struct. */
	if (image__read(search->image, address, words, bytes)) {
		bytes = PAGE - address % PAGE;
		if (image__read(search->image, address, words, bytes))
			return 0;
	}
	for (size_t i = 0; i + 1 < bytes / 8; i++) {
		__u64 start = words[i], size = words[i + 1], end = start + size;

		if (start % PAGE || size % PAGE || !start || size > MAX_STACK || start > address ||
		    end <= address || end - address > TOP_BYTES)
			continue;
		if (search->count == search->room) {
			size_t room = search->room ? 2 * search->room : 16;
			struct stack_range *more = realloc(search->list, room * sizeof(*more));

			if (!more)
				return -ENOMEM;
			search->list = more;
			search->room = room;
		}
		search->list[search->count++] = (struct stack_range){.start = start, .end = end};
		return 0;
	}
	return 0;
}

static int add_python_threads(struct search *search, const struct target *target)
{
	const struct py_layout *layout = &target->python.layout;
	__u64 interpreter;
	size_t threads = 0;
	int err = 0;

	if (target->python.flavour != PYTHON_OK || !target->python.runtime)
		return 0;
	interpreter = image__word(search->image,
				  target->python.runtime + layout->runtime_interpreters_head);
	for (int i = 0; interpreter && i < MAX_INTERPRETERS && !err; i++) {
		__u64 state = image__word(search->image, interpreter + layout->interp_threads_head);

		for (; state && threads < MAX_THREADS && !err; threads++) {
			err = add_stack(search, image__word(search->image,
							    state + layout->tstate_thread_id));
			state = image__word(search->image, state + layout->tstate_next);
		}
		interpreter = image__word(search->image, interpreter + layout->interp_next);
	}
	return err;
}

static bool is_guard(const struct mapping *m)
{
	return !m->read && !m->write && !m->exec && !m->shared && !m->ino &&
	       m->end - m->start <= MAX_GUARD;
}

/* The first address in the buffer, copied from base, that two of its words name. 0 = none. */
static __u64 self_pointer(const unsigned char *buffer, size_t size, __u64 base)
{
	for (size_t at = 0; at + 24 <= size; at += ALIGNMENT) {
		__u64 words[3];

		memcpy(words, buffer + at, sizeof(words));
		if (words[0] == base + at && words[2] == base + at)
			return base + at;
	}
	return 0;
}

static int search_behind_guard(struct search *search, const struct mapping *m)
{
	__u64 left = m->end - m->start < MAX_STACK ? m->end - m->start : MAX_STACK, found = 0;
	size_t searched = 0;

	for (__u64 at = m->start; left && searched < SEARCH_BYTES && search->left && !found;) {
		__u64 size = left < SEARCH_STEP ? left : SEARCH_STEP;

		search->left -= size < search->left ? size : search->left;
		if (image__resident(search->image, at, size)) {
			if (image__copy(search->image, at, search->buffer, size) < 0)
				return 0;
			found = self_pointer(search->buffer, size, at);
			searched += size;
		}
		at += size;
		left -= size;
	}
	return found ? add_stack(search, found) : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct stack_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static bool is_known(const struct search *search, size_t count, __u64 start)
{
	struct stack_range key = {.start = start};

	return count && bsearch(&key, search->list, count, sizeof(key), by_start);
}

/* The list begins with the mapping's guard; so does a stack. */
static int add_others(struct search *search, const struct proc_maps *maps)
{
	size_t known = search->count;
	const struct mapping *m;
	int err = 0;

	if (known)
		qsort(search->list, known, sizeof(*search->list), by_start);
	proc_maps__for_each (maps, m) {
		if (m == maps->mappings || !m->read || !m->write || m->shared || m->ino ||
		    m->path[0] || m[-1].end != m->start || !is_guard(&m[-1]) ||
		    is_known(search, known, m[-1].start))
			continue;
		err = search->count < MAX_THREADS ? search_behind_guard(search, m) : 0;
		if (err)
			break;
	}
	return err;
}

static size_t drop_overlaps(struct stack_range *list, size_t count)
{
	size_t kept = 0;
	__u64 end = 0;

	if (count)
		qsort(list, count, sizeof(*list), by_start);
	for (size_t i = 0; i < count; i++) {
		if (list[i].start < end)
			continue;
		end = list[i].end;
		list[kept++] = list[i];
	}
	return kept;
}

int stacks__find(struct image *image, const struct target *target, const struct proc_maps *maps,
		 struct stack_range **stacks, size_t *count)
{
	struct search *search = calloc(1, sizeof(*search));
	int err;

	*stacks = NULL;
	*count = 0;
	if (!search)
		return -ENOMEM;
	search->image = image;
	search->left = SEARCH_ALL;
	err = add_python_threads(search, target);
	if (!err)
		err = add_others(search, maps);
	if (err) {
		free(search->list);
	} else {
		*stacks = search->list;
		*count = drop_overlaps(search->list, search->count);
	}
	free(search);
	return err;
}
