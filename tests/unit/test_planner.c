// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which functions of real files get probes: a process with this machine's libc and no Python.
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

static const struct probe *find(const struct plan *plan, const char *function, enum probe_kind kind)
{
	for (size_t i = 0; i < plan->probe_count; i++)
		if (plan->probes[i].kind == kind && !strcmp(plan->probes[i].function, function))
			return &plan->probes[i];
	return NULL;
}

static pid_t child;

/* A sleeping process; its output closes when it has become that program. */
static int start_child(void **state)
{
	int ready[2];
	char byte;

	(void)state;
	if (pipe2(ready, O_CLOEXEC))
		return -1;
	child = fork();
	if (!child) {
		execlp("sleep", "sleep", "600", NULL);
		_exit(127);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1))
		return -1;
	close(ready[0]);
	return child < 0;
}

static int stop_child(void **state)
{
	(void)state;
	kill(child, SIGKILL);
	return waitpid(child, NULL, 0) != child;
}

/* The dynamic linker may be at work still: until it has mapped libc. */
static struct target *discover_child(void)
{
	struct target *target;

	for (int tries = 0; tries < 1000; tries++) {
		assert_int_equal(target__discover(child, &target), 0);
		if (target->allocator_count)
			return target;
		target__free(target);
		usleep(10000);
	}
	fail_msg("no malloc in /bin/sleep");
	return NULL;
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
	assert_int_equal(plan__make(target, &plan), 0);
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
	assert_int_equal(plan__make(target, &plan), 0);
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
	assert_int_equal(plan__make(target, &plan), -ENOENT);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plans_the_malloc_family),
		cmocka_unit_test(plans_each_function_once),
		cmocka_unit_test(says_when_there_is_nothing),
		cmocka_unit_test(table_is_complete),
	};

	return cmocka_run_group_tests_name("planner", tests, start_child, stop_child);
}
