// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_events.c - see host_events.h and bpf/host.bpf.c
 */
#include "trace/host_events.h"

#include <errno.h>
#include <stdlib.h>

#include "host.skel.h"
#include "lib/proc_number.h"
#include "trace/internal.h"

/* As many as the ring holds: an event takes 8 bytes more there. */
#define READ_MOST ((256U << 10) / (sizeof(struct host_event) + 8))

struct host_events {
	struct host_bpf *bpf;
	struct ring_buffer *ring;
	/* while host_events__read() is at work */
	host_events_callback callback;
	void *context;
	size_t left;
};

/* The kernel may have named a thread. Its process is still there: it is about to be killed. */
static __u32 process_of(__u32 thread)
{
	__u64 process;

	return proc_number__status(thread, "Tgid:", &process) ? thread : (__u32)process;
}

/* -EAGAIN: no more for now; libbpf counts the record as taken. */
static int receive(void *context, void *data, size_t size)
{
	struct host_events *events = context;
	struct host_event event;

	if (size < sizeof(event))
		return 0;
	event = *(const struct host_event *)data;
	if (event.kind == HOST_EVENT_OOM)
		event.pid = process_of(event.pid);
	events->callback(events->context, &event);
	return --events->left ? 0 : -EAGAIN;
}

static int attach(struct host_bpf *bpf)
{
	int err = host_bpf__attach(bpf);

	/* Of a tracepoint that is not there. */
	return err == -EINVAL ? -ENOENT : err;
}

int host_events__open(struct host_events **result)
{
	struct host_events *events = calloc(1, sizeof(*events));
	int err;

	*result = NULL;
	if (!events)
		return -ENOMEM;
	libbpf_set_print(tracer__print_libbpf);
	events->bpf = host_bpf__open();
	err = events->bpf ? host_bpf__load(events->bpf) : -errno;
	if (!err) {
		events->ring = ring_buffer__new(bpf_map__fd(events->bpf->maps.events), receive,
						events, NULL);
		err = events->ring ? attach(events->bpf) : -errno;
	}
	if (err) {
		host_events__close(events);
		return err;
	}
	*result = events;
	return 0;
}

int host_events__fd(const struct host_events *events)
{
	return ring_buffer__epoll_fd(events->ring);
}

int host_events__read(struct host_events *events, host_events_callback callback, void *context)
{
	int n;

	events->callback = callback;
	events->context = context;
	events->left = READ_MOST;
	n = ring_buffer__consume(events->ring);
	return n < 0 && n != -EAGAIN ? n : 0;
}

__u64 host_events__lost(const struct host_events *events)
{
	return __atomic_load_n(&events->bpf->bss->lost, __ATOMIC_RELAXED);
}

void host_events__close(struct host_events *events)
{
	if (!events)
		return;
	/* The programs first: nothing comes any more. */
	host_bpf__destroy(events->bpf);
	ring_buffer__free(events->ring);
	free(events);
}
