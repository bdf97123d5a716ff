// SPDX-License-Identifier: BSD-2-Clause
/*
 * uprobe_multi.c - the bare system call, and the test whether its filter is the one we need
 *
 * Linux 6.6 as it came out compares the running task with the one that was asked for, so that one
 * thread of a process is seen; 6.10 and later 6.6.y compare address spaces (kernel/trace/bpf_trace.c,
 * uprobe_prog_run), later kernels thread groups. Ubuntu's 6.8 is known to have the first form: a version
 * number does not tell.
 */
#include "trace/uprobe_multi.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lib/proc_maps.h"

/* BPF_F_UPROBE_MULTI_RETURN */
#define UPROBE_MULTI_RETURN 1

/* bpf(2)'s argument for this one command and link type; see union bpf_attr of Linux 6.6. */
struct link_create {
	__u32 prog_fd;
	__u32 target_fd;
	__u32 attach_type;
	__u32 flags;
	__u64 path;
	__u64 offsets;
	__u64 ref_ctr_offsets;
	__u64 cookies;
	__u32 count;
	__u32 multi_flags;
	__u32 pid;
	__u32 _pad;
};
_Static_assert(sizeof(struct link_create) == 64, "link_create");

static int attach_type_of(enum uprobe_when when)
{
	return when == UPROBE_BOTH ? UPROBE_SESSION_ATTACH_TYPE : UPROBE_MULTI_ATTACH_TYPE;
}

int uprobe_multi__attach(int prog_fd, const char *path, pid_t pid, const __u64 *offsets,
			 const __u64 *cookies, __u32 count, enum uprobe_when when)
{
	struct link_create attr = {
		.prog_fd = prog_fd,
		.attach_type = attach_type_of(when),
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = count,
		.multi_flags = when == UPROBE_AT_RETURN ? UPROBE_MULTI_RETURN : 0,
		.pid = pid,
	};
	int fd;

	/* The kernel takes pid 0 for "every process". */
	if (pid <= 0 || !count || count > UPROBE_MULTI_MAX)
		return -EINVAL;
	fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static void *close_link(void *link)
{
	close(*(const int *)link);
	return NULL;
}

void uprobe_multi__detach(const int *links, size_t count)
{
	pthread_t *threads = calloc(count, sizeof(*threads));
	bool *started = calloc(count, sizeof(*started));

	for (size_t i = 0; i < count; i++) {
		if (links[i] < 0)
			continue;
		if (threads && started)
			started[i] =
				!pthread_create(&threads[i], NULL, close_link, (void *)&links[i]);
		if (!started || !started[i])
			close(links[i]);
	}
	for (size_t i = 0; i < count; i++)
		if (started && started[i])
			pthread_join(threads[i], NULL);
	free(started);
	free(threads);
}

/* The function that the test probes. */
static __attribute__((noinline, noclone)) void probed(void)
{
	__asm__ volatile("");
}

static void *call_probed(void *unused)
{
	probed();
	return unused;
}

/* A program that adds one to the only element of map_fd. Descriptor or -errno. */
static int load_counter(int map_fd, enum uprobe_when when)
{
	struct bpf_insn code[] = {
		/* r1 = &element; r2 = 1; lock *r1 += r2; return 0 */
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_PSEUDO_MAP_VALUE,
		 .imm = map_fd},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1},
		{.code = BPF_STX | BPF_DW | BPF_ATOMIC,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_REG_2,
		 .imm = BPF_ADD},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = (enum bpf_attach_type)attach_type_of(when));

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "pyleak_count", "Dual BSD/GPL", code,
			     sizeof(code) / sizeof(code[0]), &options);
}

/* How often the program runs at a call by a thread other than the main one. */
static __u64 runs_in_thread(int prog_fd, int map_fd, __u64 offset, enum uprobe_when when)
{
	pthread_t thread;
	__u64 hits = 0;
	__u32 key = 0;
	int link =
		uprobe_multi__attach(prog_fd, "/proc/self/exe", getpid(), &offset, NULL, 1, when);

	if (link < 0)
		return 0;
	if (!pthread_create(&thread, NULL, call_probed, NULL)) {
		pthread_join(thread, NULL);
		if (bpf_map_lookup_elem(map_fd, &key, &hits))
			hits = 0;
	}
	close(link);
	return hits;
}

static __u64 try_out(enum uprobe_when when)
{
	__u64 runs = 0, offset;
	int map_fd, prog_fd;

	if (proc_maps__own_offset(probed, &offset))
		return 0;
	map_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "pyleak_count", sizeof(__u32), sizeof(__u64), 1,
				NULL);
	if (map_fd < 0)
		return 0;
	prog_fd = load_counter(map_fd, when);
	if (prog_fd >= 0) {
		runs = runs_in_thread(prog_fd, map_fd, offset, when);
		close(prog_fd);
	}
	close(map_fd);
	return runs;
}

bool uprobe_multi__supported(void)
{
	return try_out(UPROBE_AT_ENTRY) > 0;
}

bool uprobe_multi__has_sessions(void)
{
	return try_out(UPROBE_BOTH) == 2;
}
