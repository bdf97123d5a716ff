// SPDX-License-Identifier: BSD-2-Clause
/*
 * snapshot.c - the BPF maps, copied out in batches
 */
#include "trace/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/error.h"
#include "pyleak.skel.h"

#define FIRST_BIRTHS 16384

/* When a live block was born, and to which stack of the snapshot it belongs. */
struct birth {
	__u32 stack;
	__u32 age_ms;
};

struct row_index {
	struct stack_key key;
	__u32 index;
	UT_hash_handle hh;
};

/* A snapshot being built. */
struct builder {
	struct tracer *tracer;
	struct snapshot *snapshot;
	struct row_index *rows; /* one per stack, in one block */
	struct row_index *by_key;
	size_t capacity;
	struct birth *births;
	size_t birth_count, birth_capacity;
	struct window_scale *scales; /* one for each target, while the live table is read */
	double older_s;
};

static __u64 in_blocks(__u64 count)
{
	return (count + COUNT_ONE / 2) / COUNT_ONE;
}

static void fill_stack(struct builder *builder, const struct stack_key *key,
		       const struct stack_totals *totals, struct stack_info *info)
{
	const struct stack_entry *entry = names__stack(&builder->tracer->names, key);

	*info = (struct stack_info){
		.key = *key,
		.caller_module = -1,
		.alloc_bytes = totals->alloc_bytes,
		.alloc_count = in_blocks(totals->alloc_count),
		.free_bytes = totals->free_bytes,
		.window_bytes = totals->window_bytes,
		.window_count = totals->window_count,
		.free_count = in_blocks(totals->free_count),
		.oldest_s = -1,
		.median_age_s = -1,
	};
	if (totals->alloc_bytes > totals->free_bytes)
		info->live_bytes = totals->alloc_bytes - totals->free_bytes;
	if (totals->alloc_count > totals->free_count)
		info->live_count = totals->alloc_count - totals->free_count;
	if (!entry)
		return;
	info->known = true;
	info->flags = entry->flags;
	info->caller = entry->caller;
	info->caller_module = entry->caller_module;
	info->frames = entry->frames;
	info->frame_count = entry->frame_count;
}

static int visit_stack(void *context, const void *key, const void *value)
{
	struct builder *builder = context;
	struct snapshot *snapshot = builder->snapshot;
	struct stack_info *grown;
	size_t capacity;

	if (snapshot->stack_count == builder->capacity) {
		capacity = builder->capacity ? 2 * builder->capacity : 4096;
		grown = realloc(snapshot->stacks, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		snapshot->stacks = grown;
		builder->capacity = capacity;
	}
	fill_stack(builder, key, value, &snapshot->stacks[snapshot->stack_count++]);
	return 0;
}

static void index_stack(struct builder *builder, size_t index)
{
	struct row_index *row = &builder->rows[index];

	row->key = builder->snapshot->stacks[index].key;
	row->index = index;
	HASH_ADD(hh, builder->by_key, key, sizeof(row->key), row);
}

static int index_stacks(struct builder *builder)
{
	struct snapshot *snapshot = builder->snapshot;
	size_t count, most = snapshot->stack_count;

	for (size_t i = 0; i < builder->tracer->target_count; i++) {
		extents__all(builder->tracer->targets[i].space, &count);
		most += count; /* see owner_of() */
	}
	builder->rows = calloc(most + 1, sizeof(*builder->rows));
	if (!builder->rows)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->stack_count; i++)
		index_stack(builder, i);
	return 0;
}

static struct stack_info *stack_of(struct builder *builder, const struct stack_key *key)
{
	struct row_index *row;

	HASH_FIND(hh, builder->by_key, key, sizeof(*key), row);
	return row ? &builder->snapshot->stacks[row->index] : NULL;
}

static int add_birth(struct builder *builder, const struct stack_info *stack, __u64 born_ns)
{
	__u64 now = builder->snapshot->now_ns;
	struct birth *grown;
	size_t capacity;

	if (builder->birth_count == builder->birth_capacity) {
		capacity = builder->birth_capacity ? 2 * builder->birth_capacity : FIRST_BIRTHS;
		grown = realloc(builder->births, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		builder->births = grown;
		builder->birth_capacity = capacity;
	}
	builder->births[builder->birth_count++] = (struct birth){
		.stack = stack - builder->snapshot->stacks,
		.age_ms = now > born_ns ? (now - born_ns) / 1000000 : 0,
	};
	return 0;
}

static int visit_block(void *context, const void *k, const void *v)
{
	struct builder *builder = context;
	const struct live_block *block = v;
	const struct live_key *live = k;
	struct stack_key key = {
		.hash = block->stack,
		.target = live->target,
		.domain = block->domain,
	};
	const struct traced *traced = &builder->tracer->targets[live->target];
	struct stack_info *stack = stack_of(builder, &key);
	__u64 now = builder->snapshot->now_ns;

	if (!stack)
		return 0; /* younger than the copy of the stack table */
	if (!live_block__is_known(block, traced->judged_ns))
		return 0; /* perhaps long released */
	if (builder->older_s > 0 &&
	    (now < block->born_ns || (now - block->born_ns) / 1e9 < builder->older_s))
		return 0;
	if (block->mean == MEAN_WINDOW)
		error__add_scaled(&stack->error, block->size,
				  window_scale__of(&builder->scales[live->target], block));
	else /* of no bytes: sampled as if it had one */
		error__add(&stack->error, !block->size && block->mean ? 1 : block->size,
			   block->mean);
	return add_birth(builder, stack, block->born_ns);
}

static int compare_births(const void *a, const void *b)
{
	const struct birth *x = a, *y = b;

	if (x->stack != y->stack)
		return x->stack < y->stack ? -1 : 1;
	return x->age_ms < y->age_ms ? -1 : x->age_ms > y->age_ms;
}

static void set_ages(struct builder *builder)
{
	struct birth *births = builder->births;
	size_t n = builder->birth_count;

	if (n)
		qsort(births, n, sizeof(*births), compare_births);
	for (size_t from = 0, to; from < n; from = to) {
		struct stack_info *stack = &builder->snapshot->stacks[births[from].stack];

		for (to = from; to < n && births[to].stack == births[from].stack; to++)
			;
		stack->median_age_s = births[from + (to - from) / 2].age_ms / 1e3;
		stack->oldest_s = births[to - 1].age_ms / 1e3;
	}
}

static bool is_heap(const struct stack_info *stack)
{
	return stack->key.domain == DOMAIN_RAW || stack->key.domain == DOMAIN_OBJECT;
}

static bool is_space(const struct stack_info *stack)
{
	return !is_heap(stack) && stack->key.domain != DOMAIN_RSS;
}

/* What the sampled blocks and those of windows stand for; what of it has been released follows from that. */
static void add_estimates(const struct builder *builder, struct stack_info *stack)
{
	const struct traced *traced = &builder->tracer->targets[stack->key.target];
	const struct window_scale *scales = &builder->scales[stack->key.target];
	double scale = stack->key.domain == DOMAIN_OBJECT ? scales->object : scales->raw;
	struct error_estimate estimate;

	if (!is_heap(stack))
		return;
	error__estimate(&stack->error, &estimate);
	stack->live_bytes = estimate.bytes + 0.5;
	stack->live_count = estimate.blocks + 0.5;
	stack->alloc_bytes += stack->window_bytes * scale;
	stack->alloc_count += stack->window_count * scale;
	if (!traced->followed && !stack->window_count)
		return;
	stack->free_bytes =
		stack->alloc_bytes > stack->live_bytes ? stack->alloc_bytes - stack->live_bytes : 0;
	stack->free_count =
		stack->alloc_count > stack->live_count ? stack->alloc_count - stack->live_count : 0;
}

static int read_live(struct builder *builder)
{
	struct snapshot *snapshot = builder->snapshot;
	int err;

	for (size_t i = 0; i < snapshot->stack_count; i++)
		if (is_heap(&snapshot->stacks[i]))
			snapshot->stacks[i].live_bytes = snapshot->stacks[i].live_count = 0;
	err = window_scale__find(builder->tracer, &builder->scales);
	if (err)
		return err;
	err = entries__visit(bpf_map__fd(builder->tracer->bpf->maps.live), sizeof(struct live_key),
			     sizeof(struct live_block), visit_block, builder);
	if (err)
		return err;
	for (size_t i = 0; i < snapshot->stack_count; i++)
		add_estimates(builder, &snapshot->stacks[i]);
	set_ages(builder);
	return 0;
}

/*
 * The row that an extent belongs to. mremap() that grows the mapping of a file counts as anonymous in the kernel, which
 * cannot tell; the model can, and its stack gets a row of its own for files. NULL: none, or no memory.
 */
static struct stack_info *owner_of(struct builder *builder, __u32 target,
				   const struct extent *extent)
{
	struct stack_key key = {
		.hash = extent->stack,
		.target = target,
		.domain = extent->domain,
	};
	struct stack_info *stack = extent->stack ? stack_of(builder, &key) : NULL;
	struct stack_totals none = {0};

	if (stack || !extent->stack || key.domain == DOMAIN_MMAP)
		return stack;
	key.domain = DOMAIN_MMAP;
	if (!stack_of(builder, &key) || visit_stack(builder, &key, &none))
		return NULL;
	stack = &builder->snapshot->stacks[builder->snapshot->stack_count - 1];
	stack->key.domain = extent->domain;
	index_stack(builder, builder->snapshot->stack_count - 1);
	return stack;
}

/* Address space: what each stack has mapped and not unmapped, from the model. */
static void read_space(struct builder *builder, __u32 target)
{
	struct snapshot *snapshot = builder->snapshot;
	const struct extent *all;
	size_t count;

	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct stack_info *stack = &snapshot->stacks[i];

		if (stack->key.target == target && is_space(stack)) {
			stack->live_bytes = stack->live_count = 0;
			stack->free_bytes = stack->alloc_bytes;
			stack->free_count = stack->alloc_count;
		}
	}
	all = extents__all(builder->tracer->targets[target].space, &count);
	for (size_t i = 0; i < count; i++) {
		struct stack_info *stack = owner_of(builder, target, &all[i]);
		double age_s = (snapshot->now_ns - all[i].born_ns) / 1e9;

		if (!stack || age_s < builder->older_s)
			continue;
		stack->live_bytes += all[i].end - all[i].start;
		stack->live_count++;
		if (age_s > stack->oldest_s)
			stack->oldest_s = age_s;
	}
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		struct stack_info *stack = &snapshot->stacks[i];

		if (stack->key.target != target || !is_space(stack))
			continue;
		if (!stack->alloc_count) { /* made by owner_of() */
			stack->alloc_bytes = stack->free_bytes = stack->live_bytes;
			stack->alloc_count = stack->free_count = stack->live_count;
		}
		stack->free_bytes -= stack->live_bytes < stack->free_bytes ? stack->live_bytes
									   : stack->free_bytes;
		stack->free_count -= stack->live_count < stack->free_count ? stack->live_count
									   : stack->free_count;
	}
}

/* Resident memory: what each stack has written to first and is still there. */
static void read_faults(struct builder *builder, __u32 target)
{
	struct snapshot *snapshot = builder->snapshot;
	const struct faults *faults = builder->tracer->targets[target].faults;
	struct memory_info *memory = &snapshot->memory[target];

	for (size_t i = 0; i < snapshot->stack_count; i++)
		if (snapshot->stacks[i].key.target == target)
			faults__fill(faults, &snapshot->stacks[i]);
	memory->rss_measured =
		faults__measure(faults, &memory->rss_new, &memory->rss_seen, &memory->rss_inferred);
}

static int read_counters(struct tracer *tracer, struct snapshot *snapshot)
{
	__u64 of[COUNTER_MAX];
	int err = 0;

	for (__u32 target = 0; !err && target < tracer->target_count; target++) {
		err = tracer__counters(tracer, target, of);
		for (int i = 0; !err && i < COUNTER_MAX; i++)
			snapshot->counters[i][target] = of[i];
	}
	return err;
}

static int build(struct builder *builder, bool with_live)
{
	struct tracer *tracer = builder->tracer;
	struct snapshot *snapshot = builder->snapshot;
	int err;

	snapshot->memory = calloc(tracer->target_count + 1, sizeof(*snapshot->memory));
	if (!snapshot->memory)
		return -ENOMEM;
	snapshot->target_count = tracer->target_count;
	snapshot->started_ns = tracer->started_ns;
	err = entries__visit(bpf_map__fd(tracer->bpf->maps.stacks), sizeof(struct stack_key),
			     sizeof(struct stack_totals), visit_stack, builder);
	if (!err)
		err = index_stacks(builder);
	if (!err && with_live)
		err = read_live(builder);
	if (!err)
		err = read_counters(tracer, snapshot);
	for (__u32 i = 0; !err && i < tracer->target_count; i++) {
		read_space(builder, i);
		read_faults(builder, i);
		space__measure(&tracer->targets[i], &snapshot->memory[i]);
		snapshot->memory[i].replaced = tracer__replaced(tracer, i);
	}
	snapshot->codes = tracer->names.codes;
	snapshot->code_count = tracer->names.code_count;
	return err;
}

int tracer__snapshot(struct tracer *tracer, bool with_live, double older_s,
		     struct snapshot **result)
{
	struct builder builder = {.tracer = tracer, .older_s = older_s};
	bool counting = tracer->bpf->bss->active;
	int err;

	for (size_t i = 0; counting && i < tracer->target_count; i++)
		if (!tracer__replaced(tracer, i))
			space__look(&tracer->targets[i]);
	/* What has been sent first: the tables name stacks that are on their way. */
	tracer->drain_until_ns = counting ? clock__ns() + 500000000 : ~0ULL;
	ring_buffer__consume(tracer->ring);
	for (size_t i = 0; counting && i < tracer->target_count; i++)
		if (!tracer__replaced(tracer, i))
			faults__look(tracer->targets[i].faults, tracer->targets[i].maps, false);
	builder.snapshot = calloc(1, sizeof(*builder.snapshot));
	if (!builder.snapshot)
		return -ENOMEM;
	builder.snapshot->now_ns = clock__ns();
	err = build(&builder, with_live);
	HASH_CLEAR(hh, builder.by_key);
	free(builder.rows);
	free(builder.births);
	free(builder.scales);
	if (err) {
		snapshot__free(builder.snapshot);
		return err;
	}
	*result = builder.snapshot;
	return 0;
}

void snapshot__free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	free(snapshot->stacks);
	free(snapshot->memory);
	free(snapshot);
}
