// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_discover.c - starts every Python there is, and other programs, and looks at them from
 * outside
 *
 * Pythons: PYENV_ROOT or ~/.pyenv, and /usr/bin/python3. What is not installed is skipped, by name.
 * What they are is asked from them (platform.python_version()), not from their file names.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "discover/discover.h"
#include "lib/log.h"

#define SYSTEM_PYTHON "/usr/bin/python3"

/* Prints version, Py_DEBUG and free-threading, then waits to be killed. */
static const char program[] = "import sys, time, platform\n"
			      "sysconfig = __import__('sysconfig')\n"
			      "sys.stdout.write('%s %d %d\\n' % (platform.python_version(), "
			      "hasattr(sys, 'gettotalrefcount'),\n"
			      "    bool(sysconfig.get_config_var('Py_GIL_DISABLED'))))\n"
			      "sys.stdout.flush()\n"
			      "time.sleep(60)\n";

struct run {
	pid_t pid;
	int output;
	char version[32];
	int debug, free_threaded;
};

/* Starts argv with environment (name=value, or NULL) added; its stdout is run->output. */
static void start(struct run *run, char *const *argv, const char *environment)
{
	int ends[2];

	memset(run, 0, sizeof(*run));
	assert_int_equal(pipe(ends), 0);
	run->pid = fork();
	assert_true(run->pid >= 0);
	if (run->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (environment)
			putenv(strdup(environment));
		/* A sanitizer's runtime must not follow us into them. */
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv(argv[0], argv);
		_exit(127);
	}
	close(ends[1]);
	run->output = ends[0];
}

static void stop(struct run *run)
{
	kill(run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	close(run->output);
}

/* Starts a Python and waits for what it says of itself. false: it did not say. */
static bool start_python(struct run *run, const char *python, const char *environment)
{
	char *argv[] = {(char *)python, "-c", (char *)program, NULL};
	char line[128] = "";
	size_t used = 0;

	start(run, argv, environment);
	while (used < sizeof(line) - 1 && !strchr(line, '\n')) {
		ssize_t n = read(run->output, line + used, sizeof(line) - 1 - used);

		if (n <= 0)
			break;
		used += n;
	}
	if (sscanf(line, "%31s %d %d", run->version, &run->debug, &run->free_threaded) == 3)
		return true;
	stop(run);
	return false;
}

static struct target *discover(pid_t pid)
{
	struct target *target;

	assert_int_equal(target__discover(pid, &target), 0);
	assert_int_equal(target->pid, pid);
	return target;
}

static void skip_root(void)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: not root\n");
	skip();
}

static bool has_allocator(const struct target *target, const char *name)
{
	for (size_t i = 0; i < target->allocator_count; i++) {
		if (!strncmp(target->allocators[i].name, name, strlen(name)))
			return true;
	}
	return false;
}

static enum python_flavour wanted_flavour(const struct run *run)
{
	int major = 0, minor = 0;

	sscanf(run->version, "%d.%d", &major, &minor);
	if (major < 3 || minor < 8)
		return PYTHON_TOO_OLD;
	if (minor > 14)
		return PYTHON_TOO_NEW;
	if (run->free_threaded)
		return PYTHON_FREE_THREADED;
	return run->debug ? PYTHON_DEBUG : PYTHON_OK;
}

static void check_modules(const struct target *target)
{
	for (size_t i = 0; i < target->module_count; i++) {
		const struct module *module = &target->modules[i];

		assert_true(module->fd >= 0);
		assert_true(module->start < module->end);
		assert_non_null(module->path);
		assert_null(strchr(module->name, '/'));
		assert_int_equal(target__module_at(target, module->start), i);
	}
	assert_int_equal(target__module_at(target, 0), -1);
}

static void check_python(const char *python)
{
	struct target *target;
	struct run run;

	if (!start_python(&run, python, NULL)) {
		print_message("skipped %s: does not run\n", python);
		return;
	}
	target = discover(run.pid);
	check_modules(target);
	assert_string_equal(target->python.version, run.version);
	assert_int_equal(target->python.flavour, wanted_flavour(&run));
	assert_true(target->module_count >= 2);
	assert_true(target->pidfd >= 0);
	assert_string_equal(target->cmdline[1], "-c");
	if (target->python.flavour == PYTHON_OK) {
		assert_true(target->python.initialized);
		assert_true(target->python.code_type);
		assert_string_equal(target->python.allocator, "pymalloc");
		assert_int_equal(target__supported(target), 0);
		if (has_allocator(target, "glibc"))
			assert_true(target->tsd_blocks > target->tsd_first_block);
	} else {
		assert_int_equal(target__supported(target), -EXIT_CANNOT_TRACE);
	}
	assert_int_equal(target__refresh_modules(target), 0);
	check_modules(target);
	print_message("%s: %s, %s, %s\n", python, target->python.version,
		      target->python.inlined_allocator ? "inlined" : "plain",
		      target->allocator_count ? target->allocators[0].name : "no malloc");
	target__free(target);
	stop(&run);
}

static void test_pythons(void **state)
{
	const char *root = getenv("PYENV_ROOT"), *home = getenv("HOME");
	char pattern[4096];
	glob_t found;

	(void)state;
	skip_root();
	if (root)
		snprintf(pattern, sizeof(pattern), "%s/versions/*/bin/python", root);
	else
		snprintf(pattern, sizeof(pattern), "%s/.pyenv/versions/*/bin/python",
			 home ? home : "");
	if (glob(pattern, 0, NULL, &found)) {
		print_message("skipped: no Python at %s\n", pattern);
		skip();
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		check_python(found.gl_pathv[i]);
	globfree(&found);
}

static void test_system_python(void **state)
{
	(void)state;
	skip_root();
	if (access(SYSTEM_PYTHON, X_OK)) {
		print_message("skipped: no " SYSTEM_PYTHON "\n");
		skip();
	}
	check_python(SYSTEM_PYTHON);
}

/* What serves PyObject_Malloc, as the environment has asked for. */
static void test_python_allocator(void **state)
{
	static const char *const names[] = {"malloc", "pymalloc", "pymalloc_debug", "malloc_debug"};

	(void)state;
	skip_root();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct target *target;
		char setting[64];
		struct run run;

		snprintf(setting, sizeof(setting), "PYTHONMALLOC=%s", names[i]);
		if (!start_python(&run, SYSTEM_PYTHON, setting)) {
			print_message("skipped: no " SYSTEM_PYTHON "\n");
			skip();
		}
		target = discover(run.pid);
		if (target->python.flavour == PYTHON_OK)
			assert_string_equal(target->python.allocator, names[i]);
		target__free(target);
		stop(&run);
	}
}

static void check_preload(const char *library, const char *name)
{
	char pattern[256], setting[512];
	struct target *target;
	struct run run;
	glob_t found;

	skip_root();
	snprintf(pattern, sizeof(pattern), "/usr/lib*/*/%s", library);
	if (glob(pattern, 0, NULL, &found)) {
		print_message("skipped: no %s (install it to run this)\n", library);
		skip();
	}
	snprintf(setting, sizeof(setting), "LD_PRELOAD=%s", found.gl_pathv[0]);
	globfree(&found);
	if (!start_python(&run, SYSTEM_PYTHON, setting)) {
		print_message("skipped: no " SYSTEM_PYTHON "\n");
		skip();
	}
	target = discover(run.pid);
	/* First the one in use, then the libc's, which is there all the same. */
	assert_string_equal(target->allocators[0].name, name);
	assert_true(target->allocator_count >= 2);
	target__free(target);
	stop(&run);
}

static void test_jemalloc(void **state)
{
	(void)state;
	check_preload("libjemalloc.so.2", "jemalloc");
}

static void test_tcmalloc(void **state)
{
	(void)state;
	check_preload("libtcmalloc_minimal.so.4", "tcmalloc");
}

static void test_mimalloc(void **state)
{
	(void)state;
	check_preload("libmimalloc.so.[0-9]*", "mimalloc");
}

static void test_no_python(void **state)
{
	char *argv[] = {"/bin/sleep", "60", NULL};
	struct target *target;
	struct run run;

	(void)state;
	skip_root();
	start(&run, argv, NULL);
	/* Until exec it is a copy of us. */
	for (int i = 0; i < 200; i++) {
		target = discover(run.pid);
		if (!strcmp(target->comm, "sleep") && target->allocator_count)
			break;
		target__free(target);
		usleep(10000);
	}
	assert_string_equal(target->comm, "sleep");
	assert_int_equal(target->python.flavour, PYTHON_NONE);
	assert_string_equal(target->cmdline[1], "60");
	assert_null(target->cmdline[2]);
	assert_int_equal(target__supported(target), -EXIT_CANNOT_TRACE);
	target__free(target);
	stop(&run);
}

/* Modules of a file that was deleted, as after an upgrade, are still opened. */
static void test_deleted(void **state)
{
	char copy[] = "/tmp/pyleak-test-XXXXXX", command[128];
	char *argv[] = {copy, "60", NULL};
	bool deleted = false;
	struct target *target;
	struct run run;

	(void)state;
	skip_root();
	close(mkstemp(copy));
	snprintf(command, sizeof(command), "cp /bin/sleep %s && chmod 755 %s", copy, copy);
	assert_int_equal(system(command), 0);
	start(&run, argv, NULL);
	usleep(300000);
	unlink(copy);
	target = discover(run.pid);
	for (size_t i = 0; i < target->module_count; i++) {
		if (!strstr(target->modules[i].path, " (deleted)"))
			continue;
		deleted = true;
		assert_true(target->modules[i].fd >= 0);
		assert_string_equal(target->modules[i].name, strrchr(copy, '/') + 1);
	}
	assert_true(deleted);
	target__free(target);
	stop(&run);
}

static void test_no_process(void **state)
{
	struct target *target;
	pid_t child;

	(void)state;
	assert_int_equal(target__discover(99999999, &target), -EXIT_FAILED);
	assert_null(target);
	assert_int_equal(target__discover(0, &target), -EXIT_FAILED);
	assert_int_equal(target__discover(-1, &target), -EXIT_FAILED);
	child = fork();
	if (child == 0)
		_exit(0);
	waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
	assert_int_equal(target__discover(child, &target), -EXIT_FAILED);
	waitpid(child, NULL, 0);
	if (access("/proc/2/exe", F_OK) && !access("/proc/2/comm", F_OK) && geteuid() == 0)
		assert_int_equal(target__discover(2, &target), -EXIT_CANNOT_TRACE);
	target__free(NULL);
}

/* _Py_DebugOffsets with any one word changed: an answer that lies in its bounds, or a refusal. */
static void test_hostile_debug_offsets(void **state)
{
	static const __u64 values[] = {0, 1, 4095, 1 << 21, 1ULL << 32, ~0ULL, ~0ULL - 7};
	static const __u32 versions[] = {0x030d00f0, 0x030e00f0};

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		for (size_t word = 1; word < 128; word++) {
			for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
				__u64 bytes[128];
				struct py_layout layout;
				bool free_threaded;

				for (size_t w = 0; w < 128; w++)
					bytes[w] = 64;
				memcpy(bytes, "xdebugpy", 8);
				bytes[1] = versions[v];
				bytes[2] = 0;
				bytes[word] = values[i];
				if (py_layout__from_debug_offsets(bytes, sizeof(bytes), &layout,
								  &free_threaded))
					continue;
				assert_true(layout.frame_window_len <= PY_FRAME_WINDOW);
				assert_true(layout.code_window_len <= PY_CODE_WINDOW);
				assert_true(layout.tstate_frame < 1 << 23);
			}
		}
	}
}

static void test_debug_offsets_refused(void **state)
{
	__u64 bytes[128] = {0};
	struct py_layout layout;
	bool free_threaded = false;

	(void)state;
	assert_int_equal(py_layout__from_debug_offsets(bytes, 0, &layout, &free_threaded), -EINVAL);
	assert_int_equal(py_layout__from_debug_offsets(bytes, 1024, &layout, &free_threaded),
			 -EINVAL);
	memcpy(bytes, "xdebugpy", 8);
	bytes[1] = 0x030d00f0;
	assert_int_equal(py_layout__from_debug_offsets(bytes, 100, &layout, &free_threaded),
			 -EINVAL);
	bytes[2] = 1;
	assert_int_equal(py_layout__from_debug_offsets(bytes, 1024, &layout, &free_threaded),
			 -ENOTSUP);
	assert_true(free_threaded);
	bytes[2] = 0;
	bytes[1] = 0x030f00f0;
	assert_int_equal(py_layout__from_debug_offsets(bytes, 1024, &layout, &free_threaded),
			 -ENOTSUP);
	assert_false(free_threaded);
	bytes[1] = 0x030e00a1;
	assert_int_equal(py_layout__from_debug_offsets(bytes, 1024, &layout, &free_threaded),
			 -ENOTSUP);
	assert_null(py_layout__find(3, 7));
	assert_null(py_layout__find(3, 13));
	assert_non_null(py_layout__find(3, 8));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pythons),
		cmocka_unit_test(test_system_python),
		cmocka_unit_test(test_python_allocator),
		cmocka_unit_test(test_jemalloc),
		cmocka_unit_test(test_tcmalloc),
		cmocka_unit_test(test_mimalloc),
		cmocka_unit_test(test_no_python),
		cmocka_unit_test(test_deleted),
		cmocka_unit_test(test_no_process),
		cmocka_unit_test(test_hostile_debug_offsets),
		cmocka_unit_test(test_debug_offsets_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
