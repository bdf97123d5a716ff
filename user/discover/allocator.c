// SPDX-License-Identifier: BSD-2-Clause
/*
 * allocator.c - which mallocs are in a process, and where glibc keeps thread-specific data
 */
#include <stdio.h>
#include <string.h>

#include "discover/discover_private.h"

/*
 * struct pthread of x86-64, glibc 2.3 (NPTL) to 2.43: 32 slots of 16 bytes, then the pointers to
 * more.
 */
#define GLIBC_FIRST_BLOCK 0x310
#define GLIBC_BLOCKS 0x510

#define GLIBC_BANNER "GNU C Library"
#define GLIBC_RELEASE "release version "

typedef int find_fn(const struct elf_image *image, const char *name, struct elf_symbol *symbol);

/* How to know an implementation; the first row that fits names it. */
struct kind {
	const char *name;
	const char *symbols[3];    /* any of these is defined */
	const char *files[3];      /* or the file name begins so */
	const char *malloc, *free; /* names with a prefix, where malloc itself is another's */
};

static const struct kind kinds[] = {
	{"jemalloc", {"mallctl", "je_mallctl"}, {"libjemalloc"}, "je_malloc", "je_free"},
	{"mimalloc", {"mi_version", "mi_malloc"}, {"libmimalloc"}, "mi_malloc", "mi_free"},
	{"tcmalloc",
	 {"tc_malloc", "MallocExtension_ReleaseFreeMemory", "MallocExtension_Internal_GetStats"},
	 {"libtcmalloc"},
	 "tc_malloc",
	 "tc_free"},
	{"glibc", {"gnu_get_libc_version", "__libc_mallopt"}, {NULL}, NULL, NULL},
	/*
	 * After glibc, which has that one too. musl names its libc differently in each
	 * distribution.
	 */
	{"musl", {"__libc_start_main"}, {"ld-musl-", "libc.musl-"}, NULL, NULL},
};

static bool has(const struct elf_image *image, find_fn *find, const char *name)
{
	struct elf_symbol symbol;

	return name && !find(image, name, &symbol) && symbol.function;
}

static bool has_data(const struct elf_image *image, find_fn *find, const char *name)
{
	struct elf_symbol symbol;

	return !find(image, name, &symbol) && !symbol.function;
}

static bool name_starts(const struct module *module, const char *start)
{
	return start && !strncmp(module->name, start, strlen(start));
}

static bool kind_fits(const struct kind *kind, const struct module *module,
		      const struct elf_image *image, find_fn *find)
{
	struct elf_symbol symbol;

	for (int i = 0; i < 3; i++) {
		if (name_starts(module, kind->files[i]))
			return true;
		if (kind->symbols[i] && !find(image, kind->symbols[i], &symbol))
			return true;
	}
	return false;
}

/*
 * "GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36." among the constants of the
 * file.
 */
static void glibc_name(const struct elf_image *image, char *name, size_t size)
{
	const char *banner, *release = NULL;
	unsigned major, minor;
	char number[16] = "";
	const void *data;
	__u64 address;
	size_t length;

	if (!elf_image__section(image, ".rodata", &address, &data, &length)) {
		banner = memmem(data, length, GLIBC_BANNER, strlen(GLIBC_BANNER));
		if (banner)
			release = memmem(banner, (const char *)data + length - banner,
					 GLIBC_RELEASE, strlen(GLIBC_RELEASE));
		if (release) {
			size_t left = (const char *)data + length - release - strlen(GLIBC_RELEASE);

			memcpy(number, release + strlen(GLIBC_RELEASE),
			       left < sizeof(number) - 1 ? left : sizeof(number) - 1);
		}
	}
	if (sscanf(number, "%3u.%3u", &major, &minor) == 2)
		snprintf(name, size, "glibc %u.%u", major, minor);
	else
		snprintf(name, size, "glibc");
}

static bool is_libc(const struct allocator *allocator)
{
	return !strncmp(allocator->name, "glibc", 5) || !strcmp(allocator->name, "musl");
}

/* What stands in for the libc's malloc goes before it; what comes when the process runs stands in for nothing. */
static void add(struct target *target, const struct allocator *allocator)
{
	size_t at = target->allocator_count;

	if (at == TARGET_MAX_ALLOCATORS)
		return;
	if (!is_libc(allocator) && !target->searched) {
		while (at > 0 && is_libc(&target->allocators[at - 1]))
			at--;
	}
	memmove(&target->allocators[at + 1], &target->allocators[at],
		(target->allocator_count - at) * sizeof(*allocator));
	target->allocators[at] = *allocator;
	__atomic_store_n(&target->allocator_count, target->allocator_count + 1, __ATOMIC_RELEASE);
}

void allocator__look_at(struct target *target, int index, const struct elf_image *image)
{
	const struct module *module = &target->modules[index];
	const struct kind *kind = NULL;
	struct allocator allocator = {.module = index};
	/* What a program has linked in statically is in its full symbol table only. */
	find_fn *find = elf_image__soname(image) ? elf_image__find_exported : elf_image__find;
	bool plain;

	/* ld.so had a malloc of its own until glibc 2.31, for itself; musl's ld.so is the libc. */
	if (name_starts(module, "ld-") && !name_starts(module, "ld-musl-"))
		return;
	plain = has(image, find, "malloc") && has(image, find, "free");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !kind; i++) {
		bool prefixed =
			has(image, find, kinds[i].malloc) && has(image, find, kinds[i].free);

		if ((plain || prefixed) && kind_fits(&kinds[i], module, image, find))
			kind = &kinds[i];
	}
	/*
	 * CPython carries a mimalloc for its own use since 3.13; python->allocator says whether it
	 * is in use.
	 */
	if (!plain && (!kind || has_data(image, find, "_PyRuntime")))
		return;
	if (!kind)
		snprintf(allocator.name, sizeof(allocator.name), "unknown (%.20s)", module->name);
	else if (!strcmp(kind->name, "glibc"))
		glibc_name(image, allocator.name, sizeof(allocator.name));
	else
		snprintf(allocator.name, sizeof(allocator.name), "%s", kind->name);
	add(target, &allocator);
}

/*
 * glibc tells debuggers where the slots are: _thread_db_pthread_specific = {bits, elements,
 * offset}.
 */
static bool ask_libc(const struct target *target, int module, __u32 *blocks)
{
	struct elf_symbol symbol;
	struct elf_image *image;
	__u32 words[3];
	bool found;

	if (module__image(&target->modules[module], &image))
		return false;
	found = !elf_image__find(image, "_thread_db_pthread_specific", &symbol) &&
		!elf_image__read(image, symbol.address, words, sizeof(words)) &&
		words[2] > GLIBC_BLOCKS - GLIBC_FIRST_BLOCK && words[2] < 4096;
	elf_image__free(image);
	if (found)
		*blocks = words[2];
	return found;
}

void allocator__find_tsd(struct target *target)
{
	const struct python *python = &target->python;

	target->tsd_first_block = target->tsd_blocks = 0;
#ifdef __x86_64__
	for (size_t i = 0; i < target->allocator_count; i++) {
		if (strncmp(target->allocators[i].name, "glibc", 5))
			continue;
		target->tsd_blocks = GLIBC_BLOCKS;
		ask_libc(target, target->allocators[i].module, &target->tsd_blocks);
		target->tsd_first_block = target->tsd_blocks - (GLIBC_BLOCKS - GLIBC_FIRST_BLOCK);
		break;
	}
	/* Seen not to hold: then the interpreter's list must do. */
	if (target->tsd_blocks && python->initialized &&
	    !python_state__tsd_fits(target, &python->layout, python->runtime))
		target->tsd_first_block = target->tsd_blocks = 0;
#else
	(void)python;
#endif
}
