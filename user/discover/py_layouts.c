// SPDX-License-Identifier: BSD-2-Clause
/*
 * py_layouts.c - where each CPython keeps what we read
 *
 * 3.8 to 3.12: a row each, checked against the headers of real builds by tests/layout. The fields
 * used here have not moved within a minor version. From 3.13 on a build describes itself, see
 * py_debug_offsets.c.
 */
#include <stddef.h>

#include "discover/discover.h"

#define VERSION(major, minor) ((major) << 16 | (minor) << 8)

/* PyFrameObject of 3.8 to 3.10; it has no owner: the whole call stack is Python frames. */
#define FRAME_OBJECT_ROW(lasti, scale)                                                             \
	.frame_window = 24, .frame_window_len = (lasti) + 4 - 24, .frame_code = 32,                \
	.frame_previous = 24, .frame_instr = (lasti), .frame_owner = 24, .owner_skip_from = 256,   \
	.instr_kind = PY_INSTR_INDEX, .instr_scale = (scale)

/* PyCodeObject of 3.8 to 3.10: the bytecode is a bytes object of its own. */
#define CODE_OBJECT_ROW(format)                                                                    \
	.code_window = 40, .code_window_len = 88, .code_firstlineno = 40, .code_filename = 104,    \
	.code_name = 112, .code_linetable = 120, .code_instructions = 0, .line_format = (format)

#define OBJECT_ROW .object_type = 8, .bytes_size = 16, .bytes_data = 32

/* Until 3.11 a str carries a wchar_t pointer, PEP 623. */
#define STR_ROW_WSTR .str_length = 16, .str_state = 32, .str_ascii_data = 48, .str_compact_data = 72
#define STR_ROW .str_length = 16, .str_state = 32, .str_ascii_data = 40, .str_compact_data = 56

/* Since 3.10 pools are 16 KiB and arenas 1 MiB (bpo-37448). */
#define POOL_ROW_SMALL .pool_size = 4096, .arena_size = 256 << 10
#define POOL_ROW .pool_size = 16384, .arena_size = 1 << 20

static const struct py_layout layouts[] = {
	{
		.version = VERSION(3, 8),
		.runtime_interpreters_head = 32,
		.runtime_tss_key = 1392,
		.interp_next = 0,
		.interp_threads_head = 8,
		.tstate_next = 8,
		.tstate_thread_id = 176,
		.tstate_frame = 24,
		FRAME_OBJECT_ROW(104, 1),
		CODE_OBJECT_ROW(PY_LINES_LNOTAB),
		OBJECT_ROW,
		STR_ROW_WSTR,
		POOL_ROW_SMALL,
	},
	{
		.version = VERSION(3, 9),
		.runtime_interpreters_head = 32,
		.runtime_tss_key = 584,
		.interp_next = 0,
		.interp_threads_head = 8,
		.tstate_next = 8,
		.tstate_thread_id = 176,
		.tstate_frame = 24,
		FRAME_OBJECT_ROW(104, 1),
		CODE_OBJECT_ROW(PY_LINES_LNOTAB),
		OBJECT_ROW,
		STR_ROW_WSTR,
		POOL_ROW_SMALL,
	},
	{
		.version = VERSION(3, 10),
		.runtime_interpreters_head = 32,
		.runtime_tss_key = 584,
		.interp_next = 0,
		.interp_threads_head = 8,
		.tstate_next = 8,
		.tstate_thread_id = 176,
		.tstate_frame = 24,
		/* f_lasti counts code units of two bytes since 3.10 (bpo-27129). */
		FRAME_OBJECT_ROW(96, 2),
		CODE_OBJECT_ROW(PY_LINES_LINETABLE),
		OBJECT_ROW,
		STR_ROW_WSTR,
		POOL_ROW,
	},
	{
		.version = VERSION(3, 11),
		.runtime_interpreters_head = 40,
		.runtime_tss_key = 592,
		.interp_next = 0,
		.interp_threads_head = 16,
		.tstate_frame_in_cframe = 1,
		.cframe_current_frame = 8,
		.tstate_next = 8,
		.tstate_thread_id = 152,
		.tstate_native_thread_id = 160,
		.tstate_frame = 56,
		.frame_window = 32,
		.frame_window_len = 40,
		.frame_code = 32,
		.frame_previous = 48,
		.frame_instr = 56,
		.frame_owner = 69,
		/* Thread, generator or frame object; shim frames came in 3.12. */
		.owner_skip_from = 256,
		.instr_kind = PY_INSTR_POINTER,
		.instr_scale = 1,
		.code_window = 72,
		.code_window_len = 72,
		.code_firstlineno = 72,
		.code_filename = 112,
		.code_name = 128,
		.code_linetable = 136,
		.code_instructions = 184,
		.line_format = PY_LINES_LOCATIONS,
		OBJECT_ROW,
		STR_ROW_WSTR,
		POOL_ROW,
	},
	{
		.version = VERSION(3, 12),
		.runtime_interpreters_head = 40,
		.runtime_tss_key = 1544,
		.interp_next = 0,
		.interp_threads_head = 72,
		.interp_obmalloc = 3960,
		.tstate_frame_in_cframe = 1,
		.cframe_current_frame = 0,
		.tstate_next = 8,
		.tstate_thread_id = 136,
		.tstate_native_thread_id = 144,
		.tstate_frame = 56,
		.frame_window = 0,
		.frame_window_len = 72,
		.frame_code = 0,
		.frame_previous = 8,
		.frame_instr = 56,
		.frame_owner = 70,
		/* FRAME_OWNED_BY_CSTACK: one for each entry of the interpreter from C. */
		.owner_skip_from = 3,
		.instr_kind = PY_INSTR_POINTER,
		.instr_scale = 1,
		.code_window = 64,
		.code_window_len = 80,
		.code_version = 92,
		.code_firstlineno = 68,
		.code_filename = 112,
		.code_name = 128,
		.code_linetable = 136,
		.code_instructions = 192,
		.line_format = PY_LINES_LOCATIONS,
		OBJECT_ROW,
		STR_ROW,
		POOL_ROW,
	},
};

const struct py_layout *py_layout__find(int major, int minor)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (layouts[i].version == (__u32)VERSION(major, minor))
			return &layouts[i];
	}
	return NULL;
}
