// SPDX-License-Identifier: BSD-2-Clause
/*
 * modules.c - the ELF files mapped into a process
 *
 * A module is opened through /proc/PID/map_files, which leads to the mapped inode itself: also when
 * the file was deleted or replaced by an upgrade, and from any mount namespace. Where that is not
 * allowed, the path is resolved below the process's root, without leaving it, and taken only if it
 * is the same inode.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "discover/discover_private.h"
#include "lib/open_below.h"
#include "lib/text.h"

#define MODULES_MAX 4096
#define DELETED " (deleted)"
#define EXTENT_MAX (1ULL << 36) /* a file that claims more address space is not believed */

static bool is_deleted(const char *path)
{
	size_t length = strlen(path), suffix = strlen(DELETED);

	return length > suffix && !strcmp(path + length - suffix, DELETED);
}

static int open_map_file(pid_t pid, const struct mapping *m)
{
	struct stat st;
	char path[96];
	int place, fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", pid, m->start, m->end);
	place = open(path, O_PATH | O_CLOEXEC);
	if (place < 0)
		return -errno;
	fd = open_below__place(place, &st);
	close(place);
	return fd;
}

/*
 * The path of a mapping as the process sees it. For a process under chroot maps shows the path that
 * we would take. NULL: no memory.
 */
static char *path_inside(pid_t pid, const char *path)
{
	char link[64], root[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/root", pid);
	n = readlink(link, root, sizeof(root));
	if (n > 1 && (size_t)n < sizeof(root) && !strncmp(path, root, n) && path[n] == '/')
		path += n;
	return strdup(path);
}

static int open_by_path(pid_t pid, const char *inside, const struct mapping *m)
{
	struct stat st;
	char path[64];
	int root, fd;

	if (is_deleted(inside))
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	fd = open_below__root(root, inside, &st);
	close(root);
	/*
	 * The device may differ for one and the same file: maps shows the file system below an
	 * overlay, and btrfs has a device for each subvolume.
	 */
	if (fd >= 0 && st.st_ino != m->ino) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

void module__free(struct module *module)
{
	if (module->fd >= 0)
		close(module->fd);
	free(module->path);
	free(module->name);
	free(module->build_id);
}

int module__image(const struct module *module, struct elf_image **image)
{
	*image = NULL;
	return module->fd < 0 ? -EBADF : elf_image__open(module->fd, image);
}

/* The last component of a path, without " (deleted)". NULL: no memory. */
static char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name =
		slash ? text__utf8(slash + 1, strlen(slash + 1)) : text__utf8(path, strlen(path));

	if (name && is_deleted(name))
		name[strlen(name) - strlen(DELETED)] = '\0';
	return name;
}

/*
 * Where the module lies: by its segments if they are known, else as far as this mapping goes. 0 or
 * -ENOENT.
 */
static int place_module(struct module *module, const struct elf_image *image,
			const struct mapping *m)
{
	__u64 address, low, high;

	module->start = m->start;
	module->end = m->end;
	if (!image)
		return 0;
	if (elf_image__mapped_address(image, m->offset, true, &address))
		return -ENOENT;
	module->bias = m->start - address;
	if (elf_image__extent(image, &low, &high) || high - low > EXTENT_MAX)
		return 0;
	low += module->bias;
	high += module->bias;
	if (low <= m->start && high >= m->end) {
		module->start = low;
		module->end = high;
	}
	return 0;
}

/* 0 or -ENOMEM. */
static int read_build_id(struct module *module, const struct elf_image *image)
{
	char text[ELF_BUILD_ID_TEXT];

	if (!image || elf_image__build_id(image, text))
		return 0;
	module->build_id = strdup(text);
	return module->build_id ? 0 : -ENOMEM;
}

/* 0, -ENOEXEC: not an ELF file, or this mapping is no segment of it, or -ENOMEM. */
static int open_module(pid_t pid, const struct mapping *m, struct module *module)
{
	struct elf_image *image = NULL;
	int err = 0;

	*module = (struct module){.dev = m->dev, .ino = m->ino, .fd = open_map_file(pid, m)};
	if (module->fd == -ENOEXEC)
		return -ENOEXEC;
	module->path = path_inside(pid, m->path);
	module->name = file_name(m->path);
	if (!module->path || !module->name)
		err = -ENOMEM;
	else if (module->fd < 0)
		module->fd = open_by_path(pid, module->path, m);
	if (module->fd < 0)
		module->fd = -1;
	else if (!err && module__image(module, &image))
		err = -ENOEXEC;
	if (!err && place_module(module, image, m))
		err = -ENOEXEC;
	if (!err)
		err = read_build_id(module, image);
	elf_image__free(image);
	if (err)
		module__free(module);
	return err;
}

static struct module *find_module(const struct target *target, const struct mapping *m)
{
	for (size_t i = 0; i < target->module_count; i++) {
		if (target->modules[i].dev == m->dev && target->modules[i].ino == m->ino)
			return &target->modules[i];
	}
	return NULL;
}

/* A known module that was unloaded and has come back elsewhere. */
static void move_module(struct module *module, const struct proc_maps *maps,
			const struct mapping *m)
{
	const struct mapping *other;
	struct elf_image *image;

	proc_maps__for_each (maps, other) {
		/* Still there; this is a second copy (dlmopen, or a plain mmap). */
		if (other->exec && other->dev == m->dev && other->ino == m->ino &&
		    other->start >= module->start && other->end <= module->end)
			return;
	}
	if (module__image(module, &image))
		return;
	place_module(module, image, m);
	elf_image__free(image);
}

/* Room for all that there may be, of which memory is taken as it is used: see target.h. */
static int add_module(struct target *target, const struct mapping *m)
{
	struct module module;
	int err;

	if (!target->modules)
		target->modules = calloc(MODULES_MAX, sizeof(*target->modules));
	if (!target->modules)
		return -ENOMEM;
	err = open_module(target->pid, m, &module);
	if (err)
		return err == -ENOEXEC ? 0 : err;
	target->modules[target->module_count] = module;
	__atomic_store_n(&target->module_count, target->module_count + 1, __ATOMIC_RELEASE);
	return 0;
}

int modules__update(struct target *target, const struct proc_maps *maps)
{
	const struct mapping *m;

	proc_maps__for_each (maps, m) {
		struct module *known;
		int err = 0;

		/* What has no inode is not a file: [vdso], JIT code. */
		if (!m->exec || !m->ino)
			continue;
		known = find_module(target, m);
		if (known)
			move_module(known, maps, m);
		else if (target->module_count < MODULES_MAX)
			err = add_module(target, m);
		if (err)
			return err;
	}
	return 0;
}
