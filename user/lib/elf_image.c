// SPDX-License-Identifier: BSD-2-Clause
/*
 * elf_image.c - see elf_image.h
 *
 * The file is read, not mapped: whoever owns it may truncate it meanwhile, and a mapping would then
 * kill us by SIGBUS.
 */
#include "lib/elf_image.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/elf_symbols.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#error "unknown architecture"
#endif

#define SEGMENTS_MAX 256
#define SECTION_MAX (1UL << 30)
#define PAGE_MASK 4095ULL

struct segment {
	__u64 address, memory_size;
	__u64 offset, file_size; /* as far as the file has it */
	bool exec, write;
};

/* Filled when first asked for, hence apart from the image, which is const to its users. */
struct lazy_symbols {
	struct elf_symbols *exported, *all;
};

struct elf_image {
	int fd;
	Elf *elf;
	GElf_Ehdr head;
	struct segment segments[SEGMENTS_MAX];
	size_t segment_count;
	const char *soname;
	struct lazy_symbols *symbols;
};

static bool machine_fits(const struct elf_image *image)
{
	const GElf_Ehdr *head = &image->head;

	return gelf_getclass(image->elf) == ELFCLASS64 && head->e_ident[EI_DATA] == ELFDATA2LSB &&
	       head->e_machine == MACHINE && (head->e_type == ET_EXEC || head->e_type == ET_DYN);
}

/* Keeps the PT_LOADs that make sense. */
static void read_segments(struct elf_image *image, __u64 size)
{
	size_t count;

	if (elf_getphdrnum(image->elf, &count))
		return;
	for (size_t i = 0; i < count && image->segment_count < SEGMENTS_MAX; i++) {
		struct segment *segment = &image->segments[image->segment_count];
		GElf_Phdr head;

		if (!gelf_getphdr(image->elf, i, &head) || head.p_type != PT_LOAD)
			continue;
		if (head.p_vaddr + head.p_memsz < head.p_vaddr || head.p_filesz > head.p_memsz ||
		    head.p_offset > size)
			continue;
		segment->address = head.p_vaddr;
		segment->memory_size = head.p_memsz;
		segment->offset = head.p_offset;
		segment->file_size =
			head.p_filesz < size - head.p_offset ? head.p_filesz : size - head.p_offset;
		segment->exec = head.p_flags & PF_X;
		segment->write = head.p_flags & PF_W;
		image->segment_count++;
	}
}

static void read_soname(struct elf_image *image)
{
	Elf_Scn *section = NULL;
	GElf_Shdr head;

	while ((section = elf_nextscn(image->elf, section))) {
		Elf_Data *data;
		GElf_Dyn entry;

		if (!gelf_getshdr(section, &head) || head.sh_type != SHT_DYNAMIC)
			continue;
		data = elf_getdata(section, NULL);
		for (int i = 0; data && gelf_getdyn(data, i, &entry) && entry.d_tag != DT_NULL;
		     i++) {
			if (entry.d_tag == DT_SONAME)
				image->soname =
					elf_strptr(image->elf, head.sh_link, entry.d_un.d_val);
		}
		return;
	}
}

int elf_image__open(int fd, struct elf_image **result)
{
	struct elf_image *image;
	struct stat st;
	int err = -ENOEXEC;

	*result = NULL;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -EINVAL;
	if (fstat(fd, &st))
		return -errno;
	image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	image->symbols = calloc(1, sizeof(*image->symbols));
	image->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (!image->symbols || image->fd < 0) {
		err = image->symbols ? -errno : -ENOMEM;
		goto fail;
	}
	image->elf = elf_begin(image->fd, ELF_C_READ, NULL);
	if (!image->elf || elf_kind(image->elf) != ELF_K_ELF ||
	    !gelf_getehdr(image->elf, &image->head) || !machine_fits(image))
		goto fail;
	read_segments(image, st.st_size);
	if (!image->segment_count)
		goto fail;
	read_soname(image);
	*result = image;
	return 0;
fail:
	elf_image__free(image);
	return err;
}

void elf_image__free(struct elf_image *image)
{
	if (!image)
		return;
	if (image->symbols) {
		elf_symbols__free(image->symbols->exported);
		elf_symbols__free(image->symbols->all);
	}
	free(image->symbols);
	elf_end(image->elf);
	if (image->fd >= 0)
		close(image->fd);
	free(image);
}

const char *elf_image__soname(const struct elf_image *image)
{
	return image->soname;
}

int elf_image__build_id(const struct elf_image *image, char text[ELF_BUILD_ID_TEXT])
{
	const void *bits;
	ssize_t size = dwelf_elf_gnu_build_id(image->elf, &bits);

	text[0] = '\0';
	if (size <= 0 || size > (ELF_BUILD_ID_TEXT - 1) / 2)
		return -ENOENT;
	for (ssize_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", ((const unsigned char *)bits)[i]);
	return 0;
}

__u64 elf_image__entry(const struct elf_image *image)
{
	return image->head.e_entry;
}

bool elf_image__is_pic(const struct elf_image *image)
{
	return image->head.e_type == ET_DYN;
}

static const struct elf_symbols *all_symbols(const struct elf_image *image)
{
	if (!image->symbols->all)
		elf_symbols__new(image->elf, true, &image->symbols->all);
	return image->symbols->all;
}

int elf_image__find(const struct elf_image *image, const char *name, struct elf_symbol *symbol)
{
	const struct elf_symbols *symbols = all_symbols(image);

	return symbols ? elf_symbols__find(symbols, name, symbol) : -ENOENT;
}

int elf_image__find_exported(const struct elf_image *image, const char *name,
			     struct elf_symbol *symbol)
{
	if (!image->symbols->exported)
		elf_symbols__new(image->elf, false, &image->symbols->exported);
	if (!image->symbols->exported)
		return -ENOENT;
	return elf_symbols__find(image->symbols->exported, name, symbol);
}

int elf_image__function_at(const struct elf_image *image, __u64 address, struct elf_symbol *symbol)
{
	const struct elf_symbols *symbols = all_symbols(image);

	return symbols ? elf_symbols__function_at(symbols, address, symbol) : -ENOENT;
}

/* The segment whose bytes in the file hold address. */
static const struct segment *segment_at(const struct elf_image *image, __u64 address)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct segment *segment = &image->segments[i];

		if (address - segment->address < segment->file_size)
			return segment;
	}
	return NULL;
}

int elf_image__file_offset(const struct elf_image *image, __u64 address, __u64 *offset)
{
	const struct segment *segment = segment_at(image, address);

	if (!segment)
		return -ENOENT;
	*offset = address - segment->address + segment->offset;
	return 0;
}

int elf_image__mapped_address(const struct elf_image *image, __u64 offset, bool executable,
			      __u64 *address)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct segment *segment = &image->segments[i];
		__u64 first = segment->offset & ~PAGE_MASK;

		/* The loader maps whole pages, so a segment begins at or before its first byte. */
		if (segment->exec == executable &&
		    offset - first < segment->offset - first + segment->file_size) {
			*address = segment->address + (offset - segment->offset);
			return 0;
		}
	}
	return -ENOENT;
}

int elf_image__extent(const struct elf_image *image, __u64 *low, __u64 *high)
{
	*low = ~0ULL;
	*high = 0;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct segment *segment = &image->segments[i];
		__u64 end = segment->address + segment->memory_size;

		if (segment->address < *low)
			*low = segment->address;
		if (end > *high)
			*high = end;
	}
	*low &= ~PAGE_MASK;
	*high = (*high + PAGE_MASK) & ~PAGE_MASK;
	return *low < *high ? 0 : -ENOENT;
}

int elf_image__read(const struct elf_image *image, __u64 address, void *buffer, size_t size)
{
	const struct segment *segment = segment_at(image, address);
	size_t done = 0;

	if (!segment || size > segment->file_size - (address - segment->address))
		return -ENOENT;
	while (done < size) {
		ssize_t n = pread(image->fd, (char *)buffer + done, size - done,
				  address - segment->address + segment->offset + done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -ENOENT;
		done += n;
	}
	return 0;
}

int elf_image__section(const struct elf_image *image, const char *name, __u64 *address,
		       const void **data, size_t *size)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(image->elf, &names))
		return -ENOENT;
	while ((section = elf_nextscn(image->elf, section))) {
		const char *this_name;
		Elf_Data *bytes;
		GElf_Shdr head;

		if (!gelf_getshdr(section, &head) || head.sh_type == SHT_NOBITS)
			continue;
		this_name = elf_strptr(image->elf, names, head.sh_name);
		if (!this_name || strcmp(this_name, name) || head.sh_size > SECTION_MAX)
			continue;
		bytes = elf_rawdata(section, NULL);
		if (!bytes || !bytes->d_buf)
			return -ENOENT;
		*address = head.sh_addr;
		*data = bytes->d_buf;
		*size = bytes->d_size;
		return 0;
	}
	return -ENOENT;
}

int elf_image__writable(const struct elf_image *image, size_t index, __u64 *address, __u64 *size)
{
	for (size_t i = 0; i < image->segment_count; i++) {
		if (!image->segments[i].write || index-- > 0)
			continue;
		*address = image->segments[i].address;
		*size = image->segments[i].memory_size;
		return 0;
	}
	return -ENOENT;
}
