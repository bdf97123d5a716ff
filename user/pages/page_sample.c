// SPDX-License-Identifier: BSD-2-Clause
#include "pages/page_sample.h"

#include <stdlib.h>
#include <string.h>

#include "lib/error.h"

struct page {
	__u64 address; /* of the page */
	double at_s;
	__u32 stack; /* index in stacks; NOWHERE */
	__u32 weight;
	enum page_state state; /* as first seen; small until then */
	bool seen, settled;
	__u64 frame; /* as first seen */
};

#define NOWHERE (~0U)

/* A slot without users is free. */
struct stack {
	__u64 hash;
	__u32 users, flags;
	double taken; /* faults */
	size_t frame_count;
	struct frame *frames;
};

struct code {
	__u64 key;
	struct stored_code *text;
};

struct page_sample {
	struct code_store *store;
	__u64 random;
	struct page *pages; /* in order of time */
	size_t page_count, unsettled;
	__u64 lost;
	struct stack *stacks;
	size_t stack_count; /* slots that were ever used */
	struct code *codes;
	size_t code_count, code_room;
	size_t bytes; /* of SAMPLE_BYTES */
};

/* Most processes of a host never take a page: what is large is made when the first record comes. */
struct page_sample *page_sample__new(struct code_store *store, __u64 seed)
{
	struct page_sample *sample = calloc(1, sizeof(*sample));

	if (!sample)
		return NULL;
	sample->store = store;
	sample->random = seed | 1;
	return sample;
}

/* Of its own share, and of what there is for all. */
static bool reserve(struct page_sample *sample, size_t bytes)
{
	if (bytes > SAMPLE_BYTES - sample->bytes || !code_store__reserve(sample->store, bytes))
		return false;
	sample->bytes += bytes;
	return true;
}

static void release(struct page_sample *sample, size_t bytes)
{
	code_store__release(sample->store, bytes);
	sample->bytes -= bytes;
}

#define TABLES (SAMPLE_PAGES * sizeof(struct page) + SAMPLE_STACKS * sizeof(struct stack))

static bool make_tables(struct page_sample *sample)
{
	if (sample->pages)
		return true;
	if (!reserve(sample, TABLES))
		return false;
	sample->pages = calloc(SAMPLE_PAGES, sizeof(*sample->pages));
	sample->stacks = calloc(SAMPLE_STACKS, sizeof(*sample->stacks));
	if (sample->pages && sample->stacks)
		return true;
	free(sample->pages);
	free(sample->stacks);
	sample->pages = NULL;
	sample->stacks = NULL;
	release(sample, TABLES);
	return false;
}

static size_t frames_size(size_t count)
{
	return count * sizeof(struct frame);
}

static void free_frames(struct page_sample *sample, struct stack *stack)
{
	free(stack->frames);
	release(sample, frames_size(stack->frame_count));
	*stack = (struct stack){0};
}

static void drop_text(struct page_sample *sample, struct stored_code *text)
{
	sample->bytes -= text->size;
	code_store__drop(sample->store, text);
}

void page_sample__free(struct page_sample *sample)
{
	if (!sample)
		return;
	for (size_t i = 0; i < sample->stack_count; i++)
		if (sample->stacks[i].frames)
			free_frames(sample, &sample->stacks[i]);
	for (size_t i = 0; i < sample->code_count; i++)
		drop_text(sample, sample->codes[i].text);
	if (sample->pages)
		release(sample, TABLES);
	free(sample->pages);
	free(sample->stacks);
	free(sample->codes);
	free(sample);
}

/* ---- code objects ---- */

/* Where the key is in codes, which are in its order, or would be. */
static size_t place_of(const struct page_sample *sample, __u64 key)
{
	size_t low = 0, high = sample->code_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (sample->codes[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct code *find_code(const struct page_sample *sample, __u64 key)
{
	size_t place = place_of(sample, key);

	return place < sample->code_count && sample->codes[place].key == key ? &sample->codes[place]
									     : NULL;
}

/* False: as many as may be are there, or there is no memory. */
static bool make_code_room(struct page_sample *sample)
{
	size_t room = sample->code_room ? 2 * sample->code_room : 32;
	struct code *grown;

	if (sample->code_count < sample->code_room)
		return true;
	if (room > SAMPLE_CODES)
		return false;
	grown = realloc(sample->codes, room * sizeof(*grown));
	if (!grown)
		return false;
	sample->codes = grown;
	sample->code_room = room;
	return true;
}

static void insert_code(struct page_sample *sample, __u64 key, struct stored_code *text)
{
	struct code *code = &sample->codes[place_of(sample, key)];

	memmove(code + 1, code, (&sample->codes[sample->code_count] - code) * sizeof(*code));
	*code = (struct code){.key = key, .text = text};
	sample->code_count++;
}

/* NULL: there is no room. */
static struct stored_code *take_text(struct page_sample *sample, const struct code_message *message)
{
	struct stored_code *text = code_store__take(sample->store, message);

	if (text && text->size > SAMPLE_BYTES - sample->bytes) {
		code_store__drop(sample->store, text);
		return NULL;
	}
	if (text)
		sample->bytes += text->size;
	return text;
}

bool page_sample__code(struct page_sample *sample, const struct code_message *message)
{
	struct code *known = find_code(sample, message->code_key);
	struct stored_code *text;

	if (known && known->text->whole)
		return true;
	if (!known && !make_code_room(sample))
		return false;
	text = take_text(sample, message);
	if (!text)
		return known;
	if (known) {
		drop_text(sample, known->text);
		known->text = text;
	} else {
		insert_code(sample, message->code_key, text);
	}
	return !message->missing;
}

void page_sample__more(struct page_sample *sample, const struct code_more_message *more)
{
	struct code *code = find_code(sample, more->code_key);

	if (code)
		code_store__more(code->text, more);
}

const struct code_info *page_sample__code_of(const struct page_sample *sample, __u64 code_key)
{
	const struct code *code = find_code(sample, code_key);

	return code ? &code->text->info : NULL;
}

void page_sample__tidy(struct page_sample *sample, void (*forget)(void *context, __u64 code_key),
		       void *context)
{
	bool needed[SAMPLE_CODES] = {false};
	size_t kept = 0;

	for (size_t i = 0; i < sample->stack_count; i++)
		for (size_t j = 0; j < sample->stacks[i].frame_count; j++) {
			__u64 key = sample->stacks[i].frames[j].code_key;
			size_t place = place_of(sample, key);

			if (place < sample->code_count && sample->codes[place].key == key)
				needed[place] = true;
		}
	for (size_t i = 0; i < sample->code_count; i++) {
		if (needed[i]) {
			sample->codes[kept++] = sample->codes[i];
			continue;
		}
		drop_text(sample, sample->codes[i].text);
		forget(context, sample->codes[i].key);
	}
	sample->code_count = kept;
}

/* ---- stacks ---- */

static void leave_stack(struct page_sample *sample, __u32 index)
{
	if (index != NOWHERE && !--sample->stacks[index].users)
		free_frames(sample, &sample->stacks[index]);
}

/* NOWHERE: there is no room. */
static __u32 free_stack(struct page_sample *sample)
{
	for (size_t i = 0; i < sample->stack_count; i++)
		if (!sample->stacks[i].users)
			return i;
	return sample->stack_count < SAMPLE_STACKS ? sample->stack_count++ : NOWHERE;
}

static bool keep_frames(struct page_sample *sample, struct stack *stack,
			const struct stack_message *message)
{
	size_t count = message->frame_count;

	stack->flags = message->flags;
	if (count > SAMPLE_FRAMES) {
		count = SAMPLE_FRAMES;
		stack->flags |= STACK_TRUNCATED;
	}
	if (!reserve(sample, frames_size(count)))
		return false;
	stack->frames = malloc(frames_size(count) + 1);
	if (!stack->frames) {
		release(sample, frames_size(count));
		return false;
	}
	memcpy(stack->frames, message->frames, frames_size(count));
	stack->frame_count = count;
	stack->hash = message->key.hash;
	return true;
}

/* The stack, with one user more. */
static __u32 enter_stack(struct page_sample *sample, const struct stack_message *message)
{
	__u32 index;

	for (index = 0; index < sample->stack_count; index++)
		if (sample->stacks[index].users && sample->stacks[index].hash == message->key.hash)
			break;
	if (index == sample->stack_count) {
		index = free_stack(sample);
		if (index == NOWHERE || !keep_frames(sample, &sample->stacks[index], message))
			return NOWHERE;
	}
	sample->stacks[index].users++;
	return index;
}

/* ---- pages ---- */

static void remove_page(struct page_sample *sample, size_t index)
{
	struct page *page = &sample->pages[index];

	sample->unsettled -= !page->settled;
	leave_stack(sample, page->stack);
	memmove(page, page + 1, (--sample->page_count - index) * sizeof(*page));
}

/* xorshift64*, in [0, below). */
static __u64 random_below(struct page_sample *sample, __u64 below)
{
	sample->random ^= sample->random >> 12;
	sample->random ^= sample->random << 25;
	sample->random ^= sample->random >> 27;
	return (sample->random * 0x2545f4914f6cdd1dULL >> 16) % below;
}

/* Two neighbours in time become one of them, with the weight of both. */
static void join(struct page_sample *sample, size_t index)
{
	struct page *first = &sample->pages[index], *second = first + 1;
	__u64 sum = (__u64)first->weight + second->weight;
	bool keep_first = random_below(sample, sum) < first->weight;

	first->weight = second->weight = sum > ~0U ? ~0U : sum;
	remove_page(sample, keep_first ? index + 1 : index);
}

static void make_room(struct page_sample *sample)
{
	size_t old = sample->page_count / 2;

	for (size_t i = 0; i < old / 2; i++)
		join(sample, i);
}

void page_sample__forget(struct page_sample *sample, __u64 address)
{
	address &= -(__u64)PAGE_BYTES;
	for (size_t i = 0; i < sample->page_count; i++)
		if (sample->pages[i].address == address) {
			remove_page(sample, i);
			return;
		}
}

void page_sample__add(struct page_sample *sample, const struct growth_fault *fault, double at_s)
{
	__u64 address = fault->address & -(__u64)PAGE_BYTES;
	__u32 weight = fault->weight ? fault->weight : 1;
	struct page *page;

	if (!make_tables(sample)) {
		sample->lost++;
		return;
	}
	page_sample__forget(sample, address);
	if (sample->page_count == SAMPLE_PAGES)
		make_room(sample);
	page = &sample->pages[sample->page_count++];
	*page = (struct page){
		.address = address,
		.at_s = at_s,
		.stack = enter_stack(sample, &fault->stack),
		.weight = weight,
		.state = PAGE_SMALL,
	};
	sample->unsettled++;
	if (page->stack != NOWHERE)
		sample->stacks[page->stack].taken += weight;
}

/* Whether it is huge shows soon after it was taken: later the kernel may have put small ones together. */
static void see_first(struct page *page, const struct page_seen *seen)
{
	page->seen = true;
	page->state = seen->state;
	page->frame = seen->frame;
}

/* False: another page is there. */
static bool see_again(struct page_sample *sample, struct page *page, double now_s,
		      const struct page_seen *seen)
{
	if (page->settled)
		return true;
	if (page->frame && seen->frame && page->frame != seen->frame)
		return false;
	if (now_s - page->at_s >= SETTLED_AFTER_S) {
		page->settled = true;
		sample->unsettled--;
	}
	return true;
}

void page_sample__look(struct page_sample *sample, enum page_look which, double now_s,
		       page_sample_look look, void *context)
{
	for (size_t i = sample->page_count; i-- > 0;) {
		struct page *page = &sample->pages[i];
		struct page_seen seen = {PAGE_GONE, 0};

		if (which == LOOK_AT_UNSETTLED && page->settled)
			continue;
		if (!look(context, page->address, !page->seen, &seen))
			return;
		if (seen.state == PAGE_GONE)
			remove_page(sample, i);
		else if (!page->seen)
			see_first(page, &seen);
		else if (!see_again(sample, page, now_s, &seen))
			remove_page(sample, i);
	}
}

size_t page_sample__unsettled(const struct page_sample *sample)
{
	return sample->unsettled;
}

__u64 page_sample__lost(const struct page_sample *sample)
{
	return sample->lost;
}

size_t page_sample__pages(const struct page_sample *sample)
{
	return sample->page_count;
}

/* ---- sums ---- */

static bool is_alone(const struct page_sample *sample, const struct page *page)
{
	for (size_t i = 0; i < sample->page_count; i++)
		if (&sample->pages[i] != page &&
		    sample->pages[i].address / HUGE_BYTES == page->address / HUGE_BYTES)
			return false;
	return true;
}

static void add_page(const struct page_sample *sample, const struct page *page,
		     double recent_since_s, struct sampled_stack *stack)
{
	__u64 size = page->state == PAGE_HUGE && is_alone(sample, page) ? HUGE_BYTES : PAGE_BYTES;
	double bytes = (double)page->weight * size;

	if (!stack->bytes || page->at_s < stack->oldest_s)
		stack->oldest_s = page->at_s;
	stack->bytes += bytes;
	if (!page->settled)
		stack->unsettled_bytes += bytes;
	if (page->at_s >= recent_since_s)
		stack->recent_bytes += bytes;
	error__add_scaled(&stack->error, size, page->weight);
}

size_t page_sample__stacks(const struct page_sample *sample, double recent_since_s, bool unsettled,
			   struct sampled_stack stacks[SAMPLE_STACKS + 1])
{
	struct sampled_stack all[SAMPLE_STACKS + 1] = {{0}};
	size_t count = 0;

	for (size_t i = 0; i < sample->page_count; i++) {
		const struct page *page = &sample->pages[i];

		if (page->settled || unsettled)
			add_page(sample, page, recent_since_s,
				 &all[page->stack == NOWHERE ? SAMPLE_STACKS : page->stack]);
	}
	for (size_t i = 0; i <= SAMPLE_STACKS; i++) {
		const struct stack *stack = i < sample->stack_count ? &sample->stacks[i] : NULL;

		if (!all[i].bytes)
			continue;
		stacks[count] = all[i];
		if (stack) {
			stacks[count].hash = stack->hash;
			stacks[count].flags = stack->flags;
			stacks[count].frames = stack->frames;
			stacks[count].frame_count = stack->frame_count;
			stacks[count].taken_bytes = stack->taken * PAGE_BYTES;
		}
		count++;
	}
	return count;
}
