// SPDX-License-Identifier: BSD-2-Clause
/*
 * growth_events.c - see growth_events.h and bpf/growth.bpf.c
 */
#include "trace/growth_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "growth.skel.h"
#include "trace/internal.h"

/* Of records that are as small as can be: as many as the ring holds. */
#define READ_MOST ((1U << 20) / (sizeof(struct growth_retaken) + 8))

struct growth_events {
	struct growth_bpf *bpf;
	struct ring_buffer *ring;
	/* while growth_events__read() is at work */
	const struct growth_receiver *receiver;
	size_t left;
};

static void receive_fault(const struct growth_receiver *receiver, const struct growth_fault *fault,
			  size_t size)
{
	if (size >= GROWTH_FAULT_HEAD && fault->stack.frame_count <= MAX_FRAMES &&
	    size >= GROWTH_FAULT_HEAD + fault->stack.frame_count * sizeof(struct frame))
		receiver->fault(receiver->context, fault);
}

/* -EAGAIN: no more for now; libbpf counts the record as taken. */
static int receive(void *context, void *data, size_t size)
{
	struct growth_events *events = context;
	const struct growth_receiver *receiver = events->receiver;
	__u32 kind;

	if (size < sizeof(kind))
		return 0;
	memcpy(&kind, data, sizeof(kind));
	if (kind == MESSAGE_FAULT)
		receive_fault(receiver, data, size);
	else if (kind == MESSAGE_RETAKEN && size >= sizeof(struct growth_retaken))
		receiver->retaken(receiver->context, data);
	else if (kind == MESSAGE_CODE && size >= sizeof(struct code_message))
		receiver->code(receiver->context, data);
	else if (kind == MESSAGE_CODE_MORE && size >= sizeof(struct code_more_message))
		receiver->more(receiver->context, data);
	return --events->left ? 0 : -EAGAIN;
}

static int load(struct growth_events *events, size_t capacity)
{
	int err;

	events->bpf = growth_bpf__open();
	if (!events->bpf)
		return -errno;
	err = bpf_map__set_max_entries(events->bpf->maps.watched, capacity);
	if (!err)
		err = growth_bpf__load(events->bpf);
	if (err)
		return err;
	events->ring =
		ring_buffer__new(bpf_map__fd(events->bpf->maps.names), receive, events, NULL);
	return events->ring ? growth_bpf__attach(events->bpf) : -errno;
}

int growth_events__open(size_t capacity, struct growth_events **result)
{
	struct growth_events *events;
	int err;

	*result = NULL;
	libbpf_set_print(tracer__print_libbpf);
	if (libbpf_find_vmlinux_btf_id("page_fault_user", BPF_TRACE_RAW_TP) <= 0)
		return -ENOENT;
	events = calloc(1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	err = load(events, capacity);
	if (err) {
		growth_events__close(events);
		return err;
	}
	*result = events;
	return 0;
}

/* More than it can count stay: who has those last bits is looked up then, and not found. */
static void count_pid(struct growth_events *events, __u32 pid, int more)
{
	__u8 *count = &events->bpf->bss->watched_pids[pid % GROWTH_PIDS];

	if (*count < 255 && *count + more >= 0)
		*count += more;
}

int growth_events__watch(struct growth_events *events, pid_t pid, const struct python *python)
{
	/* Any libc's threads: the interpreter's own list, which is slower, and fast enough for a few faults a second. */
	struct growth_target target = {
		.config =
			{
				.tgid = pid,
				.runtime = python->runtime,
				.code_type = python->code_type,
				.tstate_method = TSTATE_LIST,
				.layout = python->layout,
			},
	};
	__u32 key = pid;
	int err = bpf_map_update_elem(bpf_map__fd(events->bpf->maps.watched), &key, &target,
				      BPF_NOEXIST);

	if (!err)
		count_pid(events, key, 1);
	return err;
}

void growth_events__leave(struct growth_events *events, pid_t pid)
{
	__u32 key = pid;

	if (!events)
		return;
	bpf_map_delete_elem(bpf_map__fd(events->bpf->maps.watched), &key);
	count_pid(events, key, -1);
}

int growth_events__read(struct growth_events *events, const struct growth_receiver *receiver)
{
	int n;

	events->receiver = receiver;
	events->left = READ_MOST;
	n = ring_buffer__consume(events->ring);
	return n < 0 && n != -EAGAIN ? n : 0;
}

void growth_events__forget_code(struct growth_events *events, pid_t pid, __u64 code_key)
{
	struct code_id id = {.code_key = code_key, .target = pid};

	bpf_map_delete_elem(bpf_map__fd(events->bpf->maps.codes), &id);
}

__u64 growth_events__lost(const struct growth_events *events)
{
	return __atomic_load_n(&events->bpf->bss->lost, __ATOMIC_RELAXED);
}

void growth_events__close(struct growth_events *events)
{
	if (!events)
		return;
	/* The programs first: nothing comes any more. */
	growth_bpf__destroy(events->bpf);
	ring_buffer__free(events->ring);
	free(events);
}
