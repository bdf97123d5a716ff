// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_try_perf.c - perf events at functions of ours and at tracepoints
 */
#include "doctor/try.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/proc_maps.h"

#define UPROBE_TYPE "/sys/bus/event_source/devices/uprobe/type"

/* The number in a small file, or -errno. */
static long read_number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && text[0] >= '0' && text[0] <= '9' ? strtol(text, NULL, 10) : -EINVAL;
}

/* Of this thread, on any CPU. */
static int open_event(struct perf_event_attr *attr)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
	return fd;
}

static __u64 count_of(int fd)
{
	__u64 count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

int try__open_uprobe(void (*function)(void))
{
	struct perf_event_attr attr = {.uprobe_path = (uintptr_t) "/proc/self/exe"};
	__u64 offset = 0;
	long type = read_number(UPROBE_TYPE);
	int err;

	if (type < 0)
		return type;
	err = proc_maps__own_offset(function, &offset);
	if (err)
		return err;
	attr.type = type;
	attr.probe_offset = offset;
	return open_event(&attr);
}

__attribute__((noinline, noclone)) void try__probed(void)
{
	__asm__ volatile("");
}

int try__uprobe(void)
{
	int fd = try__open_uprobe(try__probed);
	bool counted;

	if (fd == -ENOENT)
		return 0; /* no such event source */
	if (fd < 0)
		return fd;
	try__probed();
	counted = count_of(fd) == 1;
	close(fd);
	return counted;
}

#ifdef __x86_64__

/* Not at the end of a page: there it would be left alone. */
__asm__(".pushsection .text.doctor, \"ax\", @progbits\n"
	".balign 64\n"
	"doctor_nop5: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00\n ret\n"
	".popsection\n");

void doctor_nop5(void);

#define CALL_OPCODE 0xe8

int try__optimized(void)
{
	/* Through a volatile: the compiler must not take the bytes for constant. */
	const volatile unsigned char *const volatile code = (const unsigned char *)doctor_nop5;
	int fd = try__open_uprobe(doctor_nop5);
	bool is_call;

	if (fd < 0)
		return fd;
	for (int i = 0; i < 3; i++)
		doctor_nop5();
	is_call = *code == CALL_OPCODE;
	close(fd);
	return is_call;
}

#else

int try__optimized(void)
{
	return 0;
}

#endif

int try__open_tracepoint(const char *category, const char *name)
{
	static const char *const mounts[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
	struct perf_event_attr attr = {.type = PERF_TYPE_TRACEPOINT};
	bool mounted = false;
	long id = -ENOENT;
	char path[160];

	for (size_t i = 0; id == -ENOENT && i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		snprintf(path, sizeof(path), "%s/events", mounts[i]);
		/* Not ours to enter is not absent: the next step says so. */
		mounted |= !access(path, F_OK) || errno == EACCES;
		snprintf(path, sizeof(path), "%s/events/%s/%s/id", mounts[i], category, name);
		id = read_number(path);
	}
	if (id < 0)
		return id == -ENOENT && !mounted ? -ENODEV : id;
	attr.config = id;
	return open_event(&attr);
}
