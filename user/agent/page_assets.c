// SPDX-License-Identifier: BSD-2-Clause
/*
 * page_assets.c - puts the page's script and style into the program
 *
 * The assembler finds the files by -Iuser. It tells no one that it read them: the Makefile has to.
 */
#include "agent/page_assets.h"

#define ASSET(symbol, file)                                                                        \
	__asm__(".pushsection .rodata\n"                                                           \
		".globl " #symbol "\n"                                                             \
		".type " #symbol ", %object\n" #symbol ":\n"                                       \
		".incbin \"" file "\"\n"                                                           \
		".byte 0\n"                                                                        \
		".size " #symbol ", . - " #symbol "\n"                                             \
		".popsection")

ASSET(page_js, "agent/page.js");
ASSET(page_css, "agent/page.css");
