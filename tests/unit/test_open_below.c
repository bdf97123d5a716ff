// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_open_below.c - files of a process that lays traps: links, pipes, leases
 *
 * The tests run in a folder "below" with a file "target" that has "inside" in it; beside the folder is a "target" with "outside".
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/open_below.h"

static char top[] = "/tmp/pyleak-below-XXXXXX";
static int folder;

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(top) || chdir(top) || mkdir("below", 0700) || mkdir("below/deep", 0700))
		return -1;
	write_file("target", "outside");
	write_file("below/target", "inside");
	if (chdir("below"))
		return -1;
	folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return folder < 0;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	close(folder);
	snprintf(command, sizeof(command), "rm -r %s", top);
	return chdir("/") || system(command);
}

/* What the descriptor reads is the file of the folder. */
static void check_inside(int fd, const struct stat *st)
{
	char text[16] = "";

	assert_true(fd >= 0);
	assert_int_equal(st->st_size, 6);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	assert_string_equal(text, "inside");
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
}

static void inside_as_root(const char *path)
{
	struct stat st;

	check_inside(open_below__root(folder, path, &st), &st);
}

static int by_root(const char *path)
{
	struct stat st;
	int fd = open_below__root(folder, path, &st);

	assert_true(fd < 0);
	return fd;
}

static int by_folder(const char *path)
{
	struct stat st;
	int fd = open_below__folder(folder, path, &st);

	assert_true(fd < 0);
	return fd;
}

/* A root holds whatever a path says. */
static void test_root(void **state)
{
	char absolute[64];

	(void)state;
	snprintf(absolute, sizeof(absolute), "%s/target", top);
	assert_int_equal(symlink("/target", "to_absolute"), 0);
	assert_int_equal(symlink("../target", "to_up"), 0);
	assert_int_equal(symlink("../../../../target", "deep/to_far_up"), 0);
	assert_int_equal(symlink(absolute, "to_outside"), 0);
	assert_int_equal(symlink("..", "deep/parent"), 0);

	inside_as_root("target");
	inside_as_root("/target");
	inside_as_root("//deep/../target");
	inside_as_root("../target");
	inside_as_root("../../../target");
	inside_as_root("to_absolute");
	inside_as_root("/to_up");
	inside_as_root("deep/to_far_up");
	inside_as_root("deep/parent/deep/parent/../target");
	assert_int_equal(by_root("to_outside"), -ENOENT);
	assert_int_equal(by_root(absolute), -ENOENT);
}

/* A folder holds too, and says so. */
static void test_folder(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(symlink("target", "to_target"), 0);
	assert_int_equal(symlink("/etc/passwd", "to_etc"), 0);
	assert_int_equal(symlink("..", "up"), 0);
	assert_int_equal(symlink("up", "up_by_link"), 0);

	check_inside(open_below__folder(folder, "target", &st), &st);
	check_inside(open_below__folder(folder, "./deep/../target", &st), &st);
	check_inside(open_below__folder(folder, "to_target", &st), &st);
	assert_int_equal(by_folder("../target"), -EXDEV);
	assert_int_equal(by_folder("deep/../../target"), -EXDEV);
	assert_int_equal(by_folder("deep/../../below/target"), -EXDEV);
	assert_int_equal(by_folder("/target"), -EXDEV);
	assert_int_equal(by_folder("/etc/passwd"), -EXDEV);
	assert_int_equal(by_folder("to_etc"), -EXDEV);
	assert_int_equal(by_folder("up/target"), -EXDEV);
	assert_int_equal(by_folder("up_by_link/target"), -EXDEV);
}

/* The links of /proc lead to inodes, wherever these are: out of any root. */
static void test_magic_links(void **state)
{
	int proc = open("/proc/self", O_PATH | O_DIRECTORY), target = open("target", O_RDONLY);
	struct stat st;
	char name[64];

	(void)state;
	assert_true(proc >= 0 && target >= 0);
	snprintf(name, sizeof(name), "fd/%d", target);
	assert_true(open_below__root(proc, name, &st) < 0);
	assert_true(open_below__folder(proc, name, &st) < 0);
	assert_true(open_below__root(proc, "exe", &st) < 0);
	assert_true(open_below__root(proc, "root/etc/passwd", &st) < 0);
	assert_true(open_below__root(proc, "cwd/target", &st) < 0);
	close(target);
	close(proc);
}

static void test_not_there(void **state)
{
	char longest[5000];
	struct stat st;

	(void)state;
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(symlink("none", "dangling"), 0);
	assert_int_equal(by_root(""), -ENOENT);
	assert_int_equal(by_root("none"), -ENOENT);
	assert_int_equal(by_root("dangling"), -ENOENT);
	assert_int_equal(by_root("target/none"), -ENOTDIR);
	assert_int_equal(by_root("loop"), -ELOOP);
	assert_int_equal(by_folder("loop"), -ELOOP);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(by_root(longest), -ENAMETOOLONG);
	assert_int_equal(open_below__root(-1, "target", &st), -EBADF);
	assert_int_equal(open_below__place(-1, &st), -EBADF);
}

/* Opening a pipe without a writer waits; opening one with a reader lets its writer go on. */
static void test_no_files(void **state)
{
	struct sockaddr_un address = {AF_UNIX, "socket"};
	int sock = socket(AF_UNIX, SOCK_STREAM, 0), device, place, fd;
	struct stat st;

	(void)state;
	assert_int_equal(mkfifo("pipe", 0600), 0);
	assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof(address)), 0);
	alarm(60);
	assert_int_equal(by_root("pipe"), -ENOEXEC);
	assert_int_equal(by_folder("pipe"), -ENOEXEC);
	assert_int_equal(by_root("socket"), -ENOEXEC);
	assert_int_equal(by_root("deep"), -ENOEXEC);
	assert_int_equal(by_root("/"), -ENOEXEC);
	assert_int_equal(open("pipe", O_WRONLY | O_NONBLOCK), -1);
	assert_int_equal(errno, ENXIO); /* nobody has it open for reading */
	alarm(0);
	close(sock);

	device = open("/dev", O_PATH | O_DIRECTORY);
	assert_int_equal(open_below__folder(device, "null", &st), -ENOEXEC);
	close(device);

	place = open("pipe", O_PATH);
	assert_int_equal(open_below__place(place, &st), -ENOEXEC);
	close(place);
	place = open("target", O_PATH);
	fd = open_below__place(place, &st);
	assert_int_equal(unlink("target"), 0); /* the file, not its name */
	check_inside(fd, &st);
	check_inside(open_below__place(place, &st), &st);
	close(place);
	write_file("target", "inside");
}

/* Who holds a lease on a file is asked to give it up, and the opener waits for that, 45 s by default. */
static void test_lease(void **state)
{
	int leased;
	struct stat st;

	(void)state;
	write_file("leased", "inside");
	signal(SIGIO, SIG_IGN);
	leased = open("leased", O_RDWR);
	assert_int_equal(fcntl(leased, F_SETLEASE, F_WRLCK), 0);
	alarm(30);
	assert_int_equal(by_root("leased"), -EAGAIN);
	alarm(0);
	assert_int_equal(fcntl(leased, F_SETLEASE, F_UNLCK), 0);
	close(leased);
	check_inside(open_below__root(folder, "leased", &st), &st);
}

/* As under a kernel before 5.6, or a sandbox that does not know the call: no less safe way is taken. */
static void refuse_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(1);
}

static void test_no_openat2(void **state)
{
	struct stat st;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (!pid) {
		refuse_openat2();
		_exit(open_below__root(folder, "target", &st) == -ENOSYS &&
				      open_below__folder(folder, "target", &st) == -ENOSYS
			      ? 42
			      : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

/* Whatever is renamed meanwhile, a path with ".." is opened inside or not at all. */
static void test_renames(void **state)
{
	int inside = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(mkdir("one", 0700), 0);
	assert_int_equal(mkdir("one/two", 0700), 0);
	pid = fork();
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!pid)
		if (rename("one/two", "../two") || rename("../two", "one/two"))
			_exit(1);
	assert_true(pid > 0);
	alarm(60);
	while (inside < 1000) {
		struct stat st;
		int fd = open_below__root(folder, "one/two/../../target", &st);

		if (fd >= 0) {
			check_inside(fd, &st);
			inside++;
		} else {
			assert_true(fd == -ENOENT || fd == -EAGAIN);
		}
	}
	alarm(0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),        cmocka_unit_test(test_folder),
		cmocka_unit_test(test_magic_links), cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_no_files),    cmocka_unit_test(test_lease),
		cmocka_unit_test(test_no_openat2),  cmocka_unit_test(test_renames),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
