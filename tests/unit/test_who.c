// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_who.c - search, trails and shapes on graphs that are made by hand; tests/e2e/test_who.py has the rest
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "objects/who_private.h"

#define NODES_MAX 4096
#define EDGES_MAX 8192

/* Nodes 0 .. count - 1 at addresses 16, 32 ...; edges are added by source, ascending. */
struct made {
	struct graph graph;
	__u64 address[NODES_MAX], first[NODES_MAX + 1];
	__u32 type[NODES_MAX], refcount[NODES_MAX], to[EDGES_MAX];
	__u8 flags[NODES_MAX];
	__u32 filled; /* nodes whose edges are complete */
};

static struct made *make(__u32 count)
{
	struct made *made = calloc(1, sizeof(*made));

	made->graph = (struct graph){
		.count = count,
		.address = made->address,
		.type = made->type,
		.refcount = made->refcount,
		.flags = made->flags,
		.first = made->first,
		.to = made->to,
	};
	for (__u32 i = 0; i < count; i++)
		made->address[i] = 16 * (i + 1ull);
	return made;
}

static void edge(struct made *made, __u32 from, __u32 to)
{
	assert_true(from + 1 >= made->filled);
	while (made->filled < from + 1)
		made->first[made->filled++] = made->graph.edge_count;
	made->to[made->graph.edge_count++] = to;
	made->refcount[to]++;
	for (__u32 i = made->filled; i <= made->graph.count; i++)
		made->first[i] = made->graph.edge_count;
}

static struct roots roots_of(struct root *list, size_t count, size_t late)
{
	return (struct roots){.list = list, .count = count, .late = late};
}

static void assert_trail(const struct search *search, __u32 node, const char *expected)
{
	struct trail trail;
	char text[512] = "";

	search__trail(search, node, &trail);
	for (__u32 i = 0; i < trail.count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u", i ? " " : "",
			 trail.nodes[i]);
	assert_string_equal(text, expected);
}

static void test_shortest_path(void **state)
{
	struct made *made = make(6);
	struct root list[] = {{.node = 0}};
	struct roots roots = roots_of(list, 1, 1);
	struct search search;

	(void)state;
	edge(made, 0, 1);
	edge(made, 0, 2);
	edge(made, 1, 3);
	edge(made, 2, 4);
	edge(made, 3, 5);
	edge(made, 4, 4);
	edge(made, 4, 5);
	edge(made, 5, 0); /* a cycle */
	assert_int_equal(search__run(&search, &made->graph, &roots), 0);
	assert_trail(&search, 5, "0 1 3 5");
	assert_trail(&search, 4, "0 2 4");
	assert_trail(&search, 0, "0");
	assert_int_equal(search.reached, 6);
	search__end(&search);
	free(made);
}

/* Of two roots that are equally far the earlier one; a nearer one wins; late ones only get what is left. */
static void test_preference(void **state)
{
	struct made *made = make(7);
	struct root list[] = {{.node = 1}, {.node = 0}, {.node = 2}};
	struct roots roots = roots_of(list, 3, 2);
	struct search search;
	struct trail trail;

	(void)state;
	edge(made, 0, 3);
	edge(made, 1, 3);
	edge(made, 1, 4);
	edge(made, 2, 5);
	edge(made, 2, 6);
	edge(made, 4, 5);
	assert_int_equal(search__run(&search, &made->graph, &roots), 0);
	assert_trail(&search, 3, "1 3");
	assert_trail(&search, 5, "1 4 5");
	assert_trail(&search, 6, "2 6");
	search__trail(&search, 3, &trail);
	assert_int_equal(trail.root, PARENT_ROOT | 0);
	search__trail(&search, 6, &trail);
	assert_int_equal(trail.root, PARENT_ROOT | 2);
	search__end(&search);
	free(made);
}

/* A cycle that nothing holds stays out of reach; what has a reference more than the graph knows is a root. */
static void test_native(void **state)
{
	struct made *made = make(6);
	struct root list[] = {{.node = 0}};
	struct roots roots = roots_of(list, 1, 1);
	struct search search;
	struct trail trail;

	(void)state;
	edge(made, 1, 2);
	edge(made, 2, 1);
	edge(made, 3, 4);
	made->refcount[0] = 9;
	made->refcount[3] = 1;
	assert_int_equal(search__run(&search, &made->graph, &roots), 0);
	assert_trail(&search, 4, "");
	assert_int_equal(search__run_native(&search), 0);
	assert_trail(&search, 4, "3 4");
	search__trail(&search, 4, &trail);
	assert_int_equal(trail.root, PARENT_NATIVE);
	assert_trail(&search, 1, "");
	assert_trail(&search, 5, "");
	search__end(&search);
	free(made);
}

static void test_long_paths_lose_their_middle(void **state)
{
	struct made *made = make(NODES_MAX);
	struct root list[] = {{.node = 0}};
	struct roots roots = roots_of(list, 1, 1);
	struct search search;
	struct trail trail;

	(void)state;
	for (__u32 i = 0; i + 1 < NODES_MAX; i++)
		edge(made, i, i + 1);
	assert_int_equal(search__run(&search, &made->graph, &roots), 0);
	search__trail(&search, WHO_PATH_MAX - 1, &trail);
	assert_int_equal(trail.count, WHO_PATH_MAX);
	assert_int_equal(trail.gap, 0);
	for (__u32 i = 0; i < WHO_PATH_MAX; i++)
		assert_int_equal(trail.nodes[i], i);
	search__trail(&search, NODES_MAX - 1, &trail);
	assert_int_equal(trail.count, WHO_PATH_MAX);
	assert_true(trail.gap > 0);
	for (__u32 i = 0; i < WHO_PATH_MAX; i++)
		assert_int_equal(trail.nodes[i],
				 i < trail.gap ? i : NODES_MAX - (WHO_PATH_MAX - i));
	search__end(&search);
	free(made);
}

/* ---- paths and shapes ---- */

static void add_step(struct path *path, const struct graph *graph, __u32 node, const char *label,
		     const char *shape)
{
	struct path_step step = {.node = node, .label = label, .shape = shape};

	path__add(path, graph, &step);
}

static const char *ROOT = "module app", *CACHE = "app.CACHE", *ANY = "[…]", *NEXT = ".next",
		  *LEFT = ".left";

static void test_chains_are_folded(void **state)
{
	struct made *made = make(64);
	struct path path = {.count = 0};

	(void)state;
	add_step(&path, &made->graph, 0, ROOT, ROOT);
	for (__u32 i = 1; i < 40; i++)
		add_step(&path, &made->graph, i, NEXT, NEXT);
	assert_int_equal(path.count, 3);
	assert_false(path.steps[1].repeated);
	assert_true(path.steps[2].repeated);
	assert_int_equal(path.steps[2].node, 39);

	/* Of two kinds of steps by turns; the end of the last round is open. */
	path.count = 0;
	add_step(&path, &made->graph, 0, ROOT, ROOT);
	for (__u32 i = 1; i < 40; i++)
		add_step(&path, &made->graph, i, i % 2 ? NEXT : LEFT, i % 2 ? NEXT : LEFT);
	assert_in_range(path.count, 5, 6);
	assert_int_equal(path.steps[path.count - 1].node, 39);

	/* The same attribute of another type is another step. */
	path.count = 0;
	for (__u32 i = 0; i < 3; i++) {
		made->type[i] = i;
		add_step(&path, &made->graph, i, NEXT, NEXT);
	}
	assert_int_equal(path.count, 3);
	free(made);
}

static struct path cache_path(const struct graph *graph, __u32 container, __u32 object,
			      const char *key)
{
	struct path path = {.root = ROOT_MODULE};

	add_step(&path, graph, 0, ROOT, ROOT);
	add_step(&path, graph, container, CACHE, CACHE);
	add_step(&path, graph, object, key, ANY);
	return path;
}

static struct who shapes_of(const struct path *paths, size_t count, const struct graph *graph)
{
	struct who who = {.arena = arena__new()};

	assert_int_equal(shapes__make(paths, count, graph, &who), 0);
	return who;
}

static void test_paths_become_shapes(void **state)
{
	static const char *const keys[] = {"['a']", "['b']", "['c']"};
	struct made *made = make(8);
	struct path paths[5];
	struct who who;

	(void)state;
	made->type[1] = 1;
	made->type[7] = 2; /* another type: another shape */
	for (__u32 i = 0; i < 3; i++)
		paths[i] = cache_path(&made->graph, 1, 2 + i, keys[i]);
	paths[3] = cache_path(&made->graph, 1, 7, keys[0]);
	paths[4] = (struct path){.count = 0}; /* unreachable */
	who = shapes_of(paths, 5, &made->graph);
	assert_int_equal(who.shape_count, 2);
	assert_int_equal(who.shapes[0].samples, 3);
	assert_string_equal(who.shapes[0].steps[1].label, CACHE);
	assert_string_equal(who.shapes[0].steps[2].label, "[…]");
	assert_int_equal(who.shapes[0].steps[1].address, made->address[1]);
	assert_int_equal(who.shapes[0].steps[1].shared, 3);
	assert_int_equal(who.shapes[0].steps[2].shared, 1);
	assert_int_equal(who.shapes[1].samples, 1);
	assert_string_equal(who.shapes[1].steps[2].label, "['a']");
	assert_int_equal(who.shapes[1].example, made->address[7]);
	arena__free(who.arena);
	free(made);
}

/* As many samples have a path with a name: that is shown first. */
static void test_names_before_native_roots(void **state)
{
	struct made *made = make(8);
	struct path paths[2];
	struct who who;

	(void)state;
	paths[0] = (struct path){.root = ROOT_NATIVE};
	add_step(&paths[0], &made->graph, 2, "", "");
	paths[1] = cache_path(&made->graph, 1, 3, ANY);
	who = shapes_of(paths, 2, &made->graph);
	assert_int_equal(who.shape_count, 2);
	assert_int_equal(who.shapes[0].root, ROOT_MODULE);
	assert_int_equal(who.shapes[1].root, ROOT_NATIVE);
	arena__free(who.arena);
	free(made);
}

static void test_shared_address_is_that_of_most(void **state)
{
	struct made *made = make(9);
	struct path paths[3];
	struct who who;

	(void)state;
	paths[0] = cache_path(&made->graph, 1, 4, ANY);
	paths[1] = cache_path(&made->graph, 2, 5, ANY);
	paths[2] = cache_path(&made->graph, 2, 6, ANY);
	who = shapes_of(paths, 3, &made->graph);
	assert_int_equal(who.shape_count, 1);
	assert_int_equal(who.shapes[0].steps[1].address, made->address[2]);
	assert_int_equal(who.shapes[0].steps[1].shared, 2);
	arena__free(who.arena);
	free(made);
}

static void test_nothing_has_no_shape(void **state)
{
	struct made *made = make(1);
	struct path path = {.count = 0};
	struct who who = shapes_of(&path, 1, &made->graph);

	(void)state;
	assert_int_equal(who.shape_count, 0);
	arena__free(who.arena);
	free(made);
}

static void test_dominating(void **state)
{
	/* A dict that all samples share, the lists in it, each with one sample, the object: itself a container. */
	struct who_step steps[] = {
		{.shared = 10},
		{.shared = 10, .container = true, .length = 100},
		{.shared = 1, .container = true, .length = 5000},
		{.shared = 1, .container = true, .length = 90000},
	};
	struct who_shape shape = {.steps = steps, .step_count = 4, .samples = 10};

	(void)state;
	shape__dominate(&shape);
	assert_int_equal(shape.dominating, 1);
	steps[2].shared = 3; /* few lists, one for each thread perhaps: they are what grows */
	shape__dominate(&shape);
	assert_int_equal(shape.dominating, 2);
	steps[2].shared = 1;
	steps[1].length = 0; /* emptied meanwhile: the lists are what there is */
	shape__dominate(&shape);
	assert_int_equal(shape.dominating, 2);
	steps[2].container = false;
	shape__dominate(&shape);
	assert_int_equal(shape.dominating, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shortest_path),
		cmocka_unit_test(test_preference),
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_long_paths_lose_their_middle),
		cmocka_unit_test(test_chains_are_folded),
		cmocka_unit_test(test_paths_become_shapes),
		cmocka_unit_test(test_names_before_native_roots),
		cmocka_unit_test(test_shared_address_is_that_of_most),
		cmocka_unit_test(test_nothing_has_no_shape),
		cmocka_unit_test(test_dominating),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
