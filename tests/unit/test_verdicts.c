// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_verdicts.c - evidence made by hand for each cause, and for what only looks like a leak
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyze/analyze.h"
#include "analyze/assemble.h"
#include "analyze/trend.h"
#include "lib/arena.h"

#define MIB 1048576.0
#define LOOKS 24
#define GAP_S 2.5
#define SITES 4
#define PACE 50000.0

/* A process of 100 MiB with one line, looked at every few seconds for a minute. */
struct world {
	struct report_process process;
	struct report_site sites[SITES];
	struct named_frame native;
	struct evidence evidence;
	struct evidence_site about[SITES];
	struct evidence_type types[4];
	struct evidence_holder holders[4];
	struct census_type census[4];
	struct rss_bridge bridge;
	double at_s[64], live[SITES][64];
	size_t looks;
	struct arena *arena;
	struct verdict_list verdicts;
};

typedef double (*shape_fn)(double at_s, double run_s);

static double line_shape(double at_s, double run_s)
{
	(void)run_s;
	return PACE * at_s;
}

static double warm_shape(double at_s, double run_s)
{
	return PACE * fmin(at_s, run_s / 3);
}

/* A cache that fills ever more slowly. */
static double saturating_shape(double at_s, double run_s)
{
	return PACE * 20 * (1 - exp(-at_s / (run_s / 5)));
}

static double saw_shape(double at_s, double run_s)
{
	return PACE * fmod(at_s, run_s / 4.3);
}

static double one_tooth_shape(double at_s, double run_s)
{
	return at_s < 0.6 * run_s ? PACE * at_s : PACE * (at_s - 0.6 * run_s);
}

static double load_shape(double at_s, double run_s)
{
	return at_s < run_s / 6 ? 0 : 40 * MIB;
}

static double flat_shape(double at_s, double run_s)
{
	(void)at_s;
	(void)run_s;
	return 30 * MIB;
}

/* A leak under a load that comes and goes. */
static double noisy_shape(double at_s, double run_s)
{
	(void)run_s;
	return PACE * at_s + 300000 * (1 + sin(at_s * 1.3));
}

static void world__series(struct world *w, size_t site, shape_fn shape)
{
	double run = (w->looks - 1) * GAP_S;

	for (size_t i = 0; i < w->looks; i++)
		w->live[site][i] = shape(w->at_s[i], run);
	w->about[site].point_count = w->looks;
	w->sites[site].live_bytes = w->live[site][w->looks - 1];
	w->sites[site].live_count = w->sites[site].live_bytes / 1000;
}

enum layer { RSS, OBJECTS, IN_USE, UNUSED, ARENAS, MAPPED, THREADS, GARBAGE };

static double *layer_of(struct evidence_point *point, enum layer layer)
{
	double *layers[] = {&point->rss,         &point->python_bytes, &point->malloc_in_use,
			    &point->malloc_free, &point->arena_bytes,  &point->mmap_anon,
			    &point->threads,     &point->garbage_bytes};

	return layers[layer];
}

static void world__layer(struct world *w, enum layer layer, double base, shape_fn shape)
{
	double run = (w->looks - 1) * GAP_S;

	for (size_t i = 0; i < w->looks; i++)
		*layer_of(&w->evidence.points[i], layer) = base + shape(w->at_s[i], run);
}

/* Even ages up to the look at the end of the run; survives: 0..1 of the blocks that are older than a third of it. */
static void world__ages(struct world *w, size_t site, double survives)
{
	struct evidence_site *about = &w->about[site];
	double run = (w->looks - 1) * GAP_S;

	about->age_count = 8;
	for (size_t k = 0; k < 8; k++) {
		double bound = run * (k + 0.5) / 8;

		about->age_bounds[k] = bound;
		about->older_bytes[k] = PACE * (run - bound) * (bound > run / 3 ? survives : 1);
	}
}

static void world__hold(struct world *w, size_t site, const char *container, const char *type,
			double first, double last, double bound)
{
	w->holders[site] = (struct evidence_holder){
		.path = {"module app", container, "Session"},
		.path_count = 3,
		.container = container,
		.container_type = type,
		.first_length = first,
		.last_length = last,
		.seconds = 40,
		.bound = bound,
		.share = 0.9,
	};
	w->about[site].holders = &w->holders[site];
	w->about[site].holder_count = 1;
	w->about[site].sampled_blocks = w->about[site].object_blocks = 100;
	w->census[site] = (struct census_type){"app.Session", 3000, 168000, 2000000};
	w->about[site].types = &w->census[site];
	w->about[site].type_count = 1;
}

static void world__init(struct world *w, size_t looks)
{
	memset(w, 0, sizeof(*w));
	w->looks = looks;
	w->arena = arena__new();
	w->process.exe = "/usr/bin/python3.11";
	w->process.memory.rss = 100 * MIB;
	w->process.sites = w->sites;
	w->native = (struct named_frame){
		.kind = FRAME_NATIVE, .module = "libpython3.11.so.1.0", .function = "new_dict"};
	for (size_t i = 0; i < SITES; i++) {
		w->sites[i] = (struct report_site){
			.id = i,
			.file = "app.py",
			.path = "/srv/app.py",
			.function = "Cache.put",
			.line = 42 + i,
			.domain = DOMAIN_OBJECT,
			.median_age_s = -1,
			.growth_per_s = NAN,
			.native = &w->native,
		};
		w->about[i].site = i;
		w->about[i].at_s = w->at_s;
		w->about[i].live_bytes = w->live[i];
	}
	for (size_t i = 0; i < looks; i++) {
		w->at_s[i] = i * GAP_S;
		for (enum layer layer = RSS; layer <= GARBAGE; layer++)
			*layer_of(&w->evidence.points[i], layer) = NAN;
		w->evidence.points[i].malloc_arenas = NAN;
		w->evidence.points[i].at_s = w->at_s[i];
	}
	w->evidence.point_count = looks;
	w->evidence.sites = w->about;
	w->evidence.types = w->types;
	w->evidence.largest_block_bytes = w->evidence.rss_peak = w->evidence.limit = NAN;
	w->process.site_count = w->evidence.site_count = 1;
}

/* One line that grows in this way, and the process with it. */
static void world__one(struct world *w, size_t looks, shape_fn shape)
{
	world__init(w, looks);
	world__series(w, 0, shape);
	world__layer(w, RSS, 100 * MIB, shape);
	world__layer(w, OBJECTS, 60 * MIB, shape);
	world__layer(w, IN_USE, 20 * MIB, flat_shape);
}

static size_t world__judge(struct world *w)
{
	assert_int_equal(analyze__verdicts(&w->process, &w->evidence, w->arena, &w->verdicts), 0);
	for (size_t i = 0; i < w->verdicts.count; i++) {
		const struct verdict *verdict = &w->verdicts.list[i];

		assert_true(verdict->confidence >= 0 && verdict->confidence <= 1);
		assert_non_null(verdict->summary);
		assert_non_null(verdict->advice);
		assert_int_equal(strlen(verdict->signature), 16);
		for (size_t j = 0; j < verdict->evidence_count; j++)
			assert_non_null(verdict->evidence[j]);
	}
	return w->verdicts.count;
}

static void world__free(struct world *w)
{
	arena__free(w->arena);
}

static void describe(const struct world *w)
{
	for (size_t i = 0; i < w->verdicts.count; i++) {
		const struct verdict *verdict = &w->verdicts.list[i];

		print_message("%s %s %.3f site %lld: %s | %s\n", verdict_kind__name(verdict->kind),
			      verdict_cause__name(verdict->cause), verdict->confidence,
			      verdict->site, verdict->summary, verdict->advice);
		for (size_t j = 0; j < verdict->evidence_count; j++)
			print_message("  - %s\n", verdict->evidence[j]);
	}
}

static const struct verdict *only(struct world *w, enum verdict_kind kind, enum verdict_cause cause)
{
	const struct verdict *first = w->verdicts.list;

	if (w->verdicts.count != 1 || first->kind != kind || first->cause != cause) {
		describe(w);
		fail_msg("%zu verdicts, the first %s %s", w->verdicts.count,
			 w->verdicts.count ? verdict_kind__name(first->kind) : "-",
			 w->verdicts.count ? verdict_cause__name(first->cause) : "-");
	}
	return first;
}

static void no_leak(struct world *w)
{
	world__judge(w);
	for (size_t i = 0; i < w->verdicts.count; i++)
		if (w->verdicts.list[i].kind == VERDICT_LEAK) {
			describe(w);
			fail_msg("called a leak");
		}
}

static void assert_says(const char *text, const char *part)
{
	if (!text || !strstr(text, part))
		fail_msg("\"%s\" lacks \"%s\"", text ? text : "", part);
}

/* --- leaks --- */

static void test_unbounded_cache(void **state)
{
	const struct verdict *verdict;
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__ages(&w, 0, 1);
	world__hold(&w, 0, "app.CACHE", "dict", 1000, 3000, NAN);
	world__judge(&w);
	verdict = only(&w, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE);
	assert_true(verdict->confidence > 0.9);
	assert_int_equal(verdict->site, 0);
	assert_true(fabs(verdict->growth_per_s - PACE) < 1);
	assert_true(verdict->growth_low > 0.9 * PACE && verdict->growth_high < 1.1 * PACE);
	assert_says(verdict->summary, "Cache.put (app.py:42)");
	assert_says(verdict->summary, "app.CACHE (dict, 3,000 entries)");
	assert_says(verdict->summary, "app.Session");
	assert_says(verdict->summary, "48.8 KiB/s");
	assert_says(verdict->advice, "app.CACHE");
	assert_int_equal(verdict->held_by_count, 3);
	assert_string_equal(verdict->held_by[1], "app.CACHE");
	assert_string_equal(verdict->types[0].name, "app.Session");
	world__free(&w);
}

static void test_object_retention(void **state)
{
	static const char *const types[] = {"list", "set", "collections.deque", "app.Registry"};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		world__one(&w, LOOKS, noisy_shape);
		world__ages(&w, 0, 1);
		world__hold(&w, 0, "app.handlers", types[i], 1000, 3000, NAN);
		world__judge(&w);
		only(&w, VERDICT_LEAK, CAUSE_OBJECT_RETENTION);
		world__free(&w);
	}
}

/* A container that is long already grows by little, and still with the line. */
static void test_long_container(void **state)
{
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__hold(&w, 0, "app.CACHE", "dict", 1000000, 1002000, NAN);
	world__judge(&w);
	only(&w, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE);
	world__free(&w);
}

/* Objects and their buffers, by one line: one verdict. */
static void test_one_line_two_layers(void **state)
{
	const struct verdict *verdict;
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__series(&w, 1, line_shape);
	w.sites[1].line = w.sites[0].line;
	w.sites[1].domain = DOMAIN_RAW;
	w.process.site_count = w.evidence.site_count = 2;
	world__hold(&w, 0, "app.CACHE", "dict", 1000, 3000, NAN);
	world__hold(&w, 1, "app.CACHE", "dict", 1000, 3000, NAN);
	world__judge(&w);
	verdict = only(&w, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE);
	assert_true(fabs(verdict->growth_per_s - 2 * PACE) < 1);
	world__free(&w);
}

static void test_uncollected_cycle(void **state)
{
	const struct verdict *verdict;
	struct world w;

	(void)state;
	for (int enabled = 0; enabled < 2; enabled++) {
		world__one(&w, LOOKS, line_shape);
		world__hold(&w, 0, "", "", NAN, NAN, NAN);
		w.about[0].holder_count = 0;
		w.about[0].garbage_share = 0.95;
		w.evidence.gc_known = true;
		w.evidence.gc_enabled = enabled;
		w.evidence.cycle_reason = "gc.disable() was called";
		world__judge(&w);
		/* A collector that runs reaches them in the end. */
		verdict =
			only(&w, enabled ? VERDICT_SUSPECT : VERDICT_LEAK, CAUSE_UNCOLLECTED_CYCLE);
		assert_true(enabled ? verdict->confidence < 0.5 : verdict->confidence > 0.8);
		if (!enabled)
			assert_says(verdict->advice, "gc.enable()");
		world__free(&w);
	}
}

static void test_refcount_leak(void **state)
{
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__hold(&w, 0, "", "", NAN, NAN, NAN);
	w.about[0].holder_count = 0;
	w.about[0].refcount_excess_share = 0.9;
	world__judge(&w);
	assert_says(only(&w, VERDICT_LEAK, CAUSE_REFCOUNT_LEAK)->advice, "Py_DECREF");
	world__free(&w);
}

static void test_native_leak(void **state)
{
	struct world w;

	(void)state;
	world__init(&w, LOOKS);
	world__series(&w, 0, line_shape);
	world__layer(&w, RSS, 100 * MIB, line_shape);
	world__layer(&w, OBJECTS, 60 * MIB, flat_shape);
	world__layer(&w, IN_USE, 60 * MIB, line_shape);
	w.sites[0].domain = DOMAIN_RAW;
	w.native = (struct named_frame){
		.kind = FRAME_NATIVE, .module = "leaky.so", .function = "parse_header"};
	w.about[0].sampled_blocks = 100;
	w.about[0].object_blocks = 3;
	world__judge(&w);
	assert_says(only(&w, VERDICT_LEAK, CAUSE_NATIVE_LEAK)->summary, "parse_header of leaky.so");

	/* Asked for through Python (PyMem_Malloc): less sure, for there may be an owner that was not recognized. */
	w.native.module = "python3.11";
	world__judge(&w);
	assert_says(only(&w, VERDICT_LEAK, CAUSE_NATIVE_LEAK)->summary,
		    "the C code that is called");
	assert_null(strstr(w.verdicts.list[0].advice, "python3.11"));

	/* Blocks that nobody looked at may be anybody's. */
	w.about[0].sampled_blocks = w.about[0].object_blocks = 0;
	world__judge(&w);
	assert_int_equal(w.verdicts.list[0].cause, CAUSE_UNKNOWN);
	world__free(&w);
}

static double tenfold_shape(double at_s, double run_s)
{
	return 10 * line_shape(at_s, run_s);
}

/* What windows take for ten times as much as the heap as a whole grows by: a leak still, of the size that it has. */
static void test_coarse_site(void **state)
{
	const struct verdict *verdict;
	struct world w;

	(void)state;
	world__init(&w, LOOKS);
	world__series(&w, 0, tenfold_shape);
	world__layer(&w, RSS, 100 * MIB, line_shape);
	world__layer(&w, OBJECTS, 60 * MIB, line_shape);
	world__layer(&w, IN_USE, 60 * MIB, flat_shape);
	world__hold(&w, 0, "app.LOG", "list", 1000, 3000, NAN);
	w.sites[0].error_pct = 150;
	world__judge(&w);
	verdict = only(&w, VERDICT_LEAK, CAUSE_OBJECT_RETENTION);
	assert_true(fabs(verdict->growth_per_s - PACE) < 0.02 * PACE);

	/* But of what was recorded there, nearly nothing has stayed: addresses that were handed out again. */
	w.about[0].recorded = 6000;
	w.about[0].survivors = 600;
	no_leak(&w);
	w.about[0].survivors = 5900;
	world__judge(&w);
	only(&w, VERDICT_LEAK, CAUSE_OBJECT_RETENTION);
	w.about[0].recorded = 0;

	/* Too few blocks for a course of its own: the heap's, which is sure, if the container gets longer with it. */
	world__series(&w, 0, noisy_shape);
	for (size_t i = 0; i < w.looks; i++)
		w.live[0][i] += i % 3 ? 0 : 1 * MIB;
	world__judge(&w);
	only(&w, VERDICT_LEAK, CAUSE_OBJECT_RETENTION);
	world__hold(&w, 0, "app.LOG", "list", 3000, 3000, NAN);
	no_leak(&w);
	world__hold(&w, 0, "app.LOG", "list", 1000, 3000, NAN);
	world__series(&w, 0, tenfold_shape);

	/* The container itself says that they come far more slowly. */
	world__hold(&w, 0, "app.LOG", "list", 3000, 3030, NAN);
	world__judge(&w);
	for (size_t i = 0; i < w.verdicts.count; i++)
		if (w.verdicts.list[i].site == 0)
			assert_true(w.verdicts.list[i].growth_per_s < 0.1 * PACE);
	world__hold(&w, 0, "app.LOG", "list", 1000, 3000, NAN);

	/* What is counted exactly is believed. */
	w.sites[0].error_pct = 0;
	world__judge(&w);
	for (size_t i = 0; i < w.verdicts.count; i++)
		if (w.verdicts.list[i].site == 0)
			assert_true(w.verdicts.list[i].growth_per_s > 9 * PACE);
	world__free(&w);
}

static void test_mmap_leak(void **state)
{
	struct world w;

	(void)state;
	world__init(&w, LOOKS);
	world__series(&w, 0, line_shape);
	w.sites[0].domain = DOMAIN_MMAP;
	world__layer(&w, RSS, 100 * MIB, line_shape);
	world__layer(&w, MAPPED, 10 * MIB, line_shape);
	world__judge(&w);
	only(&w, VERDICT_LEAK, CAUSE_MMAP_LEAK);

	/* The same mappings, but they are the heap's. */
	world__layer(&w, MAPPED, 10 * MIB, flat_shape);
	world__layer(&w, RSS, 100 * MIB, flat_shape);
	assert_int_equal(world__judge(&w), 0);
	world__free(&w);
}

static double thread_shape(double at_s, double run_s)
{
	(void)run_s;
	return floor(2 + at_s / 2);
}

static void test_thread_leak(void **state)
{
	struct world w;

	(void)state;
	world__init(&w, LOOKS);
	w.process.site_count = w.evidence.site_count = 0;
	world__layer(&w, RSS, 100 * MIB, flat_shape);
	world__layer(&w, THREADS, 0, thread_shape);
	world__judge(&w);
	assert_says(only(&w, VERDICT_LEAK, CAUSE_THREAD_LEAK)->summary, "2 at first, 30 now");

	/* Where a line maps their stacks, it is that line. */
	w.process.site_count = w.evidence.site_count = 1;
	world__series(&w, 0, line_shape);
	w.sites[0].domain = DOMAIN_MMAP;
	world__layer(&w, MAPPED, 10 * MIB, line_shape);
	world__layer(&w, RSS, 100 * MIB, line_shape);
	world__judge(&w);
	assert_int_equal(only(&w, VERDICT_LEAK, CAUSE_THREAD_LEAK)->site, 0);
	world__free(&w);

	/* What each of them has in a local variable is kept because they do not end. */
	world__one(&w, LOOKS, line_shape);
	world__layer(&w, THREADS, 0, thread_shape);
	world__hold(&w, 0, NULL, NULL, NAN, NAN, NAN);
	w.holders[0].path[0] = "several threads, function work (app.py)";
	world__judge(&w);
	assert_says(only(&w, VERDICT_LEAK, CAUSE_THREAD_LEAK)->summary, "threads keep");
	world__layer(&w, THREADS, 2, flat_shape);
	world__judge(&w);
	only(&w, VERDICT_LEAK, CAUSE_OBJECT_RETENTION);
	world__free(&w);
}

/* Nothing but looks at the whole: types, and who holds them. */
static void test_census_only(void **state)
{
	const struct verdict *verdict;
	struct world w;

	(void)state;
	world__init(&w, LOOKS);
	w.process.site_count = w.evidence.site_count = 0;
	world__layer(&w, RSS, 100 * MIB, line_shape);
	world__layer(&w, OBJECTS, 60 * MIB, line_shape);
	world__hold(&w, 0, "app.CACHE", "dict", 1000, 3000, NAN);
	w.types[0] = (struct evidence_type){
		"app.Session", 0,    57.5, 100, 3000, 1 * MIB, 1 * MIB + 0.6 * PACE * 57.5,
		3000,          NULL, NULL, 0,   64,   0,       0,
		w.holders,     1};
	w.types[1] = (struct evidence_type){.name = "dict",
					    .last_s = 57.5,
					    .first_count = 100,
					    .last_count = 3000,
					    .peak_count = 3000,
					    .first_bytes = MIB,
					    .last_bytes = MIB + 0.4 * PACE * 57.5};
	w.types[2] = (struct evidence_type){.name = "str",
					    .last_s = 57.5,
					    .last_count = 1000,
					    .peak_count = 9000,
					    .first_bytes = MIB,
					    .last_bytes = MIB + 0.1 * PACE * 57.5};
	w.evidence.type_count = 3;
	world__judge(&w);
	verdict = only(&w, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE);
	assert_int_equal(verdict->site, -1);
	assert_int_equal(verdict->type_count, 2); /* str has been more, and is not kept */
	assert_true(fabs(verdict->growth_per_s - PACE) < 0.02 * PACE);
	assert_says(verdict->summary, "app.Session objects");
	assert_says(verdict->summary, "app.CACHE");

	/* Too little was seen of the line that makes them for a word about it, but enough to name it. */
	world__series(&w, 0, flat_shape);
	w.process.site_count = w.evidence.site_count = 1;
	w.about[0].holder_count = 0;
	world__judge(&w);
	assert_int_equal(only(&w, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE)->site, 0);
	w.about[0].type_count = 0;
	world__judge(&w);
	assert_int_equal(only(&w, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE)->site, -1);
	world__free(&w);
}

/* The same where nobody holds them. */
static void test_garbage_of_types(void **state)
{
	static const struct census_type garbage[] = {{"app.Node", 2900, 200000, 0}};
	struct world w;

	(void)state;
	for (int by_type = 0; by_type < 2; by_type++) {
		world__init(&w, LOOKS);
		w.process.site_count = w.evidence.site_count = 0;
		world__layer(&w, RSS, 100 * MIB, line_shape);
		world__layer(&w, OBJECTS, 60 * MIB, line_shape);
		world__layer(&w, GARBAGE, 0, line_shape);
		w.types[0] = (struct evidence_type){.name = "app.Node",
						    .last_s = 57.5,
						    .last_count = 3000,
						    .peak_count = 3000,
						    .last_bytes = PACE * 57.5};
		w.evidence.type_count = by_type;
		w.evidence.cycle_types = garbage;
		w.evidence.cycle_type_count = 1;
		w.evidence.cycle_reason = "frozen";
		w.evidence.cycles_stay = true;
		world__judge(&w);
		assert_string_equal(only(&w, VERDICT_LEAK, CAUSE_UNCOLLECTED_CYCLE)->types[0].name,
				    "app.Node");
		world__free(&w);
	}
}

static void test_unexplained_layers(void **state)
{
	static const struct {
		enum layer layer;
		enum verdict_kind kind;
		enum verdict_cause cause;
	} rows[] = {
		{IN_USE, VERDICT_LEAK, CAUSE_NATIVE_LEAK},
		{MAPPED, VERDICT_LEAK, CAUSE_MMAP_LEAK},
		{UNUSED, VERDICT_SUSPECT, CAUSE_FRAGMENTATION},
		{ARENAS, VERDICT_SUSPECT, CAUSE_ARENA_RETENTION},
	};
	struct world w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		world__init(&w, LOOKS);
		w.process.site_count = w.evidence.site_count = 0;
		world__layer(&w, RSS, 100 * MIB, line_shape);
		world__layer(&w, OBJECTS, 30 * MIB, flat_shape);
		world__layer(&w, rows[i].layer, 10 * MIB, line_shape);
		world__judge(&w);
		only(&w, rows[i].kind, rows[i].cause);
		world__free(&w);
	}
}

/* --- what only looks like one --- */

static void test_bounded_cache(void **state)
{
	const struct verdict *verdict;
	struct world w;

	(void)state;
	/* Full, though its line grows yet: entries of before the tracing are being replaced. */
	world__one(&w, LOOKS, line_shape);
	world__layer(&w, RSS, 100 * MIB, flat_shape);
	world__layer(&w, OBJECTS, 60 * MIB, flat_shape);
	world__ages(&w, 0, 1);
	world__hold(&w, 0, "app.parse", "functools._lru_cache_wrapper", 1000, 1000, 1000);
	world__judge(&w);
	only(&w, VERDICT_NOT_A_LEAK, CAUSE_BOUNDED_CACHE);

	/* No bound that could be read, but it keeps its length. */
	world__hold(&w, 0, "app.CACHE", "dict", 1000, 1001, NAN);
	world__judge(&w);
	only(&w, VERDICT_NOT_A_LEAK, CAUSE_BOUNDED_CACHE);

	/* On its way to a bound that is not far. */
	world__layer(&w, OBJECTS, 60 * MIB, line_shape);
	world__layer(&w, RSS, 100 * MIB, line_shape);
	world__hold(&w, 0, "app.recent", "collections.deque", 1000, 3000, 5000);
	world__judge(&w);
	verdict = only(&w, VERDICT_NOT_A_LEAK, CAUSE_BOUNDED_CACHE);
	assert_says(verdict->summary, "full at 5,000 entries, in 40 s");

	/* Has stopped growing, while entries come and go. */
	world__series(&w, 0, warm_shape);
	w.sites[0].alloc_count = 9000;
	w.sites[0].free_count = 6000;
	world__hold(&w, 0, "app.recent", "list", 1000, 3000, NAN);
	world__judge(&w);
	assert_int_equal(w.verdicts.list[w.verdicts.count - 1].cause, CAUSE_BOUNDED_CACHE);
	world__series(&w, 0, line_shape);

	/* A bound that memory has no room for is none. */
	world__hold(&w, 0, "app.CACHE", "dict", 1000, 3000, 1e9);
	world__judge(&w);
	only(&w, VERDICT_LEAK, CAUSE_UNBOUNDED_CACHE);
	world__free(&w);
}

static void test_warmup(void **state)
{
	static const shape_fn shapes[] = {warm_shape, saturating_shape};
	const struct verdict *verdict;
	struct world w;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		world__one(&w, LOOKS, shapes[i]);
		world__judge(&w);
		verdict = only(&w, VERDICT_NOT_A_LEAK, CAUSE_WARMUP);
		assert_true(verdict->confidence > 0.6);
		world__free(&w);
	}
}

static void test_one_load(void **state)
{
	struct world w;

	(void)state;
	world__one(&w, LOOKS, load_shape);
	world__judge(&w);
	only(&w, VERDICT_NOT_A_LEAK, CAUSE_LARGE_DATA);
	world__free(&w);
}

static void test_waves(void **state)
{
	static const shape_fn shapes[] = {saw_shape, one_tooth_shape, flat_shape};
	struct world w;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		world__one(&w, LOOKS, shapes[i]);
		no_leak(&w);
		world__free(&w);
	}
}

/* Since tracing began the line has ever more, but what was there before goes as fast. */
static void test_turnover(void **state)
{
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__layer(&w, RSS, 100 * MIB, flat_shape);
	world__layer(&w, OBJECTS, 60 * MIB, flat_shape);
	assert_int_equal(world__judge(&w), 0);

	/* It grows a little, but not nearly as the line seems to. */
	for (size_t i = 0; i < LOOKS; i++)
		w.evidence.points[i].python_bytes += 0.1 * PACE * i * GAP_S + 400000 * (i % 3);
	no_leak(&w);

	/* The same with nothing known but RSS: not sure enough to say nothing, nor to say leak. */
	world__layer(&w, OBJECTS, NAN, flat_shape);
	world__layer(&w, IN_USE, NAN, flat_shape);
	no_leak(&w);
	world__free(&w);

	/* Old blocks go. */
	world__one(&w, LOOKS, line_shape);
	world__ages(&w, 0, 0.05);
	no_leak(&w);
	world__free(&w);
}

static void test_still_but_large(void **state)
{
	struct world w;

	(void)state;
	world__init(&w, LOOKS);
	w.process.site_count = w.evidence.site_count = 0;
	world__layer(&w, RSS, 100 * MIB, flat_shape);
	w.bridge = (struct rss_bridge){.rss = 130 * MIB, .malloc_free = 70 * MIB};
	w.evidence.bridge = &w.bridge;
	world__judge(&w);
	assert_says(only(&w, VERDICT_NOT_A_LEAK, CAUSE_FRAGMENTATION)->advice, "malloc_trim");

	w.bridge = (struct rss_bridge){.rss = 130 * MIB, .pymalloc_free = 70 * MIB};
	world__judge(&w);
	only(&w, VERDICT_NOT_A_LEAK, CAUSE_ARENA_RETENTION);

	w.evidence.bridge = NULL;
	w.evidence.largest_block_bytes = 90 * MIB;
	w.evidence.largest_block_type = "numpy.ndarray";
	world__judge(&w);
	assert_says(only(&w, VERDICT_NOT_A_LEAK, CAUSE_LARGE_DATA)->summary, "numpy.ndarray of 90");
	assert_int_equal(w.verdicts.list[0].evidence_count, 1);
	w.evidence.rss_peak = 300 * MIB;
	world__judge(&w);
	assert_says(only(&w, VERDICT_NOT_A_LEAK, CAUSE_LARGE_DATA)->evidence[1],
		    "300.0 MiB at its");
	world__free(&w);
}

static void test_nothing(void **state)
{
	struct world w;

	(void)state;
	world__init(&w, LOOKS);
	world__layer(&w, RSS, 100 * MIB, flat_shape);
	assert_int_equal(world__judge(&w), 0);
	/* No look at all. */
	w.evidence = (struct evidence){0};
	assert_int_equal(world__judge(&w), 0);
	world__free(&w);
}

static void test_too_little(void **state)
{
	struct world w;

	(void)state;
	for (size_t looks = 1; looks <= 5; looks++) {
		world__one(&w, looks, line_shape);
		world__hold(&w, 0, "app.CACHE", "dict", 1000, 3000, NAN);
		w.types[0] = (struct evidence_type){.name = "dict",
						    .last_s = 5,
						    .last_count = 9,
						    .peak_count = 9,
						    .last_bytes = 1e6};
		w.evidence.type_count = 1;
		no_leak(&w);
		world__free(&w);
	}
}

/* A few bytes a second are not worth a person's time. */
static double trickle_shape(double at_s, double run_s)
{
	(void)run_s;
	return 100 * at_s;
}

static void test_trickle(void **state)
{
	struct world w;

	(void)state;
	world__one(&w, LOOKS, trickle_shape);
	assert_int_equal(world__judge(&w), 0);
	world__free(&w);
}

/* --- confidence, names, order --- */

static double confidence_of(size_t looks, double survives, double share)
{
	double confidence;
	struct world w;

	world__one(&w, looks, line_shape);
	world__ages(&w, 0, survives);
	world__hold(&w, 0, "app.CACHE", "dict", 1000, 3000, NAN);
	w.holders[0].share = share;
	world__judge(&w);
	confidence = w.verdicts.count ? w.verdicts.list[0].confidence : 0;
	world__free(&w);
	return confidence;
}

static void test_confidence_rises_with_evidence(void **state)
{
	double before = 0;

	(void)state;
	for (size_t looks = 6; looks <= 40; looks += 2) {
		assert_true(confidence_of(looks, 1, 0.9) > before);
		before = confidence_of(looks, 1, 0.9);
	}
	assert_true(before > 0.93);
	assert_true(confidence_of(LOOKS, 0.8, 0.9) < confidence_of(LOOKS, 0.95, 0.9));
	assert_true(confidence_of(LOOKS, 1, 0.6) < confidence_of(LOOKS, 1, 0.8));
}

static void test_order_and_signature(void **state)
{
	char signature[17];
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__series(&w, 1, line_shape);
	for (size_t i = 0; i < w.looks; i++)
		w.live[1][i] *= 3;
	w.process.site_count = w.evidence.site_count = 2;
	world__judge(&w);
	assert_int_equal(w.verdicts.count, 2);
	assert_int_equal(w.verdicts.list[0].site, 1);
	/* The line is not in it, the function is. */
	assert_string_equal(w.verdicts.list[0].signature, w.verdicts.list[1].signature);
	strcpy(signature, w.verdicts.list[0].signature);
	w.process.pid = 77;
	w.sites[1].path = "/elsewhere/app.py";
	world__judge(&w);
	assert_string_equal(w.verdicts.list[0].signature, signature);
	w.sites[1].function = "Cache.get";
	world__judge(&w);
	assert_string_not_equal(w.verdicts.list[0].signature, signature);
	world__free(&w);
}

static bool suppressed_by(struct world *w, struct suppression suppression)
{
	w->verdicts.list[0].suppressed = false;
	analyze__suppress(&w->process, &suppression, 1, &w->verdicts);
	return w->verdicts.list[0].suppressed;
}

static void test_suppress(void **state)
{
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__hold(&w, 0, "app.CACHE", "dict", 1000, 3000, NAN);
	world__judge(&w);
	assert_true(suppressed_by(&w, (struct suppression){.file = "app.*"}));
	assert_true(suppressed_by(&w, (struct suppression){.file = "/srv/*"}));
	assert_true(suppressed_by(&w, (struct suppression){.type = "*.Session"}));
	assert_true(
		suppressed_by(&w, (struct suppression){.signature = w.verdicts.list[0].signature}));
	assert_true(
		suppressed_by(&w, (struct suppression){.file = "app.py", .function = "Cache.*"}));
	assert_false(suppressed_by(&w, (struct suppression){.file = "app.py", .function = "get"}));
	assert_false(suppressed_by(&w, (struct suppression){.type = "dict"}));
	assert_false(suppressed_by(&w, (struct suppression){0}));
	world__free(&w);
}

/* Names as a hostile target may choose them. */
static void test_hostile_names(void **state)
{
	char *huge = malloc(1 << 20);
	struct world w;

	(void)state;
	memset(huge, 'x', 1 << 20);
	for (size_t i = 0; i < (1 << 20) - 1; i += 3)
		memcpy(huge + i, "€", 3); /* cut within a character, whatever the length */
	huge[(1 << 20) - 1] = '\0';
	world__one(&w, LOOKS, line_shape);
	world__hold(&w, 0, huge, huge, 1000, 3000, NAN);
	w.census[0].name = w.sites[0].function = w.sites[0].file = huge;
	world__judge(&w);
	assert_int_equal(w.verdicts.count, 1);
	assert_true(strlen(w.verdicts.list[0].summary) < 1100);
	for (const char *c = w.verdicts.list[0].summary; *c;)
		if ((*c & 0x80) && !strncmp(c, "€", 3))
			c += 3;
		else if ((*c & 0x80) && !strncmp(c, "…", 3))
			c += 3;
		else
			assert_false(*c++ & 0x80);
	world__free(&w);
	free(huge);
}

static void test_nonsense(void **state)
{
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	world__hold(&w, 0, "app.CACHE", "dict", -1, INFINITY, -5);
	w.holders[0].path_count = 1000;
	w.holders[0].path[0] = NULL;
	w.holders[0].container_type = NULL;
	w.holders[0].share = NAN;
	w.about[0].age_count = 1000;
	w.about[0].survivors = INFINITY;
	w.about[0].recorded = NAN;
	for (size_t i = 0; i < LOOKS; i += 2)
		w.live[0][i] = i % 4 ? NAN : INFINITY;
	w.evidence.limit = -1;
	world__judge(&w);
	for (size_t i = 0; i < w.verdicts.count; i++) {
		assert_null(strstr(w.verdicts.list[i].summary, "nan"));
		for (size_t j = 0; j < w.verdicts.list[i].evidence_count; j++)
			assert_null(strstr(w.verdicts.list[i].evidence[j], "nan"));
	}
	w.about[0].site = 99;
	no_leak(&w);
	world__free(&w);
}

/* --- the limit --- */

static void test_limit(void **state)
{
	struct report_memory memory;
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	w.evidence.limit = 100 * MIB + PACE * (LOOKS - 1) * GAP_S + 1000 * PACE;
	analyze__limit(&w.evidence, &memory);
	assert_true(fabs(memory.seconds_to_limit - 1000) < 1);
	assert_true(memory.seconds_to_limit_low <= memory.seconds_to_limit &&
		    memory.seconds_to_limit <= memory.seconds_to_limit_high);

	world__layer(&w, RSS, 100 * MIB, noisy_shape);
	analyze__limit(&w.evidence, &memory);
	assert_true(memory.seconds_to_limit_low < memory.seconds_to_limit &&
		    memory.seconds_to_limit < memory.seconds_to_limit_high);

	world__layer(&w, RSS, 100 * MIB, warm_shape);
	analyze__limit(&w.evidence, &memory);
	assert_true(isnan(memory.seconds_to_limit) && memory.limit > 0);

	w.evidence.limit = NAN;
	analyze__limit(&w.evidence, &memory);
	assert_int_equal(memory.limit, REPORT_UNMEASURED);
	world__free(&w);
}

/* --- trends --- */

/* Of lines with noise, the interval has the true slope 95 times in a hundred. */
static void test_interval(void **state)
{
	double at_s[20], values[20];
	struct trend trend;
	int held = 0;

	(void)state;
	srand(1);
	for (int round = 0; round < 2000; round++) {
		for (int i = 0; i < 20; i++) {
			double noise = 0;

			for (int j = 0; j < 12; j++)
				noise += (double)rand() / RAND_MAX - 0.5;
			at_s[i] = i;
			values[i] = 10 * i + 30 * noise;
		}
		trend__of(at_s, values, 20, &trend);
		held += trend.low <= 10 && 10 <= trend.high;
	}
	if (held < 1880 || held > 1970)
		fail_msg("%d of 2000", held);
}

/* Of what only wanders about a level, hardly any is taken to rise; of what leaks with some noise, most is. */
static int rising_of(double memory, double noise, double slope, int rounds)
{
	double at_s[24], values[24], level;
	struct course course;
	int rising = 0;

	srand(2);
	for (int round = 0; round < rounds; round++) {
		level = 0;
		for (int i = 0; i < 24; i++) {
			double error = 0;

			for (int j = 0; j < 12; j++)
				error += (double)rand() / RAND_MAX - 0.5;
			level = memory * level + noise * error;
			at_s[i] = i;
			values[i] = 1e7 + slope * i + level;
		}
		course__of(at_s, values, 24, &course);
		rising += course.kind == COURSE_RISING;
	}
	return rising;
}

static void test_error_rates(void **state)
{
	(void)state;
	assert_in_range(rising_of(0, 1e5, 0, 1000), 0, 5);
	assert_in_range(rising_of(0.5, 1e5, 0, 1000), 0, 10);
	assert_in_range(rising_of(0.8, 1e5, 0, 1000), 0, 30);
	assert_in_range(rising_of(0, 1e5, 1e5, 1000), 950, 1000);
}

static void test_course_kinds(void **state)
{
	static const struct {
		shape_fn shape;
		enum course_kind kind;
	} rows[] = {
		{line_shape, COURSE_RISING},  {noisy_shape, COURSE_RISING},
		{warm_shape, COURSE_STOPPED}, {load_shape, COURSE_STOPPED},
		{saw_shape, COURSE_WAVES},    {one_tooth_shape, COURSE_WAVES},
		{flat_shape, COURSE_STILL},   {saturating_shape, COURSE_STOPPED},
	};
	double at_s[64], values[64];
	struct course course;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (int j = 0; j < 64; j++) {
			at_s[j] = j;
			values[j] = rows[i].shape(j, 63);
		}
		course__of(at_s, values, 64, &course);
		if (course.kind != rows[i].kind)
			fail_msg("row %zu: %d", i, course.kind);
	}
}

/* --- together with the history --- */

static void test_assemble_judges(void **state)
{
	struct history *history = history__new();
	struct report report = {0};
	struct world w;

	(void)state;
	world__one(&w, LOOKS, line_shape);
	w.process.sites = NULL;
	assert_int_equal(assemble__begin(&report, 1, 0, 60), 0);
	report.processes[0] = w.process;
	report.processes[0].sites = calloc(1, sizeof(struct report_site));
	report.processes[0].sites[0] = w.sites[0];
	for (size_t i = 0; i < LOOKS; i++) {
		report.processes[0].sites[0].live_bytes = w.live[0][i];
		assert_int_equal(history__add(history, 1000 + w.at_s[i], &report.processes[0]), 0);
	}
	assert_int_equal(assemble__judge(NULL, history, NULL, 0, &report.processes[0]), 0);
	assert_int_equal(report.processes[0].verdicts.count, 0);
	w.evidence.site_count = 0; /* not mentioned: the history is what there is */
	w.bridge.rss = 5;
	w.evidence.bridge = &w.bridge;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(
			assemble__judge(&w.evidence, history, NULL, 0, &report.processes[0]), 0);
		assert_int_equal(report.processes[0].verdicts.count, 1);
		assert_int_equal(report.processes[0].verdicts.list[0].kind, VERDICT_LEAK);
		assert_int_equal(report.processes[0].memory.bridge->rss, 5);
	}
	history__free(history);
	assemble__end(&report);
	world__free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unbounded_cache),
		cmocka_unit_test(test_object_retention),
		cmocka_unit_test(test_long_container),
		cmocka_unit_test(test_one_line_two_layers),
		cmocka_unit_test(test_uncollected_cycle),
		cmocka_unit_test(test_refcount_leak),
		cmocka_unit_test(test_native_leak),
		cmocka_unit_test(test_coarse_site),
		cmocka_unit_test(test_mmap_leak),
		cmocka_unit_test(test_thread_leak),
		cmocka_unit_test(test_census_only),
		cmocka_unit_test(test_garbage_of_types),
		cmocka_unit_test(test_unexplained_layers),
		cmocka_unit_test(test_bounded_cache),
		cmocka_unit_test(test_warmup),
		cmocka_unit_test(test_one_load),
		cmocka_unit_test(test_waves),
		cmocka_unit_test(test_turnover),
		cmocka_unit_test(test_still_but_large),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_too_little),
		cmocka_unit_test(test_trickle),
		cmocka_unit_test(test_confidence_rises_with_evidence),
		cmocka_unit_test(test_order_and_signature),
		cmocka_unit_test(test_suppress),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_interval),
		cmocka_unit_test(test_error_rates),
		cmocka_unit_test(test_course_kinds),
		cmocka_unit_test(test_assemble_judges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
