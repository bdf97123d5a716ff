// SPDX-License-Identifier: BSD-2-Clause
/*
 * elf_symbols.c - see elf_symbols.h
 *
 * One array of symbols with two indices into it: a hash table by name, and the functions sorted by
 * address.
 */
#include "lib/elf_symbols.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#define SYMBOLS_MAX (4U << 20) /* 128 MiB of them; Chromium has one million */
#define TABLE_MAX (1UL << 30)
#define NESTED_MAX 64   /* functions to step back over, looking for one that reaches far enough */
#define PROBES_MAX 1024 /* slots to look at for one name; a hostile file may make them collide */
#define EMPTY ((__u32)-1)

/* Which of several symbols with one name, or one address, is meant; lower is better. */
enum rank {
	RANK_EXPORTED,
	RANK_OLD_VERSION, /* exported for old binaries only, as memcpy@GLIBC_2.2.5 */
	RANK_GLOBAL,
	RANK_LOCAL,
};

struct entry {
	struct elf_symbol symbol;
	enum rank rank;
};

struct elf_symbols {
	struct entry *entries;
	size_t count, capacity;
	__u32 *names; /* open addressing, names_mask + 1 slots */
	__u32 names_mask;
	__u32 *functions; /* ascending by address */
	size_t function_count;
};

static __u32 hash_name(const char *name)
{
	__u32 hash = 2166136261U;

	for (; *name; name++)
		hash = (hash ^ (__u8)*name) * 16777619U;
	return hash;
}

static int append(struct elf_symbols *symbols, const struct entry *entry)
{
	if (symbols->count == symbols->capacity) {
		size_t capacity = symbols->capacity ? symbols->capacity * 2 : 1024;
		struct entry *bigger = realloc(symbols->entries, capacity * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		symbols->entries = bigger;
		symbols->capacity = capacity;
	}
	symbols->entries[symbols->count++] = *entry;
	return 0;
}

static bool is_address(const GElf_Sym *sym)
{
	int type = GELF_ST_TYPE(sym->st_info);

	/*
	 * Thread-local symbols hold an offset, absolute ones a constant or the name of a version.
	 */
	if (sym->st_shndx == SHN_UNDEF || sym->st_shndx == SHN_ABS || sym->st_shndx == SHN_COMMON)
		return false;
	return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT ||
	       type == STT_NOTYPE;
}

/* A version index with the hidden bit set: the linker no longer binds to that symbol. */
static bool is_old_version(Elf_Data *versions, int index)
{
	GElf_Versym version;

	return versions && gelf_getversym(versions, index, &version) && (version & 0x8000);
}

/* A table of a sane size, with its string table of a sane size; libelf reads both into memory. */
static bool table_fits(Elf *elf, const GElf_Shdr *head)
{
	Elf_Scn *strings = elf_getscn(elf, head->sh_link);
	GElf_Shdr strings_head;

	return head->sh_entsize == sizeof(Elf64_Sym) && head->sh_size <= TABLE_MAX && strings &&
	       gelf_getshdr(strings, &strings_head) && strings_head.sh_size <= TABLE_MAX;
}

static int read_table(struct elf_symbols *symbols, Elf *elf, Elf_Scn *section,
		      const GElf_Shdr *head, Elf_Data *versions)
{
	bool exported = head->sh_type == SHT_DYNSYM;
	Elf_Data *data = NULL;
	size_t count;

	if (table_fits(elf, head))
		data = elf_getdata(section, NULL);
	if (!data || !data->d_buf)
		return 0;
	count = data->d_size / sizeof(Elf64_Sym);
	for (size_t i = 1; i < count && symbols->count < SYMBOLS_MAX; i++) {
		struct entry entry = {0};
		GElf_Sym sym;
		int err, type;

		if (!gelf_getsym(data, i, &sym) || !is_address(&sym))
			continue;
		entry.symbol.name = elf_strptr(elf, head->sh_link, sym.st_name);
		if (!entry.symbol.name || !entry.symbol.name[0])
			continue;
		type = GELF_ST_TYPE(sym.st_info);
		entry.symbol.address = sym.st_value;
		entry.symbol.size = sym.st_size;
		entry.symbol.function = type == STT_FUNC || type == STT_GNU_IFUNC;
		entry.symbol.exported = exported;
		if (exported)
			entry.rank = is_old_version(versions, i) ? RANK_OLD_VERSION : RANK_EXPORTED;
		else
			entry.rank =
				GELF_ST_BIND(sym.st_info) == STB_LOCAL ? RANK_LOCAL : RANK_GLOBAL;
		err = append(symbols, &entry);
		if (err)
			return err;
	}
	return 0;
}

/* Reads the first table of a type. */
static int read_tables(struct elf_symbols *symbols, Elf *elf, __u32 type)
{
	Elf_Data *versions = NULL;
	Elf_Scn *section = NULL, *table = NULL;
	GElf_Shdr head, table_head = {0};

	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &head))
			continue;
		if (head.sh_type == type && !table) {
			table = section;
			table_head = head;
		} else if (head.sh_type == SHT_GNU_versym && !versions && type == SHT_DYNSYM &&
			   head.sh_size <= TABLE_MAX) {
			versions = elf_getdata(section, NULL);
		}
	}
	return table ? read_table(symbols, elf, table, &table_head, versions) : 0;
}

/* The slot that holds name or, empty, would; EMPTY after too many collisions. */
static __u32 find_slot(const struct elf_symbols *symbols, const char *name)
{
	__u32 slot = hash_name(name) & symbols->names_mask;

	for (int probe = 0; probe < PROBES_MAX; probe++) {
		__u32 index = symbols->names[slot];

		if (index == EMPTY || !strcmp(symbols->entries[index].symbol.name, name))
			return slot;
		slot = (slot + 1) & symbols->names_mask;
	}
	return EMPTY;
}

static int index_names(struct elf_symbols *symbols)
{
	size_t slots = 2 * PROBES_MAX;

	while (slots < symbols->count * 2)
		slots *= 2;
	symbols->names = malloc(slots * sizeof(*symbols->names));
	if (!symbols->names)
		return -ENOMEM;
	memset(symbols->names, 0xff, slots * sizeof(*symbols->names));
	symbols->names_mask = slots - 1;
	for (size_t i = 0; i < symbols->count; i++) {
		__u32 slot = find_slot(symbols, symbols->entries[i].symbol.name);
		__u32 *index;

		if (slot == EMPTY)
			continue;
		index = &symbols->names[slot];
		if (*index == EMPTY || symbols->entries[i].rank < symbols->entries[*index].rank)
			*index = i;
	}
	return 0;
}

/* malloc rather than __libc_malloc, where both are names of one function. */
static int compare_names(const char *a, const char *b)
{
	size_t a_lead = strspn(a, "_"), b_lead = strspn(b, "_");

	if (a_lead != b_lead)
		return a_lead < b_lead ? -1 : 1;
	return strcmp(a, b);
}

static int compare_functions(const void *a, const void *b, void *arg)
{
	const struct entry *entries = arg;
	const struct entry *x = &entries[*(const __u32 *)a], *y = &entries[*(const __u32 *)b];

	if (x->symbol.address != y->symbol.address)
		return x->symbol.address < y->symbol.address ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return compare_names(x->symbol.name, y->symbol.name);
}

static int index_functions(struct elf_symbols *symbols)
{
	symbols->functions = malloc((symbols->count ? symbols->count : 1) * sizeof(__u32));
	if (!symbols->functions)
		return -ENOMEM;
	for (size_t i = 0; i < symbols->count; i++) {
		const struct elf_symbol *symbol = &symbols->entries[i].symbol;

		if (symbol->function && symbol->size)
			symbols->functions[symbols->function_count++] = i;
	}
	qsort_r(symbols->functions, symbols->function_count, sizeof(__u32), compare_functions,
		symbols->entries);
	return 0;
}

int elf_symbols__new(Elf *elf, bool all, struct elf_symbols **result)
{
	struct elf_symbols *symbols = calloc(1, sizeof(*symbols));
	int err;

	*result = NULL;
	if (!symbols)
		return -ENOMEM;
	err = read_tables(symbols, elf, SHT_DYNSYM);
	if (!err && all)
		err = read_tables(symbols, elf, SHT_SYMTAB);
	if (!err)
		err = index_names(symbols);
	if (!err)
		err = index_functions(symbols);
	if (err) {
		elf_symbols__free(symbols);
		return err;
	}
	*result = symbols;
	return 0;
}

void elf_symbols__free(struct elf_symbols *symbols)
{
	if (!symbols)
		return;
	free(symbols->entries);
	free(symbols->names);
	free(symbols->functions);
	free(symbols);
}

int elf_symbols__find(const struct elf_symbols *symbols, const char *name,
		      struct elf_symbol *symbol)
{
	__u32 slot = find_slot(symbols, name);

	if (slot == EMPTY || symbols->names[slot] == EMPTY)
		return -ENOENT;
	*symbol = symbols->entries[symbols->names[slot]].symbol;
	return 0;
}

int elf_symbols__function_at(const struct elf_symbols *symbols, __u64 address,
			     struct elf_symbol *symbol)
{
	const struct elf_symbol *found = NULL;
	size_t low = 0, high = symbols->function_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->entries[symbols->functions[middle]].symbol.address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	/*
	 * Functions may lie inside one another; the nearest start wins, then the first in the sort
	 * order.
	 */
	for (size_t steps = 0; low-- > 0 && steps < NESTED_MAX; steps++) {
		const struct elf_symbol *candidate =
			&symbols->entries[symbols->functions[low]].symbol;

		if (found && candidate->address != found->address)
			break;
		if (address - candidate->address < candidate->size)
			found = candidate;
	}
	if (!found)
		return -ENOENT;
	*symbol = *found;
	return 0;
}
