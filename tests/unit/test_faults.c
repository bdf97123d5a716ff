// SPDX-License-Identifier: BSD-2-Clause
/*
 * Who owns a page: by records and by entries of a pagemap that are made up here, then by this process's own.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/page_owners.h"
#include "trace/faults.h"

#define PAGE 4096ULL
#define BASE 0x7f0000000000ULL
#define CHUNK (OWNERS_CHUNK * PAGE)
#define MINE (PAGEMAP_PRESENT | PAGEMAP_EXCLUSIVE)
#define ZERO_PAGE PAGEMAP_PRESENT
#define FILE_PAGE (PAGEMAP_PRESENT | PAGEMAP_FILE | PAGEMAP_EXCLUSIVE)
#define A 0xaaaa
#define B 0xbbbb

static __u64 at(size_t page)
{
	return BASE + page * PAGE;
}

static void own(struct page_owners *owners, size_t page, __u64 stack)
{
	assert_int_equal(page_owners__own(owners, at(page) + 123, stack, 1, false), 0);
}

static void look(struct page_owners *owners, const __u64 *entries, size_t count)
{
	page_owners__begin(owners);
	assert_int_equal(page_owners__read(owners, BASE, entries, count), 0);
	page_owners__end(owners);
}

static void assert_sums(const struct page_owners *owners, __u64 stack, __u64 faulted,
			__u64 resident, __u64 inferred)
{
	struct page_sums sums = page_owners__sums(owners, stack);

	assert_int_equal(sums.faulted, faulted);
	assert_int_equal(sums.resident, resident);
	assert_int_equal(sums.inferred, inferred);
}

static void test_records(void **state)
{
	struct page_owners *owners = page_owners__new(PAGE);

	(void)state;
	own(owners, 0, A);
	own(owners, 1, A);
	own(owners, 5 * OWNERS_CHUNK, B);
	own(owners, 1, B); /* gone and taken again: another's */
	own(owners, 1, B);
	assert_sums(owners, A, 2, 1, 0);
	assert_sums(owners, B, 3, 2, 0);
	assert_sums(owners, 0xcccc, 0, 0, 0);
	/* read-only since a fork: nothing new */
	assert_int_equal(page_owners__own(owners, at(0), B, 1, true), 0);
	assert_sums(owners, B, 3, 2, 0);
	/* the zero page is replaced */
	assert_int_equal(page_owners__own(owners, at(2), B, 8, true), 0);
	assert_sums(owners, B, 11, 3, 0);
	page_owners__forget(owners, at(1), at(5 * OWNERS_CHUNK));
	assert_sums(owners, A, 2, 1, 0);
	assert_sums(owners, B, 11, 1, 0);
	assert_int_equal(page_owners__resident(owners), 2);
	page_owners__forget(owners, 0, ~0ULL);
	assert_int_equal(page_owners__resident(owners), 0);
	page_owners__free(owners);
	page_owners__free(NULL);
}

static void test_moves(void **state)
{
	struct page_owners *owners = page_owners__new(PAGE);
	const size_t far = 100 * OWNERS_CHUNK + 7;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		own(owners, OWNERS_CHUNK - 2 + i, i % 2 ? A : B);
	own(owners, far, A); /* is unmapped by the move */
	assert_int_equal(
		page_owners__move(owners, at(OWNERS_CHUNK - 2), 4 * PAGE, at(far), 8 * PAGE), 0);
	assert_sums(owners, A, 3, 2, 0);
	assert_sums(owners, B, 2, 2, 0);
	page_owners__forget(owners, at(0), at(2 * OWNERS_CHUNK));
	assert_int_equal(page_owners__resident(owners), 4);
	/* cut at the same address, and shorter somewhere else: nearer than a chunk */
	page_owners__move(owners, at(far), 8 * PAGE, at(far), 3 * PAGE);
	assert_sums(owners, A, 3, 1, 0);
	page_owners__move(owners, at(far), 3 * PAGE, at(far + 10), PAGE);
	assert_sums(owners, A, 3, 0, 0);
	assert_sums(owners, B, 2, 1, 0);
	/* hostile: wraps around, or empty, or everything */
	page_owners__move(owners, ~0ULL - PAGE, 2 * PAGE, at(0), PAGE);
	page_owners__move(owners, at(far + 10), 0, at(far + 10), 0);
	page_owners__move(owners, at(0), ~0ULL - at(0), 0, PAGE);
	assert_int_equal(page_owners__resident(owners), 0);
	page_owners__free(owners);
}

static void test_what_is_gone(void **state)
{
	struct page_owners *owners = page_owners__new(PAGE);
	__u64 entries[6] = {MINE, PAGEMAP_SWAPPED, 0, FILE_PAGE, PAGEMAP_PRESENT, 0};

	(void)state;
	for (size_t i = 0; i < 6; i++)
		own(owners, i, A);
	own(owners, 6, B); /* its mapping is gone */
	look(owners, entries, 6);
	/* there, and there but shared with a child; one is in swap */
	assert_sums(owners, A, 6, 2, 0);
	assert_sums(owners, B, 1, 0, 0);
	entries[1] = MINE;
	entries[2] = MINE; /* read in again by others' record-less hands: the neighbour's */
	look(owners, entries, 6);
	assert_sums(owners, A, 6, 4, 1);
	page_owners__begin(owners);
	page_owners__skip(owners, at(0), at(2));
	page_owners__reject(owners, at(2), at(6)); /* shared after all */
	page_owners__end(owners);
	assert_sums(owners, A, 5, 2, 0);
	page_owners__free(owners);
}

static void test_what_was_there(void **state)
{
	struct page_owners *owners = page_owners__new(PAGE);
	__u64 entries[5] = {MINE, MINE, PAGEMAP_SWAPPED, 0, FILE_PAGE};

	(void)state;
	own(owners, 1, A); /* recorded before the first look */
	assert_int_equal(page_owners__read(owners, BASE, entries, 5), 0);
	for (size_t i = 2; i < 5; i++)
		entries[i] = MINE;
	look(owners, entries, 5);
	/* 0 and 2 are old; 3 and 4 are new, A's by inference */
	assert_sums(owners, A, 1, 3, 2);
	assert_int_equal(page_owners__orphans(owners), 0);
	entries[0] = 0;
	look(owners, entries, 5);
	entries[0] = MINE; /* went, and came again */
	look(owners, entries, 5);
	assert_sums(owners, A, 1, 4, 3);
	assert_int_equal(page_owners__inferred(owners), 3);
	page_owners__free(owners);
}

static void fill(__u64 *entries, size_t from, size_t to, __u64 value)
{
	for (size_t i = from; i < to; i++)
		entries[i] = value;
}

/* One fault brings 512 pages; a sample leaves some out; what has no one near stays without an owner. */
static void test_inference(void **state)
{
	struct page_owners *owners = page_owners__new(PAGE);
	__u64 entries[4 * OWNERS_CHUNK] = {0};

	(void)state;
	own(owners, 300, A);                    /* a huge page */
	own(owners, 2 * OWNERS_CHUNK + 100, A); /* small pages, some of them recorded */
	own(owners, 2 * OWNERS_CHUNK + 200, B);
	fill(entries, 0, OWNERS_CHUNK, MINE);
	fill(entries, 2 * OWNERS_CHUNK + 90, 3 * OWNERS_CHUNK + 10, MINE); /* into the next chunk */
	fill(entries, 3 * OWNERS_CHUNK + 20, 3 * OWNERS_CHUNK + 25,
	     MINE); /* apart from it, but near */
	entries[2 * OWNERS_CHUNK + 150] = ZERO_PAGE;
	entries[OWNERS_CHUNK + 5] = MINE; /* a break before it, and nothing in its chunk */
	look(owners, entries, 4 * OWNERS_CHUNK);
	assert_sums(owners, A, 2, OWNERS_CHUNK + 10 + 99, OWNERS_CHUNK - 1 + 10 + 98);
	assert_sums(owners, B, 1, OWNERS_CHUNK - 200 + 10 + 5, OWNERS_CHUNK - 201 + 10 + 5);
	assert_int_equal(page_owners__orphans(owners), 1);
	assert_int_equal(page_owners__next_owned(owners, 0), at(0));
	assert_int_equal(page_owners__next_owned(owners, at(OWNERS_CHUNK)), at(2 * OWNERS_CHUNK));
	assert_int_equal(page_owners__next_owned(owners, at(4 * OWNERS_CHUNK)), ~0ULL);
	/* stable, whoever comes near later */
	own(owners, 2 * OWNERS_CHUNK + 120, B);
	look(owners, entries, 4 * OWNERS_CHUNK);
	assert_sums(owners, A, 2, OWNERS_CHUNK + 10 + 98, OWNERS_CHUNK - 1 + 10 + 97);
	page_owners__free(owners);
}

/* A process that touches one page here and there through all its addresses. */
static void test_scattered(void **state)
{
	struct page_owners *owners = page_owners__new(PAGE);
	int err = 0;
	size_t i;

	(void)state;
	for (i = 0; !err && i < 1 << 20; i++)
		err = page_owners__own(owners, i * CHUNK, i, 1, false);
	assert_int_equal(err, -ENOSPC);
	assert_int_equal(page_owners__resident(owners), i - 1);
	page_owners__free(owners);
}

static void receive_fault(struct faults *faults, const void *address, __u64 stack)
{
	struct fault_message message = {
		.op = SPACE_FAULT,
		.address = (__u64)address,
		.stack = stack,
		.weight = 1,
	};

	faults__receive(faults, &message, sizeof(message));
}

static void look_at_self(struct faults *faults)
{
	struct proc_maps *maps;

	assert_int_equal(proc_maps__read(getpid(), &maps), 0);
	faults__look(faults, maps, true);
	proc_maps__free(maps);
}

static void assert_pages(const struct faults *faults, __u64 stack, __u64 faulted, __u64 live)
{
	struct stack_info info = {.key = {.hash = stack, .domain = DOMAIN_RSS}};

	faults__fill(faults, &info);
	assert_int_equal(info.alloc_count, faulted);
	assert_int_equal(info.live_count, live);
	assert_int_equal(info.free_count, faulted - live);
	assert_int_equal(info.live_bytes, live * sysconf(_SC_PAGESIZE));
}

/* What this process does itself, told as the programs would tell it. */
static void test_self(void **state)
{
	const size_t page = sysconf(_SC_PAGESIZE), pages = 64;
	__u64 appeared, seen, inferred;
	struct faults *faults;
	struct proc_maps *maps;
	char *memory, *shared;

	(void)state;
	assert_int_equal(faults__open(getpid(), &faults), 0);
	memory = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	shared = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED && shared != MAP_FAILED);
	madvise(memory, pages * page, MADV_NOHUGEPAGE);
	memory[0] = 1; /* before */
	assert_int_equal(proc_maps__read(getpid(), &maps), 0);
	faults__seed(faults, maps);
	proc_maps__free(maps);

	shared[0] = 1;
	receive_fault(faults, shared, B);
	for (size_t i = 1; i < 32; i++) {
		memory[i * page] = 1;
		if (i != 20)
			receive_fault(faults, memory + i * page, i < 16 ? A : B);
	}
	assert_int_equal(memory[40 * page], 0); /* a zero page */
	look_at_self(faults);
	assert_pages(faults, A, 15, 15);
	assert_pages(faults, B, 16, 16);
	/* AddressSanitizer reserves terabytes, which are not read. */
	if (faults__measure(faults, &appeared, &seen, &inferred)) {
		assert_int_equal(seen, 31 * page);
		assert_int_equal(inferred, page);
		assert_true(appeared >= seen);
	}

	madvise(memory + page, 10 * page, MADV_DONTNEED);
	look_at_self(faults);
	assert_pages(faults, A, 15, 5);
	/* Not munmap(): somebody else might be there at once. */
	assert_ptr_equal(memory, mmap(memory, pages * page, PROT_NONE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	look_at_self(faults);
	assert_pages(faults, A, 15, 0);
	assert_pages(faults, B, 15, 0);
	munmap(memory, pages * page);
	munmap(shared, page);
	faults__close(faults);
}

static void test_nothing(void **state)
{
	struct stack_info info = {.key.domain = DOMAIN_RSS, .live_bytes = 7};
	__u64 n;

	(void)state;
	faults__seed(NULL, NULL);
	faults__look(NULL, NULL, true);
	faults__receive(NULL, NULL, 0);
	faults__fill(NULL, &info);
	assert_int_equal(info.live_bytes, 7);
	assert_false(faults__measure(NULL, &n, &n, &n));
	faults__close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_records),      cmocka_unit_test(test_moves),
		cmocka_unit_test(test_what_is_gone), cmocka_unit_test(test_what_was_there),
		cmocka_unit_test(test_inference),    cmocka_unit_test(test_scattered),
		cmocka_unit_test(test_self),         cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
