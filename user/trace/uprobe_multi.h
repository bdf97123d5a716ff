/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/uprobe_multi.h - links that carry any number of uprobes of one file (Linux 6.6)
 *
 * One system call attaches them all and one close detaches them all, in the time that the kernel
 * takes for a single perf event. libbpf knows them from 1.3 on; Debian 12 has 1.1, hence the bare call.
 *
 * Two things to know before using one:
 *   - The program must have been loaded for it: bpf_program__set_expected_attach_type(program,
 *     UPROBE_MULTI_ATTACH_TYPE) before the object is loaded. Such a program cannot be attached to a perf
 *     event any more, and the other way round.
 *   - A process that the target forks inherits the breakpoints. The program does not run there, but the
 *     trap is paid until the link is closed (a perf event takes them out at the first hit).
 */
#ifndef TRACE_UPROBE_MULTI_H
#define TRACE_UPROBE_MULTI_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define UPROBE_MULTI_ATTACH_TYPE 48   /* BPF_TRACE_UPROBE_MULTI; in linux/bpf.h since 6.6 */
#define UPROBE_SESSION_ATTACH_TYPE 57 /* BPF_TRACE_UPROBE_SESSION; since 6.13 */
#define UPROBE_MULTI_MAX (1U << 20)   /* probes a link, the kernel's limit */

/* When the program runs. */
enum uprobe_when {
	UPROBE_AT_ENTRY,
	UPROBE_AT_RETURN,
	UPROBE_BOTH, /* a session: if the program returns 1 at the entry, it does not run at that call's return */
};

/*
 * Whether this kernel has such links and runs their program in every thread of the process asked for. Tried out
 * on this process with a thread of its own, since distributions backport both the links and the
 * repair of their filter; takes about 0.1 s, so ask once. False also where BPF may not be used at all.
 */
bool uprobe_multi__supported(void);

/* The same for UPROBE_BOTH. */
bool uprobe_multi__has_sessions(void);

/*
 * Attaches prog_fd at count file offsets of the file that path leads to ("/proc/self/fd/N" works), for all
 * threads of process pid (its main thread's id). cookies: one an offset, or NULL. A program
 * for UPROBE_BOTH must have been loaded for UPROBE_SESSION_ATTACH_TYPE instead. A link's descriptor, for uprobe_multi__detach(); or -errno: -EINVAL count, program or kernel does not fit, -ESRCH no such process,
 * -EBADF no regular file. All of the probes or none are attached.
 */
int uprobe_multi__attach(int prog_fd, const char *path, pid_t pid, const __u64 *offsets,
			 const __u64 *cookies, __u32 count, enum uprobe_when when);

/*
 * Closes count links, all at the same time; negative descriptors are passed over. Each close() removes its breakpoints
 * and then waits for a grace period: one after the other, the last link's traps are paid for as long as all others
 * have waited (three links, Linux 6.18: 40-150 ms of traps, against less than 0.1 ms this way).
 */
void uprobe_multi__detach(const int *links, size_t count);

#endif
