// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_memory_blocks.c - where blocks begin that are no objects
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "objects/memory_blocks.h"

static void add(struct memory_blocks *memory, enum block_place place, __u64 address, __u64 size)
{
	const struct heap_block block = {.address = address, .size = size, .place = place};

	assert_int_equal(memory_blocks__add(memory, &block), 0);
}

#define POOL 0x7f0000100000ull
#define HEAP 0x7ffffffff000ull
#define MANY 20000

static void test_size(void **state)
{
	struct memory_blocks *memory = memory_blocks__new();

	(void)state;
	assert_non_null(memory);
	assert_int_equal(memory_blocks__size(memory, POOL), 0);
	for (__u64 i = 0; i < MANY; i++)
		add(memory, BLOCK_IN_POOL, POOL + i * 48, 32);
	add(memory, BLOCK_IN_MALLOC, HEAP, 24);
	add(memory, BLOCK_IN_MALLOC, HEAP + 64, MEMORY_BLOCK_MOST + 64);
	add(memory, BLOCK_MAPPED, POOL - 16, 131072);
	for (__u64 i = 0; i < MANY; i++) {
		assert_int_equal(memory_blocks__size(memory, POOL + i * 48), 32);
		assert_int_equal(memory_blocks__size(memory, POOL + i * 48 + 8), 0);
		assert_int_equal(memory_blocks__size(memory, POOL + i * 48 + 16), 0);
	}
	assert_int_equal(memory_blocks__size(memory, HEAP), 24);
	assert_int_equal(memory_blocks__size(memory, HEAP + 64), MEMORY_BLOCK_MOST);
	assert_int_equal(memory_blocks__size(memory, POOL - 16), 131072);
	assert_int_equal(memory_blocks__size(memory, 0), 0);
	assert_int_equal(memory_blocks__size(memory, UINT64_MAX & ~15ull), 0);
	memory_blocks__free(memory);
}

/* What a heap in motion gives twice, out of order or as no block of ours, is left out. */
static void test_disorder(void **state)
{
	struct memory_blocks *memory = memory_blocks__new();

	(void)state;
	assert_non_null(memory);
	add(memory, BLOCK_IN_POOL, POOL + 96, 48);
	add(memory, BLOCK_IN_POOL, POOL + 96, 16);
	add(memory, BLOCK_IN_POOL, POOL, 48);
	add(memory, BLOCK_IN_POOL, POOL + 104, 48);
	add(memory, BLOCK_IN_POOL, POOL + 144, 4);
	add(memory, BLOCK_IN_POOL, POOL + 160, 16);
	assert_int_equal(memory_blocks__size(memory, POOL + 96), 48);
	assert_int_equal(memory_blocks__size(memory, POOL), 0);
	assert_int_equal(memory_blocks__size(memory, POOL + 104), 0);
	assert_int_equal(memory_blocks__size(memory, POOL + 144), 0);
	assert_int_equal(memory_blocks__size(memory, POOL + 160), 16);
	memory_blocks__free(memory);
}

static void test_covers(void **state)
{
	struct malloc_range range = {.start = HEAP - 4096, .end = HEAP};
	struct arena_fill arena = {.address = POOL, .bytes = 1 << 20};
	const struct block_totals totals = {
		.ranges = &range, .range_count = 1, .arenas = &arena, .arena_count = 1};
	struct memory_blocks *memory = memory_blocks__new();

	(void)state;
	assert_non_null(memory);
	assert_false(memory_blocks__covers(memory, POOL));
	assert_int_equal(memory_blocks__cover(memory, &totals), 0);
	assert_true(memory_blocks__covers(memory, POOL));
	assert_true(memory_blocks__covers(memory, POOL + (1 << 20) - 1));
	assert_false(memory_blocks__covers(memory, POOL + (1 << 20)));
	assert_true(memory_blocks__covers(memory, HEAP - 1));
	assert_false(memory_blocks__covers(memory, HEAP));
	memory_blocks__free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_disorder),
		cmocka_unit_test(test_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
