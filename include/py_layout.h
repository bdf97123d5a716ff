/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * py_layout.h - where CPython keeps what we read, as data
 *
 * One row describes one CPython minor version (or, from 3.13 on, the build's own _Py_DebugOffsets).
 * The walker in bpf/ and every reader in user/ follow these numbers and never ask for a version.
 * All offsets are bytes from the start of the named struct, for 64-bit builds.
 *
 * Shared by BPF and user space: include vmlinux.h or <linux/types.h> first.
 */
#ifndef PY_LAYOUT_H
#define PY_LAYOUT_H

/* How a code object stores its line numbers. */
enum py_line_format {
	PY_LINES_LNOTAB = 1, /* <= 3.9: co_lnotab, signed line deltas */
	PY_LINES_LINETABLE,  /* 3.10: co_linetable, (bytes, delta) pairs, -128 = no line */
	PY_LINES_LOCATIONS,  /* >= 3.11: location table, PEP 626/657 entries */
};

/* How a frame says which instruction it is at. */
enum py_instr_kind {
	PY_INSTR_INDEX = 1, /* int f_lasti, times instr_scale = byte offset in co_code */
	PY_INSTR_POINTER,   /* pointer into the code object, minus (code + co_code) = byte offset */
};

/* The walker copies one window of a frame and one of a code object at a time; they are smaller than this. */
#define PY_FRAME_WINDOW 128
#define PY_CODE_WINDOW 128

struct py_layout {
	__u32 version; /* 0x030b00: major, minor, 0 */

	/* _PyRuntimeState */
	__u32 runtime_interpreters_head;
	__u32 runtime_tss_key; /* Py_tss_t { int is_initialized; u32 key } of the thread state */

	/* PyInterpreterState */
	__u32 interp_next;
	__u32 interp_threads_head;
	__u32 interp_obmalloc;           /* >= 3.12: struct _obmalloc_state, 0 = not here */
	__u8 interp_obmalloc_is_pointer; /* >= 3.13: interp_obmalloc holds a pointer to it */

	/* PyThreadState */
	__u8 tstate_frame_in_cframe; /* 3.11, 3.12: tstate_frame points to a _PyCFrame */
	__u16 cframe_current_frame;  /* ... whose current frame is here */
	__u32 tstate_next;
	__u32 tstate_thread_id;        /* pthread_self() */
	__u32 tstate_native_thread_id; /* >= 3.11: tid in the target's PID namespace, 0 = not here */
	__u32 tstate_frame;

	/* PyFrameObject (<= 3.10) or _PyInterpreterFrame */
	__u32 frame_window;     /* the window starts here; the four below lie inside it */
	__u32 frame_window_len; /* < PY_FRAME_WINDOW */
	__u32 frame_code;
	__u32 frame_previous;
	__u32 frame_instr;
	__u32 frame_owner;         /* u8; meaningful if owner_skip_from < 256 */
	__u32 owner_skip_from;     /* frames with owner >= this are interpreter shims; 256 = none */
	__u32 frame_code_tag_mask; /* 3.14: low bits of the code reference to clear */
	__u32 instr_kind;          /* enum py_instr_kind */
	__u32 instr_scale;

	/* PyCodeObject */
	__u32 code_window;     /* the window starts here; firstlineno, filename, name lie inside */
	__u32 code_window_len; /* < PY_CODE_WINDOW */
	__u32 code_firstlineno;
	__u32 code_version; /* >= 3.12: u32, a number of its own for each code object; 0 = not here */
	__u32 code_filename;
	__u32 code_name;         /* co_qualname where there is one (>= 3.11), else co_name */
	__u32 code_linetable;    /* bytes object: co_lnotab or co_linetable */
	__u32 code_instructions; /* >= 3.11: first instruction, inside the object; 0 = elsewhere */
	__u32 line_format;       /* enum py_line_format */

	/* PyObject, bytes, str */
	__u32 object_type;
	__u32 bytes_size;
	__u32 bytes_data;
	__u32 str_length;       /* code points */
	__u32 str_state;        /* u32: kind in bits 2-4, compact bit 5, ascii bit 6 */
	__u32 str_ascii_data;   /* compact ASCII text */
	__u32 str_compact_data; /* compact, not ASCII */

	/* pymalloc (struct pool_header is the same in all versions) */
	__u32 pool_size;
	__u32 arena_size;
};

#endif
