// SPDX-License-Identifier: BSD-2-Clause
#include "follow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "trace/host_events.h"

#define WAITING_MAX 1024
#define PID_LIMIT (1u << 22) /* PID_MAX_LIMIT of 64-bit kernels, include/linux/threads.h */
#define SETTLING_S 0.1       /* most that fork execute another program at once */
#define AGAIN_S 0.3
#define TRIES_MAX 20

struct waiting {
	pid_t pid;
	double due_s;
	unsigned int tries;
};

struct follow {
	struct host_events *events;
	struct waiting waiting[WAITING_MAX];
	size_t waiting_count;
	__u64 lost;
	__u16 families[PID_LIMIT]; /* by process: 1 + the number of its family, 0 = not followed */
};

int follow__open(struct follow **result)
{
	struct follow *follow = calloc(1, sizeof(*follow));
	int err = follow ? host_events__open(&follow->events) : -ENOMEM;

	if (err) {
		free(follow);
		return log__fail(EXIT_CANNOT_TRACE,
				 "--follow: the kernel does not tell of new "
				 "processes: %s",
				 strerror(-err));
	}
	*result = follow;
	return 0;
}

void follow__close(struct follow *follow)
{
	if (!follow)
		return;
	host_events__close(follow->events);
	free(follow);
}

static bool is_followed(const struct follow *follow, __u32 pid)
{
	return pid < PID_LIMIT && follow->families[pid];
}

void follow__add(struct follow *follow, pid_t pid, unsigned int family)
{
	if ((__u32)pid < PID_LIMIT && family < UINT16_MAX)
		follow->families[pid] = family + 1;
}

static void remove_waiting(struct follow *follow, size_t index)
{
	follow->waiting[index] = follow->waiting[--follow->waiting_count];
}

static void wait_for(struct follow *follow, pid_t pid)
{
	size_t i = 0;

	while (i < follow->waiting_count && follow->waiting[i].pid != pid)
		i++;
	if (i == WAITING_MAX)
		return;
	if (i == follow->waiting_count)
		follow->waiting_count++;
	follow->waiting[i] = (struct waiting){pid, clock__s() + SETTLING_S, 0};
}

static void forget(struct follow *follow, __u32 pid)
{
	if (pid < PID_LIMIT)
		follow->families[pid] = 0;
	for (size_t i = 0; i < follow->waiting_count; i++)
		if (follow->waiting[i].pid == (pid_t)pid)
			remove_waiting(follow, i--);
}

static void take_event(void *context, const struct host_event *event)
{
	struct follow *follow = context;

	switch (event->kind) {
	case HOST_EVENT_FORK:
		if (!is_followed(follow, event->parent))
			return;
		follow__add(follow, event->pid, follow->families[event->parent] - 1);
		if (is_followed(follow, event->pid))
			wait_for(follow, event->pid);
		return;
	case HOST_EVENT_EXEC:
		if (is_followed(follow, event->pid))
			wait_for(follow, event->pid);
		return;
	case HOST_EVENT_EXIT:
		if (is_followed(follow, event->pid))
			forget(follow, event->pid);
		return;
	}
}

static void say_lost(struct follow *follow)
{
	__u64 lost = host_events__lost(follow->events);

	if (lost != follow->lost && !follow->lost)
		log__warn("so many processes come and go that some were missed: of those that are "
			  "traced a child may not be followed");
	follow->lost = lost;
}

void follow__step(struct follow *follow, follow_take *take, void *context)
{
	double now_s = clock__s();

	host_events__read(follow->events, take_event, follow);
	say_lost(follow);
	for (size_t i = 0; i < follow->waiting_count; i++) {
		struct waiting *waiting = &follow->waiting[i];
		unsigned int family = follow->families[waiting->pid] - 1;

		if (waiting->due_s > now_s)
			continue;
		if (take(context, waiting->pid, family) == -EAGAIN && ++waiting->tries < TRIES_MAX)
			waiting->due_s = now_s + AGAIN_S;
		else
			remove_waiting(follow, i--);
	}
}
