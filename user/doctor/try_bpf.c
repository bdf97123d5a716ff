// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_try_bpf.c - programs of a few instructions, to see what the kernel accepts and runs
 *
 * By the bare system call: libbpf belongs to trace/, and would put its own checks between the kernel's answer and us.
 */
#include "doctor/try.h"
#include "lib/proc_maps.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trace/uprobe_multi.h"

#define COOKIE 0x1234567890abcdefULL
#define LOG_SIZE 8192

/* dst = address of the only element of an array map */
#define LOAD_ELEMENT(reg, fd)                                                                      \
	{.code = BPF_LD | BPF_DW | BPF_IMM,                                                        \
	 .dst_reg = (reg),                                                                         \
	 .src_reg = BPF_PSEUDO_MAP_VALUE,                                                          \
	 .imm = (fd)},                                                                             \
	{                                                                                          \
		0                                                                                  \
	}
#define MOVE(reg, value)                                                                           \
	{                                                                                          \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (reg), .imm = (value)              \
	}
#define CALL(helper)                                                                               \
	{                                                                                          \
		.code = BPF_JMP | BPF_CALL, .imm = (helper)                                        \
	}
#define RETURN                                                                                     \
	{                                                                                          \
		.code = BPF_JMP | BPF_EXIT                                                         \
	}
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct program {
	__u32 type;
	__u32 attach_type;
	const struct bpf_insn *code;
	size_t count;
	char *log; /* LOG_SIZE bytes, or NULL */
};

static int bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	long result = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return result < 0 ? -errno : (int)result;
}

static int load(const struct program *program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = program->type;
	attr.expected_attach_type = program->attach_type;
	attr.insns = (uintptr_t)program->code;
	attr.insn_cnt = program->count;
	attr.license = (uintptr_t) "Dual BSD/GPL";
	if (program->log) {
		attr.log_buf = (uintptr_t)program->log;
		attr.log_size = LOG_SIZE;
		attr.log_level = 1;
	}
	return bpf(BPF_PROG_LOAD, &attr);
}

static int make_map(__u32 type, __u32 key_size, __u32 value_size, __u32 entries)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = type;
	attr.key_size = key_size;
	attr.value_size = value_size;
	attr.max_entries = entries;
	return bpf(BPF_MAP_CREATE, &attr);
}

/* A map of one number, for a program to leave something in. */
static int make_note(void)
{
	return make_map(BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u64), 1);
}

static __u64 read_note(int map)
{
	union bpf_attr attr;
	__u32 key = 0;
	__u64 value = 0;

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&value;
	return bpf(BPF_MAP_LOOKUP_ELEM, &attr) ? 0 : value;
}

int try__bpf(bool *jitted)
{
	const struct bpf_insn code[] = {MOVE(BPF_REG_0, 0), RETURN};
	const struct program program = {BPF_PROG_TYPE_KPROBE, 0, code, COUNT_OF(code), NULL};
	struct bpf_prog_info info;
	union bpf_attr attr;
	int fd = load(&program);

	*jitted = false;
	if (fd < 0)
		return fd;
	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	if (!bpf(BPF_OBJ_GET_INFO_BY_FD, &attr))
		*jitted = info.jited_prog_len > 0;
	close(fd);
	return 1;
}

/*
 * The call has no arguments, so that the verifier refuses it in any case; only the reason tells. Its words for a
 * helper that it does not have: kernel/bpf/verifier.c, check_helper_call(), 6.1 and 6.18.
 */
int try__helper(__u32 helper)
{
	static const char *const unknown[] = {"invalid func", "unknown func", "cannot use helper"};
	const struct bpf_insn code[] = {CALL(helper), MOVE(BPF_REG_0, 0), RETURN};
	char log[LOG_SIZE] = "";
	const struct program program = {BPF_PROG_TYPE_KPROBE, 0, code, COUNT_OF(code), log};
	int fd = load(&program);

	if (fd >= 0) {
		close(fd);
		return 1;
	}
	if (!log[0])
		return fd;
	log[LOG_SIZE - 1] = '\0';
	for (size_t i = 0; i < COUNT_OF(unknown); i++)
		if (strstr(log, unknown[i]))
			return 0;
	return 1;
}

/* -EINVAL is how a kernel without this type of map answers. */
int try__ring_buffer(void)
{
	int fd = make_map(BPF_MAP_TYPE_RINGBUF, 0, 0, 1 << 16);

	if (fd < 0)
		return fd == -EINVAL ? 0 : fd;
	close(fd);
	return 1;
}

int try__batch(void)
{
	__u32 keys[2], values[2], cursor = 0;
	int fd = make_map(BPF_MAP_TYPE_HASH, sizeof(*keys), sizeof(*values), COUNT_OF(keys));
	union bpf_attr attr;
	int err;

	if (fd < 0)
		return fd;
	memset(&attr, 0, sizeof(attr));
	attr.batch.map_fd = fd;
	attr.batch.out_batch = (uintptr_t)&cursor;
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)values;
	attr.batch.count = COUNT_OF(keys);
	err = bpf(BPF_MAP_LOOKUP_BATCH, &attr);
	close(fd);
	/* It is empty: -ENOENT is the end. */
	return !err || err == -ENOENT;
}

/* Stores the cookie in the note. */
static int load_cookie_program(int note)
{
	const struct bpf_insn code[] = {
		CALL(BPF_FUNC_get_attach_cookie),
		LOAD_ELEMENT(BPF_REG_1, note),
		{.code = BPF_STX | BPF_DW | BPF_MEM, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_0},
		MOVE(BPF_REG_0, 0),
		RETURN,
	};
	const struct program program = {BPF_PROG_TYPE_KPROBE, 0, code, COUNT_OF(code), NULL};

	return load(&program);
}

/* Adds one to the note. */
static int load_count_program(__u32 type, __u32 attach_type, int note)
{
	const struct bpf_insn code[] = {
		LOAD_ELEMENT(BPF_REG_1, note),
		MOVE(BPF_REG_2, 1),
		{.code = BPF_STX | BPF_DW | BPF_ATOMIC,
		 .dst_reg = BPF_REG_1,
		 .src_reg = BPF_REG_2,
		 .imm = BPF_ADD},
		MOVE(BPF_REG_0, 0),
		RETURN,
	};
	const struct program program = {type, attach_type, code, COUNT_OF(code), NULL};

	return load(&program);
}

static int link_event(int program, int event)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = program;
	attr.link_create.target_fd = event;
	attr.link_create.attach_type = BPF_PERF_EVENT;
	attr.link_create.perf_event.bpf_cookie = COOKIE;
	return bpf(BPF_LINK_CREATE, &attr);
}

/* Closes what is open; descriptors that are errors are passed over. */
static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int try__cookie(void)
{
	int note, program = -1, event = -1, link = -1, result;

	result = note = make_note();
	if (result >= 0)
		result = program = load_cookie_program(note);
	if (result >= 0)
		result = event = try__open_uprobe(try__probed);
	if (result >= 0)
		result = link = link_event(program, event);
	if (result >= 0) {
		try__probed();
		result = read_note(note) == COOKIE;
	}
	close_all((const int[]){link, event, program, note}, 4);
	return result;
}

int try__uprobe_multi(void)
{
	int note, program = -1, link = -1, result;
	__u64 offset;

	if (uprobe_multi__supported())
		return 1;
	result = proc_maps__own_offset(try__probed, &offset);
	if (result)
		return result;
	result = note = make_note();
	if (result >= 0)
		result = program =
			load_count_program(BPF_PROG_TYPE_KPROBE, UPROBE_MULTI_ATTACH_TYPE, note);
	if (result >= 0) {
		link = uprobe_multi__attach(program, "/proc/self/exe", getpid(), &offset, NULL, 1,
					    false);
		result = link >= 0 ? -EREMOTE : link == -EINVAL ? 0 : link;
	}
	close_all((const int[]){link, program, note}, 3);
	return result;
}

/*
 * By a program, as tracing does it, and not by the event's own count: where another program is attached to the same
 * tracepoint, its return value decides whether events count (trace_call_bpf() in kernel/trace/bpf_trace.c).
 */
int try__tracepoint(const char *category, const char *name, void (*trigger)(void))
{
	int note, program = -1, event = -1, link = -1, result;

	result = note = make_note();
	if (result >= 0)
		result = program = load_count_program(BPF_PROG_TYPE_TRACEPOINT, 0, note);
	if (result >= 0)
		result = event = try__open_tracepoint(category, name);
	if (result >= 0)
		result = link = link_event(program, event);
	if (result >= 0) {
		trigger();
		result = read_note(note) > 0;
	}
	close_all((const int[]){link, event, program, note}, 4);
	return result;
}

int try__raw_tracepoint(const char *name, void (*trigger)(void))
{
	int note, program = -1, link = -1, result;
	union bpf_attr attr;

	result = note = make_note();
	if (result >= 0)
		result = program = load_count_program(BPF_PROG_TYPE_RAW_TRACEPOINT, 0, note);
	if (result >= 0) {
		memset(&attr, 0, sizeof(attr));
		attr.raw_tracepoint.name = (uintptr_t)name;
		attr.raw_tracepoint.prog_fd = program;
		result = link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
	}
	if (result >= 0) {
		trigger();
		result = read_note(note) > 0;
	}
	close_all((const int[]){link, program, note}, 3);
	return result;
}
