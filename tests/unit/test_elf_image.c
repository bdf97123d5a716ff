// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_elf_image.c - symbols and bytes of real ELF files, and of damaged copies of them
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/elf_image.h"

/* What a test of damage does with a file that opened. */
static void use_all(const struct elf_image *image)
{
	__u64 address, size, offset;
	struct elf_symbol symbol;
	const void *data;
	char bytes[64];
	size_t length;

	elf_image__soname(image);
	elf_image__is_pic(image);
	elf_image__find_exported(image, "malloc", &symbol);
	if (!elf_image__find(image, "malloc", &symbol)) {
		elf_image__function_at(image, symbol.address, &symbol);
		elf_image__read(image, symbol.address, bytes, sizeof(bytes));
		elf_image__file_offset(image, symbol.address, &offset);
	}
	elf_image__function_at(image, elf_image__entry(image), &symbol);
	elf_image__extent(image, &address, &size);
	elf_image__mapped_address(image, 0, true, &address);
	for (size_t i = 0; !elf_image__writable(image, i, &address, &size); i++)
		elf_image__read(image, address + size - 8, bytes, 8);
	if (!elf_image__section(image, ".rodata", &address, &data, &length) && length)
		assert_true(((const volatile char *)data)[length - 1] != 'x' || true);
}

/* A file of our own that lives in memory. */
static int memory_file(const void *bytes, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	return fd;
}

static char *read_whole(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *bytes;

	assert_true(fd >= 0 && !fstat(fd, &st));
	bytes = malloc(st.st_size);
	*size = st.st_size;
	assert_int_equal(read(fd, bytes, *size), st.st_size);
	close(fd);
	return bytes;
}

static void try_bytes(const void *bytes, size_t size)
{
	int fd = memory_file(bytes, size);
	struct elf_image *image;

	if (!elf_image__open(fd, &image))
		use_all(image);
	elf_image__free(image);
	close(fd);
}

static const char *libc_path(void)
{
	Dl_info info;

	assert_true(dladdr((void *)(uintptr_t)getpid, &info));
	return info.dli_fname;
}

/* Ours is libc too, so its bytes are at hand to compare with. */
static void test_libc(void **state)
{
	__u64 address, size, low, high, offset, bias;
	struct elf_symbol symbol, other;
	struct elf_image *image;
	const void *data;
	char bytes[16];
	size_t length;
	Dl_info info;
	int fd;

	(void)state;
	fd = open(libc_path(), O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_image__open(fd, &image), 0);
	assert_int_equal(close(fd), 0); /* the image has its own */
	assert_string_equal(elf_image__soname(image), "libc.so.6");
	assert_true(elf_image__is_pic(image));

	assert_int_equal(elf_image__find(image, "getppid", &symbol), 0);
	assert_true(symbol.function && symbol.exported && symbol.size);
	assert_true(dladdr((void *)(uintptr_t)getppid, &info));
	bias = (uintptr_t)info.dli_fbase;
	assert_int_equal(symbol.address + bias, (uintptr_t)getppid);
	assert_int_equal(elf_image__read(image, symbol.address, bytes, sizeof(bytes)), 0);
	assert_memory_equal(bytes, (void *)(uintptr_t)getppid, sizeof(bytes));

	assert_int_equal(elf_image__function_at(image, symbol.address + symbol.size - 1, &other),
			 0);
	assert_string_equal(other.name, "getppid");
	assert_int_equal(elf_image__find(image, "malloc", &symbol), 0);
	assert_int_equal(elf_image__function_at(image, symbol.address, &other), 0);
	/* Not __libc_malloc, which is there too. */
	assert_string_equal(other.name, "malloc");

	assert_int_equal(elf_image__file_offset(image, symbol.address, &offset), 0);
	assert_int_equal(elf_image__mapped_address(image, offset & ~4095ULL, true, &address), 0);
	assert_int_equal(address, symbol.address & ~4095ULL);
	assert_int_equal(elf_image__extent(image, &low, &high), 0);
	assert_true(low == 0 && high > symbol.address);

	assert_int_equal(elf_image__find(image, "no_such_symbol", &symbol), -ENOENT);
	assert_int_equal(elf_image__find(image, "GLIBC_2.2.5", &symbol), -ENOENT);
	assert_int_equal(elf_image__function_at(image, ~0ULL, &symbol), -ENOENT);
	assert_int_equal(elf_image__read(image, high, bytes, 1), -ENOENT);
	assert_int_equal(elf_image__section(image, ".rodata", &address, &data, &length), 0);
	assert_non_null(memmem(data, length, "GNU C Library", 13));
	assert_int_equal(elf_image__section(image, ".bss", &address, &data, &length), -ENOENT);
	assert_int_equal(elf_image__writable(image, 0, &address, &size), 0);
	/* The end of the writable segment is .bss: in memory, not in the file. */
	assert_int_equal(elf_image__read(image, address + size - 8, bytes, 8), -ENOENT);
	elf_image__free(image);
}

/* The version that new programs link with, not the one kept for old binaries. */
static void test_versions(void **state)
{
	struct elf_symbol symbol;
	struct elf_image *image;
	void *wanted = dlsym(RTLD_DEFAULT, "nftw");
	Dl_info info;
	int fd;

	(void)state;
	fd = open(libc_path(), O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_image__open(fd, &image), 0);
	close(fd);
	assert_true(wanted && dladdr(wanted, &info));
	assert_int_equal(elf_image__find(image, "nftw", &symbol), 0);
	assert_int_equal(symbol.address + (uintptr_t)info.dli_fbase, (uintptr_t)wanted);
	elf_image__free(image);
}

static void test_executable(void **state)
{
	struct elf_image *image;
	struct elf_symbol symbol;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(elf_image__open(fd, &image), 0);
	close(fd);
	/* Local, so in .symtab only. */
	assert_int_equal(elf_image__find_exported(image, "test_executable", &symbol), -ENOENT);
	assert_int_equal(elf_image__find(image, "test_executable", &symbol), 0);
	assert_false(symbol.exported);
	assert_int_equal(elf_image__function_at(image, symbol.address + 1, &symbol), 0);
	assert_string_equal(symbol.name, "test_executable");
	assert_int_equal(elf_image__find(image, "main", &symbol), 0);
	elf_image__free(image);
}

static void test_python(void **state)
{
	struct elf_symbol symbol;
	struct elf_image *image;
	int fd = open("/usr/bin/python3", O_RDONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0) {
		print_message("no /usr/bin/python3\n");
		skip();
	}
	assert_int_equal(elf_image__open(fd, &image), 0);
	close(fd);
	use_all(image);
	if (!elf_image__find(image, "PyCode_Type", &symbol))
		assert_false(symbol.function);
	elf_image__free(image);
}

static void test_not_elf(void **state)
{
	Elf64_Ehdr head = {.e_ident = ELFMAG, .e_type = ET_DYN};
	struct elf_image *image;
	int fd, directory;

	(void)state;
	fd = memory_file("#!/bin/sh\n", 10);
	assert_int_equal(elf_image__open(fd, &image), -ENOEXEC);
	close(fd);
	fd = memory_file("", 0);
	assert_int_equal(elf_image__open(fd, &image), -ENOEXEC);
	close(fd);
	/* Another machine, and another class. */
	head.e_ident[EI_CLASS] = ELFCLASS64;
	head.e_ident[EI_DATA] = ELFDATA2LSB;
	head.e_ident[EI_VERSION] = head.e_version = EV_CURRENT;
	head.e_machine = EM_S390;
	fd = memory_file(&head, sizeof(head));
	assert_int_equal(elf_image__open(fd, &image), -ENOEXEC);
	close(fd);
	head.e_ident[EI_CLASS] = ELFCLASS32;
	fd = memory_file(&head, sizeof(head));
	assert_int_equal(elf_image__open(fd, &image), -ENOEXEC);
	close(fd);
	directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(elf_image__open(directory, &image), -ENOEXEC);
	close(directory);
	assert_true(elf_image__open(-1, &image) < 0);
	assert_null(image);
	elf_image__free(NULL);
}

/* Truncated while it is open: bytes that are gone read as absent. */
static void test_truncated_later(void **state)
{
	struct elf_symbol symbol;
	struct elf_image *image;
	size_t size;
	char *bytes = read_whole(libc_path(), &size);
	char buffer[16];
	int fd = memory_file(bytes, size);

	(void)state;
	assert_int_equal(elf_image__open(fd, &image), 0);
	assert_int_equal(elf_image__find(image, "malloc", &symbol), 0);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(elf_image__read(image, symbol.address, buffer, sizeof(buffer)), -ENOENT);
	use_all(image);
	elf_image__free(image);
	close(fd);
	free(bytes);
}

static void test_truncated(void **state)
{
	size_t size;
	char *bytes = read_whole(libc_path(), &size);

	(void)state;
	for (size_t length = 0; length < 1024; length += 7)
		try_bytes(bytes, length);
	for (size_t length = 1024; length < size; length += size / 61)
		try_bytes(bytes, length);
	free(bytes);
}

/*
 * Changes bytes where they matter: headers, program headers, section headers, the dynamic symbols
 * and section.
 */
static void test_corrupted(void **state)
{
	size_t size;
	char *bytes = read_whole("/proc/self/exe", &size);
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)bytes;
	const Elf64_Shdr *sections = (const Elf64_Shdr *)(bytes + head->e_shoff);
	const __u8 values[] = {0, 1, 0x7f, 0x80, 0xff};
	struct {
		size_t start, length, step;
	} areas[64] = {
		{0, sizeof(*head), 1},
		{head->e_phoff, head->e_phnum * sizeof(Elf64_Phdr), 1},
		{head->e_shoff, head->e_shnum * sizeof(Elf64_Shdr), 3},
	};
	size_t area_count = 3;

	(void)state;
	for (size_t i = 0; i < head->e_shnum && area_count < 64; i++) {
		const Elf64_Shdr *section = &sections[i];

		if (section->sh_type == SHT_DYNSYM || section->sh_type == SHT_DYNAMIC ||
		    section->sh_type == SHT_GNU_versym || section->sh_type == SHT_SYMTAB ||
		    section->sh_type == SHT_STRTAB) {
			areas[area_count].start = section->sh_offset;
			areas[area_count].length = section->sh_size;
			areas[area_count++].step = 1 + section->sh_size / 97;
		}
	}
	for (size_t i = 0; i < area_count; i++) {
		size_t start = areas[i].start, end = start + areas[i].length;

		for (size_t at = start; at < end && at < size; at += areas[i].step) {
			char saved = bytes[at];

			for (size_t v = 0; v < sizeof(values); v++) {
				bytes[at] = values[v];
				try_bytes(bytes, size);
			}
			bytes[at] = saved;
		}
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libc),       cmocka_unit_test(test_versions),
		cmocka_unit_test(test_executable), cmocka_unit_test(test_python),
		cmocka_unit_test(test_not_elf),    cmocka_unit_test(test_truncated_later),
		cmocka_unit_test(test_truncated),  cmocka_unit_test(test_corrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
