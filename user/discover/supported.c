// SPDX-License-Identifier: BSD-2-Clause
/*
 * supported.c - can this target be traced, and if not, why, in a line
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discover/discover_private.h"
#include "lib/log.h"
#include "lib/text.h"

#define SUPPORTED "supported are CPython 3.8 to 3.14"

/* uretprobe(2), by which return probes come back into the kernel since 6.11 */
#define NR_URETPROBE 335

static bool is_pypy(const struct target *target)
{
	for (size_t i = 0; i < target->module_count; i++) {
		if (!strncmp(target->modules[i].name, "libpypy", 7) ||
		    !strncmp(target->modules[i].name, "pypy", 4))
			return true;
	}
	return false;
}

/* A module that may well be a CPython, had we been able to open it. */
static const struct module *unreadable_python(const struct target *target)
{
	for (size_t i = 0; i < target->module_count; i++) {
		const struct module *module = &target->modules[i];

		if (module->fd < 0 &&
		    (!strncmp(module->name, "libpython", 9) || !strncmp(module->name, "python", 6)))
			return module;
	}
	return NULL;
}

static int refuse_missing(const struct target *target)
{
	const struct module *unreadable = unreadable_python(target);
	char name[256];

	if (unreadable)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: cannot open its %s: run with sudo, on the host",
				 target->pid,
				 text__printable(unreadable->name, name, sizeof(name)));
	if (is_pypy(target))
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d runs PyPy, which is not CPython: %s", target->pid,
				 SUPPORTED);
	return log__fail(EXIT_CANNOT_TRACE, "process %d (%s) has no CPython in it: %s", target->pid,
			 text__printable(target->comm, name, sizeof(name)), SUPPORTED);
}

static int refuse_unknown(const struct target *target)
{
	const struct python *python = &target->python;
	char name[256];

	text__printable(target->modules[python->module].name, name, sizeof(name));
	if (!python->version[0])
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: the version of the CPython in %s cannot be told: %s",
				 target->pid, name, SUPPORTED);
	return log__fail(
		EXIT_CANNOT_TRACE,
		"process %d: the CPython %s in %s is not laid out as its release (a modified "
		"build, or an alpha or beta?): %s",
		target->pid, python->version, name, SUPPORTED);
}

/*
 * Does seccomp get to see uretprobe(2)? A child filters it to fail with EDOM. Where the fix is in
 * (6.14, and stable kernels that took it back) the filter is passed by, and the call, made from the
 * wrong place, kills the child.
 */
static bool seccomp_sees_uretprobe(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_URETPROBE, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EDOM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	int status;
	pid_t child;

	child = fork();
	if (child == 0) {
		prctl(PR_SET_DUMPABLE, 0); /* no core, also not into a pipe */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
			_exit(1);
		_exit(syscall(NR_URETPROBE) == -1 && errno == EDOM ? 1 : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return true;
	return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

int target__return_probe_hazard(const struct target *target)
{
#ifdef __x86_64__
	unsigned major, minor;
	struct utsname name;

	if (!target->seccomp || uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	if (major < 6 || (major == 6 && minor < 11))
		return 0;
	return seccomp_sees_uretprobe();
#else
	(void)target;
	return 0;
#endif
}

int target__supported(const struct target *target)
{
	const struct python *python = &target->python;

	switch (python->flavour) {
	case PYTHON_OK:
		break;
	case PYTHON_NONE:
		return refuse_missing(target);
	case PYTHON_UNKNOWN:
		return refuse_unknown(target);
	case PYTHON_TOO_OLD:
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d runs Python %s, which is too old: %s", target->pid,
				 python->version[0] ? python->version : "2", SUPPORTED);
	case PYTHON_TOO_NEW:
		return log__fail(
			EXIT_CANNOT_TRACE,
			"process %d runs CPython %s, newer than this pyleak-bpf: %s; try a "
			"newer pyleak-bpf",
			target->pid, python->version, SUPPORTED);
	case PYTHON_FREE_THREADED:
		return log__fail(
			EXIT_CANNOT_TRACE,
			"process %d runs the free-threaded CPython %s: %s with the GIL (run it "
			"with python%d.%d, without the t)",
			target->pid, python->version, SUPPORTED, python->major, python->minor);
	case PYTHON_DEBUG:
		return log__fail(
			EXIT_CANNOT_TRACE,
			"process %d runs a debug build (Py_DEBUG) of CPython %s: %s in release "
			"builds",
			target->pid, python->version, SUPPORTED);
	}
	return 0;
}
