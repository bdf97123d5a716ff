/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_image.h - symbols and bytes of an ELF file, through libelf
 *
 * The file belongs to the target and may be hostile: every count and size is checked against the
 * file.
 */
#ifndef ELF_IMAGE_H
#define ELF_IMAGE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct elf_image;

struct elf_symbol {
	const char *name; /* lives as long as the image */
	__u64 address;    /* ELF virtual address */
	__u64 size;       /* bytes; 0 = not said */
	bool function;    /* STT_FUNC or STT_GNU_IFUNC, else data */
	bool exported;    /* defined in .dynsym */
};

/*
 * Opens the file behind fd; the image keeps no reference to fd, which stays the caller's.
 * 0, or -errno: -ENOEXEC not an ELF file of this machine's class and architecture.
 */
int elf_image__open(int fd, struct elf_image **image);
void elf_image__free(struct elf_image *image);

/* DT_SONAME, or NULL. */
const char *elf_image__soname(const struct elf_image *image);

/* Bytes of a build id in text, with the NUL: GNU's are 20 bytes, two digits each; up to 32 are taken. */
#define ELF_BUILD_ID_TEXT 65

/* NT_GNU_BUILD_ID in hexadecimal digits. 0, or -ENOENT and "": the file has none, or one of a size that nobody makes. */
int elf_image__build_id(const struct elf_image *image, char text[ELF_BUILD_ID_TEXT]);

/* e_entry as a virtual address; whether the file is position independent (ET_DYN). */
__u64 elf_image__entry(const struct elf_image *image);
bool elf_image__is_pic(const struct elf_image *image);

/* Defined symbol called name, without version; .dynsym first, then .symtab. 0 or -ENOENT. */
int elf_image__find(const struct elf_image *image, const char *name, struct elf_symbol *symbol);

/* As elf_image__find(), in .dynsym only: cheap, .symtab is not even read. */
int elf_image__find_exported(const struct elf_image *image, const char *name,
			     struct elf_symbol *symbol);

/* The function symbol whose [address, address + size) holds address. 0 or -ENOENT. */
int elf_image__function_at(const struct elf_image *image, __u64 address, struct elf_symbol *symbol);

/* File offset of a virtual address that the file has bytes for, in any PT_LOAD. 0 or -ENOENT. */
int elf_image__file_offset(const struct elf_image *image, __u64 address, __u64 *offset);

/*
 * Virtual address of the first byte of a mapping of file offset offset. Segments may share a page
 * of the file, which is then mapped twice; executable tells the segments apart. 0 or -ENOENT.
 */
int elf_image__mapped_address(const struct elf_image *image, __u64 offset, bool executable,
			      __u64 *address);

/* Lowest and highest virtual address of the PT_LOADs, whole pages. 0 or -ENOENT. */
int elf_image__extent(const struct elf_image *image, __u64 *low, __u64 *high);

/*
 * Copies bytes at a virtual address out of the file. 0, -ENOENT where the file has none (.bss too).
 */
int elf_image__read(const struct elf_image *image, __u64 address, void *buffer, size_t size);

/* Bytes of a section by name (".rodata"), pointing into the image. 0 or -ENOENT. */
int elf_image__section(const struct elf_image *image, const char *name, __u64 *address,
		       const void **data, size_t *size);

/*
 * Writable PT_LOAD segments: address and memory size of the index-th. 0 or -ENOENT past the last.
 */
int elf_image__writable(const struct elf_image *image, size_t index, __u64 *address, __u64 *size);

#endif
