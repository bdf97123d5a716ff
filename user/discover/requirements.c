// SPDX-License-Identifier: BSD-2-Clause
/*
 * requirements.c - what the kernel and our own rights allow
 */
#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "discover/discover.h"
#include "lib/log.h"

/*
 * The inodes of the initial namespaces are part of the kernel's interface, include/linux/proc_ns.h.
 */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDU

#define TRACEFS "/sys/kernel/tracing"
#define TRACEFS_OLD "/sys/kernel/debug/tracing"
#define TRACEPOINT "/events/syscalls/sys_enter_mmap"

static int check_kernel(void)
{
	unsigned major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return log__fail(EXIT_CANNOT_TRACE, "cannot tell the version of this kernel");
	if (major < 6 || (major == 6 && minor < 1))
		return log__fail(EXIT_CANNOT_TRACE, "this is Linux %s: 6.1 or later is required",
				 name.release);
	return 0;
}

/* What is needed, what for, and which larger capability includes it. */
struct need {
	unsigned capability;
	unsigned instead;
	const char *name;
	const char *purpose;
};

static const struct need needs[] = {
	{CAP_BPF, CAP_SYS_ADMIN, "CAP_BPF", "to load BPF programs"},
	{CAP_PERFMON, CAP_SYS_ADMIN, "CAP_PERFMON", "to attach probes"},
	{CAP_SYS_PTRACE, CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "to read other processes"},
	{CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE, "CAP_DAC_READ_SEARCH", "to read tracefs"},
	{CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN, "CAP_CHECKPOINT_RESTORE", "to open mapped files"},
};

static int check_capabilities(void)
{
	struct stat st;

	if (capng_get_caps_process())
		return log__fail(EXIT_CANNOT_TRACE, "cannot read our own capabilities");
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const struct need *need = &needs[i];

		if (!capng_have_capability(CAPNG_EFFECTIVE, need->capability) &&
		    !capng_have_capability(CAPNG_EFFECTIVE, need->instead))
			return log__fail(EXIT_CANNOT_TRACE, "%s is missing, %s: run with sudo",
					 need->name, need->purpose);
	}
	/* In another user namespace all the capabilities there are do not help. */
	if (!stat("/proc/self/ns/user", &st) && st.st_ino != INITIAL_USER_NAMESPACE)
		return log__fail(
			EXIT_CANNOT_TRACE,
			"we are root only inside a user namespace: run on the host, or in a "
			"container that is not rootless");
	return 0;
}

/* What seccomp filters say, by default and of calls that they do not know; with our capabilities the kernel itself does not. */
static bool is_refused(long result)
{
	return result < 0 && (errno == EPERM || errno == ENOSYS);
}

/*
 * Container runtimes' filters refuse system calls whatever the capabilities are. What is asked for here is nonsense: a map of no type, an event
 * with flags that there are not.
 */
static int check_filter(void)
{
	const struct {
		const char *name;
		bool refused;
	} calls[] = {
		{"bpf", is_refused(syscall(SYS_bpf, BPF_MAP_CREATE, NULL, 0))},
		{"perf_event_open", is_refused(syscall(SYS_perf_event_open, NULL, 0, 0, 0, ~0UL))},
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].refused)
			return log__fail(
				EXIT_CANNOT_TRACE,
				"the system call %s is refused in spite of our capabilities, by a "
				"seccomp filter: run on the host, or in a container with "
				"deploy/container/seccomp.json or without a filter",
				calls[i].name);
	return 0;
}

/* The PIDs that BPF programs see are those of the initial namespace. */
static int check_pid_namespace(void)
{
	struct stat st;

	if (!stat("/proc/self/ns/pid", &st) && st.st_ino != INITIAL_PID_NAMESPACE)
		return log__fail(EXIT_CANNOT_TRACE,
				 "we are in a PID namespace of our own: run in the host's, as with "
				 "--pid=host (Docker) or hostPID: true (Kubernetes)");
	return 0;
}

static bool is_locked_down(void)
{
	char text[128] = "";
	int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strstr(text, "[confidentiality]");
}

/* By our effective rights, capabilities included: access(2) asks for those of the real user. */
static bool can(const char *path, int how)
{
	return !faccessat(AT_FDCWD, path, how, AT_EACCESS);
}

static int check_features(void)
{
	if (!can("/sys/kernel/btf/vmlinux", R_OK))
		return log__fail(
			EXIT_CANNOT_TRACE,
			"this kernel has no type information (/sys/kernel/btf/vmlinux): one with "
			"CONFIG_DEBUG_INFO_BTF=y is required");
	if (is_locked_down())
		return log__fail(
			EXIT_CANNOT_TRACE,
			"kernel lockdown (confidentiality) forbids BPF to read memory: boot with "
			"lockdown=integrity or lockdown=none");
	if (!can("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return log__fail(
			EXIT_CANNOT_TRACE,
			"this kernel has no uprobes: one with CONFIG_UPROBE_EVENTS=y is required");
	return 0;
}

/*
 * Mounts tracefs where nobody but us sees it, so that nothing is left behind. Mounts that the host
 * makes later still arrive (slave), ours do not get out.
 */
static int mount_tracefs(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount("nodev", TRACEFS, "tracefs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return -errno;
	return 0;
}

static int check_tracefs(void)
{
	int err;

	if (can(TRACEFS TRACEPOINT, F_OK) || can(TRACEFS_OLD TRACEPOINT, F_OK))
		return 0;
	/* Mounted, and the tracepoint not in it. */
	if (can(TRACEFS "/events", F_OK) || can(TRACEFS_OLD "/events", F_OK))
		return log__fail(EXIT_CANNOT_TRACE,
				 "this kernel has no system call tracepoints: one with "
				 "CONFIG_FTRACE_SYSCALLS=y is required");
	err = mount_tracefs();
	if (err)
		return log__fail(EXIT_CANNOT_TRACE,
				 "tracefs is not mounted (%s): mount -t tracefs nodev " TRACEFS,
				 strerror(-err));
	if (!can(TRACEFS TRACEPOINT, F_OK))
		return log__fail(EXIT_CANNOT_TRACE,
				 "this kernel has no system call tracepoints: one with "
				 "CONFIG_FTRACE_SYSCALLS=y is required");
	log__debug("mounted tracefs in a mount namespace of our own");
	return 0;
}

int requirements__check(void)
{
	static int (*const checks[])(void) = {
		check_kernel,        check_capabilities, check_filter,
		check_pid_namespace, check_features,     check_tracefs,
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int err = checks[i]();

		if (err)
			return err;
	}
	return 0;
}
