// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_verdicts_group.c - which verdicts become one, and which line that one names
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/verdicts.h"
#include "lib/arena.h"

#define MOST 16

#define OWN "/srv/app.py"
#define LIBRARY "/usr/lib/python3.11/collections/__init__.py"

/* Verdicts are added one by one, each of a site of its own, and then grouped. */
struct scene {
	struct judge judge;
	struct report_process process;
	struct report_site sites[MOST];
	struct verdict list[MOST];
	struct census_type types[MOST][8];
};

static const char *const path[] = {"module app", "app.CACHE", "[...]", "Session", ".data", "more"};

static void begin(struct scene *scene)
{
	memset(scene, 0, sizeof(*scene));
	scene->process.sites = scene->sites;
	scene->judge = (struct judge){
		.process = &scene->process,
		.arena = arena__new(),
		.list = scene->list,
		.room = MOST,
	};
	assert_non_null(scene->judge.arena);
}

static void end(struct scene *scene)
{
	assert_false(scene->judge.no_memory);
	arena__free(scene->judge.arena);
}

/* A leak into app.CACHE, by line 1, 2, ... of the file, which the objects reach by so many steps. */
static struct verdict *add(struct scene *scene, const char *file, size_t steps, double growth)
{
	size_t i = scene->judge.count;
	const char *slash = file ? strrchr(file, '/') : NULL;
	struct verdict *verdict =
		judge__add(&scene->judge, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE, 0.9);

	assert_non_null(verdict);
	scene->sites[i] = (struct report_site){
		.id = i,
		.path = file,
		.file = slash ? slash + 1 : file,
		.function = "make",
		.line = file ? i + 1 : 0,
	};
	scene->process.site_count = i + 1;
	verdict->site = i;
	verdict->container = "app.CACHE";
	verdict->held_by = path;
	verdict->held_by_count = steps;
	verdict->growth_per_s = growth;
	verdict->growth_low = growth - 1;
	verdict->growth_high = growth + 2;
	return verdict;
}

static void add_type(struct scene *scene, struct verdict *verdict, const char *name)
{
	struct census_type *types = scene->types[verdict->site];

	types[verdict->type_count++] = (struct census_type){.name = name, .count = verdict->site};
	verdict->types = types;
}

/* Two verdicts, in both orders; the line of the one that stays. */
static int line_of(const char *file, size_t steps, double growth, const char *other,
		   size_t other_steps, double other_growth)
{
	int line;

	for (int swapped = 0; swapped < 2; swapped++) {
		struct scene scene;

		begin(&scene);
		if (swapped)
			add(&scene, other, other_steps, other_growth);
		add(&scene, file, steps, growth);
		if (!swapped)
			add(&scene, other, other_steps, other_growth);
		judge__group(&scene.judge);
		assert_int_equal(scene.judge.count, 1);
		/* As if the first had been added first. */
		line = (scene.list[0].site != swapped) + 1;
		if (!isnan(growth)) {
			assert_true(scene.list[0].growth_per_s == growth + other_growth);
			assert_true(scene.list[0].growth_low == growth + other_growth - 2);
			assert_true(scene.list[0].growth_high == growth + other_growth + 4);
		}
		assert_true(scene.list[0].held_by_count == (line == 1 ? steps : other_steps));
		end(&scene);
		if (!swapped && line != 1)
			return line;
	}
	return line;
}

/* The program's own line, however far from the container and however slowly it grows. */
static void test_own_code(void **state)
{
	static const char *const libraries[] = {
		LIBRARY,
		"/usr/lib64/python3.12/json/decoder.py",
		"/usr/lib/python3/dist-packages/yaml/nodes.py",
		"/usr/local/lib/python3.13t/threading.py",
		"/srv/venv/lib/python3.9/site-packages/django/db.py",
		"/usr/lib/python311.zip/json/decoder.py",
		"/home/me/.local/share/site-packages/x.py",
		"<frozen importlib._bootstrap>",
		"<string>",
		NULL,
	};
	static const char *const own[] = {
		OWN,
		"app.py",
		"/home/me/lib/python-service/app.py",
		"/home/me/lib/python/app.py",
		"/srv/python3.11/app.py",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		for (size_t j = 0; j < sizeof(libraries) / sizeof(*libraries); j++)
			if (line_of(own[i], 6, 10, libraries[j], 2, 5000) != 1 ||
			    line_of(libraries[j], 2, 5000, own[i], 6, 10) != 2)
				fail_msg("%s is named, not %s", libraries[j], own[i]);
}

/* Of two own lines that of the entries, not of what they hold; it is the same among libraries. */
static void test_nearest(void **state)
{
	(void)state;
	assert_int_equal(line_of(OWN, 3, 1000, OWN, 4, 5000), 1);
	assert_int_equal(line_of(OWN, 4, 5000, OWN, 3, 1000), 2);
	assert_int_equal(line_of(LIBRARY, 3, 1000, "<string>", 4, 5000), 1);
	assert_int_equal(line_of(OWN, 3, NAN, OWN, 4, 5000), 1);
}

/* But not a small part of it: a key, a counter. */
static void test_minor(void **state)
{
	(void)state;
	assert_int_equal(line_of(OWN, 3, 100, OWN, 4, 5000), 2);
	assert_int_equal(line_of(OWN, 4, 5000, OWN, 3, 100), 1);
	assert_int_equal(line_of(OWN, 3, 501, OWN, 4, 5000), 1);
}

static void test_fastest(void **state)
{
	(void)state;
	assert_int_equal(line_of(OWN, 3, 5000, OWN, 3, 10), 1);
	assert_int_equal(line_of(OWN, 3, 10, OWN, 3, 5000), 2);
}

/* What the group says of itself: the most severe kind with its own confidence, and the other lines. */
static void test_severity(void **state)
{
	struct scene scene;
	struct verdict *one;

	(void)state;
	begin(&scene);
	one = add(&scene, OWN, 3, 1000);
	one->kind = VERDICT_SUSPECT;
	one->confidence = 0.49;
	add(&scene, LIBRARY, 4, 2048)->confidence = 0.7;
	one = add(&scene, LIBRARY, 5, 10);
	one->kind = VERDICT_SUSPECT;
	one->confidence = 0.99;
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 1);
	one = &scene.list[0];
	assert_int_equal(one->site, 0);
	assert_int_equal(one->kind, VERDICT_LEAK);
	assert_true(one->confidence == 0.7);
	assert_true(one->growth_per_s == 3058);
	assert_int_equal(one->evidence_count, 2);
	/* In whatever order the others came in. */
	for (size_t i = 0; i < 2; i++)
		assert_non_null(strstr(one->evidence[i], "make (__init__.py:"));
	assert_true(strstr(one->evidence[0], "2.0 KiB/s") || strstr(one->evidence[1], "2.0 KiB/s"));
	end(&scene);
}

/* Growth that was not measured adds nothing, and is none where neither was. */
static void test_unmeasured(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene);
	add(&scene, OWN, 3, NAN);
	add(&scene, OWN, 4, 100);
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 1);
	assert_int_equal(scene.list[0].site, 0);
	assert_true(scene.list[0].growth_per_s == 100 && scene.list[0].growth_low == 99);
	end(&scene);

	begin(&scene);
	add(&scene, OWN, 3, NAN);
	add(&scene, OWN, 4, NAN);
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 1);
	assert_true(isnan(scene.list[0].growth_per_s));
	end(&scene);
}

/* Cycles that wait for the collector have no container: they are one where they are made of the same. */
static void test_garbage(void **state)
{
	static const struct {
		const char *types[2][2];
		size_t left;
	} cases[] = {
		{{{"Node", "dict"}, {"Node", "list"}}, 1},
		{{{"Node", "dict"}, {"dict", "list"}}, 1},
		{{{"dict", NULL}, {"Node", "dict"}}, 1},
		{{{"Node", "dict"}, {"Tree", "dict"}}, 2},
		{{{"Node", NULL}, {NULL, NULL}}, 2},
		{{{NULL, NULL}, {NULL, NULL}}, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct scene scene;

		begin(&scene);
		for (size_t k = 0; k < 2; k++) {
			struct verdict *one = add(&scene, OWN, 0, 1000);

			one->cause = CAUSE_UNCOLLECTED_CYCLE;
			one->container = NULL;
			for (size_t t = 0; t < 2 && cases[i].types[k][t]; t++)
				add_type(&scene, one, cases[i].types[k][t]);
		}
		judge__group(&scene.judge);
		if (scene.judge.count != cases[i].left)
			fail_msg("case %zu: %zu are left", i, scene.judge.count);
		end(&scene);
	}
}

/* Each of these is another finding. */
static void test_apart(void **state)
{
	struct scene scene;
	struct verdict *other[6];

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
		begin(&scene);
		add(&scene, OWN, 3, 1000);
		for (size_t k = 0; k < sizeof(other) / sizeof(*other); k++)
			other[k] = NULL;
		other[i] = add(&scene, OWN, 4, 100);
		if (other[0])
			other[0]->container = "app.LATER";
		if (other[1])
			other[1]->container = NULL;
		if (other[2])
			other[2]->cause = CAUSE_OBJECT_RETENTION;
		if (other[3])
			other[3]->kind = VERDICT_NOT_A_LEAK;
		if (other[4])
			other[4]->site = -1; /* of the process as a whole */
		if (other[5])
			scene.list[0].container = other[5]->container = NULL;
		judge__group(&scene.judge);
		assert_int_equal(scene.judge.count, 2);
		assert_true(scene.list[0].growth_per_s == 1000);
		assert_true(scene.list[1].growth_per_s == 100);
		end(&scene);
	}
}

/* Two containers, their lines mixed, and one that has stopped growing. */
static void test_many(void **state)
{
	struct scene scene;
	double sum[3] = {0};

	(void)state;
	begin(&scene);
	for (size_t i = 0; i < MOST; i++) {
		struct verdict *verdict = add(&scene, i == 9 || i == 4 ? OWN : LIBRARY, 3, i + 1);

		if (i % 3 == 1)
			verdict->container = "app.LATER";
		if (i % 3 == 2)
			verdict->kind = VERDICT_NOT_A_LEAK;
		sum[i % 3] += i + 1;
	}
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct verdict *verdict = &scene.list[i];
		size_t which = verdict->kind == VERDICT_NOT_A_LEAK       ? 2
			       : strcmp(verdict->container, "app.CACHE") ? 1
									 : 0;

		assert_true(verdict->growth_per_s == sum[which]);
		/* Own lines are the 10th and the 5th; of the rest the fastest, the 15th. */
		assert_int_equal(verdict->site, which == 0 ? 9 : which == 1 ? 4 : 14);
		assert_true(verdict->evidence_count <= VERDICT_EVIDENCE);
		sum[which] = -1; /* not twice */
	}
	end(&scene);
}

/* Types of all, each once, those of the line that is named first; no more than fit. */
static void test_types(void **state)
{
	static const char *const more[] = {"Session", "dict", "str", "a", "b", "c", "d", "e"};
	struct scene scene;
	struct verdict *one, *other;

	(void)state;
	begin(&scene);
	other = add(&scene, LIBRARY, 3, 1000);
	for (size_t i = 0; i < 8; i++)
		add_type(&scene, other, more[i]);
	one = add(&scene, OWN, 4, 10);
	add_type(&scene, one, "str");
	add_type(&scene, one, "bytes");
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 1);
	assert_int_equal(scene.list[0].site, 1);
	assert_int_equal(scene.list[0].type_count, 6);
	assert_string_equal(scene.list[0].types[0].name, "str");
	assert_int_equal(scene.list[0].types[0].count, 1); /* its own figure */
	assert_string_equal(scene.list[0].types[1].name, "bytes");
	assert_string_equal(scene.list[0].types[2].name, "Session");
	assert_string_equal(scene.list[0].types[3].name, "dict");
	assert_string_equal(scene.list[0].types[4].name, "a");
	end(&scene);

	/* One that has more than fit keeps them. */
	begin(&scene);
	one = add(&scene, OWN, 3, 10);
	for (size_t i = 0; i < 8; i++)
		add_type(&scene, one, more[i]);
	other = add(&scene, OWN, 4, 10);
	add_type(&scene, other, "bytes");
	judge__group(&scene.judge);
	assert_int_equal(scene.list[0].type_count, 8);
	end(&scene);
}

/* Native code has no line to name beside; none at all is no group. */
static void test_edges(void **state)
{
	struct scene scene;

	(void)state;
	begin(&scene);
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 0);
	add(&scene, OWN, 3, 10);
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 1);
	add(&scene, NULL, 3, 10);
	judge__group(&scene.judge);
	assert_int_equal(scene.judge.count, 1);
	assert_int_equal(scene.list[0].evidence_count, 0);
	end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_code),   cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_fastest),    cmocka_unit_test(test_severity),
		cmocka_unit_test(test_unmeasured), cmocka_unit_test(test_apart),
		cmocka_unit_test(test_many),       cmocka_unit_test(test_types),
		cmocka_unit_test(test_edges),      cmocka_unit_test(test_minor),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
