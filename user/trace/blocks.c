// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks.c - entries of the live table, read and taken out by user space
 */
#include "trace/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pyleak.skel.h"

#define BATCH 16384

int entries__visit(int fd, size_t key_size, size_t value_size,
		   int (*visit)(void *, const void *, const void *), void *context)
{
	char *keys = malloc(BATCH * key_size), *values = malloc(BATCH * value_size);
	__u64 cursor = 0;
	bool first = true;
	__u32 count;
	int err = keys && values ? 0 : -ENOMEM;

	while (!err) {
		count = BATCH;
		err = bpf_map_lookup_batch(fd, first ? NULL : &cursor, &cursor, keys, values,
					   &count, NULL);
		first = false;
		if (err && err != -ENOENT)
			break;
		for (__u32 i = 0; i < count; i++) {
			int failed = visit(context, keys + i * key_size, values + i * value_size);

			if (failed) {
				err = failed;
				break;
			}
		}
	}
	free(keys);
	free(values);
	return err == -ENOENT ? 0 : err;
}

struct block_list {
	struct tracked_block *list;
	size_t count, capacity;
	__u32 target;
};

static int add_block(void *context, const void *key, const void *value)
{
	struct block_list *blocks = context;
	const struct live_key *live = key;
	struct tracked_block *grown;
	size_t capacity;

	if (live->target != blocks->target)
		return 0;
	if (blocks->count == blocks->capacity) {
		capacity = blocks->capacity ? 2 * blocks->capacity : BATCH;
		grown = realloc(blocks->list, capacity * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		blocks->list = grown;
		blocks->capacity = capacity;
	}
	blocks->list[blocks->count].key = *live;
	blocks->list[blocks->count++].block = *(const struct live_block *)value;
	return 0;
}

int tracer__blocks(struct tracer *tracer, __u32 index, struct tracked_block **list, size_t *count)
{
	struct block_list blocks = {.target = index};
	int err = entries__visit(bpf_map__fd(tracer->bpf->maps.live), sizeof(struct live_key),
				 sizeof(struct live_block), add_block, &blocks);

	*list = blocks.list;
	*count = blocks.count;
	return err;
}

void tracer__forget(struct tracer *tracer, __u32 index, __u64 address)
{
	struct live_key key = {.addr = address, .target = index};

	bpf_map_delete_elem(bpf_map__fd(tracer->bpf->maps.live), &key);
	tracer->targets[index].followed = true;
}

void tracer__set_judged(struct tracer *tracer, __u32 index, enum heap_layer layer, __u64 until_ns)
{
	tracer->targets[index].judged_ns[layer] = until_ns;
}

void tracer__set_scale(struct tracer *tracer, __u32 index, enum heap_layer layer, double scale)
{
	tracer->targets[index].scale[layer] = scale;
}

void tracer__bound_live(struct tracer *tracer, __u32 index, const struct pools_in_use *in_use)
{
	tracer->targets[index].in_use = *in_use;
	tracer->targets[index].bounded = true;
}
