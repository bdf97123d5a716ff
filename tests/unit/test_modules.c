// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_modules.c - which modules are in a report, and the build id of a file against that of its image in memory
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyze/analyze.h"
#include "lib/elf_image.h"
#include "target.h"

#define NATIVE_OF(of)                                                                              \
	{                                                                                          \
		.kind = FRAME_NATIVE, .module = (of)                                               \
	}

static struct module modules[] = {
	{.path = "/lib/a.so", .name = "a.so", .start = 1, .end = 2, .build_id = "aa"},
	{.path = "/lib/unused.so", .name = "unused.so", .start = 3, .end = 4},
	{.path = "/usr/bin/python3", .name = "python3", .start = 5, .end = 6, .build_id = "bb"},
	{.path = "/lib/b.so", .name = "b.so", .start = 7, .end = 8},
	{.path = "/opt/a.so", .name = "a.so", .start = 9, .end = 10},
};
static const struct target target = {.modules = modules, .module_count = 5};

static void assert_module(const struct report_module *module, const struct module *of)
{
	assert_string_equal(module->path, of->path);
	assert_string_equal(module->name, of->name);
	assert_true(module->start == of->start && module->end == of->end);
	assert_ptr_equal(module->build_id, of->build_id);
}

/* The program, then what frames name, in the target's order; two of one name are both there. */
static void test_listed(void **state)
{
	struct named_frame one[] = {NATIVE_OF("b.so"), NATIVE_OF("b.so"), NATIVE_OF(NULL)};
	struct named_frame two[] = {
		{.kind = FRAME_PYTHON, .function = "f", .file = "unused.so", .path = "unused.so"},
		NATIVE_OF("a.so"),
		NATIVE_OF("gone.so"),
	};
	struct profile_stack stacks[] = {{.frames = one, .frame_count = 3},
					 {.frames = two, .frame_count = 3},
					 {.frame_count = 0}};
	struct report_process process = {.exe = "/usr/bin/python3", .profile = {stacks, 3, NULL}};

	(void)state;
	assert_int_equal(analyze__modules(&target, &process), 0);
	assert_int_equal(process.module_count, 4);
	assert_module(&process.modules[0], &modules[2]);
	assert_module(&process.modules[1], &modules[0]);
	assert_module(&process.modules[2], &modules[3]);
	assert_module(&process.modules[3], &modules[4]);
	free(process.modules);
}

static void test_none(void **state)
{
	struct report_process process = {.pid = 1};

	(void)state;
	assert_int_equal(analyze__modules(&target, &process), 0);
	assert_int_equal(process.module_count, 0);
	free(process.modules);
}

/* The note in the memory of this very program, which dl_iterate_phdr() visits first. */
static int read_own_note(struct dl_phdr_info *info, size_t size, void *text)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *head = &info->dlpi_phdr[i];
		const char *at = (const char *)(info->dlpi_addr + head->p_vaddr);
		const char *end = at + head->p_memsz;

		while (head->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) < end) {
			const ElfW(Nhdr) *note = (const void *)at;
			const unsigned char *bytes = (const void *)(note + 1);

			bytes += (note->n_namesz + 3) & ~3U;
			at = (const char *)bytes + ((note->n_descsz + 3) & ~3U);
			for (unsigned j = 0; note->n_type == NT_GNU_BUILD_ID && j < note->n_descsz;
			     j++)
				sprintf((char *)text + 2 * j, "%02x", bytes[j]);
		}
	}
	return 1;
}

static void test_build_id(void **state)
{
	char text[ELF_BUILD_ID_TEXT], truth[256] = "";
	int fd = open("/proc/self/exe", O_RDONLY);
	struct elf_image *image;

	(void)state;
	dl_iterate_phdr(read_own_note, truth);
	assert_int_equal(elf_image__open(fd, &image), 0);
	assert_int_equal(elf_image__build_id(image, text), *truth ? 0 : -ENOENT);
	assert_string_equal(text, truth);
	elf_image__free(image);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_build_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
