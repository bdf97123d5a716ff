// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_cycles.c - garbage in graphs made by hand, and in live Pythons, which then collect it and say how much it was
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "object_process.h"
#include "pythons.h"

#include "objects/cycles.h"

/* ---- by hand ---- */

#define NODES_MAX 16
#define EDGES_MAX 64

struct made {
	struct graph graph;
	__u64 first[NODES_MAX + 1];
	__u32 refcount[NODES_MAX], to[EDGES_MAX];
	__u8 flags[NODES_MAX];
	unsigned char alive[NODES_MAX];
};

/* edges: pairs from, to; ascending by from; ends at from = -1. Counts are those of the edges. */
static struct made *make(__u32 count, const int *edges)
{
	struct made *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	made->graph = (struct graph){.count = count,
				     .first = made->first,
				     .refcount = made->refcount,
				     .flags = made->flags,
				     .to = made->to};
	for (__u32 i = 0; i < count; i++) {
		made->flags[i] = NODE_EXACT | NODE_TRACKED;
		made->first[i] = made->graph.edge_count;
		for (const int *edge = edges; edge[0] >= 0; edge += 2) {
			if (edge[0] != (int)i)
				continue;
			made->to[made->graph.edge_count++] = edge[1];
			made->refcount[edge[1]]++;
		}
	}
	made->first[count] = made->graph.edge_count;
	return made;
}

static void check(struct made *made, const char *alive)
{
	assert_int_equal(cycles__mark_alive(&made->graph, made->alive), 0);
	for (__u32 i = 0; i < made->graph.count; i++)
		assert_int_equal(made->alive[i], alive[i] - '0');
}

/* 0 <-> 1, 1 -> 2: what hangs on a cycle goes with it. */
static void cycle_and_tail(void **state)
{
	static const int edges[] = {0, 1, 1, 0, 1, 2, -1};
	struct made *made = make(3, edges);

	(void)state;
	check(made, "000");
	made->refcount[0]++; /* a local variable of C code */
	check(made, "111");
	made->refcount[0]--;
	made->refcount[2]++;
	check(made, "001");
	free(made);
}

/* Twice the same reference counts twice. */
static void multiple_edges(void **state)
{
	static const int edges[] = {0, 0, 0, 0, 0, 0, -1};
	struct made *made = make(1, edges);

	(void)state;
	check(made, "0");
	made->refcount[0] = 4;
	check(made, "1");
	free(made);
}

/* What is not known exactly, not tracked, immortal, or read in part keeps alive what it refers to. */
static void roots(void **state)
{
	static const int edges[] = {0, 1, 1, 2, 2, 1, -1};
	struct made *made = make(3, edges);

	(void)state;
	check(made, "000"); /* nothing refers to 0: its count is 0 */
	made->flags[0] = NODE_TRACKED;
	check(made, "011");
	made->flags[0] = NODE_EXACT;
	check(made, "111");
	made->flags[0] = NODE_EXACT | NODE_TRACKED | NODE_IMMORTAL;
	check(made, "111");
	made->flags[0] = NODE_EXACT | NODE_TRACKED | NODE_BROKEN;
	check(made, "111");
	free(made);
}

/* More references than the count says: the target was changing it. */
static void too_many(void **state)
{
	static const int edges[] = {0, 1, 1, 0, -1};
	struct made *made = make(2, edges);

	(void)state;
	made->refcount[1] = 0;
	check(made, "11");
	free(made);
}

static void reasons(void **state)
{
	struct cycles cycles = {0};
	struct gc_state gc = {.enabled = true};

	(void)state;
	gc.generations[0].threshold = 700;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_NONE);
	gc.garbage = 1;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_UNCOLLECTABLE);
	cycles.count = 1000;
	gc.generations[0].objects = 600;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_PENDING);
	gc.generations[0].objects = 100;
	gc.generations[2].objects = 5000;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_OLD);
	gc.generations[0].threshold = 0;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_THRESHOLD);
	gc.enabled = false;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_DISABLED);
	gc.generations[2].objects = 10;
	gc.frozen = 5000;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_FROZEN);
	for (int i = 0; i < CYCLE_REASONS; i++) {
		assert_true(strlen(cycle_reason__text(i)) > 5);
		assert_true(strlen(cycle_reason__name(i)) > 2);
	}
}

/* Once it is known which list they are in, the sizes of the lists mean nothing. */
static void reasons_by_place(void **state)
{
	struct cycles cycles = {.count = 1000, .by_generation = {900, 50, 50}};
	struct gc_state gc = {.enabled = true, .frozen = 5000};

	(void)state;
	for (int i = 0; i < GC_GENERATION_COUNT; i++) {
		gc.generations[i].objects = 100000;
		gc.generations[i].threshold = i ? 10 : 700;
	}
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_PENDING);
	cycles.by_generation[0] = 100;
	cycles.by_generation[2] = 850;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_OLD);
	gc.generations[2].threshold = 100000;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_THRESHOLD);
	gc.incremental = true; /* which has no use for it */
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_INCREMENTAL);
	cycles.by_generation[1] = 850;
	cycles.by_generation[2] = 50;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_INCREMENTAL);
	cycles.by_generation[0] = 850;
	cycles.by_generation[1] = 100;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_PENDING);
	gc.generations[0].threshold = 0;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_THRESHOLD);
	gc.enabled = false;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_DISABLED);
	cycles.by_generation[0] = 0;
	cycles.by_generation[3] = 900;
	assert_int_equal(cycles__reason(&cycles, &gc), CYCLES_FROZEN);
}

/* ---- live ---- */

#define COUNT "500"

static const char *const kinds[] = {
	"instances",  "lists",    "dict_and_tuple", "slots",      "dict_subclass", "closures",
	"exceptions", "contexts", "generators",     "coroutines", "methods",       "sets",
	"deques",     "partials", "default_dicts",  "seen_dicts", "ordered_dicts", "iterators",
	"frames",     "classes",  "nothing",
};

static void find(struct object_process *process, struct gc_state *gc, struct cycles *cycles)
{
	struct graph *graph;

	assert_int_equal(graph__read(process->image, process->target, process->pools,
				     process->types, 0, &graph),
			 0);
	assert_int_equal(gc_state__read(process->image, process->target,
					types__objects(process->types), NULL, NULL, gc),
			 0);
	assert_int_equal(cycles__find(graph, gc, cycles), 0);
	graph__free(graph);
}

static void find_kind(const char *python, const char *kind)
{
	char *const argv[] = {(char *)python, "-B",  "tests/fixtures/garbage.py",
			      (char *)kind,   COUNT, NULL};
	struct object_process process = {0};
	unsigned long long found, freed;
	struct cycles cycles;
	struct gc_state gc;
	char *line = NULL;
	size_t room = 0;

	object_process__run(&process, argv);
	object_process__read(&process, "READY", &line, &room, NULL, NULL);
	object_process__look(&process);
	find(&process, &gc, &cycles);
	object_process__go(&process);
	object_process__read(&process, "TRUTH", &line, &room, NULL, NULL);
	assert_int_equal(sscanf(line, "TRUTH %llu %llu", &found, &freed), 2);
	if (!strcmp(kind, "nothing"))
		found = freed = 0;
	if (cycles.count > freed || cycles.count * 10 < (found ? found : freed) * 9)
		fail_msg("%s, %s: %llu found, %llu freed", python, kind, cycles.count, freed);
	assert_int_equal(cycles.reason, found ? CYCLES_DISABLED : cycles.reason);
	assert_int_equal(cycles.changed, 0);
	cycles__clear(&cycles);
	object_process__stop(&process);
	free(line);
}

static void all_kinds(const char *python)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		find_kind(python, kinds[i]);
}

static void live(void **state)
{
	(void)state;
	each_python(all_kinds);
}

/* Cycles that are made and held as fast as it can, none of them garbage for long: nothing must be called so. */
static void busy_python(const char *python)
{
	char *const argv[] = {(char *)python, "-B", "tests/fixtures/busy_cycles.py", NULL};
	struct object_process process = {0};
	struct cycles cycles;
	struct gc_state gc;
	char *line = NULL;
	size_t room = 0;

	object_process__run(&process, argv);
	object_process__read(&process, "READY", &line, &room, NULL, NULL);
	object_process__look(&process);
	for (int i = 0; i < 20; i++) {
		find(&process, &gc, &cycles);
		if (cycles.count)
			fail_msg("%s: %llu in use called garbage (changed: %llu)", python,
				 cycles.count, cycles.changed);
		cycles__clear(&cycles);
	}
	object_process__stop(&process);
	free(line);
}

static void busy(void **state)
{
	(void)state;
	each_python(busy_python);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cycle_and_tail), cmocka_unit_test(multiple_edges),
		cmocka_unit_test(roots),          cmocka_unit_test(too_many),
		cmocka_unit_test(reasons),        cmocka_unit_test(reasons_by_place),
		cmocka_unit_test(live),           cmocka_unit_test(busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
