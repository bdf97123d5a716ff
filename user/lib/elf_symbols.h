/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_symbols.h - the symbol tables of one ELF file, indexed; private to elf_image.c
 */
#ifndef ELF_SYMBOLS_H
#define ELF_SYMBOLS_H

#include <libelf.h>

#include "lib/elf_image.h"

struct elf_symbols;

/*
 * Reads .dynsym, and with all also .symtab. 0 or -ENOMEM; tables that are damaged count as empty.
 * Names point into elf's string tables.
 */
int elf_symbols__new(Elf *elf, bool all, struct elf_symbols **symbols);
void elf_symbols__free(struct elf_symbols *symbols);

/* See elf_image__find() and elf_image__function_at(). */
int elf_symbols__find(const struct elf_symbols *symbols, const char *name,
		      struct elf_symbol *symbol);
int elf_symbols__function_at(const struct elf_symbols *symbols, __u64 address,
			     struct elf_symbol *symbol);

#endif
