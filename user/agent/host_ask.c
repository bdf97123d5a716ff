// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_ask.c - questions to processes whose memory may never answer: see lib/patience.h
 *
 * Who does not answer is not asked again, nor is anybody of an owner of whom two did not: what they can take of us is bounded. An owner is
 * a user; of root, a control group: the root of a container shall not hide what others have.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/host_private.h"
#include "agent/process_stat.h"
#include "heap/pools.h"
#include "lib/log.h"
#include "lib/patience.h"

#define PATIENCE_S 3.0
#define SILENT_OF_AN_OWNER 2

static const char silent[] = "its memory does not answer: it is of a file system or a userfaultfd "
			     "that keeps its readers waiting";

int host_ask__open(struct host *host)
{
	host->patience = patience__new(SILENT_MOST);
	return host->patience ? 0 : -ENOMEM;
}

void host_ask__close(struct host *host)
{
	patience__free(host->patience);
}

/* What /proc/PID/cgroup says, as a number (FNV-1a). */
static __u64 groups_of(pid_t pid)
{
	__u64 hash = 0xcbf29ce484222325ULL;
	char path[32];
	FILE *file;
	int c;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	file = fopen(path, "re");
	while (file && (c = getc(file)) != EOF)
		hash = (hash ^ (__u64)c) * 0x100000001b3ULL;
	if (file)
		fclose(file);
	return hash;
}

/* Whose the process is; without a look into its memory. */
static __u64 owner_of(pid_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", pid);
	if (stat(path, &st))
		return ~0ULL;
	return st.st_uid ? st.st_uid : groups_of(pid) | 1ULL << 63;
}

static void remember_silent(struct host *host, pid_t pid)
{
	struct process_stat stat = {0};

	process_stat__read(pid, &stat);
	host->silent[host->silent_count++ % SILENT_MOST] =
		(struct silent){.pid = pid, .start_time = stat.start_time, .owner = owner_of(pid)};
	log__warn("process %d is left alone: %s", pid, silent);
}

static bool is_silent(const struct host *host, pid_t pid)
{
	struct process_stat stat;
	size_t count = host->silent_count < SILENT_MOST ? host->silent_count : SILENT_MOST;
	size_t of_owner = 0;
	__u64 owner;

	if (!count || process_stat__read(pid, &stat))
		return false;
	owner = owner_of(pid);
	for (size_t i = 0; i < count; i++) {
		if (host->silent[i].pid == pid && host->silent[i].start_time == stat.start_time)
			return true;
		of_owner += host->silent[i].owner == owner;
	}
	return of_owner >= SILENT_OF_AN_OWNER;
}

/* ---- which Python it is ---- */

struct identifying {
	struct pythons *pythons;
	pid_t pid;
	struct python_identity identity;
	int answer;
};

static void identify(void *job)
{
	struct identifying *identifying = job;

	identifying->answer =
		pythons__identify(identifying->pythons, identifying->pid, &identifying->identity);
}

static void drop_identifying(void *job)
{
	struct identifying *identifying = job;

	if (identifying->answer == 1)
		python_identity__clear(&identifying->identity);
	pythons__free(identifying->pythons);
	free(identifying);
}

int host_ask__identify(struct host *host, pid_t pid, struct python_identity *identity)
{
	struct identifying *job;
	int err = -ENOMEM;

	if (is_silent(host, pid))
		return -EPERM;
	/* What was known of files went with the one who was left behind. */
	if (!host->pythons)
		host->pythons = pythons__new();
	job = host->pythons ? calloc(1, sizeof(*job)) : NULL;
	if (!job)
		return -ENOMEM;
	job->pythons = host->pythons;
	job->pid = pid;
	err = patience__call(host->patience, identify, job, drop_identifying, PATIENCE_S);
	if (err == -ETIMEDOUT) {
		host->pythons = NULL;
		remember_silent(host, pid);
		return -EPERM;
	}
	if (!err) {
		err = job->answer;
		*identity = job->identity;
	}
	free(job);
	return err;
}

/* ---- what its own books say ---- */

struct counting {
	struct python_identity
		identity; /* borrowed, unless it is left behind: then the pools are its own */
	struct python_counts counts;
};

static void count(void *job)
{
	struct counting *counting = job;

	python_counts__read(&counting->identity, &counting->counts);
}

static void drop_counting(void *job)
{
	struct counting *counting = job;

	pools__close(counting->identity.pools);
	free(counting);
}

int host_ask__count(struct host *host, struct watched *watched, struct python_counts *counts)
{
	struct counting *job = calloc(1, sizeof(*job));
	int err;

	if (!job)
		return -ENOMEM;
	job->identity = watched->identity;
	err = patience__call(host->patience, count, job, drop_counting, PATIENCE_S);
	if (err == -ETIMEDOUT) {
		watched->identity.pools = NULL;
		watched->silent = true;
		if (!watched->identity.cannot_trace)
			watched->identity.cannot_trace = strdup(silent);
		watched->shown.cannot_trace = watched->identity.cannot_trace;
		remember_silent(host, watched->shown.pid);
		return err;
	}
	if (!err)
		*counts = job->counts;
	free(job);
	return err;
}
