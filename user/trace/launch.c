// SPDX-License-Identifier: BSD-2-Clause
/*
 * launch.c - `-- CMD ARGS`: start a program and hold it before its first instruction
 *
 * The new process is registered before it execs, and a BPF program stops it (SIGSTOP) at every exec. A probe at the
 * program's entry point stops it once more: by then the dynamic linker has mapped every library, so that discovery
 * sees what a running process would show, and none of the program's code has run. If it is not Python yet (a
 * shell, an `env`, a version manager's shim) it goes on to its next exec.
 */
#include "trace/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/elf_image.h"
#include "lib/log.h"
#include "pyleak.skel.h"

/* In the child. Reports a failing exec through the pipe, which a succeeding one closes. */
static void exec_child(const struct tracer *tracer, char **argv, const int go[2],
		       const int report[2])
{
	char byte;
	int err;

	/* Should we be killed while it is stopped, it goes on. */
	prctl(PR_SET_PDEATHSIG, SIGCONT);
	close(go[1]);
	close(report[0]);
	setrlimit(RLIMIT_NOFILE, &tracer->files);

	if (read(go[0], &byte, 1) != 1)
		_exit(127);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	err = errno;
	if (write(report[1], &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

/* Waits for the next stop. 0, -ESRCH if the process ended instead, -EINTR on a signal. */
static int wait_stopped(pid_t pid)
{
	int status;

	do {
		if (waitpid(pid, &status, WUNTRACED) < 0)
			return errno == EINTR ? -EINTR : -ESRCH;
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return -ESRCH;
	} while (!WIFSTOPPED(status));
	return 0;
}

static int set_tracked(struct tracer *tracer, pid_t pid, __u32 flags)
{
	struct tracked tracked = {.target = 0, .flags = flags};

	return bpf_map_update_elem(bpf_map__fd(tracer->bpf->maps.tracked), &pid, &tracked, BPF_ANY);
}

/* Lets the stopped process run from exec to its program's entry point. 0 or -errno. */
static int run_to_entry(struct tracer *tracer, pid_t pid)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options);
	struct elf_image *image = NULL;
	struct bpf_link *link = NULL;
	char path[64];
	__u64 offset;
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = elf_image__open(fd, &image);
	if (!err)
		err = elf_image__file_offset(image, elf_image__entry(image), &offset);
	if (!err) {
		link = bpf_program__attach_uprobe_opts(tracer->bpf->progs.entry_probe, pid, path,
						       offset, &options);
		err = link ? 0 : -errno;
	}
	if (!err) {
		kill(pid, SIGCONT);
		err = wait_stopped(pid);
	}
	bpf_link__destroy(link);
	elf_image__free(image);
	close(fd);
	return err;
}

static int follow_execs(struct tracer *tracer, const char *command, pid_t pid,
			bool (*is_python)(pid_t))
{
	int err;

	while (!(err = wait_stopped(pid))) {
		err = run_to_entry(tracer, pid);
		if (err == -ESRCH || err == -EINTR)
			break;
		if (err)
			return log__fail(EXIT_FAILED,
					 "%s could not be stopped at its first instruction: %s",
					 command, strerror(-err));
		if (is_python(pid)) {
			set_tracked(tracer, pid, 0);
			return 0;
		}
		kill(pid, SIGCONT);
	}
	if (err == -EINTR)
		return log__fail(EXIT_FAILED, "stopped before %s was traced", command);
	return log__fail(
		EXIT_CANNOT_TRACE,
		"%s ended without becoming a Python process itself; if it starts one as a child, "
		"trace that with --pid",
		command);
}

int tracer__launch(struct tracer *tracer, char **argv, bool (*is_python)(pid_t pid), pid_t *result)
{
	int go[2], report[2], exec_error = 0, err;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		return log__fail(EXIT_FAILED, "cannot make a pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		return log__fail(EXIT_FAILED, "cannot start %s: %s", argv[0], strerror(errno));
	if (!pid)
		exec_child(tracer, argv, go, report);

	close(go[0]);
	close(report[1]);
	err = set_tracked(tracer, pid, TRACKED_STOP_AT_EXEC);
	if (!err && write(go[1], "g", 1) != 1)
		err = -errno;
	close(go[1]);
	if (!err && read(report[0], &exec_error, sizeof(exec_error)) == sizeof(exec_error))
		err = log__fail(EXIT_FAILED, "cannot start %s: %s", argv[0], strerror(exec_error));
	else if (!err)
		err = follow_execs(tracer, argv[0], pid, is_python);
	close(report[0]);
	if (err) {
		/* Unless it was waited for: its PID may be somebody else's by now. */
		if (!waitpid(pid, NULL, WNOHANG)) {
			kill(pid, SIGKILL);
			waitpid(pid, NULL, 0);
		}
		return err;
	}
	*result = pid;
	return 0;
}

void tracer__resume(pid_t pid)
{
	kill(pid, SIGCONT);
}
