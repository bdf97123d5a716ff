// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_pythons.c - every Python of this machine, and what is none, asked what it is at any moment of its life
 *
 * Nothing of this may print a line: stderr is a file, which is empty at the end.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "python_run.h"
#include "pythons.h"

#include "agent/python_counts.h"
#include "agent/python_files.h"
#include "agent/pythons.h"
#include "lib/log.h"
#include "lib/text.h"
#include "report.h"

#define SYSTEM_PYTHON "/usr/bin/python3"

static struct pythons *pythons;

static int identify(pid_t pid, struct python_identity *identity)
{
	return pythons__identify(pythons, pid, identity);
}

/* Answers that leave nothing to be freed. */
static void assert_answer(pid_t pid, int wanted)
{
	struct python_identity identity;
	int answer = identify(pid, &identity);

	if (answer == 1)
		python_identity__clear(&identity);
	assert_int_equal(answer, wanted);
	assert_null(identity.cmdline);
	assert_null(identity.pools);
}

/* Calls check with each python of that name below pyenv's versions; how many. */
static int each_version(const char *names, void (*check)(const char *python))
{
	const char *home = getenv("HOME"), *root = getenv("PYENV_ROOT");
	char pattern[4096];
	glob_t found;
	int count;

	snprintf(pattern, sizeof(pattern), "%s%s/versions/%s/bin/python",
		 root   ? root
		 : home ? home
			: "",
		 root ? "" : "/.pyenv", names);
	glob(pattern, GLOB_BRACE, NULL, &found);
	count = (int)found.gl_pathc;
	for (size_t i = 0; i < found.gl_pathc; i++)
		check(found.gl_pathv[i]);
	globfree(&found);
	return count;
}

static bool is_utf8(const char *text)
{
	char *copy = text__utf8(text, strlen(text));
	bool same = copy && !strcmp(copy, text);

	free(copy);
	return same;
}

static void check_supported(const char *python)
{
	struct python_identity identity;
	struct run run;

	start(&run, python);
	assert_int_equal(identify(run.pid, &identity), 1);
	assert_int_equal(identity.pid, run.pid);
	assert_int_equal(identity.uid, geteuid());
	assert_string_equal(identity.python, run.version);
	assert_null(identity.cannot_trace);
	assert_non_null(identity.pools);
	assert_non_null(identity.cgroup);
	assert_memory_equal(identity.cmdline, python, strlen(python));
	assert_memory_equal(identity.comm, "python", 6);
	assert_int_equal(strlen(identity.cmdline), PYTHON_CMDLINE_MAX - 1); /* cut */
	assert_true(pythons__is(&identity));
	kill(run.pid, SIGKILL);
	waitid(P_PID, run.pid, NULL, WEXITED | WNOWAIT);
	assert_false(pythons__is(&identity)); /* a zombie */
	assert_answer(run.pid, -ESRCH);
	stop(&run);
	assert_false(pythons__is(&identity));
	assert_answer(run.pid, -ESRCH);
	python_identity__clear(&identity);
	python_identity__clear(&identity);
}

static void supported_ones(void **state)
{
	(void)state;
	each_python(check_supported);
}

static void check_old(const char *python)
{
	struct python_identity identity;
	struct run run;

	start(&run, python);
	assert_int_equal(identify(run.pid, &identity), 1);
	assert_string_equal(identity.python, run.version);
	assert_non_null(identity.cannot_trace);
	assert_non_null(strstr(identity.cannot_trace, run.version));
	assert_non_null(strstr(identity.cannot_trace, "too old"));
	assert_null(identity.pools);
	assert_true(pythons__is(&identity));
	python_identity__clear(&identity);
	stop(&run);
}

static void old_ones_are_pythons_with_a_reason(void **state)
{
	(void)state;
	if (!each_version("{2.7,3.6,3.7}*", check_old))
		skip();
}

static void what_is_none(void **state)
{
	char *sleeper[] = {"/bin/sleep", "60", NULL};
	struct run run;

	(void)state;
	spawn(&run, sleeper, false);
	usleep(50000);
	assert_answer(run.pid, 0);
	stop(&run);
	assert_answer(run.pid, -ESRCH);
	assert_answer(getpid(), 0);
	assert_answer(0, -ESRCH);
	assert_answer(-1, -ESRCH);
	assert_answer(0x7fffffff, -ESRCH);
}

static void a_thread_of_the_kernel_is_none(void **state)
{
	char comm[32] = "";
	FILE *file = fopen("/proc/2/comm", "r");

	(void)state;
	if (file) {
		assert_int_equal(fscanf(file, "%31s", comm), 1);
		fclose(file);
	}
	if (strcmp(comm, "kthreadd")) {
		print_message("skipped: no thread of the kernel to be seen here\n");
		skip();
	}
	assert_answer(2, -ESRCH);
}

/* Stopped at exec, with the program and perhaps its loader mapped and none of its code run; then let go. */
static void check_begin(const char *python)
{
	char *argv[] = {(char *)python, "-S", "-c", (char *)run_program, NULL};
	struct python_identity identity;
	struct run run;
	int status;

	spawn(&run, argv, true);
	assert_int_equal(waitpid(run.pid, &status, 0), run.pid);
	assert_true(WIFSTOPPED(status));
	assert_answer(run.pid, -EAGAIN);
	assert_int_equal(ptrace(PTRACE_DETACH, run.pid, NULL, NULL), 0);
	read_version(&run);
	assert_int_equal(identify(run.pid, &identity), 1);
	assert_string_equal(identity.python, run.version);
	assert_non_null(identity.pools);
	python_identity__clear(&identity);
	stop(&run);
}

static void one_that_is_about_to_start(void **state)
{
	(void)state;
	each_python(check_begin);
}

/* The same PID, the same start time, another image: of the same program, even. */
static void check_exec(const char *python)
{
	struct python_identity before, after;
	struct run run;

	start(&run, python);
	assert_int_equal(identify(run.pid, &before), 1);
	fputs("exec\n", run.to);
	fflush(run.to);
	read_version(&run);
	assert_false(pythons__is(&before));
	assert_int_equal(identify(run.pid, &after), 1);
	assert_int_equal(before.start_time, after.start_time);
	assert_true(pythons__is(&after));
	assert_false(pythons__is(&before));
	python_identity__clear(&before);
	python_identity__clear(&after);
	stop(&run);
}

static void one_that_executes_itself_again(void **state)
{
	(void)state;
	each_python(check_exec);
}

/* Embeds Python, which it loads, and sets up, when it has long been something else. */
static const char embedder[] =
	"$| = 1; print qq(begun\n); <STDIN>;\n"
	"my $library = DynaLoader::dl_load_file($ARGV[0], 1) or die; print qq(loaded\n); <STDIN>;\n"
	"my $function = DynaLoader::dl_find_symbol($library, 'Py_Initialize') or die;\n"
	"DynaLoader::dl_install_xsub('main::initialize', $function);\n"
	"initialize(); print qq(set_up\n); <STDIN>;\n";

static void go_on(struct run *run, const char *wanted)
{
	char word[32];

	fputs("\n", run->to);
	fflush(run->to);
	assert_int_equal(fscanf(run->from, "%31s", word), 1);
	assert_string_equal(word, wanted);
}

/* The prefix of a Python is where its library finds its own. */
static void start_embedder(struct run *run, const char *python, const char *library)
{
	char *argv[] = {"/usr/bin/perl",  "-MDynaLoader",  "-e",
			(char *)embedder, (char *)library, NULL};
	char prefix[4096];

	snprintf(prefix, sizeof(prefix), "%.*s", (int)(strlen(python) - strlen("/bin/python")),
		 python);
	setenv("PYTHONHOME", prefix, 1);
	spawn(run, argv, false);
	unsetenv("PYTHONHOME");
	assert_int_equal(fscanf(run->from, "%31s", run->version), 1);
}

/* The shared library of a Python. */
static void library_of(const char *python, char *library, size_t size)
{
	char pattern[4096];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%.*s/lib/libpython3.*.so.1.0",
		 (int)(strlen(python) - strlen("/bin/python")), python);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	snprintf(library, size, "%s", found.gl_pathv[0]);
	globfree(&found);
}

static void check_embedded(const char *python)
{
	struct python_identity identity;
	char library[4096];
	struct run run;

	library_of(python, library, sizeof(library));
	start_embedder(&run, python, library);
	assert_answer(run.pid, 0);
	go_on(&run, "loaded");
	assert_answer(run.pid, -EAGAIN);
	go_on(&run, "set_up");
	assert_int_equal(identify(run.pid, &identity), 1);
	assert_memory_equal(identity.comm, "perl", 5);
	assert_null(identity.cannot_trace);
	assert_non_null(identity.pools);
	python_identity__clear(&identity);
	stop(&run);
}

static void one_that_is_loaded_later(void **state)
{
	(void)state;
	if (access("/usr/bin/perl", X_OK) || !each_version("3.{8,9,1?}*", check_embedded))
		skip();
}

static char replaced[] = "/tmp/pyleak-library-XXXXXX";

/* In place, so that the inode stays. */
static void copy_into(const char *from, const char *to)
{
	static char bytes[1 << 16];
	int source = open(from, O_RDONLY), copy = open(to, O_WRONLY | O_TRUNC);
	ssize_t n;

	assert_true(source >= 0 && copy >= 0);
	while ((n = read(source, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(copy, bytes, n), n);
	close(source);
	close(copy);
}

/* "/…/3.11.7/bin/python" */
static bool is_of_version(const char *python, const char *version)
{
	char part[64];

	snprintf(part, sizeof(part), "/%s/bin/", version);
	return strstr(python, part);
}

/* One inode, another interpreter each time, as an upgrade may leave it. */
static void check_replaced(const char *python)
{
	struct python_identity identity;
	char library[4096];
	struct run run;

	library_of(python, library, sizeof(library));
	copy_into(library, replaced);
	for (int i = 0; i < 2; i++) {
		start_embedder(&run, python, replaced);
		go_on(&run, "loaded");
		go_on(&run, "set_up");
		assert_int_equal(identify(run.pid, &identity), 1);
		assert_null(identity.cannot_trace);
		assert_true(is_of_version(python, identity.python));
		python_identity__clear(&identity);
		stop(&run);
	}
}

static void one_whose_file_is_replaced(void **state)
{
	int fd = mkstemp(replaced), count = 0;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	if (!access("/usr/bin/perl", X_OK))
		count = each_version("3.{8,9,1?}*", check_replaced);
	unlink(replaced);
	if (!count)
		skip();
}

#define EVIL "e\033[2J\xff\n\xe2\x80\xae"

static void names_and_arguments_that_lie(void **state)
{
	static char huge[100000], folder[] = "/tmp/pyleak-pythons-XXXXXX", path[64];
	char *argv[] = {
		path, "-S",           "-c", (char *)run_program, "\033]0;x\007\xff\xfe\"\n{}",
		huge, "after it all", NULL};
	struct python_identity identity;
	struct run run;

	(void)state;
	if (access(SYSTEM_PYTHON, X_OK))
		skip();
	/* "é", so that some place to cut is inside a character. */
	for (size_t i = 0; i + 2 < sizeof(huge); i += 2)
		memcpy(huge + i, "\xc3\xa9", 2);
	for (int odd = 0; odd < 2; odd++) {
		assert_non_null(mkdtemp(folder));
		snprintf(path, sizeof(path), "%s/%s%s", folder, EVIL, odd ? "x" : "");
		assert_int_equal(symlink(SYSTEM_PYTHON, path), 0);
		spawn(&run, argv, false);
		read_version(&run);
		assert_int_equal(identify(run.pid, &identity), 1);
		assert_true(is_utf8(identity.comm));
		assert_memory_equal(identity.comm, "e\033[2J\xef\xbf\xbd\n", 9);
		assert_true(is_utf8(identity.cmdline));
		assert_in_range(strlen(identity.cmdline), PYTHON_CMDLINE_MAX - 4,
				PYTHON_CMDLINE_MAX - 1);
		assert_memory_equal(identity.cmdline, folder, strlen(folder));
		assert_true(is_utf8(identity.cgroup));
		python_identity__clear(&identity);
		stop(&run);
		unlink(path);
		rmdir(folder);
		memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	}
}

/* Killed at every moment of its start, while it is looked at. */
static void processes_that_die_meanwhile(void **state)
{
	size_t answers[4] = {0};

	(void)state;
	if (access(SYSTEM_PYTHON, X_OK))
		skip();
	for (int i = 0; i < 150; i++) {
		char *argv[] = {SYSTEM_PYTHON, "-S", "-c", "pass", NULL};
		struct python_identity identity;
		struct python_counts counts;
		struct run run;
		int answer;

		spawn(&run, argv, false);
		do {
			answer = identify(run.pid, &identity);
			assert_true(answer == 1 || answer == 0 || answer == -EAGAIN ||
				    answer == -ESRCH);
			answers[answer >= 0 ? answer : answer == -ESRCH ? 2 : 3]++;
			if (answer != 1)
				continue;
			if (python_counts__read(&identity, &counts))
				assert_int_equal(counts.blocks, REPORT_UNMEASURED);
			python_identity__clear(&identity);
			kill(run.pid, SIGKILL);
		} while (answer != -ESRCH);
		stop(&run);
	}
	print_message("a Python %zu times, none %zu, gone %zu, starting %zu\n", answers[1],
		      answers[0], answers[2], answers[3]);
	assert_true(answers[2] == 150);
}

/* A process may map thousands of files that nobody has seen; the Pythons are found all the same. */
static void more_files_than_are_remembered(void **state)
{
	const size_t count = 7000, page = sysconf(_SC_PAGESIZE);
	char folder[] = "/tmp/pyleak-files-XXXXXX", path[64];
	struct python_files *files = python_files__new();
	void **mapped = calloc(count, sizeof(*mapped));
	struct mapped_file file;
	struct run run;
	int looks = 0;

	(void)state;
	assert_non_null(files);
	assert_non_null(mkdtemp(folder));
	for (size_t i = 0; i < count; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%zu", folder, i);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0700);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, "\177ELF", 4), 4);
		mapped[i] = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
		assert_true(mapped[i] != MAP_FAILED);
		close(fd);
		unlink(path);
	}
	start(&run, SYSTEM_PYTHON);
	assert_int_equal(python_files__look(files, run.pid, &file), 1);
	for (int answer = -EAGAIN; answer == -EAGAIN && looks < 100; looks++)
		answer = python_files__look(files, getpid(), &file);
	assert_true(looks > 10); /* 512 at a time; it may never be done with them all at once */
	assert_int_equal(python_files__look(files, run.pid, &file), 1);
	stop(&run);
	for (size_t i = 0; i < count; i++)
		munmap(mapped[i], page);
	free(mapped);
	rmdir(folder);
	assert_int_equal(python_files__look(files, getpid(), &file), 0);
	python_files__free(files);
}

static int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

/* ---- nothing left behind ---- */

static int descriptors, old_stderr, new_stderr;

static int set_up(void **state)
{
	(void)state;
	pythons = pythons__new();
	log__set_level(2);
	fflush(stderr);
	old_stderr = dup(STDERR_FILENO);
	new_stderr = memfd_create("stderr", MFD_CLOEXEC);
	dup2(new_stderr, STDERR_FILENO);
	descriptors = count_descriptors();
	return pythons ? 0 : -1;
}

/* Runs last. */
static void it_was_silent(void **state)
{
	struct stat st;

	(void)state;
	fflush(stderr);
	assert_int_equal(count_descriptors(), descriptors);
	assert_int_equal(fstat(new_stderr, &st), 0);
	assert_int_equal(st.st_size, 0);
}

/* Shows what was printed after all; a test that fails says so there too. */
static int tear_down(void **state)
{
	char text[4096];
	off_t at = 0;
	ssize_t n;

	(void)state;
	fflush(stderr);
	dup2(old_stderr, STDERR_FILENO);
	while ((n = pread(new_stderr, text, sizeof(text), at)) > 0)
		at += fwrite(text, 1, n, stderr);
	close(old_stderr);
	close(new_stderr);
	pythons__free(pythons);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(supported_ones),
		cmocka_unit_test(old_ones_are_pythons_with_a_reason),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(a_thread_of_the_kernel_is_none),
		cmocka_unit_test(one_that_is_about_to_start),
		cmocka_unit_test(one_that_executes_itself_again),
		cmocka_unit_test(one_that_is_loaded_later),
		cmocka_unit_test(one_whose_file_is_replaced),
		cmocka_unit_test(names_and_arguments_that_lie),
		cmocka_unit_test(processes_that_die_meanwhile),
		cmocka_unit_test(more_files_than_are_remembered),
		cmocka_unit_test(it_was_silent),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
