// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_refs.c - references of living objects against gc.get_referents(), and of forged ones, which must end
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "object_process.h"
#include "pythons.h"

#include "objects/c_fields.h"
#include "objects/graph.h"
#include "objects/refs.h"

/* ---- forged ---- */

#define FORGED_BYTES (64 << 10)
#define ROUNDS 300
#define GUARD                                                                                      \
	(16                                                                                        \
	 << 20) /* nothing can be read so far around the area: a frame's stack may begin behind 65536 locals */

static const __u32 versions[] = {0x030800, 0x030900, 0x030a00, 0x030b00,
				 0x030c00, 0x030d00, 0x030e00};

static __u64 number(void)
{
	static __u64 state = 0x9e3779b97f4a7c15ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A word as an attacker would choose it: an address of the area, a size, or anything. */
static __u64 forged_word(__u64 area)
{
	switch (number() % 6) {
	case 0:
		return number() % 300;
	case 1:
		return 1ull << number() % 29;
	case 2:
		return number() | 1ull << 63;
	case 3:
		return 0;
	default:
		return area + (number() % FORGED_BYTES & ~7ull);
	}
}

/* Words that are looked at are in the area, or few: the area ends in pages that cannot be read. */
static void walk(struct types *types, __u64 address, const struct object_type *type)
{
	static const __u64 most = REF_SPANS * (FORGED_BYTES / 8);
	struct ref_iter it;
	struct ref ref;
	char text[64];

	refs__start(&it, types, address, type);
	while (refs__next(&it, &ref)) {
		assert_true(ref.to);
		if (it.visited < 8)
			refs__label(types, &ref, text, sizeof(text));
		if ((type->kind == KIND_DEQUE || type->fields) && it.visited > most)
			return; /* a ring of blocks or links: as long as it says, or as may be looked at */
		if (it.visited > most)
			fail_msg("kind %d: %llu words", type->kind, it.visited);
	}
}

/* Rows with more than fields of the object itself. */
static const struct c_fields *some_row(struct types *types)
{
	static const char *const names[] = {
		"functools._lru_cache_wrapper",  "collections.OrderedDict", "_queue.SimpleQueue",
		"xml.etree.ElementTree.Element", "hamt_bitmap_node",        "hamt_array_node",
		"itertools._tee_dataobject",
	};
	size_t i = number() % (2 * sizeof(names) / sizeof(names[0]));

	return i < sizeof(names) / sizeof(names[0])
		       ? c_fields__find(types__objects(types)->version, names[i], 0)
		       : NULL;
}

static void forge(struct types *types, unsigned char *area)
{
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < FORGED_BYTES; i += 8)
			*(__u64 *)(area + i) = forged_word((__u64)area);
		for (int kind = 0; kind < OBJECT_KINDS; kind++) {
			struct object_type type = {
				.address = (__u64)area + (number() % FORGED_BYTES & ~7ull),
				.flags = number(),
				.basicsize = number() % 5000,
				.itemsize = number() % 3 ? 0 : number() % 4096,
				.weaklistoffset = number() % 100,
				.dictoffset = (__s32)(number() % 200) - 100,
				.kind = kind,
				.is_class = number() & 1,
			};

			if (kind == KIND_OPAQUE || kind == KIND_DICT)
				type.fields = some_row(types);
			type.native_basicsize = number() % (type.basicsize + 1);
			type.added_from = number() % (type.native_basicsize + 1);
			walk(types, (__u64)area + (number() % FORGED_BYTES & ~7ull), &type);
		}
	}
}

static void forged(void **state)
{
	unsigned char *area =
		mmap(NULL, FORGED_BYTES + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct image *image;
	struct types *types;

	(void)state;
	assert_true(area != MAP_FAILED);
	area += GUARD;
	assert_int_equal(mprotect(area, FORGED_BYTES, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(image__open(getpid(), 1 << 20, &image), 0);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		assert_int_equal(types__open(image, py_objects__find(versions[i]), &types), 0);
		forge(types, area);
		types__close(types);
	}
	image__close(image);
	munmap(area - GUARD, FORGED_BYTES + 2 * GUARD);
}

/* ---- living ---- */

/* One object, as the fixture says. */
struct line {
	__u64 object;
	char type[80];
	__u64 *to;
	size_t count;
};

struct truth {
	struct line *lines;
	size_t count, room;
	__u64 *ids; /* of all lines, ascending */
};

static int by_number(const void *a, const void *b)
{
	__u64 x = *(const __u64 *)a, y = *(const __u64 *)b;

	return x < y ? -1 : x > y;
}

static void read_line(struct truth *truth, char *text)
{
	struct line *line;
	char *at = text;
	int length;

	if (truth->count == truth->room) {
		truth->room = truth->room ? truth->room * 2 : 1024;
		truth->lines = realloc(truth->lines, truth->room * sizeof(*truth->lines));
		assert_non_null(truth->lines);
	}
	line = &truth->lines[truth->count++];
	memset(line, 0, sizeof(*line));
	line->object = strtoull(at, &at, 10);
	assert_int_equal(sscanf(at, "%79s%n", line->type, &length), 1);
	at += length;
	line->to = malloc((strlen(at) / 2 + 1) * sizeof(*line->to));
	assert_non_null(line->to);
	while (*at == ' ')
		line->to[line->count++] = strtoull(at, &at, 10);
	qsort(line->to, line->count, sizeof(*line->to), by_number);
}

static void truth__read(struct truth *truth, const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t room = 0;

	assert_non_null(file);
	memset(truth, 0, sizeof(*truth));
	while (getline(&text, &room, file) > 0)
		read_line(truth, text);
	free(text);
	fclose(file);
	truth->ids = malloc(truth->count * sizeof(*truth->ids));
	assert_non_null(truth->ids);
	for (size_t i = 0; i < truth->count; i++)
		truth->ids[i] = truth->lines[i].object;
	qsort(truth->ids, truth->count, sizeof(*truth->ids), by_number);
}

static void truth__free(struct truth *truth)
{
	for (size_t i = 0; i < truth->count; i++)
		free(truth->lines[i].to);
	free(truth->lines);
	free(truth->ids);
}

static bool is_listed(const struct truth *truth, __u64 id)
{
	return bsearch(&id, truth->ids, truth->count, sizeof(id), by_number);
}

/* The collector of 3.13 looks for values that an instance shares with its dict in another place. */
static bool shares_values(const struct object_process *process, __u64 object,
			  const struct object_type *type)
{
	if (process->target->python.minor != 13)
		return false;
	if (type->kind == KIND_DICT)
		return image__word(process->image, object + DICT_VALUES);
	return type->flags & TYPE_INLINE_VALUES && image__word(process->image, object - 24);
}

static void compare(const struct object_process *process, const struct graph *graph,
		    const struct truth *truth, const struct line *line, __u32 node)
{
	__u64 *seen = malloc((graph->first[node + 1] - graph->first[node] + 1) * sizeof(*seen));
	size_t count = 0;

	assert_non_null(seen);
	for (__u64 e = graph->first[node]; e < graph->first[node + 1]; e++)
		if (graph->flags[graph->to[e]] & NODE_TRACKED &&
		    is_listed(truth, graph->address[graph->to[e]]))
			seen[count++] = graph->address[graph->to[e]];
	qsort(seen, count, sizeof(*seen), by_number);
	if (count != line->count || memcmp(seen, line->to, count * sizeof(*seen)))
		fail_msg("%s: a %s at %llu (%llu) refers to %zu objects, seen %zu",
			 process->target->exe, line->type, line->object,
			 line->count ? line->to[0] : 0, line->count, count);
	free(seen);
}

static void compare_all(const struct object_process *process, const struct truth *truth)
{
	size_t exact = 0, compared = 0;
	struct graph *graph;

	assert_int_equal(graph__read(process->image, process->target, process->pools,
				     process->types, 0, &graph),
			 0);
	for (size_t i = 0; i < truth->count; i++) {
		const struct line *line = &truth->lines[i];
		__u32 node = graph__find(graph, line->object);

		if (node == NO_NODE)
			fail_msg("%s: a %s is missing", process->target->exe, line->type);
		assert_true(graph->flags[node] & NODE_TRACKED);
		if (graph->flags[node] & NODE_BROKEN)
			fail_msg("%s: a %s cannot be read", process->target->exe, line->type);
		if (!(graph->flags[node] & NODE_EXACT))
			continue;
		exact++;
		if (shares_values(process, line->object,
				  types__get(process->types, graph->type[node])))
			continue;
		compared++;
		compare(process, graph, truth, line, node);
	}
	assert_true(exact > truth->count * 95 / 100);
	assert_true(compared > truth->count * 94 / 100);
	graph__free(graph);
}

static void compare_python(const char *python)
{
	char path[] = "/tmp/pyleak-references-XXXXXX", *line = NULL;
	char *const argv[] = {(char *)python, "-B", "tests/fixtures/references.py", path, NULL};
	struct object_process process = {0};
	struct truth truth;
	size_t room = 0;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	object_process__run(&process, argv);
	object_process__read(&process, "READY", &line, &room, NULL, NULL);
	object_process__look(&process);
	truth__read(&truth, path);
	unlink(path);
	assert_true(truth.count > 10000);
	compare_all(&process, &truth);
	truth__free(&truth);
	object_process__stop(&process);
	free(line);
}

static void living(void **state)
{
	(void)state;
	each_python(compare_python);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged),
		cmocka_unit_test(living),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
