// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_svg.c - a map of fragmentation: each arena a cell, by address, the darker the fuller
 *
 * Figures and addresses only: nothing of the target's text is in it.
 */
#include "lib/text.h"
#include "look/heap_private.h"

#define CELL 14
#define GAP 2
#define COLUMNS_OF_CELLS 48
#define LEFT 16
#define TOP 56
#define WIDTH (2 * LEFT + COLUMNS_OF_CELLS * (CELL + GAP))
#define CELLS_MAX 20000

/* From pale to dark; what is not in memory is left white. */
static void put_cell(FILE *out, size_t index, double y, const struct arena_fill *arena)
{
	double fill = arena->bytes ? (double)arena->in_use / arena->bytes : 0;
	char in_use[32], bytes[32], resident[32];

	fill = fill > 1 ? 1 : fill;
	fprintf(out,
		"<rect x=\"%zu\" y=\"%.0f\" width=\"%d\" height=\"%d\" rx=\"2\" "
		"fill=\"rgb(%.0f,%.0f,%.0f)\" stroke=\"#b8c4ce\"><title>0x%llx: %s of %s in use "
		"(%.0f %%), %s resident</title></rect>\n",
		LEFT + index % COLUMNS_OF_CELLS * (CELL + GAP), y, CELL, CELL, 255 - 230 * fill,
		255 - 165 * fill, 255 - 105 * fill, arena->address,
		text__bytes(arena->in_use, in_use, sizeof(in_use)),
		text__bytes(arena->bytes, bytes, sizeof(bytes)), 100 * fill,
		text__bytes(arena->resident, resident, sizeof(resident)));
}

int heap_look__write_svg(const void *what, FILE *out)
{
	const struct heap_look *look = what;
	const struct block_totals *totals = look->totals;
	size_t count = totals->arena_count < CELLS_MAX ? totals->arena_count : CELLS_MAX;
	size_t rows = (count + COLUMNS_OF_CELLS - 1) / COLUMNS_OF_CELLS;
	__u64 bytes = 0, in_use = 0;
	char all[32], used[32];

	for (size_t i = 0; i < totals->arena_count; i++) {
		bytes += totals->arenas[i].bytes;
		in_use += totals->arenas[i].in_use;
	}
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" "
		"font-family=\"sans-serif\">\n<rect width=\"100%%\" height=\"100%%\" "
		"fill=\"#ffffff\"/>\n",
		WIDTH, TOP + rows * (CELL + GAP) + LEFT);
	fprintf(out,
		"<text x=\"%d\" y=\"24\" font-size=\"16\">pymalloc of process %d: %zu arenas, "
		"%s, %s in use</text>\n",
		LEFT, look->target->pid, totals->arena_count, text__bytes(bytes, all, sizeof(all)),
		text__bytes(in_use, used, sizeof(used)));
	fprintf(out,
		"<text x=\"%d\" y=\"44\" font-size=\"12\" fill=\"#555\">by address; white: empty, "
		"dark: full; an arena goes back to the system only when it is empty</text>\n",
		LEFT);
	for (size_t i = 0; i < count; i++)
		put_cell(out, i, TOP + i / COLUMNS_OF_CELLS * (CELL + GAP), &totals->arenas[i]);
	fputs("</svg>\n", out);
	return export__finish(out);
}
