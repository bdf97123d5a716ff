// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_classify.c - blocks and types of a heap that was forged in our own memory
 *
 * Layout and flags are CPython 3.11's. The process that is read is ourselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "objects/classify.h"

#define VERSION 0x030b00
#define STATE_ASCII_TEXT (1u << 2 | 1u << 5 | 1u << 6)

static struct image *image;
static struct types *types;
static unsigned char type_type[TYPE_SIZE + 512], list_type[TYPE_SIZE + 512], str_type[TYPE_SIZE],
	plain_type[TYPE_SIZE + 512], bytes_type[TYPE_SIZE];

static void put(unsigned char *at, size_t offset, uint64_t word)
{
	memcpy(at + offset, &word, sizeof(word));
}

static void forge_type(unsigned char *type, const char *name, uint64_t basicsize, uint64_t itemsize,
		       uint64_t flags)
{
	put(type, OBJECT_REFCOUNT, 5);
	put(type, OBJECT_TYPE, (uintptr_t)type_type);
	put(type, TYPE_NAME, (uintptr_t)name);
	put(type, TYPE_BASICSIZE, basicsize);
	put(type, TYPE_ITEMSIZE, itemsize);
	put(type, TYPE_FLAGS, flags | TYPE_READY);
}

static int open_heap(void **state)
{
	(void)state;
	forge_type(type_type, "type", 904, 40, TYPE_TYPE_SUBCLASS | TYPE_HAVE_GC);
	forge_type(list_type, "list", 40, 0, TYPE_LIST_SUBCLASS | TYPE_HAVE_GC);
	forge_type(str_type, "str", 80, 0, TYPE_UNICODE_SUBCLASS);
	forge_type(bytes_type, "bytes", 33, 1, TYPE_BYTES_SUBCLASS);
	forge_type(plain_type, "app.Plain", 24, 0, TYPE_HAVE_GC | TYPE_MANAGED_DICT);
	if (image__open(getpid(), 1 << 20, &image))
		return -1;
	return types__open(image, py_objects__find(VERSION), &types);
}

static int close_heap(void **state)
{
	(void)state;
	types__close(types);
	image__close(image);
	return 0;
}

/* A block of this size with these bytes in front of the object's words. */
static struct block_object classified(unsigned char *bytes, uint64_t size)
{
	struct heap_block block = {
		.address = (uintptr_t)bytes, .size = size, .data = bytes, .have = size};
	struct block_object object;

	classify__block(types, NULL, &block, &object);
	return object;
}

static void at_its_only_place(void **state)
{
	unsigned char block[64] = {0};
	struct block_object object;

	(void)state;
	put(block, 16 + OBJECT_REFCOUNT, 3);
	put(block, 16 + OBJECT_TYPE, (uintptr_t)list_type);
	object = classified(block, 64);
	assert_non_null(object.type);
	assert_int_equal(object.address, (uintptr_t)block + 16);
	assert_int_equal(object.refcount, 3);

	/* A list without a GC head is none, nor one that does not fit, nor one whose link is no address. */
	assert_null(classified(block + 16, 48).type);
	assert_null(classified(block, 48).type);
	put(block, GC_NEXT, 0x1234);
	assert_null(classified(block, 64).type);
}

static void behind_managed_attributes(void **state)
{
	unsigned char block[64] = {0};

	(void)state;
	put(block, 32 + OBJECT_REFCOUNT, 1);
	put(block, 32 + OBJECT_TYPE, (uintptr_t)plain_type);
	assert_int_equal(classified(block, 64).address, (uintptr_t)block + 32);
	memmove(block + 16, block + 32, 16);
	memset(block + 32, 0, 16);
	assert_null(classified(block, 64).type);
}

/* As the debug allocator wraps it: layers of them. */
static void wrap(unsigned char *block, uint64_t size, int layers)
{
	for (; layers; layers--, block += 16) {
		size -= 24;
		put(block, 0, __builtin_bswap64(size));
		memset(block + 8, 0xfd, 8);
		block[8] = layers > 1 ? 'r' : 'o';
		memset(block + 16 + size, 0xfd, 8);
	}
}

static void wrapped_by_debug(void **state)
{
	unsigned char block[128] = {0};

	(void)state;
	put(block, 32 + OBJECT_REFCOUNT, 3);
	put(block, 32 + OBJECT_TYPE, (uintptr_t)list_type);
	assert_null(classified(block, 128).type);
	wrap(block, 80, 1); /* 56 bytes: a head and a list */
	assert_int_equal(classified(block, 80).address, (uintptr_t)block + 32);
	assert_int_equal(classified(block, 128).address, (uintptr_t)block + 32);
	wrap(block, 79, 1);
	assert_null(classified(block, 79).type);
	/* It says that it is larger than the block around it, or is of no allocator, or its head is broken. */
	wrap(block, 88, 1);
	assert_null(classified(block, 80).type);
	put(block, 0, ~0ull);
	assert_null(classified(block, 80).type);
	wrap(block, 80, 1);
	block[8] = 'x';
	assert_null(classified(block, 80).type);
	wrap(block, 80, 1);
	block[15] = 0;
	assert_null(classified(block, 80).type);

	memset(block, 0, sizeof(block));
	put(block, 48 + OBJECT_REFCOUNT, 3);
	put(block, 48 + OBJECT_TYPE, (uintptr_t)list_type);
	wrap(block, 104, 2);
	assert_int_equal(classified(block, 104).address, (uintptr_t)block + 48);
	assert_int_equal(classified(block, 120).address, (uintptr_t)block + 48);
	memset(block, 0xfd, sizeof(block));
	assert_null(classified(block, 128).type);
}

static void free_listed(void **state)
{
	unsigned char block[64] = {0};
	struct block_object object;

	(void)state;
	put(block, 16 + OBJECT_TYPE, (uintptr_t)list_type);
	object = classified(block, 64);
	assert_null(object.type);
	assert_true(object.free_listed);
}

/* A compact str is smaller than tp_basicsize, and must have its text inside. */
static void text(void **state)
{
	unsigned char block[64] = {0};
	struct heap_block whole = {
		.address = (uintptr_t)block, .size = 64, .data = block, .have = 64};
	struct block_object object;
	struct object_size size;

	(void)state;
	put(block, OBJECT_REFCOUNT, 1);
	put(block, OBJECT_TYPE, (uintptr_t)str_type);
	put(block, VAR_SIZE, 15);
	put(block, 32, STATE_ASCII_TEXT);
	object = classified(block, 64);
	assert_non_null(object.type);
	assert_false(classify__is_interned(&whole, &object));
	put(block, 32, STATE_ASCII_TEXT | 1);
	assert_true(classify__is_interned(&whole, &object));
	types__settle(types);
	assert_int_equal(object.type->kind, KIND_STR);
	classify__size(types, object.address, object.type, &size);
	assert_int_equal(size.own, 64);
	assert_int_equal(size.length, 15);
	assert_int_equal(size.buffer, 0);

	put(block, VAR_SIZE, 16);
	assert_null(classified(block, 64).type);
	put(block, VAR_SIZE, ~0ull);
	assert_null(classified(block, 64).type);
}

static void counted_items(void **state)
{
	unsigned char block[64] = {0};

	(void)state;
	put(block, OBJECT_REFCOUNT, 1);
	put(block, OBJECT_TYPE, (uintptr_t)bytes_type);
	put(block, VAR_SIZE, 31);
	assert_non_null(classified(block, 64).type);
	put(block, VAR_SIZE, 32);
	assert_null(classified(block, 64).type);
	put(block, VAR_SIZE, 1ull << 62);
	assert_null(classified(block, 64).type);
}

/* [some class, another class] in a list's array looks like a count and a type, but for the count's being an address. */
static void addresses_are_no_counts(void **state)
{
	unsigned char block[64] = {0};

	(void)state;
	put(block, 0, (uintptr_t)list_type);
	put(block, 8, (uintptr_t)bytes_type);
	assert_null(classified(block, 64).type);
	put(block, 0, 0);
	put(block, 8, 0x123456789);
	assert_null(classified(block, 64).type);
}

/* What a list says of its array is believed if there is memory. */
static void buffers(void **state)
{
	unsigned char block[64] = {0};
	struct object_size size;
	struct block_object object;
	void *items = calloc(100, 8);

	(void)state;
	put(block, 16 + OBJECT_REFCOUNT, 1);
	put(block, 16 + OBJECT_TYPE, (uintptr_t)list_type);
	put(block, 16 + VAR_SIZE, 90);
	put(block, 16 + LIST_ITEMS, (uintptr_t)items);
	put(block, 16 + LIST_ALLOCATED, 100);
	object = classified(block, 64);
	types__settle(types);
	assert_int_equal(image__refresh(image), 0);
	classify__size(types, object.address, object.type, &size);
	assert_int_equal(size.own, 56);
	assert_int_equal(size.buffer, 800);
	assert_int_equal(size.buffer_address, (uintptr_t)items);
	assert_int_equal(size.length, 90);

	put(block, 16 + LIST_ALLOCATED, 1ull << 36);
	assert_int_equal(image__refresh(image), 0);
	classify__size(types, object.address, object.type, &size);
	assert_int_equal(size.buffer, 0);
	put(block, 16 + LIST_ALLOCATED, ~0ull);
	assert_int_equal(image__refresh(image), 0);
	classify__size(types, object.address, object.type, &size);
	assert_int_equal(size.buffer, 0);
	free(items);
}

/* Whatever a block has in it, it is looked at and no more. */
static void noise(void **state)
{
	unsigned char block[512];

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint64_t size = 16 * (1 + rand() % 32);

		for (size_t k = 0; k < size; k += 8) {
			uint64_t words[] = {rand(), (uintptr_t)list_type, (uintptr_t)str_type,   0,
					    ~0ull,  (uintptr_t)block,     (uint64_t)rand() << 33};

			put(block, k, words[rand() % 7]);
		}
		classified(block, size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_its_only_place),
		cmocka_unit_test(behind_managed_attributes),
		cmocka_unit_test(wrapped_by_debug),
		cmocka_unit_test(free_listed),
		cmocka_unit_test(text),
		cmocka_unit_test(counted_items),
		cmocka_unit_test(addresses_are_no_counts),
		cmocka_unit_test(buffers),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, open_heap, close_heap);
}
