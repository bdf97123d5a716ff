// SPDX-License-Identifier: BSD-2-Clause
/*
 * blocks_tcache.c - blocks that threads keep for themselves
 *
 * Since 2.34 the second word of such a block is tcache_key. Before, it is the address of the thread's tcache, and the tcache's
 * lists are followed when it is first met: 64 lists of 7 blocks as a rule.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/blocks_malloc.h"

/* tcache_perthread_struct of 2.30 - 2.41 */
#define TCACHE_BINS 64
#define TCACHE_CHUNK 0x290
#define TCACHE_LONGEST 1024
#define MAX_BLOCKS (1u << 20)
struct tcache {
	__u16 counts[TCACHE_BINS];
	__u64 entries[TCACHE_BINS];
};
_Static_assert(sizeof(struct tcache) == 640, "tcache_perthread_struct");

#define SEEN 1024 /* a power of two */

struct tcaches {
	struct image *image;
	const struct glibc *glibc;
	__u64 seen[SEEN]; /* addresses that were looked at, by their hash: tcaches and not */
	/* open addressing, a power of two; 0 = empty */
	__u64 *blocks;
	size_t count, room;
};

int tcaches__open(struct image *image, const struct glibc *glibc, struct tcaches **result)
{
	struct tcaches *tcaches = calloc(1, sizeof(*tcaches));

	if (!tcaches)
		return -ENOMEM;
	tcaches->image = image;
	tcaches->glibc = glibc;
	*result = tcaches;
	return 0;
}

void tcaches__close(struct tcaches *tcaches)
{
	if (!tcaches)
		return;
	free(tcaches->blocks);
	free(tcaches);
}

static __u64 hash(__u64 address)
{
	return (address >> 4) * 0x9e3779b97f4a7c15ull >> 32;
}

/* Where the block is, or would be. */
static __u64 *slot_of(const struct tcaches *tcaches, __u64 block)
{
	size_t at = hash(block) & (tcaches->room - 1);

	while (tcaches->blocks[at] && tcaches->blocks[at] != block)
		at = (at + 1) & (tcaches->room - 1);
	return &tcaches->blocks[at];
}

static bool grow(struct tcaches *tcaches)
{
	struct tcaches old = *tcaches;

	tcaches->room = old.room ? 2 * old.room : 1024;
	tcaches->blocks = calloc(tcaches->room, sizeof(*tcaches->blocks));
	if (!tcaches->blocks) {
		tcaches->blocks = old.blocks;
		tcaches->room = old.room;
		return false;
	}
	for (size_t i = 0; i < old.room; i++)
		if (old.blocks[i])
			*slot_of(tcaches, old.blocks[i]) = old.blocks[i];
	free(old.blocks);
	return true;
}

/* False: it is there already, or there is no room for more. */
static bool add_block(struct tcaches *tcaches, __u64 block)
{
	__u64 *slot;

	if (2 * tcaches->count >= tcaches->room && (tcaches->count >= MAX_BLOCKS || !grow(tcaches)))
		return false;
	slot = slot_of(tcaches, block);
	if (*slot)
		return false;
	*slot = block;
	tcaches->count++;
	return true;
}

static void add_list(struct tcaches *tcaches, __u64 at, unsigned count)
{
	for (unsigned i = 0; i < count && i < TCACHE_LONGEST && at; i++) {
		__u64 next;

		if (at & 15 || at >= GLIBC_MAX_ADDRESS ||
		    image__read(tcaches->image, at, &next, sizeof(next)) || !add_block(tcaches, at))
			return;
		at = tcaches->glibc->minor >= GLIBC_SAFE_LINKING ? next ^ at >> 12 : next;
	}
}

/* Takes over the lists of a tcache, if there is one at address, once. */
static void look_at(struct tcaches *tcaches, __u64 address)
{
	__u64 *seen = &tcaches->seen[hash(address) & (SEEN - 1)];
	struct tcache tcache;

	if (*seen == address)
		return;
	*seen = address;
	if (CHUNK_SIZE(image__word(tcaches->image, address - 8)) != TCACHE_CHUNK ||
	    image__read(tcaches->image, address, &tcache, sizeof(tcache)))
		return;
	for (int i = 0; i < TCACHE_BINS; i++)
		add_list(tcaches, tcache.entries[i], tcache.counts[i]);
}

bool tcaches__holds(struct tcaches *tcaches, __u64 block, const __u64 words[4])
{
	const struct glibc *glibc = tcaches->glibc;
	__u64 next = words[2] ^ block >> 12;

	if (glibc->minor >= GLIBC_RANDOM_KEY) {
		/* No key is an address, and most second words are one, or small. */
		if (!(words[3] >> 47) || next & 15 || next >= GLIBC_MAX_ADDRESS)
			return false;
		for (size_t i = 0; i < glibc->key_count; i++)
			if (words[3] == glibc->keys[i])
				return true;
		return false;
	}
	if (!words[3] || words[3] & 15 || words[3] >= GLIBC_MAX_ADDRESS)
		return false;
	look_at(tcaches, words[3]);
	return tcaches->room && *slot_of(tcaches, block);
}
