// SPDX-License-Identifier: BSD-2-Clause
/*
 * heap_text.c - a look at a heap for a person: from the whole to the parts
 */
#include <stdlib.h>
#include <string.h>

#include "export/terminal.h"
#include "lib/text.h"
#include "look/heap_private.h"
#include "look/still.h"

#define BAR_COLUMNS 24
#define NAME_MAX_TEXT 256
#define MALLOC_ARENAS_SHOWN 8

static void heading(struct line *line, const char *text)
{
	line__end(line);
	line__pad(line, INDENT);
	line__put(line, STYLE_BOLD, text);
}

static double share(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

/* Part of a line, in eighths of a column. */
static void put_bar(struct line *line, double part, size_t columns)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	size_t steps = (part < 0 ? 0 : part > 1 ? 1 : part) * columns * 8 + 0.5;
	char text[BAR_COLUMNS * 4 + 8] = "";

	for (size_t i = 0; i < steps / 8; i++)
		strcat(text, "█");
	strcat(text, eighths[steps % 8]);
	line__put(line, STYLE_PLACE, text);
}

/* ---- the process ---- */

static void print_head(struct line *line, const struct heap_look *look)
{
	const struct target *target = look->target;
	char text[NAME_MAX_TEXT], took[32];

	line__put(line, STYLE_BOLD, text__printable(target->comm, text, sizeof(text)));
	line__printf(line, STYLE_PLAIN, "  PID %d ", target->pid);
	for (char **word = target->cmdline; word && *word; word++) {
		line__put(line, STYLE_PLAIN, " ");
		line__put(line, STYLE_PLAIN, text__printable(*word, text, sizeof(text)));
	}
	line__end(line);
	line__pad(line, INDENT);
	line__printf(line, STYLE_PLAIN, "CPython %s", target->python.version);
	if (target->python.allocator[0])
		line__printf(line, STYLE_PLAIN, ", %s", target->python.allocator);
	for (size_t i = 0; i < target->allocator_count; i++)
		line__printf(line, STYLE_PLAIN, ", %s",
			     text__printable(target->allocators[i].name, text, sizeof(text)));
	line__printf(line, STYLE_DIM, " · read from outside in %s",
		     text__seconds(look->took_s, took, sizeof(took)));
	line__end(line);
}

/* What did not parse is said where there is any. */
static void print_unparsed(struct line *line, const struct heap_look *look)
{
	const struct block_totals *totals = look->totals;
	char text[32];

	if (!totals->bad_pools && !totals->broken_heaps && !totals->unread_bytes &&
	    !look->census.types_left_out)
		return;
	line__pad(line, INDENT);
	line__printf(
		line, STYLE_WARN,
		"not read: %llu pools and %llu heaps that changed meanwhile, %s in swap or gone",
		totals->bad_pools, totals->broken_heaps,
		text__bytes(totals->unread_bytes, text, sizeof(text)));
	if (look->census.types_left_out)
		line__printf(line, STYLE_WARN, ", %llu types too many",
			     look->census.types_left_out);
	line__end(line);
}

/* ---- resident memory ---- */

static void print_bridge(struct line *line, const struct rss_bridge *bridge)
{
	const struct {
		const char *name;
		__u64 bytes;
	} parts[] = {
		{"Python objects and what they own", bridge->python_objects},
		{"free in pymalloc's arenas", bridge->pymalloc_free},
		{"malloc, in use by others", bridge->malloc_in_use},
		{"malloc, free and kept", bridge->malloc_free},
		{"other anonymous memory", bridge->mmap_anon},
		{"stacks", bridge->stacks},
		{"files: code, data, shared", bridge->file_backed},
		{"unexplained", bridge->unexplained},
	};
	char text[32];

	heading(line, "Resident memory");
	line__end(line);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		double part = share(parts[i].bytes, bridge->rss);

		line__printf(line, STYLE_PLAIN, "%12s  %5.1f%%  %-33s",
			     text__bytes(parts[i].bytes, text, sizeof(text)), 100 * part,
			     parts[i].name);
		put_bar(line, part, BAR_COLUMNS);
		line__end(line);
	}
	line__printf(line, STYLE_PLAIN, "%12s          in all",
		     text__bytes(bridge->rss, text, sizeof(text)));
	line__end(line);
}

/* ---- objects ---- */

static void print_types(struct line *line, const struct heap_look *look)
{
	const struct census *census = &look->census;
	__u64 all = census->object_bytes + census->buffer_bytes;
	char bytes[32], count[32], average[32], own[32], name[NAME_MAX_TEXT];

	heading(line, "Objects");
	line__printf(line, STYLE_PLAIN, ": %s of %zu types, %s",
		     text__count(census->objects, count, sizeof(count)), census->type_count,
		     text__bytes(all, bytes, sizeof(bytes)));
	line__end(line);
	line__printf(line, STYLE_DIM, "%12s  %6s %14s %10s %10s  %s", "BYTES", "SHARE", "COUNT",
		     "AVERAGE", "BESIDE", "TYPE");
	line__end(line);
	for (size_t i = 0; i < census->type_count && i < look->top; i++) {
		const struct census_type *type = &census->types[i];
		__u64 size = type->own_bytes + type->buffer_bytes;

		line__printf(line, STYLE_PLAIN, "%12s  %5.1f%% %14s %10s %10s  ",
			     text__bytes(size, bytes, sizeof(bytes)), 100 * share(size, all),
			     text__count(type->count, count, sizeof(count)),
			     text__bytes(share(size, type->count), average, sizeof(average)),
			     type->buffer_bytes ? text__bytes(type->buffer_bytes, own, sizeof(own))
						: "-");
		line__put(line, STYLE_PLACE, text__printable(type->name, name, sizeof(name)));
		line__end(line);
	}
	line__printf(line, STYLE_DIM, "%12s          in %s interned str; %s blocks on free lists",
		     text__bytes(census->interned_bytes, bytes, sizeof(bytes)),
		     text__count(census->interned, count, sizeof(count)),
		     text__count(census->free_list_blocks, own, sizeof(own)));
	line__end(line);
}

static void print_largest(struct line *line, const struct heap_look *look)
{
	const struct census *census = &look->census;
	char bytes[32], count[32], name[NAME_MAX_TEXT];

	heading(line, "Largest objects, with what they own");
	line__end(line);
	line__printf(line, STYLE_DIM, "%12s %14s  %-18s  %s", "BYTES", "ITEMS", "ADDRESS", "TYPE");
	line__end(line);
	for (size_t i = 0; i < census->largest_count && i < look->top; i++) {
		const struct census_object *object = &census->largest[i];

		line__printf(line, STYLE_PLAIN, "%12s %14s  0x%-16llx  ",
			     text__bytes(object->bytes, bytes, sizeof(bytes)),
			     object->length ? text__count(object->length, count, sizeof(count))
					    : "-",
			     object->address);
		line__put(line, STYLE_PLACE, text__printable(object->type, name, sizeof(name)));
		line__end(line);
	}
}

static char *signed_bytes(long long bytes, char *buffer, size_t size)
{
	buffer[0] = '+';
	text__bytes(bytes, buffer + (bytes > 0), size - (bytes > 0));
	return buffer;
}

static void print_growth(struct line *line, const struct heap_look *look,
			 const struct heap_look *since)
{
	double seconds = look->at_s - since->at_s;
	char bytes[32], rate[32], count[32], text[NAME_MAX_TEXT];
	struct type_growth *rows;
	size_t rows_count;

	rows = heap_look__growth(&look->census, &since->census, &rows_count);
	heading(line, "Growth");
	line__printf(line, STYLE_PLAIN, " within %s: RSS %s",
		     text__seconds(seconds, text, sizeof(text)),
		     signed_bytes(look->bridge.rss - since->bridge.rss, bytes, sizeof(bytes)));
	line__end(line);
	line__printf(line, STYLE_DIM, "%12s %14s %14s %14s  %s", "BYTES", "A SECOND", "OBJECTS",
		     "NOW", "TYPE");
	line__end(line);
	for (size_t i = 0; rows && i < rows_count && i < look->top; i++) {
		if (!rows[i].bytes && !rows[i].more)
			continue;
		line__printf(line, STYLE_PLAIN, "%12s %12s/s %+14lld %14s  ",
			     signed_bytes(rows[i].bytes, bytes, sizeof(bytes)),
			     signed_bytes(share(rows[i].bytes, seconds), rate, sizeof(rate)),
			     rows[i].more, text__count(rows[i].count, count, sizeof(count)));
		line__put(line, STYLE_PLACE, text__printable(rows[i].name, text, sizeof(text)));
		line__end(line);
	}
	free(rows);
}

/* ---- pymalloc ---- */

static __u64 in_use_of(const struct block_totals *totals, __u64 *free_bytes)
{
	__u64 in_use = 0;

	*free_bytes = 0;
	for (size_t i = 0; i < POOL_CLASSES; i++) {
		in_use += totals->classes[i].in_use * 16 * (i + 1);
		*free_bytes += totals->classes[i].free * 16 * (i + 1);
	}
	return in_use;
}

static void print_class(struct line *line, size_t index, const struct pool_class_totals *class)
{
	double fill = share(class->in_use, class->in_use + class->free);
	char count[32], bytes[32];

	line__printf(line, STYLE_PLAIN, "%6zu %13s %10s %4.0f%% ", 16 * (index + 1),
		     text__count(class->in_use, count, sizeof(count)),
		     text__bytes(class->free * 16 * (index + 1), bytes, sizeof(bytes)), 100 * fill);
	put_bar(line, fill, 8);
}

/* As many columns of rows as the line has room for. */
static void print_classes(struct line *line, const struct block_totals *totals)
{
	size_t used[POOL_CLASSES], count = 0, rows;
	const size_t width = 50, columns = line->width >= INDENT + 2 * width ? 2 : 1;

	for (size_t i = 0; i < POOL_CLASSES; i++)
		if (totals->classes[i].pools)
			used[count++] = i;
	rows = (count + columns - 1) / columns;
	for (size_t i = 0; i < columns && i < count; i++) {
		line__pad(line, INDENT + i * width);
		line__printf(line, STYLE_DIM, "%6s %13s %10s %5s", "SIZE", "IN USE", "FREE",
			     "FILL");
	}
	line__end(line);
	for (size_t row = 0; row < rows; row++) {
		for (size_t i = row; i < count; i += rows) {
			line__pad(line, INDENT + i / rows * width);
			print_class(line, used[i], &totals->classes[used[i]]);
		}
		line__end(line);
	}
}

#define MAP_CELLS 64
#define MAP_ROWS 16

/* Arenas in order of addresses, each a cell, or several in one: how much of them is in use. */
static void print_map(struct line *line, const struct block_totals *totals)
{
	static const char *const fills[] = {"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	const size_t steps = sizeof(fills) / sizeof(fills[0]) - 1;
	size_t each = (totals->arena_count + MAP_CELLS * MAP_ROWS - 1) / (MAP_CELLS * MAP_ROWS);

	for (size_t i = 0, cell = 0; each && i < totals->arena_count; i += each, cell++) {
		__u64 bytes = 0, in_use = 0;

		for (size_t k = i; k < i + each && k < totals->arena_count; k++) {
			bytes += totals->arenas[k].bytes;
			in_use += totals->arenas[k].in_use;
		}
		if (cell && cell % MAP_CELLS == 0)
			line__end(line);
		if (cell % MAP_CELLS == 0)
			line__pad(line, 2 * INDENT);
		line__put(line, STYLE_PLACE, fills[(size_t)(share(in_use, bytes) * steps + 0.5)]);
	}
	line__end(line);
	line__pad(line, 2 * INDENT);
	line__printf(line, STYLE_DIM,
		     "%s by address, · empty to █ full: an arena goes back to "
		     "the system only when it is empty",
		     each > 1 ? "several arenas a cell" : "an arena a cell");
	line__end(line);
}

static void print_pymalloc(struct line *line, const struct heap_look *look)
{
	const struct block_totals *totals = look->totals;
	__u64 bytes = 0, free_bytes, in_use = in_use_of(totals, &free_bytes);
	char text[5][32];

	heading(line, "pymalloc");
	if (!look->has_pools || !totals->arena_count) {
		line__put(line, STYLE_PLAIN, ": not at work, malloc serves all");
		line__end(line);
		return;
	}
	for (size_t i = 0; i < totals->arena_count; i++)
		bytes += totals->arenas[i].bytes;
	line__printf(line, STYLE_PLAIN,
		     ": %zu arenas, %s · in use %s · free in used pools %s · free pools %s · never "
		     "used %s",
		     totals->arena_count, text__bytes(bytes, text[0], 32),
		     text__bytes(in_use, text[1], 32), text__bytes(free_bytes, text[2], 32),
		     text__bytes(totals->free_pool_bytes, text[3], 32),
		     text__bytes(totals->virgin_bytes, text[4], 32));
	line__end(line);
	print_classes(line, totals);
	print_map(line, totals);
}

/* ---- malloc ---- */

static void print_malloc(struct line *line, const struct block_totals *totals)
{
	char text[4][32];

	heading(line, "malloc");
	if (!totals->has_malloc) {
		line__printf(line, STYLE_PLAIN, ": %s",
			     totals->malloc_limit ? totals->malloc_limit
						  : "its books cannot be read");
		line__end(line);
		return;
	}
	line__printf(line, STYLE_PLAIN, ": %zu %s · %s blocks in mappings of their own, %s",
		     totals->malloc_arena_count,
		     totals->malloc_arena_count == 1 ? "arena" : "arenas",
		     text__count(totals->mapped_count, text[0], 32),
		     text__bytes(totals->mapped_bytes, text[1], 32));
	line__end(line);
	line__printf(line, STYLE_DIM, "%12s %12s %12s %12s  %s", "BYTES", "IN USE", "FREE", "TOP",
		     "ARENA");
	line__end(line);
	for (size_t i = 0; i < totals->malloc_arena_count && i < MALLOC_ARENAS_SHOWN; i++) {
		const struct malloc_arena_totals *arena = &totals->malloc_arenas[i];

		line__printf(line, STYLE_PLAIN, "%12s %12s %12s %12s  ",
			     text__bytes(arena->bytes, text[0], 32),
			     text__bytes(arena->in_use, text[1], 32),
			     text__bytes(arena->free, text[2], 32),
			     text__bytes(arena->top, text[3], 32));
		line__printf(line, STYLE_PLAIN, i ? "0x%llx" : "main", arena->address);
		line__end(line);
	}
	if (totals->malloc_arena_count > MALLOC_ARENAS_SHOWN) {
		line__printf(line, STYLE_DIM, "%12s %zu more", "",
			     totals->malloc_arena_count - MALLOC_ARENAS_SHOWN);
		line__end(line);
	}
}

/* ---- the collector ---- */

/* What keeps garbage from being found, where there is such a thing. */
static void print_gc_remarks(struct line *line, const struct gc_state *gc)
{
	char text[2][32];

	line__pad(line, 2 * INDENT);
	if (!gc->enabled)
		line__put(line, STYLE_WARN, "it is disabled: cycles are not collected");
	else if (gc->frozen)
		line__printf(line, STYLE_PLAIN, "%s objects are frozen: it leaves them alone",
			     text__count(gc->frozen, text[0], 32));
	else if (gc->long_lived_total && gc->long_lived_pending * 4 < gc->long_lived_total)
		line__printf(line, STYLE_PLAIN,
			     "the oldest generation waits for %s new objects that last, has %s",
			     text__count(gc->long_lived_total / 4, text[0], 32),
			     text__count(gc->long_lived_pending, text[1], 32));
	else
		line__put(line, STYLE_PLAIN, "nothing holds it up");
	if (gc->garbage)
		line__printf(line, STYLE_WARN, " · %s objects in gc.garbage",
			     text__count(gc->garbage, text[0], 32));
	if (gc->incomplete)
		line__put(line, STYLE_DIM, " · its lists changed while they were read");
	line__end(line);
}

static void print_gc(struct line *line, const struct heap_look *look)
{
	const struct gc_state *gc = &look->gc;
	char text[5][32];

	heading(line, "Garbage collector");
	if (look->gc_status) {
		line__printf(line, STYLE_WARN, ": cannot be read (%s)", strerror(-look->gc_status));
		line__end(line);
		return;
	}
	line__printf(line, STYLE_PLAIN, ": %s objects tracked, %s",
		     text__count(gc->tracked, text[0], 32),
		     gc->collecting ? "collecting"
		     : gc->enabled  ? "enabled"
				    : "disabled");
	line__end(line);
	line__printf(line, STYLE_DIM, "%12s %12s %10s %14s %12s %14s %14s", "GENERATION",
		     "THRESHOLD", "COUNT", "OBJECTS", "COLLECTIONS", "COLLECTED", "UNCOLLECTABLE");
	line__end(line);
	for (int i = 0; i < 3; i++) {
		const struct gc_generation *g = &gc->generations[i];

		line__printf(line, STYLE_PLAIN, "%12d %12u %10u %14s %12s %14s %14s", i,
			     g->threshold, g->count, text__count(g->objects, text[0], 32),
			     text__count(g->collections, text[1], 32),
			     text__count(g->collected, text[2], 32),
			     text__count(g->uncollectable, text[3], 32));
		line__end(line);
	}
	print_gc_remarks(line, gc);
}

#define CYCLE_TYPES_SHOWN 5

static void print_cycles(struct line *line, const struct heap_look *look)
{
	const struct heap_cycles *cycles = &look->cycles;
	char count[32], bytes[32], name[NAME_MAX_TEXT];

	line__pad(line, 2 * INDENT);
	if (cycles->state != HEAP_CYCLES_READ) {
		line__put(line, STYLE_DIM,
			  cycles->state == HEAP_CYCLES_TOO_MANY
				  ? "garbage in cycles: so many objects are asked only with "
				    "--cycles"
				  : "garbage in cycles: not known");
		line__end(line);
		return;
	}
	line__printf(line, cycles->count ? STYLE_WARN : STYLE_PLAIN,
		     "garbage in cycles: %s objects, %s: ",
		     text__count(cycles->count, count, sizeof(count)),
		     text__bytes(cycles->bytes, bytes, sizeof(bytes)));
	line__put(line, STYLE_PLAIN, cycle_reason__text(cycles->reason));
	line__end(line);
	for (size_t i = 0; i < cycles->type_count && i < CYCLE_TYPES_SHOWN; i++) {
		const struct census_type *type = &cycles->types[i];

		line__printf(line, STYLE_PLAIN, "%12s %14s  ",
			     text__bytes(type->own_bytes, bytes, sizeof(bytes)),
			     text__count(type->count, count, sizeof(count)));
		line__put(line, STYLE_PLACE, text__printable(type->name, name, sizeof(name)));
		line__end(line);
	}
}

void heap_look__print(const struct heap_look *look, const struct heap_look *since, FILE *out,
		      const struct terminal_options *options)
{
	struct line line;

	line__start(&line, out, options);
	print_head(&line, look);
	if (look->frozen)
		still__print(&line, &look->freeze, look->stops);
	print_unparsed(&line, look);
	print_bridge(&line, &look->bridge);
	if (since) {
		print_growth(&line, look, since);
		return;
	}
	print_types(&line, look);
	print_largest(&line, look);
	print_pymalloc(&line, look);
	print_malloc(&line, look->totals);
	print_gc(&line, look);
	print_cycles(&line, look);
}
