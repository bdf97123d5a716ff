// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_find.c - which processes there are: the kernel says when one begins another program, and /proc is gone through now and then for
 * those that it did not tell of
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "agent/host_private.h"
#include "host_event.h"
#include "lib/clock.h"
#include "lib/log.h"

#define SETTLING_S 2.0 /* that a process has lived before it is looked at: most do not */
#define AGAIN_S 2.0
#define TRIES_MAX 30 /* of one that is a Python about to start */
#define SCAN_EVERY_S 60.0
#define DOUBT_EVERY                                                                                \
	10 /* scans, after which those that were no Pythons are asked again: one may have been loaded */
#define SCAN_ALONE_S 5.0 /* where the kernel does not tell */
#define LOOKS_AT_ONCE 32 /* in a step: the first scan of a large host takes a few */
#define PID_MAX_LIMIT (1u << 22)
#define EVENTS_EVERY_S 1.0 /* their descriptor is ready when there are very many */

static bool is_other(const struct host *host, pid_t pid)
{
	return (__u32)pid < host->pid_max && host->others[pid / 8] & 1 << pid % 8;
}

static void set_other(struct host *host, pid_t pid, bool other)
{
	if ((__u32)pid >= host->pid_max)
		return;
	if (other)
		host->others[pid / 8] |= 1 << pid % 8;
	else
		host->others[pid / 8] &= ~(1 << pid % 8);
}

/* Where there is no room, the next scan finds it. */
static void add_candidate(struct host *host, pid_t pid, double due_s, unsigned int tries)
{
	if (host->candidate_count == CANDIDATES)
		return;
	host->candidates[(host->first + host->candidate_count++) % CANDIDATES] =
		(struct candidate){.pid = pid, .due_s = due_s, .tries = tries};
}

static void take_event(void *context, const struct host_event *event)
{
	struct host *host = context;
	struct watched *watched = host__watched(host, event->pid);
	double due_s = clock__s() + SETTLING_S;

	switch (event->kind) {
	case HOST_EVENT_EXEC:
		if (watched)
			host__remove(host, watched); /* another program */
		set_other(host, event->pid, false);
		add_candidate(host, event->pid, due_s, 0);
		break;
	case HOST_EVENT_FORK:
		set_other(host, event->pid, false);
		if (host__watched(host, event->parent))
			add_candidate(host, event->pid, due_s, 0);
		break;
	case HOST_EVENT_EXIT:
		if (watched)
			host__remove(host, watched);
		set_other(host, event->pid, false);
		break;
	case HOST_EVENT_OOM:
		if (watched)
			oom__victim(host, watched);
		break;
	}
}

static void take_events(struct host *host)
{
	__u64 lost;

	if (!host->events)
		return;
	host->next_events_s = clock__s() + EVENTS_EVERY_S;
	host_events__read(host->events, take_event, host);
	lost = host_events__lost(host->events);
	if (lost == host->events_lost)
		return;
	host->events_lost = lost;
	memset(host->others, 0, host->pid_max / 8);
	host->next_scan_s = fmin(host->next_scan_s, clock__s() + SETTLING_S);
}

static void scan(struct host *host, double now_s)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (++host->scans % DOUBT_EVERY == 0)
		memset(host->others, 0, host->pid_max / 8);
	while (proc && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && !is_other(host, pid) && !host__watched(host, pid))
			add_candidate(host, pid, now_s, 0);
	}
	if (proc)
		closedir(proc);
	if (!host->scanned)
		host->first_scan = host->candidate_count;
	host->scanned = true;
	host->next_scan_s = now_s + (host->events ? SCAN_EVERY_S : SCAN_ALONE_S);
}

static bool matches(const char *pattern, const char *text)
{
	return text && !fnmatch(pattern, text, 0);
}

static bool is_user(const char *user, uid_t uid)
{
	const struct passwd *entry = getpwnam(user);
	char number[16];

	snprintf(number, sizeof(number), "%u", uid);
	return entry ? entry->pw_uid == uid : !strcmp(user, number);
}

bool finder__wants(const struct host_options *options, const struct python_identity *identity)
{
	if (options->comm && !matches(options->comm, identity->comm))
		return false;
	if (options->cgroup && !matches(options->cgroup, identity->cgroup))
		return false;
	if (options->user && !is_user(options->user, identity->uid))
		return false;
	return !options->exclude || (!matches(options->exclude, identity->comm) &&
				     !matches(options->exclude, identity->cmdline));
}

static void look_at(struct host *host, const struct candidate *candidate, double now_s)
{
	struct python_identity identity;
	int found;

	if (host__watched(host, candidate->pid) || is_other(host, candidate->pid))
		return;
	found = host_ask__identify(host, candidate->pid, &identity);
	if (found == -EAGAIN && candidate->tries < TRIES_MAX) {
		add_candidate(host, candidate->pid, now_s + AGAIN_S, candidate->tries + 1);
	} else if (found == 1 && finder__wants(&host->options, &identity)) {
		if (host__add(host, &identity, now_s) == -ENOSPC)
			host->left_out++;
	} else {
		if (found == 1)
			python_identity__clear(&identity);
		set_other(host, candidate->pid, found != -ESRCH);
	}
}

static void look_at_candidates(struct host *host, double now_s)
{
	for (int i = 0; i < LOOKS_AT_ONCE && host->candidate_count; i++) {
		struct candidate candidate = host->candidates[host->first];

		if (candidate.due_s > now_s)
			return;
		host->first = (host->first + 1) % CANDIDATES;
		host->candidate_count--;
		look_at(host, &candidate, now_s);
		if (host->first_scan)
			host->first_scan--;
	}
}

void finder__step(struct host *host, double now_s)
{
	take_events(host);
	if (now_s >= host->next_scan_s) {
		host->left_out = 0;
		scan(host, now_s);
	}
	look_at_candidates(host, now_s);
}

double finder__due(const struct host *host)
{
	double due_s =
		host->events ? fmin(host->next_scan_s, host->next_events_s) : host->next_scan_s;

	if (host->candidate_count)
		due_s = fmin(due_s, host->candidates[host->first].due_s);
	return due_s;
}

static __u32 read_pid_max(void)
{
	FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
	__u32 pid_max = PID_MAX_LIMIT;

	if (file) {
		if (fscanf(file, "%u", &pid_max) != 1 || pid_max > PID_MAX_LIMIT)
			pid_max = PID_MAX_LIMIT;
		fclose(file);
	}
	return (pid_max + 7) / 8 * 8;
}

int finder__open(struct host *host)
{
	struct epoll_event event = {.events = EPOLLIN};
	int err;

	host->pid_max = read_pid_max();
	host->others = calloc(host->pid_max / 8, 1);
	if (!host->others || host_ask__open(host))
		return log__fail(EXIT_FAILED, "no memory");
	err = host_events__open(&host->events);
	if (!err)
		err = epoll_ctl(host->epoll, EPOLL_CTL_ADD, host_events__fd(host->events), &event);
	if (err)
		log__warn("the kernel does not tell of new processes (%s): they are looked for "
			  "every %.0f s",
			  strerror(err < 0 ? -err : errno), SCAN_ALONE_S);
	return 0;
}

void finder__close(struct host *host)
{
	host_events__close(host->events);
	host_ask__close(host);
	pythons__free(host->pythons);
	free(host->others);
}
