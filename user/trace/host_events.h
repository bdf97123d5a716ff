/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace/host_events.h - which processes of the host come and go, as the kernel says it
 *
 *	host_events__open(&events);
 *	while (...) {
 *		poll(host_events__fd(events), ...);
 *		host_events__read(events, callback, context);	whenever there is time, not only when poll() says so
 *	}
 *	host_events__close(events);
 *
 * The descriptor is ready when the ring is half full (4,096 events), or one of them is of the OOM killer: a host that forks all the time
 * does not wake us each time. So read at each turn of the loop, at least once in a few seconds.
 */
#ifndef TRACE_HOST_EVENTS_H
#define TRACE_HOST_EVENTS_H

#include <linux/types.h>

#include "host_event.h"

struct host_events;

/*
 * From now on every event is counted, as read or as lost. 0 or -errno: -EPERM, -EACCES no right to load BPF programs or to attach them,
 * -ENOENT this kernel has not got one of the tracepoints, or no type information.
 */
int host_events__open(struct host_events **events);

/* For poll(): POLLIN. The events'; not to be closed. */
int host_events__fd(const struct host_events *events);

/* event is good until it returns. */
typedef void (*host_events_callback)(void *context, const struct host_event *event);

/*
 * Hands over what has come, in the order of the ring, each event once; at most as many as the ring holds, so that it ends whatever the
 * host does. 0 or -errno.
 */
int host_events__read(struct host_events *events, host_events_callback callback, void *context);

/* Events that the ring had no room for, since it was opened. What they were about shows by looking at /proc only. */
__u64 host_events__lost(const struct host_events *events);

/* NULL is fine. */
void host_events__close(struct host_events *events);

#endif
