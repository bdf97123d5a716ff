/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * python_run.h - a Python that runs beside the test, says its version and answers to lines
 *
 * Included after cmocka.h.
 */
#ifndef PYTHON_RUN_H
#define PYTHON_RUN_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* Says its version, then answers to lines on stdin. */
static const char run_program[] =
	"import sys, os, gc\n"
	"keep = []\n"
	"sys.stdout.write('%d.%d.%d\\n' % sys.version_info[:3])\n"
	"sys.stdout.flush()\n"
	"while True:\n"
	"    line = sys.stdin.readline().split()\n"
	"    if not line:\n"
	"        break\n"
	"    if line[0] == 'make':\n"
	"        keep.append([b'%040d' % i for i in range(int(line[1]))])\n"
	"    elif line[0] == 'drop':\n"
	"        del keep[:]\n"
	"    elif line[0] == 'collect':\n"
	"        gc.disable()\n"
	"        for i in range(3):\n"
	"            for k in range(int(line[1]) + i):\n"
	"                gc.collect(i)\n"
	"    elif line[0] == 'exec':\n"
	"        os.execv(sys.executable, [sys.executable, '-S', '-c', sys.argv[1], sys.argv[1]])\n"
	"    stats = gc.get_stats()\n"
	"    sys.stdout.write(' '.join(str(s['collections']) for s in stats) + ' %d\\n' %\n"
	"                     sum(s['uncollectable'] for s in stats))\n"
	"    sys.stdout.flush()\n";

struct run {
	pid_t pid;
	FILE *to, *from;
	char version[32];
};

/* Starts argv with pipes to it and from it; as a tracee that stops when it has executed, if so asked. */
static inline void spawn(struct run *run, char *const *argv, bool stop_at_exec)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	run->pid = fork();
	assert_true(run->pid >= 0);
	if (!run->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		if (stop_at_exec)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	run->to = fdopen(in[1], "w");
	run->from = fdopen(out[0], "r");
}

static inline void read_version(struct run *run)
{
	assert_int_equal(fscanf(run->from, "%31s", run->version), 1);
}

static inline void start(struct run *run, const char *python)
{
	char *argv[] = {(char *)python, "-S", "-c", (char *)run_program, (char *)run_program, NULL};

	spawn(run, argv, false);
	read_version(run);
}

static inline void stop(struct run *run)
{
	kill(run->pid, SIGKILL);
	waitpid(run->pid, NULL, 0);
	fclose(run->to);
	fclose(run->from);
}

#endif
