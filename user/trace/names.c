// SPDX-License-Identifier: BSD-2-Clause
/*
 * names.c - stacks and code objects as they arrive in the names ring
 */
#include "trace/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/proc_mem.h"
#include "lib/text.h"
#include "trace/code_info.h"

/* A process may make up as many stacks and code objects as it likes: beyond this they stay without names. */
#define NAMES_MAX (256u << 20)

static struct code_info *find_code(const struct name_store *names, __u32 target, __u64 code_key)
{
	struct code_id id = {.code_key = code_key, .target = target};
	struct code_entry *entry;

	HASH_FIND(hh, names->code_index, &id, sizeof(id), entry);
	return entry ? &names->codes[entry->index] : NULL;
}

static struct code_info *new_code(struct name_store *names, __u32 target, __u64 code_key)
{
	struct code_entry *entry;
	struct code_info *grown;
	size_t capacity;

	if (names->code_count == names->code_capacity) {
		capacity = names->code_capacity ? 2 * names->code_capacity : 1024;
		grown = realloc(names->codes, capacity * sizeof(*grown));
		if (!grown)
			return NULL;
		names->codes = grown;
		names->code_capacity = capacity;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->id = (struct code_id){.code_key = code_key, .target = target};
	entry->index = names->code_count;
	HASH_ADD(hh, names->code_index, id, sizeof(entry->id), entry);
	names->codes[names->code_count] =
		(struct code_info){.target = target, .code_key = code_key};
	return &names->codes[names->code_count++];
}

/* A str of a live code object, for one whose data was not resident when BPF looked. NULL where it is not there. */
static char *read_str(const struct target *target, __u64 field)
{
	const struct py_layout *layout = &target->python.layout;
	char data[4 * CODE_FILE_MAX];
	__u64 str, length, size;
	__u32 state;
	unsigned kind;

	if (proc_mem__read(target->pid, field, &str, sizeof(str)) ||
	    proc_mem__read(target->pid, str + layout->str_length, &length, sizeof(length)) ||
	    proc_mem__read(target->pid, str + layout->str_state, &state, sizeof(state)))
		return NULL;
	kind = (state >> 2) & 7;
	if (!(state & 32) || (kind != 1 && kind != 2 && kind != 4) || length > sizeof(data) / kind)
		return NULL;
	size = length * kind;
	if (proc_mem__read(
		    target->pid,
		    str + ((state >> 6) & 1 ? layout->str_ascii_data : layout->str_compact_data),
		    data, size))
		return NULL;
	return text__from_unicode(data, size, kind);
}

/* Whether the code object at this address is still the one that we were told of. */
static bool is_same_code(const struct target *target, __u64 code, const struct code_info *info)
{
	__s32 first_line;

	return !proc_mem__read(target->pid, code + target->python.layout.code_firstlineno,
			       &first_line, sizeof(first_line)) &&
	       first_line == info->first_line;
}

static int read_lines(const struct target *target, __u64 code, struct code_info *info)
{
	const struct py_layout *layout = &target->python.layout;
	__u64 table, size;

	if (!is_same_code(target, code, info) ||
	    proc_mem__read(target->pid, code + layout->code_linetable, &table, sizeof(table)) ||
	    proc_mem__read(target->pid, table + layout->bytes_size, &size, sizeof(size)) ||
	    size > CODE_LINES_TOTAL_MAX)
		return -EFAULT;
	free(info->lines);
	info->lines_len = 0;
	info->lines_size = size;
	info->lines = malloc(size + 1);
	if (!info->lines ||
	    proc_mem__read(target->pid, table + layout->bytes_data, info->lines, size))
		return -EFAULT;
	info->lines_len = size;
	return 0;
}

static void read_missing(const struct target *target, const struct code_message *message,
			 struct code_info *info)
{
	const struct py_layout *layout = &target->python.layout;

	if (!is_same_code(target, message->code, info))
		return;
	if ((message->missing & CODE_MISSING_FILE) || message->file_cut) {
		char *file = read_str(target, message->code + layout->code_filename);

		if (file) {
			free(info->file);
			info->file = file;
		}
	}
	if ((message->missing & CODE_MISSING_NAME) || message->name_cut) {
		char *name = read_str(target, message->code + layout->code_name);

		if (name) {
			free(info->name);
			info->name = name;
		}
	}
	if (message->missing & CODE_MISSING_LINES)
		read_lines(target, message->code, info);
}

static void receive_code(struct tracer *tracer, const struct code_message *message)
{
	struct name_store *names = &tracer->names;
	struct code_info *info;

	if (message->target >= tracer->target_count || message->file_bytes > CODE_FILE_MAX ||
	    message->name_bytes > CODE_NAME_MAX)
		return;
	info = find_code(names, message->target, message->code_key);
	/* Sent once more: by another thread, or because the ring was full. What is there already stays. */
	if (info && info->lines && info->lines_size == message->lines_bytes)
		return;
	if (!info && names->bytes < NAMES_MAX)
		info = new_code(names, message->target, message->code_key);
	if (!info)
		return;
	names->bytes += sizeof(struct code_entry) + code_info__size(message);
	code_info__fill(info, message);
	if (message->missing || message->file_cut || message->name_cut)
		read_missing(tracer->targets[message->target].target, message, info);
}

static void receive_more(struct tracer *tracer, const struct code_more_message *message)
{
	struct code_info *info = find_code(&tracer->names, message->target, message->code_key);

	if (info && !message->bytes && info->lines_len < info->lines_size) {
		read_lines(tracer->targets[message->target].target, message->code, info);
		return;
	}
	if (info)
		code_info__append(info, message);
}

static void receive_stack(struct tracer *tracer, const struct stack_message *message, size_t size)
{
	struct name_store *names = &tracer->names;
	struct stack_entry *entry;

	if (message->frame_count > MAX_FRAMES || message->key.target >= tracer->target_count ||
	    size < STACK_MESSAGE_HEAD + message->frame_count * sizeof(struct frame) ||
	    names->bytes > NAMES_MAX || names__stack(names, &message->key))
		return;
	names->bytes += sizeof(*entry) + message->frame_count * sizeof(struct frame);
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return;
	entry->frames = malloc(message->frame_count * sizeof(struct frame) + 1);
	if (!entry->frames) {
		free(entry);
		return;
	}
	memcpy(entry->frames, message->frames, message->frame_count * sizeof(struct frame));
	entry->frame_count = message->frame_count;
	entry->key = message->key;
	entry->flags = message->flags;
	entry->caller = message->caller;
	/* Now, while the process is there to be asked. */
	entry->caller_module = -1;
	if (message->caller && tracer->options.module_at)
		entry->caller_module = tracer->options.module_at(
			tracer->options.module_context, message->key.target, message->caller);
	HASH_ADD(hh, names->stack_index, key, sizeof(entry->key), entry);
}

int names__receive(void *context, void *data, size_t size)
{
	__u32 kind;

	if (size < sizeof(kind))
		return 0;
	memcpy(&kind, data, sizeof(kind));
	if (kind == MESSAGE_STACK && size >= STACK_MESSAGE_HEAD)
		receive_stack(context, data, size);
	else if (kind == MESSAGE_CODE && size >= sizeof(struct code_message))
		receive_code(context, data);
	else if (kind == MESSAGE_CODE_MORE && size >= sizeof(struct code_more_message))
		receive_more(context, data);
	return tracer__keep_draining(context);
}

const struct stack_entry *names__stack(const struct name_store *names, const struct stack_key *key)
{
	struct stack_entry *entry;

	HASH_FIND(hh, names->stack_index, key, sizeof(*key), entry);
	return entry;
}

void names__free(struct name_store *names)
{
	struct stack_entry *stack, *next_stack;
	struct code_entry *code, *next_code;

	HASH_ITER(hh, names->stack_index, stack, next_stack)
	{
		HASH_DEL(names->stack_index, stack);
		free(stack->frames);
		free(stack);
	}
	HASH_ITER(hh, names->code_index, code, next_code)
	{
		HASH_DEL(names->code_index, code);
		free(code);
	}
	for (size_t i = 0; i < names->code_count; i++)
		code_info__clear(&names->codes[i]);
	free(names->codes);
}
