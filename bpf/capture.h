/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * capture.h - a stack's frames and its code objects' strings, sent when first seen
 *
 * Names must survive the code object and the process, so they are copied the first time a stack shows up, not
 * when somebody asks. Whatever does not fit in the ring now is tried again at the stack's next event.
 *
 * The includer provides
 *	names, codes	the ring, and the map of code objects that are in it (struct code_id to __u8)
 *	NAMES_FLAGS	of bpf_ringbuf_output() and bpf_ringbuf_submit()
 *	void count(enum counter counter, __u32 target, __u64 n)
 *	void note_code(__u32 target, __u64 code)	there is a code object at this address
 * read_user(), and the types of wire.h.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "bounded.h"
#include "wire.h"

/* State of sending the code objects of one stack. */
struct announcement {
	const struct stack_message *stack;
	const struct target_config *config;
	__u32 target;
	__u32 failed;
};

/* Copies a str's data; 0, or -1 where it could not be read. */
static __always_inline int read_str(const struct py_layout *layout, __u64 str, char *to, __u32 max,
				    __u32 *bytes, __u8 *kind, __u8 *cut)
{
	__u64 length = 0, size;
	__u32 state = 0;
	int ascii;

	*bytes = 0;
	*kind = 1;
	*cut = 0;
	if (read_user(&length, sizeof(length), str + layout->str_length) ||
	    read_user(&state, sizeof(state), str + layout->str_state))
		return -1;
	*kind = (state >> 2) & 7;
	ascii = (state >> 6) & 1;
	/* Not compact: made by an old C API, never seen in a code object. */
	if (!(state & 32) || !*kind || *kind > 4)
		return -1;
	size = length > max ? max : length * *kind;
	if (size >= max) {
		*cut = size > max || length > max;
		size = max;
	}
	if (size &&
	    read_user(to, size, str + (ascii ? layout->str_ascii_data : layout->str_compact_data)))
		return -1;
	*bytes = size;
	return 0;
}

struct rest_of_lines {
	__u64 data; /* address of the line table's bytes */
	__u64 code_key;
	__u64 code;
	__u32 target;
	__u32 size;
	__u32 failed;
	__u32 _pad;
};

/* One further record of a long line table. */
static long send_more_lines(__u32 index, struct rest_of_lines *rest)
{
	__u32 offset = (index + 1) * CODE_LINES_MAX, bytes;
	struct code_more_message *more;

	if (offset >= rest->size)
		return 1;
	more = bpf_ringbuf_reserve(&names, sizeof(*more), 0);
	if (!more) {
		rest->failed = 1;
		return 1;
	}
	bytes = rest->size - offset;
	if (bytes > CODE_LINES_MAX)
		bytes = CODE_LINES_MAX;
	more->kind = MESSAGE_CODE_MORE;
	more->target = rest->target;
	more->code_key = rest->code_key;
	more->code = rest->code;
	more->offset = offset;
	more->bytes = bytes;
	if (read_user(more->lines, bytes, rest->data + offset))
		more->bytes = 0;
	bpf_ringbuf_submit(more, NAMES_FLAGS);
	return 0;
}

static __always_inline void read_lines(const struct py_layout *layout, struct code_message *record,
				       __u64 table, struct rest_of_lines *rest)
{
	__u64 size = 0;
	__u32 first;

	record->lines_bytes = 0;
	if (read_user(&size, sizeof(size), table + layout->bytes_size)) {
		record->missing |= CODE_MISSING_LINES;
		return;
	}
	record->lines_bytes = size > ~0U ? ~0U : size;
	if (size > CODE_LINES_TOTAL_MAX)
		size = CODE_LINES_TOTAL_MAX;
	first = size > CODE_LINES_MAX ? CODE_LINES_MAX : size;
	rest->data = table + layout->bytes_data;
	rest->size = size;
	if (first && read_user(record->lines, first, rest->data))
		record->missing |= CODE_MISSING_LINES;
}

/* Sends one code object. 0 sent or not sendable, -1 try again. */
static __always_inline int send_code(const struct target_config *config, __u32 target,
				     const struct frame *frame)
{
	const struct py_layout *layout = &config->layout;
	struct rest_of_lines rest = {
		.target = target,
		.code_key = frame->code_key,
		.code = frame->code,
	};
	__u64 type = 0, file = 0, name = 0, table = 0;
	struct code_message *record;
	__u64 code = frame->code;

	if (read_user(&type, sizeof(type), code + layout->object_type) ||
	    (config->code_type && type != config->code_type) ||
	    read_user(&file, sizeof(file), code + layout->code_filename) ||
	    read_user(&name, sizeof(name), code + layout->code_name) ||
	    read_user(&table, sizeof(table), code + layout->code_linetable)) {
		count(LOST_UNREADABLE_NAME, target, 1);
		return 0;
	}
	record = bpf_ringbuf_reserve(&names, sizeof(*record), 0);
	if (!record)
		return -1;
	record->kind = MESSAGE_CODE;
	record->target = target;
	record->code_key = frame->code_key;
	record->code = code;
	record->missing = 0;
	record->first_line = 0;
	read_user(&record->first_line, sizeof(record->first_line), code + layout->code_firstlineno);
	if (read_str(layout, file, record->file, CODE_FILE_MAX, &record->file_bytes,
		     &record->file_kind, &record->file_cut))
		record->missing |= CODE_MISSING_FILE;
	if (read_str(layout, name, record->name, CODE_NAME_MAX, &record->name_bytes,
		     &record->name_kind, &record->name_cut))
		record->missing |= CODE_MISSING_NAME;
	read_lines(layout, record, table, &rest);
	bpf_ringbuf_submit(record, NAMES_FLAGS);

	if (rest.size > CODE_LINES_MAX)
		bpf_loop(CODE_LINES_TOTAL_MAX / CODE_LINES_MAX - 1, send_more_lines, &rest, 0);
	return rest.failed ? -1 : 0;
}

static long announce_frame(__u32 index, struct announcement *announcement)
{
	struct code_id id = {.target = announcement->target};
	const struct stack_message *stack = announcement->stack;
	const struct frame *frame;
	__u8 sent = 1;

	if (index >= MAX_FRAMES || index >= stack->frame_count)
		return 1;
	frame = &stack->frames[bounded(index, MAX_FRAMES)];
	id.code_key = frame->code_key;
	note_code(announcement->target, frame->code);
	if (bpf_map_lookup_elem(&codes, &id))
		return 0;
	if (send_code(announcement->config, announcement->target, frame)) {
		announcement->failed = 1;
		return 1;
	}
	bpf_map_update_elem(&codes, &id, &sent, BPF_ANY);
	return 0;
}

/* Sends what the stack's frames name and is not known yet. 0, or -1: the ring is full, try again. */
static __always_inline int announce_codes(const struct stack_message *stack, __u32 target,
					  const struct target_config *config)
{
	struct announcement announcement = {
		.stack = stack,
		.config = config,
		.target = target,
	};

	bpf_loop(MAX_FRAMES, announce_frame, &announcement, 0);
	return announcement.failed ? -1 : 0;
}

/* The bytes of a stack's frames. */
static __always_inline __u32 frames_size(const struct stack_message *stack)
{
	__u32 n = stack->frame_count;

	if (n > MAX_FRAMES)
		n = MAX_FRAMES;
	return n * sizeof(struct frame);
}

/* Sends the stack and whatever it names. 0, or -1: the ring is full, try again. */
static __always_inline int announce_stack(const struct stack_message *stack,
					  const struct target_config *config)
{
	__u32 target = stack->key.target;

	if (announce_codes(stack, target, config) ||
	    bpf_ringbuf_output(&names, (void *)stack, STACK_MESSAGE_HEAD + frames_size(stack),
			       NAMES_FLAGS)) {
		count(LOST_NAMES_FULL, target, 1);
		return -1;
	}
	return 0;
}

#endif
