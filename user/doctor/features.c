// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_features.c - what this kernel and our rights allow: a table of experiments, one loop
 *
 * A version number tells what a kernel may have, not what it was built with, what a distribution took back, or
 * what a container lets through. So each row is tried; the version stands beside it for the reader.
 * Versions: the commits that brought each feature, by the kernel's tags; bcc, docs/kernel-versions.md.
 */
#include "doctor/private.h"
#include "lib/kernel.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discover/discover.h"
#include "doctor/try.h"

/* The inodes of the initial namespaces: include/linux/proc_ns.h. */
#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU
#define INITIAL_USER_NAMESPACE 0xEFFFFFFDU

#define OLDEST_KERNEL (6 << 16 | 1 << 8)
#define BTF_MAGIC 0xeB9F

struct experiment {
	const char *name, *since, *purpose;
	bool required;
	void (*run)(struct finding *finding);
};

static void __attribute__((format(printf, 2, 3)))
say(struct finding *finding, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(finding->detail, sizeof(finding->detail), format, args);
	va_end(args);
}

/* From what an experiment returned; remedy: what to do where the answer is no. */
static void conclude(struct finding *finding, int result, const char *remedy)
{
	if (result > 0) {
		finding->answer = ANSWER_YES;
	} else if (!result) {
		finding->answer = ANSWER_NO;
		say(finding, "%s", remedy);
	} else {
		finding->answer = ANSWER_UNTRIED;
		if (result == -EPERM || result == -EACCES)
			say(finding, "not allowed to try: run with sudo, on the host");
		else
			say(finding, "could not be tried: %s", strerror(-result));
	}
}

static void run_version(struct finding *finding)
{
	struct utsname host;
	__u32 version = uname(&host) ? 0 : kernel__version(host.release);

	conclude(finding, version >= OLDEST_KERNEL, "a newer kernel is needed");
}

static void run_capabilities(struct finding *finding)
{
	static const struct {
		unsigned int capability, instead;
	} needs[] = {
		{CAP_BPF, CAP_SYS_ADMIN},
		{CAP_PERFMON, CAP_SYS_ADMIN},
		{CAP_SYS_PTRACE, CAP_SYS_PTRACE},
		{CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE},
		{CAP_CHECKPOINT_RESTORE, CAP_SYS_ADMIN},
	};
	char missing[128] = "";
	size_t used = 0;

	if (capng_get_caps_process()) {
		conclude(finding, -EIO, "");
		return;
	}
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, needs[i].capability) ||
		    capng_have_capability(CAPNG_EFFECTIVE, needs[i].instead))
			continue;
		used += snprintf(missing + used, sizeof(missing) - used, "%s%s", used ? ", " : "",
				 capng_capability_to_name(needs[i].capability));
		if (used >= sizeof(missing))
			break;
	}
	finding->answer = missing[0] ? ANSWER_NO : ANSWER_YES;
	if (missing[0])
		say(finding, "missing: %s: run with sudo", missing);
}

static void run_namespaces(struct finding *finding)
{
	struct stat pid, user;

	if (stat("/proc/self/ns/pid", &pid) || stat("/proc/self/ns/user", &user)) {
		conclude(finding, -errno, "");
		return;
	}
	conclude(finding,
		 pid.st_ino == INITIAL_PID_NAMESPACE && user.st_ino == INITIAL_USER_NAMESPACE,
		 pid.st_ino == INITIAL_PID_NAMESPACE
			 ? "root only inside a user namespace: run on the host, or in a container "
			   "that is not rootless"
			 : "a PID namespace of our own: --pid=host (Docker), hostPID: true "
			   "(Kubernetes)");
}

static void run_bpf(struct finding *finding)
{
	bool jitted;

	conclude(finding, try__bpf(&jitted), "");
}

static void run_jit(struct finding *finding)
{
	bool jitted = false;
	int result = try__bpf(&jitted);

	conclude(finding, result > 0 ? jitted : result,
		 "programs are interpreted, at several times the price: sysctl "
		 "net.core.bpf_jit_enable=1");
}

static void run_read_memory(struct finding *finding)
{
	conclude(finding, try__helper(BPF_FUNC_probe_read_kernel),
		 "kernel lockdown (confidentiality) forbids it: boot with lockdown=integrity or "
		 "lockdown=none");
}

static void run_btf(struct finding *finding)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	__u16 magic = 0;

	if (fd < 0 && errno != ENOENT) {
		conclude(finding, -errno, "");
		return;
	}
	if (fd >= 0 && read(fd, &magic, sizeof(magic)) != sizeof(magic))
		magic = 0;
	if (fd >= 0)
		close(fd);
	conclude(finding, magic == BTF_MAGIC,
		 "no /sys/kernel/btf/vmlinux: a kernel with CONFIG_DEBUG_INFO_BTF=y is needed");
}

static void run_uprobe(struct finding *finding)
{
	conclude(finding, try__uprobe(), "a kernel with CONFIG_UPROBE_EVENTS=y is needed");
}

static void run_cookie(struct finding *finding)
{
	conclude(finding, try__cookie(), "the program at a probe of ours did not run");
}

static void run_ring_buffer(struct finding *finding)
{
	conclude(finding, try__ring_buffer(), "a newer kernel is needed");
}

static void run_batch(struct finding *finding)
{
	conclude(finding, try__batch(), "a newer kernel is needed");
}

static void run_helper(struct finding *finding, __u32 helper)
{
	conclude(finding, try__helper(helper),
		 "the verifier does not know it: a newer kernel is needed");
}

static void run_task_storage(struct finding *finding)
{
	run_helper(finding, BPF_FUNC_task_storage_get);
}

static void run_task_pt_regs(struct finding *finding)
{
	run_helper(finding, BPF_FUNC_task_pt_regs);
}

static void run_loop(struct finding *finding)
{
	run_helper(finding, BPF_FUNC_loop);
}

static void run_send_signal(struct finding *finding)
{
	run_helper(finding, BPF_FUNC_send_signal);
}

static void run_uprobe_multi(struct finding *finding)
{
	int result = try__uprobe_multi();

	if (result == -EREMOTE) {
		finding->answer = ANSWER_NO;
		say(finding,
		    "the links are there, and see a process's main thread only (repaired in 6.10 "
		    "and later 6.6.y): probes are attached one by one");
		return;
	}
	conclude(finding, result,
		 "probes are attached one by one: slow to attach and detach, short windows "
		 "cost more");
}

static void run_optimized(struct finding *finding)
{
	conclude(finding, try__optimized(),
		 "a trap each: see the prices; nothing to do, few functions begin so");
}

static void run_return_probe(struct finding *finding)
{
	const struct target under_seccomp = {.seccomp = 2};

	conclude(finding, !target__return_probe_hazard(&under_seccomp),
		 "a process under seccomp would be killed at one: there, results are taken in "
		 "front of each "
		 "return; update the kernel (6.14, later 6.11.y to 6.13.y)");
}

static void map_a_page(void)
{
	void *page = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	*(volatile char *)page = 1;
	munmap(page, 4096);
}

static void fork_a_child(void)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

static void run_tracepoint(struct finding *finding, int result, const char *remedy)
{
	if (result == -ENODEV) {
		finding->answer = ANSWER_UNTRIED;
		say(finding, "tracefs is not mounted: mount -t tracefs nodev /sys/kernel/tracing");
		return;
	}
	conclude(finding, result == -ENOENT ? 0 : result, remedy);
}

static void run_syscalls(struct finding *finding)
{
	run_tracepoint(finding, try__tracepoint("syscalls", "sys_enter_mmap", map_a_page),
		       "a kernel with CONFIG_FTRACE_SYSCALLS=y is needed");
}

static void run_page_faults(struct finding *finding)
{
	run_tracepoint(
		finding, try__raw_tracepoint("page_fault_user", map_a_page),
		"this architecture or build has no such tracepoint: growth of address space only");
}

static void run_forks(struct finding *finding)
{
	run_tracepoint(finding, try__raw_tracepoint("sched_process_fork", fork_a_child),
		       "a kernel with CONFIG_TRACEPOINTS=y is needed");
}

static const struct experiment experiments[] = {
	{"Linux 6.1", "6.1", "the oldest kernel that this program is tested on", true, run_version},
	{"capabilities", NULL, "to load programs, attach probes, read processes and tracefs", true,
	 run_capabilities},
	{"initial namespaces", NULL, "programs see the host's PIDs", true, run_namespaces},
	{"BPF programs", "4.1", "everything but the reading of heaps", true, run_bpf},
	{"BPF reads memory", "5.5", "stacks and names, from the target's memory", true,
	 run_read_memory},
	{"BTF", "5.4", "the kernel's own structures, whatever its build", true, run_btf},
	{"uprobes", "4.17", "probes in a process, as perf events of one process", true, run_uprobe},
	{"attach cookie", "5.15", "one program for all probes, told where it is", true, run_cookie},
	{"ring buffer", "5.8", "stacks and names, from the programs to us", true, run_ring_buffer},
	{"task storage", "5.13", "what a thread's probes know of each other", true,
	 run_task_storage},
	{"bpf_loop", "5.17", "deep stacks and long names", true, run_loop},
	{"bpf_task_pt_regs", "5.15", "arguments of system calls", true, run_task_pt_regs},
	{"batched lookups", "5.6", "reading a million live blocks at once", true, run_batch},
	{"system call tracepoints", "4.7", "mmap, munmap, mremap, brk: growth of the address space",
	 true, run_syscalls},
	{"raw tracepoints", "4.17", "children of a target, which inherit its breakpoints", true,
	 run_forks},
	{"bpf_send_signal", "5.3", "a command that we start waits until it is traced", true,
	 run_send_signal},
	{"links of many probes", "6.6", "all probes at once, in some 10 ms", false,
	 run_uprobe_multi},
	{"optimized 5-byte nop", "6.18", "a call in place of a trap, at half the price", false,
	 run_optimized},
	{"safe return probes", "6.14",
	 "results of allocators, also under seccomp (not so in 6.11 - 6.13)", false,
	 run_return_probe},
	{"BPF compiler", "3.16", "programs run as machine code", false, run_jit},
	{"page fault tracepoint", "5.5", "growth of resident memory, by the stack that touched it",
	 false, run_page_faults},
};
_Static_assert(sizeof(experiments) / sizeof(experiments[0]) <= MAX_FINDINGS, "findings");

void doctor__examine_kernel(struct doctor *doctor)
{
	uname(&doctor->host);
	for (size_t i = 0; i < sizeof(experiments) / sizeof(experiments[0]); i++) {
		const struct experiment *experiment = &experiments[i];
		struct finding *finding = &doctor->findings[doctor->finding_count++];

		finding->name = experiment->name;
		finding->since = experiment->since;
		finding->purpose = experiment->purpose;
		finding->required = experiment->required;
		experiment->run(finding);
		if (experiment->run == run_uprobe_multi)
			doctor->multi = finding->answer == ANSWER_YES;
	}
}
