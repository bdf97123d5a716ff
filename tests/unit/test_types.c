// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_types.c - names of types that Python code chose as it liked, and types that are forged
 *
 * The former are those of real Pythons; the latter lie in our own memory, laid out as in CPython 3.11, and we read ourselves.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/text.h"
#include "object_process.h"
#include "pythons.h"

/* --- names in real processes --- */

#define E_ACUTE "\xc3\xa9"
#define REPLACED "\xef\xbf\xbd"

/* Each line a type; what it is called here. NULL: looked at apart. */
static const struct {
	const char *made, *name;
} cases[] = {
	{"int", "int"},
	{"type(None)", "NoneType"},
	{"collections.OrderedDict", "collections.OrderedDict"},
	{"array.array", "array.array"},
	{"Outer.Inner", "__main__.Outer.Inner"},
	{"type('Plain', (), {})", "__main__.Plain"},
	{"type('Caf\\xe9', (), dict(__module__='m\\xe9'))", "m" E_ACUTE ".Caf" E_ACUTE},
	{"type('\\U0001f600\\u20ac', (), {})", "__main__.\xf0\x9f\x98\x80\xe2\x82\xac"},
	{"type('Plain', (), dict(__module__='builtins'))", "Plain"},
	{"type('Plain', (), dict(__module__=5))", "Plain"},
	{"type('Plain', (), dict(__module__=''))", "Plain"},
	{"type('Plain', (), dict(__module__=Text('sub')))", "sub.Plain"},
	/* Control characters stay, for whoever shows them; what is no text does not. */
	{"type('a', (), dict(__qualname__='\\x1b[31m\\u202e\\n'))",
	 "__main__.\x1b[31m\xe2\x80\xae\n"},
	{"type('a', (), dict(__qualname__='a\\udc80\\ud800b'))",
	 "__main__.a" REPLACED REPLACED "b"},
	{"type('a', (), dict(__qualname__='a\\0b'))", "__main__.a" REPLACED "b"},
	{"type('Plain', (), dict(__qualname__=''))", "Plain"},
	/* A megabyte: of one, two, three and four bytes a character; the module's, both. */
	{"type('x' * MANY, (), {})", NULL},
	{"type('\\xe9' * MANY, (), {})", NULL},
	{"type('x\\u20ac' * MANY, (), {})", NULL},
	{"type('xx\\U0001f600' * MANY, (), {})", NULL},
	{"type('Plain', (), dict(__module__='\\xe9' * MANY))", NULL},
	{"type('x\\xe9' * MANY, (), dict(__module__='x\\u20ac' * MANY))", NULL},
};

#define CASES (sizeof(cases) / sizeof(*cases))

static const char prelude[] = "import array, collections, sys\n"
			      "MANY = 1 << 20\n"
			      "class Text(str): pass\n"
			      "class Outer:\n"
			      "    class Inner: pass\n"
			      "made = []\n";

static void make_script(char *script, size_t size)
{
	size_t at = snprintf(script, size, "%s", prelude);

	for (size_t i = 0; i < CASES; i++)
		at += snprintf(script + at, size - at, "made.append(%s)\n", cases[i].made);
	at += snprintf(script + at, size - at,
		       "for one in made: print('TYPE %%x' %% id(one))\n"
		       "print('READY', flush=True)\n"
		       "sys.stdin.readline()\n");
	assert_true(at < size);
}

struct addresses {
	__u64 of[CASES];
	size_t count;
};

static void take_address(void *context, char *line)
{
	struct addresses *addresses = context;
	unsigned long long address;

	assert_true(addresses->count < CASES);
	assert_int_equal(sscanf(line, "TYPE %llx", &address), 1);
	addresses->of[addresses->count++] = address;
}

static void check_long(const char *name, const char *made)
{
	char *valid = text__utf8(name, strlen(name));
	bool module = strstr(made, "__module__");

	assert_string_equal(name, valid); /* cut at a character */
	assert_null(strstr(name, REPLACED));
	assert_in_range(strlen(name), module ? TYPE_NAME_MAX / 2 - 8 : TYPE_NAME_MAX - 8,
			TYPE_NAME_MAX - 1);
	assert_non_null(strchr(name, '.')); /* of both there is something */
	assert_string_not_equal(strchr(name, '.'), ".");
	free(valid);
}

static void check_names(const char *python)
{
	static char script[8192];
	char *argv[] = {(char *)python, "-S", "-c", script, NULL}, *line = NULL;
	struct object_process process = {0};
	struct addresses addresses = {0};
	size_t room = 0;

	make_script(script, sizeof(script));
	object_process__run(&process, argv);
	object_process__read(&process, "READY", &line, &room, take_address, &addresses);
	assert_int_equal(addresses.count, CASES);
	object_process__look(&process);
	for (size_t i = 0; i < CASES; i++) {
		const struct object_type *type = types__at(process.types, addresses.of[i]);
		const char *name;

		if (!type)
			fail_msg("%s: %s is no type", python, cases[i].made);
		name = types__name(process.types, type);
		if (cases[i].name && strcmp(name, cases[i].name))
			fail_msg("%s: %s is called %s", python, cases[i].made, name);
		if (!cases[i].name)
			check_long(name, cases[i].made);
		/* The same pointer, when asked again. */
		assert_ptr_equal(types__name(process.types, type), name);
	}
	free(line);
	object_process__stop(&process);
}

static void test_names(void **state)
{
	(void)state;
	each_python(check_names);
}

/* --- forged --- */

#define VERSION 0x030b00
#define ROOM 1024 /* of a type */

struct forged {
	struct image *image;
	struct types *types;
	const struct py_objects *objects;
	/* PAGES pages and one behind them that is not there */
	unsigned char *memory;
	size_t used;
};

#define PAGES 8192ul
#define PAGE 4096ul

static int open_forged(void **state)
{
	struct forged *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->objects = py_objects__find(VERSION);
	f->memory = mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (f->memory == MAP_FAILED || munmap(f->memory + PAGES * PAGE, PAGE))
		return -1;
	*state = f;
	return 0;
}

static int close_forged(void **state)
{
	struct forged *f = *state;

	types__close(f->types);
	image__close(f->image);
	munmap(f->memory, PAGES * PAGE);
	free(f);
	return 0;
}

static void put(unsigned char *at, size_t offset, __u64 word)
{
	memcpy(at + offset, &word, sizeof(word));
}

static __u64 address_of(const void *at)
{
	return (__u64)(uintptr_t)at;
}

static unsigned char *take(struct forged *f, size_t size)
{
	unsigned char *at = f->memory + f->used;

	f->used += (size + 15) & ~15ul;
	assert_true(f->used <= PAGES * PAGE);
	return at;
}

static unsigned char *forge_type(struct forged *f, const unsigned char *meta, const char *name,
				 __u64 flags)
{
	unsigned char *type = take(f, ROOM);

	put(type, OBJECT_REFCOUNT, 3);
	put(type, OBJECT_TYPE, address_of(meta ? meta : type));
	put(type, TYPE_NAME, address_of(name));
	put(type, TYPE_BASICSIZE, 32);
	put(type, TYPE_FLAGS, flags | TYPE_READY | (meta ? 0 : TYPE_TYPE_SUBCLASS));
	return type;
}

/* A str with as many bytes a character, of which the first ones are there. */
static unsigned char *forge_text(struct forged *f, const unsigned char *type, unsigned width,
				 __u64 length, const void *data, size_t bytes)
{
	unsigned char *text = take(f, f->objects->str_compact + bytes);
	__u32 compact = 1u << 5;

	put(text, OBJECT_REFCOUNT, 1);
	put(text, OBJECT_TYPE, address_of(type));
	put(text, VAR_SIZE, length);
	put(text, 32, width << 2 | compact);
	memcpy(text + f->objects->str_compact, data, bytes);
	return text;
}

/* What has been forged so far is read. */
static void look(struct forged *f)
{
	assert_int_equal(image__open(getpid(), 16 << 20, &f->image), 0);
	assert_int_equal(types__open(f->image, f->objects, &f->types), 0);
}

static const struct object_type *at(struct forged *f, const unsigned char *type)
{
	return types__at(f->types, address_of(type));
}

/* C names: of bytes that are no text, cut, without an end. */
static void test_c_names(void **state)
{
	static char long_name[1 << 20];
	struct forged *f = *state;
	char *end = (char *)f->memory + PAGES * PAGE;
	unsigned char *meta = forge_type(f, NULL, "type", 0), *types[6];
	const char *name;
	char *valid;

	memcpy(long_name, "longer", 6);
	for (size_t i = 6; i + 3 < sizeof(long_name); i += 3)
		memcpy(long_name + i, "\xe2\x82\xac", 3);
	memcpy(end - 3, "abc", 3); /* no NUL before the memory ends */
	types[0] = forge_type(f, meta, "a\xff\xc3z\xed\xa0\x80\x1b", 0);
	types[1] = forge_type(f, meta, "builtins.thing", 0);
	types[2] = forge_type(f, meta, long_name, 0);
	types[3] = forge_type(f, meta, end - 3, 0);
	types[4] = forge_type(f, meta, "", 0);
	types[5] = forge_type(f, meta, end, 0);
	look(f);
	assert_string_equal(types__name(f->types, at(f, types[0])),
			    "a" REPLACED REPLACED "z" REPLACED REPLACED REPLACED "\x1b");
	assert_string_equal(types__name(f->types, at(f, types[1])), "thing");
	name = types__name(f->types, at(f, types[2]));
	valid = text__utf8(name, strlen(name));
	assert_in_range(strlen(name), TYPE_NAME_MAX - 8, TYPE_NAME_MAX - 1);
	assert_string_equal(name, valid);
	assert_memory_equal(name, long_name, TYPE_NAME_MAX - 8);
	free(valid);
	assert_string_equal(types__name(f->types, at(f, types[3])), "abc");
	/* What has no name is no type. */
	assert_null(at(f, types[4]));
	assert_null(at(f, types[5]));
}

/* Each broken byte takes three: still not too long. */
static void test_most_replacements(void **state)
{
	struct forged *f = *state;
	unsigned char *meta = forge_type(f, NULL, "type", 0), *type;
	char bytes[TYPE_NAME_MAX + 100];

	memset(bytes, 0xff, sizeof(bytes));
	type = forge_type(f, meta, bytes, 0);
	look(f);
	assert_in_range(strlen(types__name(f->types, at(f, type))), TYPE_NAME_MAX - 8,
			TYPE_NAME_MAX - 1);
}

/* Lengths that are not true, kinds that there are not, characters beyond Unicode. */
static void test_text(void **state)
{
	static const char digits[24] = {"0123456789abcdefghijklmn"};
	static const __u32 wide[] = {'a', 0x110000, 0xffffffff, 0xd800, 0, 0x20ac, 'z'};
	struct forged *f = *state;
	unsigned char *meta = forge_type(f, NULL, "type", 0);
	unsigned char *str = forge_type(f, meta, "str", TYPE_UNICODE_SUBCLASS);
	unsigned char *none = forge_type(f, meta, "int", 0);
	unsigned char *texts[6], *last;
	char text[64], tiny[5];

	texts[0] = forge_text(f, str, 4, 7, wide, sizeof(wide));
	texts[1] = forge_text(f, str, 3, 7, wide, sizeof(wide));
	texts[2] = forge_text(f, str, 0, 7, wide, sizeof(wide));
	texts[3] = forge_text(f, none, 4, 7, wide, sizeof(wide));
	texts[4] = forge_text(f, str, 4, 0, wide, sizeof(wide));
	texts[5] = forge_text(f, str, 1, UINT64_MAX, "abcdefgh", 8);
	/* One whose text goes on where there is no memory. */
	f->used = PAGES * PAGE - f->objects->str_compact - sizeof(digits);
	last = forge_text(f, str, 1, 1000, digits, sizeof(digits));
	look(f);
	assert_int_equal(types__text(f->types, address_of(texts[0]), text, sizeof(text)), 17);
	assert_string_equal(text, "a" REPLACED REPLACED REPLACED REPLACED "\xe2\x82\xac"
				  "z");
	for (size_t i = 1; i <= 3; i++) {
		assert_int_equal(types__text(f->types, address_of(texts[i]), text, sizeof(text)),
				 -EFAULT);
		assert_string_equal(text, "");
	}
	assert_int_equal(types__text(f->types, address_of(texts[4]), text, sizeof(text)), 0);
	assert_string_equal(text, "");
	/* As much as there is room for, whatever the length. */
	assert_int_equal(types__text(f->types, address_of(texts[5]), tiny, sizeof(tiny)), 1);
	assert_string_equal(tiny, "a");
	assert_int_equal(types__text(f->types, address_of(last), text, sizeof(text)), -EFAULT);
	assert_int_equal(types__text(f->types, address_of(last), text, 12), 8);
	assert_string_equal(text, "01234567");
	assert_int_equal(types__text(f->types, 0, text, sizeof(text)), -EFAULT);
	assert_int_equal(types__text(f->types, UINT64_MAX - 7, text, sizeof(text)), -EFAULT);
}

/* A type's type is a type, and that of the last is itself; a circle of others is none. */
static void test_metatypes(void **state)
{
	struct forged *f = *state;
	unsigned char *root = forge_type(f, NULL, "type", 0), *above = root, *chain[8];
	unsigned char *one = forge_type(f, root, "One", TYPE_TYPE_SUBCLASS);
	unsigned char *two = forge_type(f, one, "Two", TYPE_TYPE_SUBCLASS);
	unsigned char *of_circle = forge_type(f, one, "OfCircle", 0);
	unsigned char *of_itself = forge_type(f, root, "OfItself", 0);
	unsigned char *no_meta = forge_type(f, of_itself, "NoMeta", 0);

	put(one, OBJECT_TYPE, address_of(two)); /* one -> two -> one */
	put(of_itself, OBJECT_TYPE, address_of(of_itself));
	for (size_t i = 0; i < 8; i++)
		above = chain[i] = forge_type(f, above, "Chain", TYPE_TYPE_SUBCLASS);
	look(f);
	assert_non_null(at(f, root));
	assert_null(at(f, one));
	assert_null(at(f, two));
	assert_null(at(f, of_circle));
	assert_null(at(f, of_itself)); /* not a subclass of type */
	assert_null(at(f, no_meta));
	assert_non_null(at(f, chain[0]));
	assert_non_null(at(f, chain[3]));
	assert_null(at(f, chain[7])); /* no program has so many */
}

/* Bases that lead in a circle: an end is found, and each type is of some kind. */
static void test_circle_of_bases(void **state)
{
	struct forged *f = *state;
	unsigned char *meta = forge_type(f, NULL, "type", 0), *all[100];

	for (size_t i = 0; i < 100; i++) {
		all[i] = forge_type(f, meta, "Circle", TYPE_HEAPTYPE);
		put(all[i], TYPE_TRAVERSE, 0x1000);
	}
	for (size_t i = 0; i < 100; i++)
		put(all[i], TYPE_BASE, address_of(all[(i + 1) % 100]));
	put(all[7], TYPE_BASE, address_of(all[7]));
	put(all[8], TYPE_BASE, 0x10); /* and one that leads nowhere */
	look(f);
	alarm(60);
	for (size_t i = 0; i < 100; i++)
		assert_non_null(at(f, all[i]));
	types__settle(f->types);
	alarm(0);
	for (size_t i = 0; i < 100; i++)
		assert_in_range(at(f, all[i])->kind, 0, OBJECT_KINDS - 1);
	assert_string_equal(types__name(f->types, at(f, all[3])), "Circle");
}

/* A type of C code that we do not know is what its base is, and has something of its own behind that. */
static void test_c_types_by_base(void **state)
{
	struct forged *f = *state;
	unsigned char *meta = forge_type(f, NULL, "type", 0);
	unsigned char *dict = forge_type(f, meta, "dict", 0);
	unsigned char *tuple = forge_type(f, meta, "tuple", 0);
	unsigned char *own = forge_type(f, meta, "StgDict", 0);
	unsigned char *above = forge_type(f, meta, "Above", 0);
	unsigned char *same = forge_type(f, meta, "stat_result", 0);
	unsigned char *longer = forge_type(f, meta, "Longer", 0);

	put(dict, TYPE_BASICSIZE, 48);
	put(own, TYPE_BASICSIZE, 80);
	put(own, TYPE_BASE, address_of(dict));
	put(above, TYPE_BASICSIZE, 96);
	put(above, TYPE_BASE, address_of(own));
	put(tuple, TYPE_BASICSIZE, 24);
	put(same, TYPE_BASICSIZE, 24);
	put(same, TYPE_BASE, address_of(tuple));
	put(longer, TYPE_BASICSIZE, 40); /* its items are not where a tuple's are */
	put(longer, TYPE_BASE, address_of(tuple));
	look(f);
	assert_true(at(f, dict) && at(f, own) && at(f, above) && at(f, same) && at(f, longer));
	types__settle(f->types);
	assert_int_equal(at(f, own)->kind, KIND_DICT);
	assert_int_equal(at(f, own)->added_from, 48);
	assert_int_equal(at(f, own)->native_basicsize, 80);
	assert_int_equal(at(f, above)->kind, KIND_DICT);
	assert_int_equal(at(f, above)->added_from, 48);
	assert_int_equal(at(f, same)->kind, KIND_TUPLE);
	assert_int_equal(at(f, same)->added_from, 24);
	assert_int_equal(at(f, longer)->kind, KIND_OPAQUE);
	assert_int_equal(at(f, dict)->added_from, 48);
}

/* What could be a type but for one word. */
static void test_not_types(void **state)
{
	static const struct {
		size_t offset;
		__u64 word;
	} wrong[] = {
		{OBJECT_REFCOUNT, 0},
		{OBJECT_REFCOUNT, 1ull << 63},
		{OBJECT_TYPE, 0},
		{OBJECT_TYPE, 0x10},
		{OBJECT_TYPE, UINT64_MAX},
		{TYPE_NAME, 0},
		{TYPE_NAME, 1ull << 63},
		{TYPE_BASICSIZE, 15},
		{TYPE_BASICSIZE, UINT64_MAX},
		{TYPE_BASICSIZE, 1ull << 40},
		{TYPE_ITEMSIZE, UINT64_MAX},
		{TYPE_ITEMSIZE, 1 << 20},
		{TYPE_FLAGS, 0},
	};
	const size_t count = sizeof(wrong) / sizeof(*wrong);
	struct forged *f = *state;
	unsigned char *meta = forge_type(f, NULL, "type", 0), *types[count], *right, *cut;

	for (size_t i = 0; i < count; i++) {
		types[i] = forge_type(f, meta, "Wrong", 0);
		put(types[i], wrong[i].offset, wrong[i].word);
	}
	right = forge_type(f, meta, "Right", 0);
	/* Its last words are where there is no memory. */
	cut = f->memory + PAGES * PAGE - 200;
	memcpy(cut, right, 200);
	look(f);
	for (size_t i = 0; i < count; i++)
		if (at(f, types[i]))
			fail_msg("word %zu, %#llx", wrong[i].offset, wrong[i].word);
	assert_non_null(at(f, right));
	assert_null(at(f, cut));
	assert_null(types__at(f->types, address_of(right) + 4));
	assert_null(types__at(f->types, 0));
	assert_null(types__at(f->types, UINT64_MAX - 7));
	assert_null(types__at(f->types, address_of(right) | 1ull << 47));
}

/* A table has its size: further types are counted, and so are addresses that are none. */
static void test_so_many_types(void **state)
{
	struct forged *f = *state;
	unsigned char *meta = forge_type(f, NULL, "type", 0), *first = NULL, *last = NULL;
	const size_t apart = 448; /* they may lie so close: nothing behind TYPE_SIZE is read */

	for (size_t i = 0; i < TYPES_MAX + 10; i++) {
		last = take(f, apart);
		memcpy(last, meta, TYPE_SIZE);
		first = first ? first : last;
	}
	look(f);
	for (size_t i = 0; i < TYPES_MAX + 10; i++)
		assert_int_equal(!at(f, first + i * apart), i >= TYPES_MAX);
	assert_int_equal(types__count(f->types), TYPES_MAX);
	assert_int_equal(types__left_out(f->types), 10);
	for (__u64 address = 8; address < 8 * 200000; address += 8)
		assert_null(types__at(f->types, address));
	assert_true(types__left_out(f->types) > 10);
	/* What is known stays known. */
	assert_non_null(at(f, first));
	assert_int_equal(types__at(f->types, address_of(first))->id, 0);
	assert_null(types__get(f->types, TYPES_MAX));
}

#define forged_test(test) cmocka_unit_test_setup_teardown(test, open_forged, close_forged)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		forged_test(test_c_names),
		forged_test(test_c_types_by_base),
		forged_test(test_most_replacements),
		forged_test(test_text),
		forged_test(test_metatypes),
		forged_test(test_circle_of_bases),
		forged_test(test_not_types),
		forged_test(test_so_many_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
