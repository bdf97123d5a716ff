// SPDX-License-Identifier: BSD-2-Clause
/*
 * glibc_find.c - main_arena and tcache_key, static variables of a libc that may be stripped
 *
 * main_arena holds bins[]: 127 list heads laid over an array of pointers so that an empty list points 16 bytes in front of itself, twice.
 * In front of bins[] are top and last_remainder, 2048 bytes behind it is `next`, which leads through all arenas back to main_arena
 * itself. That fixes where main_arena begins: 112 bytes before bins[] up to 2.42, 24 since 2.43 took the fastbins out.
 *
 * tcache_key (2.34 and later) is 8 random bytes in .bss. Random words are rare there: pointers, counts and tables fill it. All
 * that can be it are kept; chunks say which one is (glibc_chunks.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/glibc.h"
#include "lib/elf_image.h"
#include "lib/proc_maps.h"
#include "lib/proc_mem.h"

#define MAX_SEGMENTS 8
#define MAX_SEGMENT_BYTES (4ull << 20)
#define BINS_WORDS (2 * GLIBC_BINS)

/* Offsets from bins[] */
#define FROM_BINS_NEXT (BINS_WORDS * 8 + 16)

static const __u32 bins_offsets[] = {112, 24};

static bool is_chunk_address(__u64 address)
{
	return address && !(address & 15) && address < GLIBC_MAX_ADDRESS;
}

/* Whether words, read at address, can be bins[]. */
static bool bins_fit(const __u64 *words, __u64 address)
{
	for (size_t i = 0; i < GLIBC_BINS; i++) {
		__u64 self = address + 16 * i - 16, fd = words[2 * i], bk = words[2 * i + 1];

		if (fd == self && bk == self)
			continue;
		if (fd == self || bk == self || !is_chunk_address(fd) || !is_chunk_address(bk))
			return false;
	}
	return true;
}

/*
 * Whether `next` leads from the arena back to it, over others of the kind. Where the arena is alone, this is only right for the
 * right offset of bins[].
 */
static int ring_closes(struct glibc *glibc)
{
	struct glibc_arena arena;
	__u64 at = glibc->main_arena;
	int err = 0;

	for (int i = 0; i < 4096 && !err; i++) {
		err = glibc__read_arena(glibc, at, &arena, &at);
		if (!err && at == glibc->main_arena)
			return 0;
	}
	return err == -ESRCH || err == -EPERM ? err : -ENOENT;
}

static int find_arena(struct glibc *glibc, const __u64 *words, size_t count, __u64 address)
{
	for (size_t k = 16; k + FROM_BINS_NEXT / 8 < count; k++) {
		__u64 at = address + 8 * k;

		if (!is_chunk_address(words[k - 2]) || !bins_fit(words + k, at))
			continue;
		for (size_t i = 0; i < sizeof(bins_offsets) / sizeof(bins_offsets[0]); i++) {
			int err;

			glibc->bins = bins_offsets[i];
			glibc->main_arena = at - glibc->bins;
			err = ring_closes(glibc);
			if (err != -ENOENT)
				return err;
		}
	}
	return -ENOENT;
}

/* Not a pointer, a count or -1: may be 8 random bytes. Of 131072 keys one does not look so. */
static bool may_be_key(__u64 word)
{
	int bits = __builtin_popcountll(word);

	return word >> 47 && bits >= 8 && bits <= 56;
}

static void keep_keys(struct glibc *glibc, const __u64 *words, size_t count)
{
	for (size_t i = count; i-- > 0 && glibc->key_count < GLIBC_KEYS;)
		if (may_be_key(words[i]))
			glibc->keys[glibc->key_count++] = words[i];
}

/* Takes what there is to be found in a writable segment. */
static int look_at(struct glibc *glibc, __u64 address, size_t count)
{
	__u64 *words = malloc(count * 8);
	struct glibc found = *glibc;
	int err;

	if (!words)
		return -ENOMEM;
	err = proc_mem__read(glibc->pid, address, words, count * 8);
	if (!err) {
		keep_keys(glibc, words, count);
		if (!glibc->main_arena) {
			err = find_arena(&found, words, count, address);
			if (!err) {
				glibc->main_arena = found.main_arena;
				glibc->bins = found.bins;
			}
		}
	}
	free(words);
	return err == -EFAULT || err == -ENOENT ? 0 : err;
}

/* [heap] begins where the first sbrk() did, so with malloc's first chunk, if nobody else called it before. */
static int find_heap(struct glibc *glibc)
{
	struct proc_maps *maps;
	struct mapping *m;
	int err = proc_maps__read(glibc->pid, &maps);

	if (err)
		return err;
	proc_maps__for_each (maps, m) {
		if (strcmp(m->path, "[heap]"))
			continue;
		glibc->heap_start = (m->start + 15) & ~15ull;
		break;
	}
	proc_maps__free(maps);
	return 0;
}

int glibc__find(const struct target *target, int module, unsigned minor, struct glibc *glibc)
{
	const struct module *libc = &target->modules[module];
	struct elf_image *image;
	__u64 address, size;
	int err;

	memset(glibc, 0, sizeof(*glibc));
	glibc->pid = target->pid;
	glibc->minor = minor;
	err = elf_image__open(libc->fd, &image);
	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	for (size_t i = 0; i < MAX_SEGMENTS && !err; i++) {
		if (elf_image__writable(image, i, &address, &size))
			break;
		size += address & 7;
		address &= ~7ull;
		if (size >= 8 && size <= MAX_SEGMENT_BYTES)
			err = look_at(glibc, address + libc->bias, size / 8);
	}
	elf_image__free(image);
	if (!err && !glibc->main_arena)
		err = -ENOENT;
	return err ? err : find_heap(glibc);
}
