// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which functions of real files get probes, and where: a process with this machine's libc and no Python, and each Python
 * that there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "discover/discover.h"
#include "lib/elf_image.h"
#include "plan/planner.h"
#include "pythons.h"

static const struct probe *find(const struct plan *plan, const char *function, enum probe_kind kind)
{
	for (size_t i = 0; i < plan->probe_count; i++)
		if (plan->probes[i].kind == kind && !strcmp(plan->probes[i].function, function))
			return &plan->probes[i];
	return NULL;
}

static const struct plan_options options = {.kernel = 6 << 16 | 12 << 8};

static pid_t child;

/* The command, once it is running; its output closes when it has become that program. */
static pid_t run(const char *const *command)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (pipe2(ready, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		execvp(command[0], (char *const *)command);
		_exit(127);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1)) {
		close(ready[0]);
		return -1;
	}
	close(ready[0]);
	return pid;
}

static int start_child(void **state)
{
	static const char *const command[] = {"sleep", "600", NULL};

	(void)state;
	child = run(command);
	return child < 0;
}

static int stop_child(void **state)
{
	(void)state;
	kill(child, SIGKILL);
	return waitpid(child, NULL, 0) != child;
}

/* The dynamic linker may be at work still: until it has mapped libc, and Python is up where that is wanted. */
static struct target *discover(pid_t pid, bool python)
{
	struct target *target;

	for (int tries = 0; tries < 1000; tries++) {
		assert_int_equal(target__discover(pid, &target), 0);
		if (target->allocator_count && (!python || (target->python.flavour == PYTHON_OK &&
							    target->python.initialized)))
			return target;
		target__free(target);
		usleep(10000);
	}
	fail_msg("no malloc in process %d, or no Python", pid);
	return NULL;
}

static struct target *discover_child(void)
{
	return discover(child, false);
}

static void plans_the_malloc_family(void **state)
{
	static const char *const allocating[] = {"malloc", "calloc", "realloc", "reallocarray",
						 "posix_memalign"};
	struct target *target = discover_child();
	struct elf_image *image;
	struct plan *plan;

	(void)state;
	assert_true(target->allocator_count >= 1);
	assert_int_equal(plan__make(target, &options, &plan), 0);
	assert_int_equal(plan->object_functions, 0);
	assert_false(plan->object_count_only);
	for (size_t i = 0; i < sizeof(allocating) / sizeof(allocating[0]); i++) {
		assert_non_null(find(plan, allocating[i], PROBE_ENTER));
		assert_non_null(find(plan, allocating[i], PROBE_RETURN));
	}
	/* A release needs no second probe. */
	assert_non_null(find(plan, "free", PROBE_FREE));
	assert_null(find(plan, "free", PROBE_RETURN));
	/* libc's own operators call its malloc; only replacements inline it. */
	assert_null(find(plan, "_Znwm", PROBE_ENTER));

	assert_int_equal(elf_image__open(target->modules[target->allocators[0].module].fd, &image),
			 0);
	for (size_t i = 0; i < plan->probe_count; i++) {
		const struct probe *probe = &plan->probes[i];
		__u64 offset;

		assert_int_equal(elf_image__file_offset(image, probe->address, &offset), 0);
		assert_int_equal(probe->offset, offset);
	}
	elf_image__free(image);
	plan__free(plan);
	target__free(target);
}

/* Two probes of one kind at one place would count twice: aliases are found out. */
static void plans_each_function_once(void **state)
{
	struct target *target = discover_child();
	struct plan *plan;

	(void)state;
	assert_int_equal(plan__make(target, &options, &plan), 0);
	for (size_t i = 0; i < plan->probe_count; i++)
		for (size_t j = 0; j < i; j++)
			assert_false(plan->probes[i].kind == plan->probes[j].kind &&
				     plan->probes[i].module == plan->probes[j].module &&
				     plan->probes[i].offset == plan->probes[j].offset);
	plan__free(plan);
	target__free(target);
}

static void says_when_there_is_nothing(void **state)
{
	struct target *target = discover_child();
	struct plan *plan = NULL;

	(void)state;
	target->allocator_count = 0;
	assert_int_equal(plan__make(target, &options, &plan), -ENOENT);
	assert_null(plan);
	plan__free(NULL);
	target__free(target);
}

/* Every row can be acted on: a role, a layer, and the arguments that the role needs. */
static void table_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < hook_count; i++) {
		const struct hook *hook = &hook_table[i].hook;

		assert_true(hook->domain == DOMAIN_RAW || hook->domain == DOMAIN_OBJECT);
		assert_true(hook->size_arg <= 3 && hook->count_arg <= 3 && hook->ptr_arg <= 3);
		if (hook->role == HOOK_FREE)
			assert_true(hook->ptr_arg && !hook->size_arg);
		else
			assert_true(hook->size_arg);
		if (hook->role == HOOK_REALLOC || hook->role == HOOK_ALLOC_OUT)
			assert_true(hook->ptr_arg);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(hook_table[i].function, hook_table[j].function);
	}
}

static bool is_hot(const struct probe *probe)
{
	static const char *const hot[] = {"malloc", "calloc", "realloc", "free"};

	if (probe->kind == PROBE_POOL_ALLOC || probe->kind == PROBE_POOL_FREE)
		return true;
	for (size_t i = 0; i < sizeof(hot) / sizeof(hot[0]); i++)
		if (!strcmp(probe->function, hot[i]))
			return true;
	return false;
}

static size_t count_of(const struct plan *plan, enum probe_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->probe_count; i++)
		count += plan->probes[i].kind == kind;
	return count;
}

/* Each probe says where and why, and is where the file has code; none that is hit often is stepped. */
static void check_probes(const struct plan *plan, const struct target *target, const char *python)
{
	for (size_t i = 0; i < plan->probe_count; i++) {
		const struct probe *probe = &plan->probes[i];

		assert_true(probe->module >= 0 && (size_t)probe->module < target->module_count);
		assert_true(probe->instruction[0]);
		assert_true(probe->why && probe->why[0]);
		if (is_hot(probe) && probe->cost == COST_STEPPED)
			fail_msg("%s: %s of %s at %llx is stepped: %s (%s)", python,
				 probe_kind__name(probe->kind), probe->function,
				 (unsigned long long)probe->address, probe->instruction,
				 probe->why);
	}
}

/* A process that a return probe would kill: it gets none, and objects are seen all the same. */
static void check_without_returns(const struct target *target, __u32 kernel)
{
	const struct plan_options wanted = {.kernel = kernel, .no_return_probes = true};
	struct plan *plan;

	assert_int_equal(plan__make(target, &wanted, &plan), 0);
	assert_int_equal(count_of(plan, PROBE_RETURN), 0);
	assert_true(plan->pool_sites);
	assert_int_equal(count_of(plan, PROBE_POOL_ALLOC), plan->pool_allocs);
	/* What allocates has a way to see the result, or is left out, and releases with it. */
	if (count_of(plan, PROBE_EXIT))
		assert_true(count_of(plan, PROBE_ENTER) > 0);
	else
		assert_int_equal(count_of(plan, PROBE_ENTER) + count_of(plan, PROBE_FREE), 0);
	assert_true(plan->no_place > 0);
	plan__free(plan);
}

static void check_plan(const char *python, __u32 kernel)
{
	static const char *const hot[] = {"malloc", "calloc", "realloc"};
	const char *const command[] = {python, "-c", "import time; time.sleep(600)", NULL};
	const struct plan_options wanted = {.kernel = kernel};
	pid_t pid = run(command);
	struct target *target;
	struct plan *plan;

	assert_true(pid > 0);
	target = discover(pid, true);
	assert_int_equal(plan__make(target, &wanted, &plan), 0);
	assert_true(plan->pool_sites);
	assert_int_equal(plan->pool_incomplete, 0);
	assert_int_equal(plan->no_place, 0);
	assert_true(plan->pool_allocs && plan->pool_fresh && plan->pool_frees);
	assert_int_equal(count_of(plan, PROBE_POOL_ALLOC), plan->pool_allocs);
	assert_int_equal(count_of(plan, PROBE_POOL_FRESH), plan->pool_fresh);
	assert_int_equal(count_of(plan, PROBE_POOL_FREE), plan->pool_frees);
	for (size_t i = 0; i < sizeof(hot) / sizeof(hot[0]); i++) {
		assert_non_null(find(plan, hot[i], PROBE_ENTER));
		assert_true(find(plan, hot[i], PROBE_RETURN) || find(plan, hot[i], PROBE_EXIT));
	}
	assert_non_null(find(plan, "free", PROBE_FREE));
	/* pymalloc's own functions would count the same blocks again */
	assert_null(find(plan, "PyObject_Malloc", PROBE_ENTER));
	check_probes(plan, target, python);
	plan__free(plan);
	check_without_returns(target, kernel);
	target__free(target);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* The oldest kernel that is supported emulates the fewest instructions. */
static void check_python(const char *python)
{
	static const __u32 kernels[] = {6 << 16 | 1 << 8, 6 << 16 | 18 << 8};

	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		check_plan(python, kernels[i]);
}

static void steps_no_hot_path(void **state)
{
	(void)state;
	each_python(check_python);
}

/* Debian 13's and newer Python and libc: with -fcf-protection, functions begin with endbr64. */
static void steps_no_hot_path_of_cet_builds(void **state)
{
	static const char *const trees[] = {"build/python3.13/usr/bin/python3.13",
					    "build/python3.14/usr/bin/python3.14"};
	size_t checked = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++) {
		if (!is_supported(trees[i]))
			continue;
		check_python(trees[i]);
		checked++;
	}
	if (!checked)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_the_malloc_family),
		cmocka_unit_test(plans_each_function_once),
		cmocka_unit_test(says_when_there_is_nothing),
		cmocka_unit_test(table_is_complete),
		cmocka_unit_test(steps_no_hot_path),
		cmocka_unit_test(steps_no_hot_path_of_cet_builds),
	};

	return cmocka_run_group_tests_name("planner", tests, start_child, stop_child);
}
