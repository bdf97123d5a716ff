// SPDX-License-Identifier: BSD-2-Clause
/*
 * py_debug_offsets.c - the layout of CPython 3.13 and later, as the build itself tells it
 *
 * _PyRuntime begins with struct _Py_DebugOffsets: eight bytes "xdebugpy", then 64-bit words:
 * version, free-threaded or not, and the offsets, in groups. The groups change with each minor
 * version, so a row here says which word holds what. Words that the struct does not have (the TSS
 * key, pymalloc's state) are in the row as numbers.
 *
 * The target may be hostile or not CPython at all: nothing is believed that does not lie inside its
 * struct.
 */
#include <errno.h>
#include <string.h>

#include "discover/discover.h"

#define COOKIE "xdebugpy"
#define SIZE_MAX_SANE (4U << 20)

/* Byte offsets of words in _Py_DebugOffsets, and what the struct leaves out. */
struct offsets_row {
	__u32 version;
	__u32 runtime_size, interpreters_head;
	__u32 interp_size, interp_next, threads_head;
	__u32 tstate_size, tstate_next, current_frame, thread_id, native_thread_id;
	__u32 frame_size, previous, executable, instr_ptr, owner;
	__u32 code_size, filename, qualname, linetable, firstlineno, code_adaptive;
	__u32 object_type;
	__u32 bytes_size, bytes_ob_size, bytes_data;
	__u32 str_size, str_state, str_length, str_ascii_size;
	__u32 end; /* what must be there */

	__u32 runtime_tss_key;
	__u32 interp_obmalloc;
	__u32 owner_skip_from;
	__u32 code_tag_mask;
	__u32 code_version;
};

/* Words that 3.13 and 3.14 have at the same place. */
#define COMMON_ROW                                                                                 \
	.runtime_size = 24, .interpreters_head = 40, .interp_size = 48, .interp_next = 64,         \
	.threads_head = 72

static const struct offsets_row rows[] = {
	{
		.version = 0x030d00,
		COMMON_ROW,
		.tstate_size = 152,
		.tstate_next = 168,
		.current_frame = 184,
		.thread_id = 192,
		.native_thread_id = 200,
		.frame_size = 224,
		.previous = 232,
		.executable = 240,
		.instr_ptr = 248,
		.owner = 264,
		.code_size = 272,
		.filename = 280,
		.qualname = 296,
		.linetable = 304,
		.firstlineno = 312,
		.code_adaptive = 344,
		.object_type = 360,
		.bytes_size = 512,
		.bytes_ob_size = 520,
		.bytes_data = 528,
		.str_size = 536,
		.str_state = 544,
		.str_length = 552,
		.str_ascii_size = 560,
		.end = 584,
		.runtime_tss_key = 2160,
		.code_version = 92,
		.interp_obmalloc = 10800,
		/* FRAME_OWNED_BY_CSTACK */
		.owner_skip_from = 3,
	},
	{
		.version = 0x030e00,
		COMMON_ROW,
		.tstate_size = 176,
		.tstate_next = 192,
		.current_frame = 208,
		.thread_id = 216,
		.native_thread_id = 224,
		.frame_size = 248,
		.previous = 256,
		.executable = 264,
		.instr_ptr = 272,
		.owner = 288,
		.code_size = 312,
		.filename = 320,
		.qualname = 336,
		.linetable = 344,
		.firstlineno = 352,
		.code_adaptive = 384,
		.object_type = 408,
		.bytes_size = 592,
		.bytes_ob_size = 600,
		.bytes_data = 608,
		.str_size = 616,
		.str_state = 624,
		.str_length = 632,
		.str_ascii_size = 640,
		.end = 760,
		.runtime_tss_key = 2336,
		.code_version = 92,
		.interp_obmalloc = 10904,
		/* FRAME_OWNED_BY_INTERPRETER, and FRAME_OWNED_BY_CSTACK is 4 now */
		.owner_skip_from = 3,
		/* f_executable is a _PyStackRef: tagged in its low bits since 3.14. */
		.code_tag_mask = 3,
	},
};

/* The word at a byte offset; the caller has checked row->end. */
static __u64 word(const void *bytes, __u32 offset)
{
	__u64 value;

	memcpy(&value, (const char *)bytes + offset, sizeof(value));
	return value;
}

/* One offset: width bytes at it lie inside the struct, and it is aligned to width. */
struct reader {
	const void *bytes;
	__u64 size; /* of the struct at hand */
	bool nonsense;
};

static void enter_struct(struct reader *reader, __u32 size_word)
{
	reader->size = word(reader->bytes, size_word);
	if (reader->size > SIZE_MAX_SANE)
		reader->nonsense = true;
}

static __u32 field(struct reader *reader, __u32 offset_word, unsigned width)
{
	__u64 offset = word(reader->bytes, offset_word);

	if (offset > SIZE_MAX_SANE || offset + width > reader->size || offset % width)
		reader->nonsense = true;
	return offset;
}

static __u32 lower(__u32 a, __u32 b)
{
	return a < b ? a : b;
}

static __u32 higher(__u32 a, __u32 b)
{
	return a > b ? a : b;
}

/* Windows begin and end at multiples of 8 around what they must hold. */
static void set_windows(struct py_layout *layout)
{
	__u32 start, end;

	start = lower(lower(layout->frame_code, layout->frame_previous),
		      lower(layout->frame_instr, layout->frame_owner));
	end = higher(higher(layout->frame_code, layout->frame_previous) + 8,
		     higher(layout->frame_instr + 8, layout->frame_owner + 1));
	layout->frame_window = start & ~7U;
	layout->frame_window_len = ((end + 7) & ~7U) - layout->frame_window;

	start = lower(lower(layout->code_firstlineno, layout->code_filename),
		      lower(layout->code_name, layout->code_linetable));
	end = higher(higher(layout->code_firstlineno + 4, layout->code_filename + 8),
		     higher(layout->code_name, layout->code_linetable) + 8);
	layout->code_window = start & ~7U;
	layout->code_window_len = ((end + 7) & ~7U) - layout->code_window;
}

static void read_states(struct reader *reader, const struct offsets_row *row,
			struct py_layout *layout)
{
	enter_struct(reader, row->runtime_size);
	layout->runtime_interpreters_head = field(reader, row->interpreters_head, 8);
	layout->runtime_tss_key = row->runtime_tss_key;
	if (row->runtime_tss_key + 8 > reader->size)
		reader->nonsense = true;

	enter_struct(reader, row->interp_size);
	layout->interp_next = field(reader, row->interp_next, 8);
	layout->interp_threads_head = field(reader, row->threads_head, 8);
	layout->interp_obmalloc = row->interp_obmalloc;
	layout->interp_obmalloc_is_pointer = 1;
	if (row->interp_obmalloc + 8 > reader->size)
		reader->nonsense = true;

	enter_struct(reader, row->tstate_size);
	layout->tstate_next = field(reader, row->tstate_next, 8);
	layout->tstate_thread_id = field(reader, row->thread_id, 8);
	layout->tstate_native_thread_id = field(reader, row->native_thread_id, 8);
	layout->tstate_frame = field(reader, row->current_frame, 8);
}

static void read_frame_and_code(struct reader *reader, const struct offsets_row *row,
				struct py_layout *layout)
{
	enter_struct(reader, row->frame_size);
	layout->frame_code = field(reader, row->executable, 8);
	layout->frame_previous = field(reader, row->previous, 8);
	layout->frame_instr = field(reader, row->instr_ptr, 8);
	layout->frame_owner = field(reader, row->owner, 1);
	layout->owner_skip_from = row->owner_skip_from;
	layout->frame_code_tag_mask = row->code_tag_mask;
	layout->instr_kind = PY_INSTR_POINTER;
	layout->instr_scale = 1;

	enter_struct(reader, row->code_size);
	layout->code_firstlineno = field(reader, row->firstlineno, 4);
	layout->code_filename = field(reader, row->filename, 8);
	layout->code_name = field(reader, row->qualname, 8);
	layout->code_version = row->code_version;
	layout->code_linetable = field(reader, row->linetable, 8);
	layout->code_instructions = field(reader, row->code_adaptive, 2);
	layout->line_format = PY_LINES_LOCATIONS;
	set_windows(layout);
}

static void read_objects(struct reader *reader, const struct offsets_row *row,
			 struct py_layout *layout)
{
	/* Every object is at least as large as a str, so its size bounds the type pointer too. */
	enter_struct(reader, row->str_size);
	layout->object_type = field(reader, row->object_type, 8);
	layout->str_length = field(reader, row->str_length, 8);
	layout->str_state = field(reader, row->str_state, 4);
	layout->str_ascii_data = field(reader, row->str_ascii_size, 8);
	/*
	 * PyUnicodeObject is PyCompactUnicodeObject and one pointer; compact text begins in its
	 * place.
	 */
	layout->str_compact_data = reader->size - 8;

	enter_struct(reader, row->bytes_size);
	layout->bytes_size = field(reader, row->bytes_ob_size, 8);
	layout->bytes_data = field(reader, row->bytes_data, 1);

	layout->pool_size = 16384;
	layout->arena_size = 1 << 20;
}

int py_layout__from_debug_offsets(const void *bytes, size_t size, struct py_layout *layout,
				  bool *free_threaded)
{
	const struct offsets_row *row = NULL;
	struct reader reader = {.bytes = bytes};
	__u64 version, threaded;

	if (size < 24 || memcmp(bytes, COOKIE, 8))
		return -EINVAL;
	version = word(bytes, 8);
	threaded = word(bytes, 16);
	if (version >> 32 || threaded > 1)
		return -EINVAL;
	*free_threaded = threaded;
	/*
	 * PY_VERSION_HEX: 0xMMmmppLs; structures still change in alphas and betas (L = 0xa, 0xb).
	 */
	if ((version >> 4 & 0xf) < 0xc)
		return -ENOTSUP;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].version == (version >> 8 & 0xffff00))
			row = &rows[i];
	}
	if (!row || threaded)
		return -ENOTSUP;
	if (size < row->end)
		return -EINVAL;

	memset(layout, 0, sizeof(*layout));
	layout->version = row->version;
	read_states(&reader, row, layout);
	read_frame_and_code(&reader, row, layout);
	read_objects(&reader, row, layout);
	if (reader.nonsense || layout->frame_window_len >= PY_FRAME_WINDOW ||
	    layout->code_window_len >= PY_CODE_WINDOW)
		return -EINVAL;
	return 0;
}
