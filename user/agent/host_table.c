// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_table.c - processes in and out
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/host_private.h"
#include "agent/trace_result.h"

#define FIRST_ROOM 64

static int make_room(struct host *host)
{
	size_t room = host->room ? 2 * host->room : FIRST_ROOM;
	struct watched **list;

	if (host->count < host->room)
		return 0;
	list = realloc(host->list, room * sizeof(struct watched *));
	if (!list)
		return -ENOMEM;
	host->list = list;
	host->room = room;
	return 0;
}

/* Its end shows at the descriptor; that it is still the process that was identified is asked after it was opened. */
static int open_pidfd(struct host *host, const struct python_identity *identity, int *pidfd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = identity->pid};

	*pidfd = syscall(SYS_pidfd_open, identity->pid, 0);
	if (*pidfd < 0)
		return -errno;
	if (!pythons__is(identity) || epoll_ctl(host->epoll, EPOLL_CTL_ADD, *pidfd, &event)) {
		close(*pidfd);
		return -ESRCH;
	}
	return 0;
}

static struct host_process shown(const struct python_identity *identity, double now_s)
{
	struct host_process process = {
		.pid = identity->pid,
		.start_time = identity->start_time,
		.uid = identity->uid,
		.cmdline = identity->cmdline,
		.cgroup = identity->cgroup,
		.cannot_trace = identity->cannot_trace,
		.found_s = now_s,
		.rss = REPORT_UNMEASURED,
		.own = REPORT_UNMEASURED,
		.growth = {NAN, -INFINITY, INFINITY, 0, 0},
		.limit = REPORT_UNMEASURED,
		.seconds_to_limit = NAN,
		.blocks = REPORT_UNMEASURED,
		.object_bytes = REPORT_UNMEASURED,
		.pool_free = REPORT_UNMEASURED,
		.collections = {REPORT_UNMEASURED, REPORT_UNMEASURED, REPORT_UNMEASURED},
		.uncollectable = REPORT_UNMEASURED,
	};

	snprintf(process.comm, sizeof(process.comm), "%s", identity->comm);
	snprintf(process.python, sizeof(process.python), "%s", identity->python);
	return process;
}

static int put_in(struct host *host, struct watched *watched,
		  const struct python_identity *identity)
{
	int err = host->count < host->options.max_processes ? make_room(host) : -ENOSPC;

	return err ? err : open_pidfd(host, identity, &watched->pidfd);
}

int host__add(struct host *host, struct python_identity *identity, double now_s)
{
	struct watched *watched = calloc(1, sizeof(*watched));
	int err = watched ? put_in(host, watched, identity) : -ENOMEM;

	if (err) {
		free(watched);
		python_identity__clear(identity);
		return err;
	}
	watched->identity = *identity;
	watched->shown = shown(&watched->identity, now_s);
	watched->next_read_s = now_s;
	watched->longer = 1;
	host->list[host->count++] = watched;
	HASH_ADD(hh, host->table, shown.pid, sizeof(watched->shown.pid), watched);
	host_pages__follow(host, watched, now_s);
	return 0;
}

void watched__free(struct host *host, struct watched *watched)
{
	if (watched->tracing)
		host->traced--;
	tracing__free(watched->tracing);
	if (watched->shown.result)
		host->json_bytes -= watched->shown.result->json_size;
	trace_result__free(watched->shown.result);
	free(watched->shown.trace_problem);
	host_pages__free(watched);
	python_identity__clear(&watched->identity);
	free(watched);
}

void host__remove(struct host *host, struct watched *watched)
{
	HASH_DELETE(hh, host->table, watched);
	host_pages__leave(host, watched);
	for (size_t i = 0; i < host->count; i++)
		if (host->list[i] == watched) {
			host->list[i] = host->list[--host->count];
			break;
		}
	close(watched->pidfd);
	if (!watched->tracing) {
		watched__free(host, watched);
		return;
	}
	watched->next = host->ending;
	host->ending = watched;
}

struct watched *host__watched(const struct host *host, pid_t pid)
{
	struct watched *watched;

	HASH_FIND(hh, host->table, &pid, sizeof(pid), watched);
	return watched;
}

size_t host__count(const struct host *host)
{
	return host->count;
}

const struct host_process *host__at(const struct host *host, size_t index)
{
	return index < host->count ? &host->list[index]->shown : NULL;
}

const struct host_process *host__find(const struct host *host, pid_t pid)
{
	const struct watched *watched = host__watched(host, pid);

	return watched ? &watched->shown : NULL;
}
