// SPDX-License-Identifier: BSD-2-Clause
/*
 * image.c - windows of a process's memory in a two-way associative cache
 */
#include "heap/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "heap/in_use_private.h"
#include "heap/rss.h"
#include "lib/proc_mem.h"

#define PAGE 4096ull
#define WINDOW_PAGES (IMAGE_WINDOW / PAGE)
#define WAYS 2
#define COPY_RUNS 64
#define NO_WINDOW (~0ull)
/* Pages that image__resident() looks at between refreshes: 128 GB, and so many times what is in memory. */
#define RESIDENT_PAGES (1ull << 25)
#define RESIDENT_TIMES 16

struct window {
	__u64 base;  /* NO_WINDOW = empty */
	__u32 valid; /* a bit a page */
	__u32 used;  /* when, for which of the ways goes */
	unsigned char *data;
};

struct image {
	pid_t pid;
	struct proc_maps *maps;
	struct pages *pages;
	const struct mapping *last; /* of page_readable() */
	struct window *windows;
	size_t sets; /* a power of two */
	__u32 clock;
	__u64 mapped, resident_left;
	const unsigned char *lent;
	__u64 lent_at;
	size_t lent_size;
};

static __u64 sum_of(const struct proc_maps *maps)
{
	const struct mapping *mapping;
	__u64 sum = 0;

	proc_maps__for_each (maps, mapping)
		sum += mapping->end - mapping->start;
	return sum;
}

void image__forget(struct image *image)
{
	pages__forget(image->pages);
	for (size_t i = 0; i < image->sets * WAYS; i++)
		image->windows[i].base = NO_WINDOW;
}

int image__refresh(struct image *image)
{
	struct proc_maps *maps;
	__u64 rss = 0;
	int err = proc_maps__read(image->pid, &maps);

	if (err)
		return err;
	if (rss__read(image->pid, &rss))
		rss = 0; /* it is ending: whoever reads will be told */
	proc_maps__free(image->maps);
	image->maps = maps;
	image->mapped = sum_of(maps);
	image->resident_left = RESIDENT_PAGES + RESIDENT_TIMES * rss / PAGE;
	image->last = NULL;
	image__forget(image);
	return 0;
}

int image__open(pid_t pid, size_t cache, struct image **result)
{
	struct image *image = calloc(1, sizeof(*image));
	int err;

	if (!image)
		return -ENOMEM;
	image->pid = pid;
	for (image->sets = 1; image->sets * 2 * WAYS * IMAGE_WINDOW <= cache; image->sets *= 2)
		;
	image->windows = calloc(image->sets * WAYS, sizeof(*image->windows));
	err = image->windows ? pages__open(pid, &image->pages) : -ENOMEM;
	if (!err)
		err = image__refresh(image);
	if (err) {
		image__close(image);
		return err;
	}
	*result = image;
	return 0;
}

void image__close(struct image *image)
{
	if (!image)
		return;
	for (size_t i = 0; image->windows && i < image->sets * WAYS; i++)
		free(image->windows[i].data);
	free(image->windows);
	pages__close(image->pages);
	proc_maps__free(image->maps);
	free(image);
}

const struct proc_maps *image__maps(const struct image *image)
{
	return image->maps;
}

pid_t image__pid(const struct image *image)
{
	return image->pid;
}

__u64 image__mapped(const struct image *image)
{
	return image->mapped;
}

enum readable { READ_IT, READ_AS_ZEROS, READ_NOT };

/* Where a page may be read without a change in the target. */
static enum readable page_readable(struct image *image, __u64 page)
{
	if (!image->last || page < image->last->start || page >= image->last->end)
		image->last = proc_maps__find(image->maps, page);
	switch (pages__state(image->pages, page)) {
	case PAGE_SWAPPED:
		return READ_NOT;
	case PAGE_EMPTY:
		/* Mapped since the list was read, perhaps, but there is nothing in it yet. */
		if (!image->last || !image->last->read)
			return READ_NOT;
		/* That of a file has the file's content, in memory as a rule. */
		return image->last->ino ? READ_IT : READ_AS_ZEROS;
	case PAGE_RESIDENT:
		break;
	}
	/* Where the list says that it cannot be read, it may be old: heaps grow by mprotect(). The system call will tell. */
	return READ_IT;
}

static int read_parts(struct image *image, struct proc_mem_part *parts, size_t count)
{
	return count ? proc_mem__read_many(image->pid, parts, count) : 0;
}

static void window__fill(struct image *image, struct window *window, __u64 base)
{
	struct proc_mem_part parts[WINDOW_PAGES];
	__u32 bits[WINDOW_PAGES];
	size_t count = 0;

	window->base = base;
	window->valid = 0;
	for (__u32 i = 0; i < WINDOW_PAGES; i++) {
		unsigned char *to = window->data + i * PAGE;
		enum readable readable = page_readable(image, base + i * PAGE);

		if (readable == READ_AS_ZEROS) {
			memset(to, 0, PAGE);
			window->valid |= 1u << i;
		} else if (readable == READ_IT) {
			parts[count] = (struct proc_mem_part){
				.address = base + i * PAGE, .buffer = to, .size = PAGE};
			bits[count++] = 1u << i;
		}
	}
	if (read_parts(image, parts, count))
		return;
	for (size_t i = 0; i < count; i++) {
		if (parts[i].result)
			continue;
		window->valid |= bits[i];
	}
}

/* The window of this base, read where it is not there; NULL: no memory. */
static struct window *window_at(struct image *image, __u64 base)
{
	__u64 number = base / IMAGE_WINDOW;
	size_t set = (number ^ number >> 17) & (image->sets - 1);
	struct window *ways = &image->windows[set * WAYS], *oldest = ways;

	for (int i = 0; i < WAYS; i++) {
		if (ways[i].base == base) {
			ways[i].used = ++image->clock;
			return &ways[i];
		}
		if (ways[i].base == NO_WINDOW || ways[i].used < oldest->used)
			oldest = &ways[i];
	}
	if (!oldest->data)
		oldest->data = malloc(IMAGE_WINDOW);
	if (!oldest->data)
		return NULL;
	oldest->used = ++image->clock;
	window__fill(image, oldest, base);
	return oldest;
}

/* Whether the pages of [from, from + size) of a window are there. */
static bool is_valid(const struct window *window, size_t from, size_t size)
{
	for (size_t page = from / PAGE; page <= (from + size - 1) / PAGE; page++)
		if (!(window->valid & 1u << page))
			return false;
	return true;
}

void image__lend(struct image *image, __u64 address, const void *bytes, size_t size)
{
	image->lent = bytes;
	image->lent_at = address;
	image->lent_size = bytes ? size : 0;
}

int image__read(struct image *image, __u64 address, void *buffer, size_t size)
{
	__u64 into = address - image->lent_at;

	if (into < image->lent_size && size <= image->lent_size - into) {
		memcpy(buffer, image->lent + into, size);
		return 0;
	}
	while (size) {
		__u64 from = address & (IMAGE_WINDOW - 1);
		size_t part = IMAGE_WINDOW - from < size ? IMAGE_WINDOW - from : size;
		struct window *window = window_at(image, address - from);

		if (!window || !is_valid(window, from, part))
			return -EFAULT;
		memcpy(buffer, window->data + from, part);
		buffer = (char *)buffer + part;
		address += part;
		size -= part;
	}
	return 0;
}

__u64 image__word(struct image *image, __u64 address)
{
	__u64 word = 0;

	return image__read(image, address, &word, sizeof(word)) ? 0 : word;
}

__u32 image__word32(struct image *image, __u64 address)
{
	__u32 word = 0;

	return image__read(image, address, &word, sizeof(word)) ? 0 : word;
}

/* Adds a page to the last run where it continues it. */
static void add_page(struct proc_mem_part *runs, size_t *count, __u64 address, void *to)
{
	struct proc_mem_part *last = *count ? &runs[*count - 1] : NULL;

	if (last && last->address + last->size == address)
		last->size += PAGE;
	else
		runs[(*count)++] =
			(struct proc_mem_part){.address = address, .buffer = to, .size = PAGE};
}

/* Reads runs of pages; a run with a hole in it page by page. Bytes that arrived, or -errno. */
static long read_runs(struct image *image, struct proc_mem_part *runs, size_t count)
{
	long bytes = 0;
	int err = read_parts(image, runs, count);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (!runs[i].result) {
			bytes += runs[i].size;
			continue;
		}
		for (size_t at = 0; at < runs[i].size; at += PAGE) {
			char *to = (char *)runs[i].buffer + at;

			err = proc_mem__read(image->pid, runs[i].address + at, to, PAGE);
			if (err == -ESRCH || err == -EPERM)
				return err;
			if (err)
				memset(to, 0, PAGE);
			else
				bytes += PAGE;
		}
	}
	return bytes;
}

/* A process that has ended has no page in memory, and looks like one that was never written to. 0 or -ESRCH. */
static int check_alive(const struct image *image)
{
	char byte;
	int err = image->maps->count
			  ? proc_mem__read(image->pid, image->maps->mappings[0].start, &byte, 1)
			  : 0;

	return err == -ESRCH ? err : 0;
}

long image__copy(struct image *image, __u64 address, void *buffer, size_t size)
{
	struct proc_mem_part runs[COPY_RUNS];
	size_t count = 0;
	long bytes = 0, got;
	bool read = false;

	for (size_t at = 0; at < size; at += PAGE) {
		char *to = (char *)buffer + at;
		enum readable readable = page_readable(image, address + at);

		if (readable == READ_IT) {
			add_page(runs, &count, address + at, to);
			read = true;
		} else {
			memset(to, 0, PAGE);
			bytes += readable == READ_AS_ZEROS ? PAGE : 0;
		}
		if (count < COPY_RUNS && at + PAGE < size)
			continue;
		got = read_runs(image, runs, count);
		if (got < 0)
			return got;
		bytes += got;
		count = 0;
	}
	return !read && check_alive(image) ? -ESRCH : bytes;
}

void image__look_again(struct image *image)
{
	pages__forget(image->pages);
}

__u64 image__resident(struct image *image, __u64 address, __u64 size)
{
	const struct mapping *mapping = proc_maps__find(image->maps, address);
	__u64 end = address + size, bytes = 0;

	/* What is larger than the mapping it is in is not what it was taken for. */
	if (mapping && end > mapping->end)
		end = mapping->end;
	while (mapping && address < end && image->resident_left) {
		__u64 next = (address & ~(PAGE - 1)) + PAGE;

		if (next > end)
			next = end;
		if (pages__state(image->pages, address) == PAGE_RESIDENT)
			bytes += next - address;
		image->resident_left--;
		address = next;
	}
	return bytes;
}
