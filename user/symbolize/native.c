// SPDX-License-Identifier: BSD-2-Clause
/*
 * native.c - see native.h
 */
#include "symbolize/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/elf_image.h"
#include "lib/text.h"

#define MAX_IMAGES 1024

/*
 * A descriptor's number is used again after it is closed, and so is an inode's; with the time of
 * its last change a file is known.
 */
struct file_id {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct image {
	struct file_id id;
	struct elf_image *elf; /* NULL = not an ELF file that we can read */
};

struct images {
	struct image list[MAX_IMAGES];
	size_t count;
};

struct images *images__new(void)
{
	return calloc(1, sizeof(struct images));
}

void images__free(struct images *images)
{
	if (!images)
		return;
	for (size_t i = 0; i < images->count; i++)
		elf_image__free(images->list[i].elf);
	free(images);
}

static bool same_file(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* The image of a file, or NULL. When there are too many, all are dropped: it is a cache. */
static const struct elf_image *image_of(struct images *images, int fd)
{
	struct file_id id = {0};
	struct image *image;
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return NULL;
	id.dev = status.st_dev;
	id.ino = status.st_ino;
	id.size = status.st_size;
	id.changed = status.st_ctim;
	for (size_t i = 0; i < images->count; i++)
		if (same_file(&images->list[i].id, &id))
			return images->list[i].elf;

	if (images->count == MAX_IMAGES) {
		for (size_t i = 0; i < images->count; i++)
			elf_image__free(images->list[i].elf);
		images->count = 0;
	}
	image = &images->list[images->count++];
	image->id = id;
	if (elf_image__open(fd, &image->elf))
		image->elf = NULL;
	return image->elf;
}

static const char *intern_hostile(struct arena *arena, const char *text)
{
	char *clean = text__utf8(text, strlen(text));
	const char *interned = clean ? arena__intern(arena, clean) : NULL;

	free(clean);
	return interned;
}

int native__frame(struct images *images, const struct target *target, int module, __u64 address,
		  struct arena *arena, struct named_frame *frame)
{
	const struct elf_image *elf;
	const struct module *m;
	struct elf_symbol symbol;

	memset(frame, 0, sizeof(*frame));
	frame->kind = FRAME_NATIVE;
	frame->offset = address;
	if (module < 0 || (size_t)module >= target->module_count)
		return 0;
	m = &target->modules[module];
	frame->module = intern_hostile(arena, m->name);
	if (!frame->module)
		return -ENOMEM;
	frame->offset = address - m->start;

	/*
	 * The call may be the last instruction of a function: the return address is then in the
	 * next one.
	 */
	elf = image_of(images, m->fd);
	if (!elf || elf_image__function_at(elf, address - 1 - m->bias, &symbol))
		return 0;
	frame->function = intern_hostile(arena, symbol.name);
	if (!frame->function)
		return -ENOMEM;
	frame->offset = address - m->bias - symbol.address;
	return 0;
}

bool native__is_allocator(const struct target *target, int module)
{
	if (target->python.flavour != PYTHON_NONE && module == target->python.module)
		return true;
	for (size_t i = 0; i < target->allocator_count && i < TARGET_MAX_ALLOCATORS; i++)
		if (target->allocators[i].module == module)
			return true;
	return false;
}
