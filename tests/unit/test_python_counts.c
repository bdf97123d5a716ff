// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_python_counts.c - blocks and collections of live Pythons, against what they say themselves
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "python_run.h"
#include "pythons.h"

#include "agent/python_counts.h"
#include "agent/pythons.h"
#include "report.h"

static struct pythons *pythons;

/* What it says of its collector: collections of three generations, and what it could not collect. */
static void ask(struct run *run, const char *what, long long said[4])
{
	fprintf(run->to, "%s\n", what);
	fflush(run->to);
	assert_int_equal(
		fscanf(run->from, "%lld %lld %lld %lld", &said[0], &said[1], &said[2], &said[3]),
		4);
	usleep(20000); /* it waits in read() again */
}

#define MADE 100000
#define BLOCK 80  /* bytes objects of 40 characters: 33 more, up to a multiple of 16 */
#define NOISE 300 /* blocks */

static void assert_near(long long is, long long wanted, long long noise, const char *what)
{
	if (llabs(is - wanted) > noise)
		fail_msg("%s: %lld instead of %lld", what, is, wanted);
}

static void check_counts(const char *python)
{
	struct python_counts before, after, dropped;
	struct python_identity identity;
	long long said[4], later[4];
	struct run other, run;

	/* Of the second process the interpreter's file is known. */
	start(&other, python);
	assert_int_equal(pythons__identify(pythons, other.pid, &identity), 1);
	python_identity__clear(&identity);
	stop(&other);
	start(&run, python);
	assert_int_equal(pythons__identify(pythons, run.pid, &identity), 1);
	ask(&run, "collect 5", said);
	assert_int_equal(python_counts__read(&identity, &before), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(before.collections[i], said[i]);
	assert_int_equal(before.uncollectable, said[3]);
	assert_false(before.estimated);

	ask(&run, "make 100000", later);
	assert_int_equal(python_counts__read(&identity, &after), 0);
	assert_near(after.blocks - before.blocks, MADE, NOISE, "blocks");
	assert_near(after.object_bytes - before.object_bytes, (long long)MADE * BLOCK, NOISE * 512,
		    "bytes in blocks");
	/* A header and a rest a pool; a pool that is not full a class. */
	assert_in_range(after.pool_free, 1, before.pool_free + MADE * BLOCK / 20);

	ask(&run, "collect 2", later);
	ask(&run, "drop", later);
	assert_int_equal(python_counts__read(&identity, &dropped), 0);
	assert_near(dropped.blocks, before.blocks, NOISE, "blocks after that");
	for (int i = 0; i < 3; i++)
		assert_int_equal(dropped.collections[i], said[i] + 2 + i);

	stop(&run);
	assert_int_equal(python_counts__read(&identity, &dropped), -ESRCH);
	assert_int_equal(dropped.blocks, REPORT_UNMEASURED);
	assert_int_equal(dropped.pool_free, REPORT_UNMEASURED);
	assert_int_equal(dropped.collections[0], REPORT_UNMEASURED);
	python_identity__clear(&identity);
}

static void counts_are_what_it_says(void **state)
{
	(void)state;
	each_python(check_counts);
}

/* What malloc serves has no pools; the collector's figures are there. */
static void check_malloc(const char *python)
{
	struct python_identity identity;
	struct python_counts counts;
	long long said[4];
	struct run run;

	setenv("PYTHONMALLOC", "malloc", 1);
	start(&run, python);
	unsetenv("PYTHONMALLOC");
	assert_int_equal(pythons__identify(pythons, run.pid, &identity), 1);
	assert_null(identity.pools);
	assert_null(identity.cannot_trace);
	ask(&run, "collect 3", said);
	assert_int_equal(python_counts__read(&identity, &counts), 0);
	assert_int_equal(counts.blocks, REPORT_UNMEASURED);
	assert_int_equal(counts.object_bytes, REPORT_UNMEASURED);
	assert_int_equal(counts.pool_free, REPORT_UNMEASURED);
	assert_int_equal(counts.collections[2], said[2]);
	python_identity__clear(&identity);
	stop(&run);
}

static void no_pools_no_figure(void **state)
{
	(void)state;
	each_python(check_malloc);
}

static int set_up(void **state)
{
	(void)state;
	pythons = pythons__new();
	return pythons ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	pythons__free(pythons);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_are_what_it_says),
		cmocka_unit_test(no_pools_no_figure),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
