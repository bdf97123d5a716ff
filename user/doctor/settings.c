// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_settings.c - knobs and limits of the machine, and what each means to us
 */
#include "doctor/private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* The first line of a small file of the kernel's, or why there is none. Returns buffer. */
static char *read_line(const char *path, char *buffer, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, buffer, size - 1);
		close(fd);
	}
	if (n < 0) {
		snprintf(buffer, size, "%s", errno == ENOENT ? "not there" : "not readable");
		return buffer;
	}
	buffer[n] = '\0';
	buffer[strcspn(buffer, "\n")] = '\0';
	return buffer;
}

static void add_setting(struct doctor *doctor, const char *name, const char *value,
			const char *meaning)
{
	struct setting *setting = &doctor->settings[doctor->setting_count];

	if (doctor->setting_count == MAX_SETTINGS)
		return;
	doctor->setting_count++;
	setting->name = name;
	setting->meaning = meaning;
	snprintf(setting->value, sizeof(setting->value), "%s", value);
}

static void add_limit(struct doctor *doctor, const char *name, int resource, const char *meaning)
{
	struct rlimit limit;
	char text[64] = "not readable";

	if (!getrlimit(resource, &limit) && limit.rlim_max == RLIM_INFINITY)
		snprintf(text, sizeof(text), "unlimited");
	else if (!getrlimit(resource, &limit))
		snprintf(text, sizeof(text), "%llu", (unsigned long long)limit.rlim_max);
	add_setting(doctor, name, text, meaning);
}

int doctor__count_cpus(const char *list)
{
	long count = 0;

	while (*list) {
		char *end;
		long first = strtol(list, &end, 10), last = first;

		if (*end == '-')
			last = strtol(list = end + 1, &end, 10);
		if (end == list || first < 0 || last < first || last > 1 << 20)
			return -1;
		count += last - first + 1;
		list = *end == ',' ? end + 1 : end;
		if (*end && *end != ',')
			return -1;
	}
	return count && count < INT_MAX ? (int)count : -1;
}

void doctor__read_settings(struct doctor *doctor)
{
	static const struct {
		const char *name, *path, *meaning;
	} files[] = {
		{"lockdown", "/sys/kernel/security/lockdown",
		 "only [confidentiality] stops us; it is not there where it is not built in, or "
		 "securityfs is not mounted"},
		{"unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled",
		 "no matter: we need CAP_BPF in any case"},
		{"perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid",
		 "3 = Debian's: CAP_SYS_ADMIN is needed; up to 2 it is no matter with CAP_PERFMON"},
		{"bpf_jit_enable", "/proc/sys/net/core/bpf_jit_enable",
		 "0 = programs are interpreted, and cost several times more"},
		{"bpf_jit_harden", "/proc/sys/net/core/bpf_jit_harden",
		 "2 = constants are blinded for root's programs, too: they run slower"},
		{"possible CPUs", "/sys/devices/system/cpu/possible",
		 "counters are kept once for each of them"},
	};
	char text[96];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		add_setting(doctor, files[i].name, read_line(files[i].path, text, sizeof(text)),
			    files[i].meaning);
	add_limit(doctor, "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK,
		  "no matter since 5.11: maps are charged to our memory cgroup");
	add_limit(doctor, "RLIMIT_NOFILE", RLIMIT_NOFILE,
		  "two descriptors a probe, where probes are attached one by one");
	read_line("/sys/devices/system/cpu/possible", text, sizeof(text));
	doctor->possible_cpus = doctor__count_cpus(text);
}
