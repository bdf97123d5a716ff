/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asset.h - puts a file into the program, as text with a NUL behind it
 *
 * The assembler finds the file by -Iuser. It tells no one that it read it: the Makefile has to.
 */
#ifndef ASSET_H
#define ASSET_H

#define ASSET(symbol, file)                                                                        \
	__asm__(".pushsection .rodata\n"                                                           \
		".globl " #symbol "\n"                                                             \
		".type " #symbol ", %object\n" #symbol ":\n"                                       \
		".incbin \"" file "\"\n"                                                           \
		".byte 0\n"                                                                        \
		".size " #symbol ", . - " #symbol "\n"                                             \
		".popsection")

#endif
