// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_placement_live.c - the places of real allocators against a processor that runs them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pythons.h"
#include "single_step.h"

#define LINUX_6_1 (6 << 16 | 1 << 8)

#define DI (1u << GPR_DI)
#define SI (1u << GPR_SI)
#define DX (1u << GPR_DX)

static struct {
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
} allocator;

/* Sizes of every path: none, cached, small, large, mapped; blocks moved, grown in place, returned. */
static void allocate(void)
{
	static void *blocks[64];
	void *aligned;

	for (unsigned int i = 0; i < 50; i++) {
		void **block = &blocks[i * 7 % 64];
		size_t size = i % 50 ? i * 37 % 1500 : 200000;

		allocator.free(*block);
		*block = allocator.malloc(size);
		if (i % 3 == 0)
			*block = allocator.realloc(*block, size + i % 5 * 100);
		if (i % 4 == 0) {
			allocator.free(allocator.calloc(i, 10));
			allocator.free(allocator.aligned_alloc(64, 640));
			if (!allocator.posix_memalign(&aligned, 256, size))
				allocator.free(aligned);
		}
	}
	allocator.free(allocator.malloc(SIZE_MAX / 2 + 10));
	allocator.free(allocator.realloc(NULL, 10));
	allocator.calloc(SIZE_MAX / 2, 4);
	allocator.realloc(allocator.malloc(10), 0);
}

static void libc(void **state)
{
	struct stepped functions[] = {
		{.name = "malloc", .arguments = DI},
		{.name = "free", .arguments = DI},
		{.name = "calloc", .arguments = DI | SI},
		{.name = "realloc", .arguments = DI | SI},
		{.name = "posix_memalign", .arguments = DI | SI | DX},
		{.name = "aligned_alloc", .arguments = DI | SI},
	};
	size_t count = sizeof(functions) / sizeof(*functions);
	/* not what a sanitizer puts in front of it */
	void *library = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);

	(void)state;
	assert_non_null(library);
	allocator.malloc = dlsym(library, "malloc");
	allocator.free = dlsym(library, "free");
	allocator.calloc = dlsym(library, "calloc");
	allocator.realloc = dlsym(library, "realloc");
	allocator.posix_memalign = dlsym(library, "posix_memalign");
	allocator.aligned_alloc = dlsym(library, "aligned_alloc");
	assert_int_equal(stepped__plan_library(functions, count, library, LINUX_6_1), count);
	for (size_t i = 0; i < count; i++) {
		if (functions[i].enter.cost != COST_EMULATED)
			fail_msg("%s is entered by a stepped instruction", functions[i].name);
		if (functions[i].back.cost != COST_EMULATED)
			fail_msg("%s returns by a stepped instruction", functions[i].name);
	}
	stepped__run(functions, count, NULL, allocate);
	for (size_t i = 0; i < count; i++)
		assert_true(functions[i].calls >= 12);
	dlclose(library);
}

/*
 * The shape that pymalloc's fast path has in front of its slow one, with results on every way: by a
 * conditional jump, by a jump, and from a register that a call leaves alone.
 */
__attribute__((noinline, noipa, visibility("default"))) void *shape_slow(size_t size);
__attribute__((visibility("default"))) void *shape_alloc(size_t size);

static struct {
	void *block;
	void *next;
} shape_pool[4];

__attribute__((visibility("default"))) void *shape_state = shape_pool;

void *shape_slow(size_t size)
{
	return size > 1000 ? NULL : &shape_pool[size % 4];
}

__asm__(".text\n"
	".globl shape_alloc\n"
	".type shape_alloc, @function\n"
	"shape_alloc:\n"
	"	endbr64\n"
	"	sub $24, %rsp\n"
	"	cmp $512, %rdi\n"
	"	ja 3f\n"
	"	mov shape_state@GOTPCREL(%rip), %rsi\n"
	"	mov (%rsi), %rsi\n"
	"	mov 8(%rsi), %rax\n"
	"	test %rax, %rax\n"
	"	je 3f\n"
	"	lea -1(%rdi), %rcx\n"
	"	test $1, %cl\n"
	"	je 2f\n"
	"1:	add $24, %rsp\n"
	"	ret\n"
	"2:	movq $0, 8(%rsi)\n"
	"	add $24, %rsp\n"
	"	ret\n"
	"3:	mov %rdi, 8(%rsp)\n"
	"	call shape_slow@PLT\n"
	"	mov shape_state@GOTPCREL(%rip), %rsi\n"
	"	mov (%rsi), %rsi\n"
	"	mov %rax, 8(%rsi)\n"
	"	jmp 1b\n"
	".size shape_alloc, . - shape_alloc\n");

static void take_shapes(void)
{
	for (size_t i = 0; i < 300; i++)
		shape_alloc(i * 5);
}

static void exits(void **state)
{
	struct stepped function = {.name = "shape_alloc", .arguments = DI};
	struct link_map *self;
	void *program = dlopen(NULL, RTLD_NOW);

	(void)state;
	assert_int_equal(dlinfo(program, RTLD_DI_LINKMAP, &self), 0);
	assert_int_equal(stepped__plan(&function, 1, "/proc/self/exe", self->l_addr, LINUX_6_1), 1);
	assert_int_equal(function.entry, (uintptr_t)shape_alloc);
	assert_int_equal(function.exit_count, 2);
	assert_int_equal(function.enter.cost, COST_EMULATED);
	assert_int_equal(function.enter.sp_delta, 24);
	stepped__run(&function, 1, NULL, take_shapes);
	assert_int_equal(function.calls, 300);
	dlclose(program);
}

/* As a distribution with control-flow protection and frame pointers builds. */
static const char cet_source[] =
	"#include <stddef.h>\n"
	"struct pool { void *free; size_t count; struct pool *next; };\n"
	"static struct pool pools[64];\n"
	"static char arena[64][256];\n"
	"__attribute__((noinline)) static void *fresh(size_t size) {\n"
	"	struct pool *pool = &pools[size / 16 % 64];\n"
	"	for (size_t i = 0; i < 4; i++) {\n"
	"		void **block = (void **)&arena[size / 16 % 64][i * 64];\n"
	"		*block = pool->free; pool->free = block;\n"
	"	}\n"
	"	return size > 1000 ? NULL : pool;\n"
	"}\n"
	"void *take(size_t size) {\n"
	"	struct pool *pool = &pools[size / 16 % 64];\n"
	"	void **block = pool->free;\n"
	"	if (size > 512 || !block) return fresh(size);\n"
	"	pool->count++;\n"
	"	if (!(pool->free = *block)) pool->next = pools;\n"
	"	return block;\n"
	"}\n"
	"void give(void *block, size_t size) {\n"
	"	struct pool *pool = &pools[size / 16 % 64];\n"
	"	if (!block || (char *)block < arena[0]) return;\n"
	"	*(void **)block = pool->free; pool->free = block;\n"
	"	if (!--pool->count) fresh(size);\n"
	"}\n";

static void *(*take)(size_t);
static void (*give)(void *, size_t);

static void take_and_give(void)
{
	for (size_t i = 0; i < 300; i++) {
		void *block = take(i * 13 % 700);

		if (i % 3)
			give(block, i * 13 % 700);
	}
}

static void cet_build(const char *flags)
{
	struct stepped functions[] = {
		{.name = "take", .arguments = DI},
		{.name = "give", .arguments = DI | SI},
	};
	char directory[] = "/tmp/placement-XXXXXX", name[128], command[512];
	void *library;
	FILE *source;

	assert_non_null(mkdtemp(directory));
	snprintf(name, sizeof(name), "%s/a.c", directory);
	source = fopen(name, "w");
	assert_non_null(source);
	fputs(cet_source, source);
	fclose(source);
	snprintf(command, sizeof(command),
		 "gcc -O2 -fcf-protection=full %s -shared -fPIC -o %s/a.so %s", flags, directory,
		 name);
	assert_int_equal(system(command), 0);
	snprintf(name, sizeof(name), "%s/a.so", directory);
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(library);
	take = dlsym(library, "take");
	give = dlsym(library, "give");
	assert_int_equal(stepped__plan_library(functions, 2, library, LINUX_6_1), 2);
	for (size_t i = 0; i < 2; i++) {
		/* endbr64 */
		assert_int_equal(*(const __u32 *)(uintptr_t)functions[i].entry, 0xfa1e0ff3);
		assert_int_equal(functions[i].enter.cost, COST_EMULATED);
	}
	stepped__run(functions, 2, NULL, take_and_give);
	assert_int_equal(functions[0].calls, 300);
	assert_int_equal(functions[1].calls, 200);
	dlclose(library);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0);
}

static void control_flow_protection(void **state)
{
	(void)state;
	cet_build("");
	cet_build("-fno-omit-frame-pointer");
}

static struct {
	void (*initialize)(int);
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*realloc)(void *, size_t);
	void *(*calloc)(size_t, size_t);
} python;

static void initialize(void)
{
	python.initialize(0);
}

static void allocate_objects(void)
{
	static void *blocks[128];

	for (unsigned int i = 0; i < 100; i++) {
		void **block = &blocks[i * 7 % 128];

		python.free(*block);
		*block = i % 3 ? python.malloc(i * 11 % 600) : python.calloc(1, i % 520);
		if (i % 5 == 0)
			*block = python.realloc(*block, i * 13 % 600);
	}
	for (unsigned int i = 0; i < 128; i++)
		python.free(blocks[i]);
}

static void python_library(const char *path)
{
	/* the last ones take a context first; not in every version, nor in every build */
	struct stepped all[] = {
		{.name = "PyObject_Malloc", .arguments = DI},
		{.name = "PyObject_Free", .arguments = DI},
		{.name = "PyObject_Realloc", .arguments = DI | SI},
		{.name = "PyObject_Calloc", .arguments = DI | SI},
		{.name = "_PyObject_Malloc", .arguments = DI | SI},
		{.name = "_PyObject_Free", .arguments = DI | SI},
		{.name = "_PyObject_Realloc", .arguments = DI | SI | DX},
		{.name = "_PyObject_Calloc", .arguments = DI | SI | DX},
		{.name = "_PyMem_RawMalloc", .arguments = DI | SI},
	};
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	size_t count;

	if (!library || !dlsym(library, "Py_InitializeEx"))
		return;
	python.initialize = dlsym(library, "Py_InitializeEx");
	python.malloc = dlsym(library, "PyObject_Malloc");
	python.free = dlsym(library, "PyObject_Free");
	python.realloc = dlsym(library, "PyObject_Realloc");
	python.calloc = dlsym(library, "PyObject_Calloc");
	count = stepped__plan_library(all, sizeof(all) / sizeof(*all), library, LINUX_6_1);
	assert_true(count >= 4);
	stepped__run(all, count, initialize, allocate_objects);
	for (size_t i = 0; i < 4; i++)
		assert_true(all[i].calls >= 20);
	dlclose(library);
}

static int checked;

static void check_python(const char *executable)
{
	char pattern[4096];
	glob_t libraries;

	/* versions/X/bin/python3: versions/X/lib/libpythonX.so.1.0 */
	snprintf(pattern, sizeof(pattern), "%.*slib/libpython3.*.so.1.0",
		 (int)(strlen(executable) - strlen("bin/python3")), executable);
	if (glob(pattern, 0, NULL, &libraries) == 0) {
		python_library(libraries.gl_pathv[0]);
		checked++;
	}
	globfree(&libraries);
}

static void pythons(void **state)
{
	(void)state;
	each_python(check_python);
	print_message("%d libpythons\n", checked);
}

/* A build without a shared library, optimized as a whole, as Debian's: no symbols but the exported ones. */
static void python_executable(void **state)
{
	static const char script[] =
		"import ctypes, os, signal\n"
		"def function(name, *arguments):\n"
		"    found = getattr(ctypes.pythonapi, name)\n"
		"    found.argtypes = arguments\n"
		"    found.restype = ctypes.c_void_p\n"
		"    return found\n"
		"size, block = ctypes.c_size_t, ctypes.c_void_p\n"
		"malloc, free = function('PyObject_Malloc', size), function('PyObject_Free', "
		"block)\n"
		"calloc = function('PyObject_Calloc', size, size)\n"
		"realloc = function('PyObject_Realloc', block, size)\n"
		"raw, raw_free = function('PyMem_Malloc', size), function('PyMem_Free', block)\n"
		"os.kill(os.getpid(), signal.SIGSTOP)\n"
		"for i in range(100000):\n"
		"    free(realloc(malloc(i * 97 % 700), i * 89 % 700))\n"
		"    free(calloc(1, i * 83 % 700))\n"
		"    raw_free(raw(i * 79 % 700))\n";
	char *argv[] = {"/usr/bin/python3", "-S", "-c", (char *)script, NULL};
	struct stepped functions[] = {
		{.name = "PyObject_Malloc", .arguments = DI},
		{.name = "PyObject_Free", .arguments = DI},
		{.name = "PyObject_Realloc", .arguments = DI | SI},
		{.name = "PyObject_Calloc", .arguments = DI | SI},
		{.name = "PyMem_Malloc", .arguments = DI},
		{.name = "PyMem_Free", .arguments = DI},
	};
	size_t count = sizeof(functions) / sizeof(*functions);
	struct elf_image *image;
	bool pic;
	int fd = open(argv[0], O_RDONLY | O_CLOEXEC);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(elf_image__open(fd, &image), 0);
	pic = elf_image__is_pic(image);
	elf_image__free(image);
	close(fd);
	if (stepped__plan(functions, count, argv[0], 0, LINUX_6_1) != count)
		skip(); /* a shared libpython after all */
	stepped__execute(functions, count, argv, pic, 120000);
	for (size_t i = 0; i < count; i++) {
		if (functions[i].calls < 4)
			fail_msg("%s was called %lu times", functions[i].name, functions[i].calls);
		/* the argument is not needed behind it: there is always one before the first fork */
		assert_int_equal(functions[i].enter.cost, COST_EMULATED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libc),
		cmocka_unit_test(exits),
		cmocka_unit_test(control_flow_protection),
		cmocka_unit_test(pythons),
		cmocka_unit_test(python_executable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
