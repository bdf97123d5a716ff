// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_symbolize.c - names for hand-made snapshots; native frames are those of this very program
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/elf_image.h"
#include "symbolize/pair_map.h"
#include "symbolize/symbolize.h"

enum { INTERPRETER, LIBC, EXTENSION, MODULES };

int a_native_function(int x);

__attribute__((noinline)) int a_native_function(int x)
{
	return x * 3 + 1;
}

static __u8 lnotab[] = {0, 1, 10, 1, 10, 5};
static char file[] = "/srv/shop/app.py", name[] = "Cache.put", frozen[] = "<frozen os>";

static struct code_info codes[4] = {
	{0, 0xc0de, 40, file, name, lnotab, sizeof(lnotab), sizeof(lnotab)},
	{0, 0xf00d, 7, frozen, NULL, lnotab, 2, sizeof(lnotab)},
	{0, 0xbad, 7, NULL, NULL, NULL, 0, 0},
	{1, 0xc0de, 1, frozen, frozen, NULL, 0, 0},
};

static struct frame frames[] = {
	{.code_key = 0xc0de, .lasti = 12}, {.code_key = 0xf00d, .lasti = 30},
	{.code_key = 0xbad, .lasti = 0},   {.code_key = 0x404, .lasti = 0},
	{.code_key = 0xc0de, .lasti = -1},
};

struct fixture {
	struct module modules[MODULES];
	struct target target;
	struct snapshot *snapshot;
	struct symbolizer *symbolizer;
	struct profile profile;
	__u64 caller; /* just behind the first bytes of a_native_function */
};

static void open_self(struct module *module, const char *as)
{
	struct elf_image *image;
	struct elf_symbol symbol;

	module->fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	module->name = (char *)as;
	assert_int_equal(elf_image__open(module->fd, &image), 0);
	assert_int_equal(elf_image__find(image, "a_native_function", &symbol), 0);
	module->bias = (uintptr_t)a_native_function - symbol.address;
	module->start = module->bias;
	module->end = module->start + (64 << 20);
	elf_image__free(image);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	open_self(&f->modules[INTERPRETER], "python3.9");
	open_self(&f->modules[LIBC], "libc.so.6");
	open_self(&f->modules[EXTENSION], "ext.so");
	f->target.modules = f->modules;
	f->target.module_count = MODULES;
	f->target.python.flavour = PYTHON_OK;
	f->target.python.module = INTERPRETER;
	f->target.python.layout.line_format = PY_LINES_LNOTAB;
	f->target.allocators[0].module = LIBC;
	f->target.allocator_count = 1;
	f->snapshot = calloc(1, sizeof(*f->snapshot));
	f->snapshot->codes = codes;
	f->snapshot->code_count = 4;
	f->symbolizer = symbolizer__new();
	f->caller = (uintptr_t)a_native_function + 4;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	profile__free(&f->profile);
	symbolizer__free(f->symbolizer);
	symbolizer__free(NULL);
	for (int i = 0; i < MODULES; i++)
		close(f->modules[i].fd);
	free(f->snapshot);
	free(f);
	return 0;
}

static const struct profile_stack *name_one(struct fixture *f, struct stack_info *info)
{
	profile__free(&f->profile);
	f->snapshot->stacks = info;
	f->snapshot->stack_count = 1;
	assert_int_equal(symbolize__profile(f->snapshot, &f->target, 0, f->symbolizer, &f->profile),
			 0);
	assert_int_equal(f->profile.stack_count, 1);
	return f->profile.stacks;
}

static struct stack_info python_stack(size_t count)
{
	return (struct stack_info){
		.key = {99, 0, DOMAIN_OBJECT},
		.known = true,
		.caller_module = -1,
		.frames = frames,
		.frame_count = count,
		.alloc_bytes = 10,
		.alloc_count = 1,
		.live_bytes = 8,
		.live_count = 2,
		.free_bytes = 2,
		.free_count = 3,
		.oldest_s = 4,
		.median_age_s = 1,
	};
}

static void is_note(const struct named_frame *frame, const char *text)
{
	assert_int_equal(frame->kind, FRAME_NOTE);
	assert_string_equal(frame->function, text);
}

static void test_python_frames(void **state)
{
	struct stack_info info = python_stack(5);
	const struct profile_stack *stack = name_one(*state, &info);
	const struct named_frame *frame = stack->frames;

	assert_int_equal(stack->frame_count, 5);
	assert_int_equal(stack->hash, 99);
	assert_int_equal(stack->domain, DOMAIN_OBJECT);
	assert_true(stack->alloc_bytes == 10 && stack->alloc_count == 1 && stack->live_bytes == 8 &&
		    stack->live_count == 2 && stack->free_bytes == 2 && stack->free_count == 3 &&
		    stack->oldest_s == 4 && stack->median_age_s == 1);
	assert_int_equal(frame[0].kind, FRAME_PYTHON);
	assert_string_equal(frame[0].function, "Cache.put");
	assert_string_equal(frame[0].path, "/srv/shop/app.py");
	assert_string_equal(frame[0].file, "app.py");
	assert_int_equal(frame[0].line, 42);
	assert_string_equal(frame[1].function, "?");
	assert_string_equal(frame[1].file, "<frozen os>");
	assert_int_equal(frame[1].line, 0); /* its table is cut before */
	is_note(&frame[2], "[code not captured]");
	is_note(&frame[3], "[code not captured]");
	assert_int_equal(frame[4].line, 40);
	assert_ptr_equal(frame[4].function, frame[0].function);
	assert_ptr_equal(frame[4].path, frame[0].path);
	assert_null(stack->caller);
}

static void test_cut_stacks(void **state)
{
	struct stack_info info = python_stack(1);
	const struct profile_stack *stack;

	info.flags = STACK_TRUNCATED;
	stack = name_one(*state, &info);
	assert_int_equal(stack->frame_count, 2);
	is_note(&stack->frames[1], "[truncated]");
	info.flags = STACK_UNREADABLE;
	stack = name_one(*state, &info);
	is_note(&stack->frames[1], "[unreadable frame]");
}

static void test_stacks_without_frames(void **state)
{
	struct stack_info info = python_stack(0);
	const struct profile_stack *stack = name_one(*state, &info);

	assert_int_equal(stack->frame_count, 1);
	is_note(stack->frames, "[no Python frame]");
	info.known = false;
	stack = name_one(*state, &info);
	assert_int_equal(stack->frame_count, 1);
	is_note(stack->frames, "[stack not known]");
	info.key.hash = 0;
	stack = name_one(*state, &info);
	is_note(stack->frames, "[stack table full]");
}

static void test_extension_is_innermost(void **state)
{
	struct fixture *f = *state;
	struct stack_info info = python_stack(1);
	const struct profile_stack *stack;

	info.caller = f->caller;
	info.caller_module = EXTENSION;
	stack = name_one(f, &info);
	assert_int_equal(stack->frame_count, 2);
	assert_int_equal(stack->frames[0].kind, FRAME_NATIVE);
	assert_string_equal(stack->frames[0].function, "a_native_function");
	assert_string_equal(stack->frames[0].module, "ext.so");
	assert_int_equal(stack->frames[0].offset, 4);
	assert_int_equal(stack->frames[1].kind, FRAME_PYTHON);
	assert_string_equal(stack->caller->function, "a_native_function");
}

/*
 * "PyObject_Malloc was called by the interpreter" is no news, but where nothing else is known it is
 * all there is.
 */
static void test_interpreter_and_libc_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct stack_info info = python_stack(1);
	const struct profile_stack *stack;

	info.caller = f->caller;
	for (info.caller_module = INTERPRETER; info.caller_module <= LIBC; info.caller_module++) {
		info.frame_count = 1;
		stack = name_one(f, &info);
		assert_int_equal(stack->frame_count, 1);
		assert_int_equal(stack->frames[0].kind, FRAME_PYTHON);
		assert_string_equal(stack->caller->function, "a_native_function");
		info.frame_count = 0;
		stack = name_one(f, &info);
		assert_int_equal(stack->frame_count, 1);
		assert_string_equal(stack->frames[0].function, "a_native_function");
	}
}

/*
 * A call to a function that does not return may be the last instruction: what is behind it is
 * another function.
 */
static void test_return_address_behind_the_function(void **state)
{
	struct fixture *f = *state;
	struct stack_info info = python_stack(0);
	const struct profile_stack *stack;
	struct elf_image *image;
	struct elf_symbol symbol;

	assert_int_equal(elf_image__open(f->modules[EXTENSION].fd, &image), 0);
	assert_int_equal(elf_image__find(image, "a_native_function", &symbol), 0);
	info.caller = (uintptr_t)a_native_function + symbol.size;
	info.caller_module = EXTENSION;
	stack = name_one(f, &info);
	assert_string_equal(stack->frames[0].function, "a_native_function");
	assert_int_equal(stack->frames[0].offset, symbol.size);
	elf_image__free(image);
}

static void test_addresses_without_a_symbol(void **state)
{
	struct fixture *f = *state;
	struct stack_info info = python_stack(0);
	const struct profile_stack *stack;

	info.caller = f->modules[EXTENSION].start + 0x3abcdef;
	info.caller_module = EXTENSION;
	stack = name_one(f, &info);
	assert_null(stack->frames[0].function);
	assert_string_equal(stack->frames[0].module, "ext.so");
	assert_int_equal(stack->frames[0].offset, 0x3abcdef);
	info.caller_module = -1;
	stack = name_one(f, &info);
	assert_null(stack->frames[0].module);
	assert_int_equal(stack->frames[0].offset, info.caller);
	info.caller_module = 77; /* of a capture that lies */
	name_one(f, &info);
}

static void test_only_the_targets_stacks(void **state)
{
	struct fixture *f = *state;
	struct stack_info infos[3] = {python_stack(1), python_stack(1), python_stack(1)};

	infos[1].key.target = 1;
	f->snapshot->stacks = infos;
	f->snapshot->stack_count = 3;
	assert_int_equal(symbolize__profile(f->snapshot, &f->target, 0, f->symbolizer, &f->profile),
			 0);
	assert_int_equal(f->profile.stack_count, 2);
	profile__free(&f->profile);
	assert_int_equal(symbolize__profile(f->snapshot, &f->target, 1, f->symbolizer, &f->profile),
			 0);
	assert_int_equal(f->profile.stack_count, 1);
	assert_string_equal(f->profile.stacks[0].frames[0].function, "<frozen os>");
	profile__free(&f->profile);
	f->snapshot->stack_count = 0;
	assert_int_equal(symbolize__profile(f->snapshot, &f->target, 0, f->symbolizer, &f->profile),
			 0);
	assert_int_equal(f->profile.stack_count, 0);
}

static void test_codes_that_come_later(void **state)
{
	struct fixture *f = *state;
	struct stack_info info = python_stack(2);

	f->snapshot->code_count = 1;
	is_note(&name_one(f, &info)->frames[1], "[code not captured]");
	f->snapshot->code_count = 4;
	assert_string_equal(name_one(f, &info)->frames[1].file, "<frozen os>");
	f->snapshot->code_count = 1;
	is_note(&name_one(f, &info)->frames[1], "[code not captured]");
}

static void test_many_stacks(void **state)
{
	struct fixture *f = *state;
	size_t count = 50000;
	struct stack_info *infos = calloc(count, sizeof(*infos));
	struct frame *all = calloc(count, sizeof(*all));

	for (size_t i = 0; i < count; i++) {
		all[i].code_key = 0xc0de;
		all[i].lasti = i;
		infos[i] = python_stack(1);
		infos[i].frames = &all[i];
	}
	f->snapshot->stacks = infos;
	f->snapshot->stack_count = count;
	assert_int_equal(symbolize__profile(f->snapshot, &f->target, 0, f->symbolizer, &f->profile),
			 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(f->profile.stacks[i].frames[0].line, i < 10   ? 41
								      : i < 20 ? 42
									       : 47);
	free(infos);
	free(all);
}

static void test_pair_map(void **state)
{
	struct pair_map map = {0};

	(void)state;
	assert_int_equal(pair_map__get(&map, 1, 2, 77), 77);
	for (__u64 i = 0; i < 20000; i++)
		assert_int_equal(pair_map__put(&map, i << 32, i % 7, i), 0);
	assert_int_equal(pair_map__put(&map, 0, 0, 5), 0);
	assert_int_equal(map.count, 20000);
	assert_int_equal(pair_map__get(&map, 0, 0, 77), 5);
	assert_int_equal(pair_map__get(&map, 0, 1, 77), 77);
	for (__u64 i = 1; i < 20000; i++)
		assert_int_equal(pair_map__get(&map, i << 32, i % 7, 77), i);
	pair_map__clear(&map);
	assert_int_equal(pair_map__get(&map, 0, 0, 77), 77);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_python_frames),
		TEST(test_cut_stacks),
		TEST(test_stacks_without_frames),
		TEST(test_extension_is_innermost),
		TEST(test_interpreter_and_libc_are_left_out),
		TEST(test_return_address_behind_the_function),
		TEST(test_addresses_without_a_symbol),
		TEST(test_only_the_targets_stacks),
		TEST(test_codes_that_come_later),
		TEST(test_many_stacks),
		cmocka_unit_test(test_pair_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
