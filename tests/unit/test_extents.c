// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_extents.c - the address space model against a model that remembers every page by itself
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/extents.h"

#define PAGES 96
#define PAGE 4096ULL

/* The oracle: who owns each page. */
struct page {
	int present;
	__u64 stack, born_ns;
	__u32 domain;
};

struct oracle {
	struct page pages[PAGES];
};

static unsigned int rng = 12345;

static unsigned int below(unsigned int limit)
{
	rng = rng * 1664525u + 1013904223u;
	return (rng >> 8) % limit;
}

static void oracle_remove(struct oracle *oracle, size_t from, size_t to, __u64 before_ns)
{
	for (size_t i = from; i < to; i++)
		if (oracle->pages[i].born_ns < before_ns)
			oracle->pages[i].present = 0;
}

static void oracle_move(struct oracle *oracle, size_t old, size_t old_len, size_t new, size_t len,
			struct page growth, int keep)
{
	struct page copy[PAGES];

	memcpy(copy, oracle->pages, sizeof(copy));
	for (size_t i = 0; i < old_len && !keep; i++)
		oracle->pages[old + i].present = 0;
	for (size_t i = 0; i < len; i++)
		oracle->pages[new + i] = i < old_len ? copy[old + i] : growth;
}

static void compare(const struct extents *extents, const struct oracle *oracle)
{
	struct page seen[PAGES] = {0};
	size_t count;
	const struct extent *all = extents__all(extents, &count);
	__u64 last = 0, traced = 0;

	for (size_t i = 0; i < count; i++) {
		assert_true(all[i].start >= last && all[i].start < all[i].end);
		last = all[i].end;
		for (__u64 page = all[i].start / PAGE; page < all[i].end / PAGE; page++)
			seen[page] = (struct page){1, all[i].stack, all[i].born_ns, all[i].domain};
	}
	for (size_t i = 0; i < PAGES; i++) {
		const struct page *want = &oracle->pages[i];

		assert_int_equal(seen[i].present, want->present);
		if (!want->present)
			continue;
		assert_int_equal(seen[i].stack, want->stack);
		assert_int_equal(seen[i].born_ns, want->born_ns);
		assert_int_equal(seen[i].domain, want->domain);
		if (i >= 7 && i < 61 && want->stack)
			traced += PAGE;
	}
	assert_int_equal(extents__traced_in(extents, 7 * PAGE, 61 * PAGE), traced);
}

static void random_step(struct extents *extents, struct oracle *oracle, __u64 now)
{
	size_t from = below(PAGES), len = 1 + below((PAGES - from) < 20 ? PAGES - from : 20);
	size_t to = below(PAGES), new_len = below(PAGES - to < 20 ? PAGES - to + 1 : 20);
	struct page owner = {1, below(4), now, 3 + below(2)};
	struct extent extent = {from * PAGE, (from + len) * PAGE, now,
				owner.stack, owner.domain,        0};
	__u64 before = now - below(30);
	int keep = below(4) == 0;

	switch (below(4)) {
	case 0:
	case 1:
		assert_int_equal(extents__add(extents, &extent), 0);
		for (size_t i = from; i < from + len; i++)
			oracle->pages[i] = owner;
		break;
	case 2:
		assert_int_equal(extents__remove(extents, extent.start, extent.end, before), 0);
		oracle_remove(oracle, from, from + len, before);
		break;
	default:
		if (below(2))
			to = from, new_len = below(PAGES - from); /* in place */
		assert_int_equal(extents__move(extents, extent.start, len * PAGE, to * PAGE,
					       new_len * PAGE, &extent, keep, UINT64_MAX),
				 0);
		oracle_move(oracle, from, len, to, new_len, owner, keep);
	}
}

static void test_random(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct extents *extents = extents__new();
		struct oracle oracle = {0};

		for (__u64 now = 100; now < 600; now++) {
			random_step(extents, &oracle, now);
			compare(extents, &oracle);
		}
		extents__free(extents);
	}
}

static void expect(const struct extents *extents, size_t index, __u64 start, __u64 end, __u64 stack)
{
	size_t count;
	const struct extent *all = extents__all(extents, &count);

	assert_true(index < count);
	assert_int_equal(all[index].start, start);
	assert_int_equal(all[index].end, end);
	assert_int_equal(all[index].stack, stack);
}

static size_t count_of(const struct extents *extents)
{
	size_t count;

	extents__all(extents, &count);
	return count;
}

static void test_hole_in_the_middle(void **state)
{
	struct extents *extents = extents__new();

	(void)state;
	extents__add(extents, &(struct extent){0x1000, 0x9000, 1, 7, 3, 0});
	assert_int_equal(extents__remove(extents, 0x3000, 0x4000, 2), 0);
	assert_int_equal(count_of(extents), 2);
	expect(extents, 0, 0x1000, 0x3000, 7);
	expect(extents, 1, 0x4000, 0x9000, 7);
	extents__free(extents);
}

/* Another thread's mmap took the range before our munmap's return was seen. */
static void test_younger_extent_stays_whole(void **state)
{
	struct extents *extents = extents__new();

	(void)state;
	extents__add(extents, &(struct extent){0x1000, 0x9000, 50, 7, 3, 0});
	assert_int_equal(extents__remove(extents, 0x3000, 0x4000, 50), 0);
	assert_int_equal(count_of(extents), 1);
	expect(extents, 0, 0x1000, 0x9000, 7);
	assert_int_equal(extents__remove(extents, 0x3000, 0x4000, 51), 0);
	assert_int_equal(count_of(extents), 2);
	extents__free(extents);
}

static void test_move_over_itself(void **state)
{
	struct extents *extents = extents__new();
	struct extent growth = {0, 0, 9, 8, 3, 0};

	(void)state;
	extents__add(extents, &(struct extent){0x1000, 0x4000, 1, 7, 3, 0});
	assert_int_equal(
		extents__move(extents, 0x1000, 0x3000, 0x2000, 0x5000, &growth, 0, UINT64_MAX), 0);
	assert_int_equal(count_of(extents), 2);
	expect(extents, 0, 0x2000, 0x5000, 7);
	expect(extents, 1, 0x5000, 0x7000, 8);
	assert_int_equal(extents__traced_in(extents, 0, UINT64_MAX), 0x5000);
	extents__free(extents);
}

static void test_refuses_nonsense(void **state)
{
	struct extents *extents = extents__new();
	struct extent growth = {0};

	(void)state;
	assert_int_equal(extents__add(extents, &(struct extent){5, 5, 0, 0, 0, 0}), -EINVAL);
	assert_int_equal(extents__add(extents, &(struct extent){6, 5, 0, 0, 0, 0}), -EINVAL);
	assert_int_equal(extents__remove(extents, 9, 3, 1), 0);
	assert_int_equal(extents__move(extents, UINT64_MAX - 5, 10, 0, 1, &growth, 0, UINT64_MAX),
			 -EINVAL);
	assert_int_equal(extents__move(extents, 0, 1, UINT64_MAX - 5, 10, &growth, 0, UINT64_MAX),
			 -EINVAL);
	extents__free(extents);
	extents__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_hole_in_the_middle),
		cmocka_unit_test(test_younger_extent_stays_whole),
		cmocka_unit_test(test_move_over_itself),
		cmocka_unit_test(test_refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
