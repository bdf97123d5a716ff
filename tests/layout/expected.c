// SPDX-License-Identifier: BSD-2-Clause
/*
 * expected.c - prints what py_layout must say of one CPython, from that version's own headers
 *
 * Compiled once for each version, with -DPy_BUILD_CORE: the internal structures are in headers, but
 * not meant for us.
 */
#include <Python.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if PY_VERSION_HEX < 0x030b0000
#include <frameobject.h>
#endif
#if PY_VERSION_HEX < 0x03090000
#include <internal/pycore_pystate.h>
#else
#include <internal/pycore_interp.h>
#include <internal/pycore_runtime.h>
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include <internal/pycore_frame.h>
#endif
#if PY_VERSION_HEX >= 0x030c0000
#include <internal/pycore_obmalloc.h>
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe_structs.h>
#endif

#define ROW(name, value) printf("%s %lu\n", #name, (unsigned long)(value))

static void print_runtime(void)
{
	ROW(runtime_interpreters_head, offsetof(_PyRuntimeState, interpreters.head));
#if PY_VERSION_HEX < 0x030c0000
	ROW(runtime_tss_key, offsetof(_PyRuntimeState, gilstate.autoTSSkey));
#else
	ROW(runtime_tss_key, offsetof(_PyRuntimeState, autoTSSkey));
#endif
	ROW(interp_next, offsetof(PyInterpreterState, next));
#if PY_VERSION_HEX < 0x030b0000
	ROW(interp_threads_head, offsetof(PyInterpreterState, tstate_head));
#else
	ROW(interp_threads_head, offsetof(PyInterpreterState, threads.head));
#endif
#if PY_VERSION_HEX >= 0x030c0000
	ROW(interp_obmalloc, offsetof(PyInterpreterState, obmalloc));
	ROW(interp_obmalloc_is_pointer,
	    sizeof(((PyInterpreterState *)0)->obmalloc) == sizeof(void *));
	ROW(pool_size, POOL_SIZE);
	ROW(arena_size, ARENA_SIZE);
	/* What python_allocator.c takes for granted. */
	ROW(obj_malloc, offsetof(_PyRuntimeState, allocators.standard.obj.malloc));
	ROW(debug_obj, offsetof(_PyRuntimeState, allocators.debug.obj));
#else
	ROW(interp_obmalloc, 0);
#endif
}

static void print_thread(void)
{
	ROW(tstate_next, offsetof(PyThreadState, next));
	ROW(tstate_interp, offsetof(PyThreadState, interp));
	ROW(tstate_thread_id, offsetof(PyThreadState, thread_id));
#if PY_VERSION_HEX >= 0x030b0000
	ROW(tstate_native_thread_id, offsetof(PyThreadState, native_thread_id));
#else
	ROW(tstate_native_thread_id, 0);
#endif
#if PY_VERSION_HEX < 0x030b0000
	ROW(tstate_frame, offsetof(PyThreadState, frame));
	ROW(tstate_frame_in_cframe, 0);
#elif PY_VERSION_HEX < 0x030d0000
	ROW(tstate_frame, offsetof(PyThreadState, cframe));
	ROW(tstate_frame_in_cframe, 1);
	ROW(cframe_current_frame, offsetof(_PyCFrame, current_frame));
#else
	ROW(tstate_frame, offsetof(PyThreadState, current_frame));
	ROW(tstate_frame_in_cframe, 0);
#endif
}

static void print_frame(void)
{
#if PY_VERSION_HEX < 0x030b0000
	ROW(frame_code, offsetof(PyFrameObject, f_code));
	ROW(frame_previous, offsetof(PyFrameObject, f_back));
	ROW(frame_instr, offsetof(PyFrameObject, f_lasti));
	ROW(owner_skip_from, 256);
	ROW(instr_kind, 1);
	/* f_lasti counts bytes before 3.10, code units from then on. */
	ROW(instr_scale, PY_VERSION_HEX < 0x030a0000 ? 1 : 2);
#else
	ROW(frame_previous, offsetof(struct _PyInterpreterFrame, previous));
	ROW(frame_owner, offsetof(struct _PyInterpreterFrame, owner));
	ROW(instr_kind, 2);
	ROW(instr_scale, 1);
#if PY_VERSION_HEX < 0x030d0000
	ROW(frame_code, offsetof(struct _PyInterpreterFrame, f_code));
	ROW(frame_instr, offsetof(struct _PyInterpreterFrame, prev_instr));
#else
	ROW(frame_code, offsetof(struct _PyInterpreterFrame, f_executable));
	ROW(frame_instr, offsetof(struct _PyInterpreterFrame, instr_ptr));
#endif
#if PY_VERSION_HEX < 0x030c0000
	ROW(owner_skip_from, 256);
#elif PY_VERSION_HEX < 0x030e0000
	ROW(owner_skip_from, FRAME_OWNED_BY_CSTACK);
#else
	ROW(owner_skip_from, FRAME_OWNED_BY_INTERPRETER);
#endif
#endif
}

static void print_code(void)
{
	ROW(code_firstlineno, offsetof(PyCodeObject, co_firstlineno));
	ROW(code_filename, offsetof(PyCodeObject, co_filename));
#if PY_VERSION_HEX < 0x030c0000
	ROW(code_version, 0);
#else
	ROW(code_version, offsetof(PyCodeObject, co_version));
#endif
#if PY_VERSION_HEX < 0x030a0000
	ROW(code_linetable, offsetof(PyCodeObject, co_lnotab));
	ROW(line_format, 1);
#else
	ROW(code_linetable, offsetof(PyCodeObject, co_linetable));
	ROW(line_format, PY_VERSION_HEX < 0x030b0000 ? 2 : 3);
#endif
#if PY_VERSION_HEX < 0x030b0000
	ROW(code_name, offsetof(PyCodeObject, co_name));
	ROW(code_instructions, 0);
#else
	ROW(code_name, offsetof(PyCodeObject, co_qualname));
	ROW(code_instructions, offsetof(PyCodeObject, co_code_adaptive));
#endif
}

static unsigned state_bits(const PyASCIIObject *object)
{
	unsigned bits;

	memcpy(&bits, &object->state, sizeof(bits));
	return bits;
}

static void print_objects(void)
{
	PyASCIIObject text;

	ROW(object_type, offsetof(PyObject, ob_type));
	ROW(bytes_size, offsetof(PyVarObject, ob_size));
	ROW(bytes_data, offsetof(PyBytesObject, ob_sval));
	ROW(str_length, offsetof(PyASCIIObject, length));
	ROW(str_state, offsetof(PyASCIIObject, state));
	ROW(str_ascii_data, sizeof(PyASCIIObject));
	ROW(str_compact_data, sizeof(PyCompactUnicodeObject));

	memset(&text, 0, sizeof(text));
	text.state.kind = 7;
	ROW(str_kind_bits, state_bits(&text));
	text.state.kind = 0;
	text.state.compact = 1;
	ROW(str_compact_bit, state_bits(&text));
	text.state.compact = 0;
	text.state.ascii = 1;
	ROW(str_ascii_bit, state_bits(&text));
}

int main(void)
{
	ROW(version, PY_VERSION_HEX >> 16 << 8);
	print_runtime();
	print_thread();
	print_frame();
	print_code();
	print_objects();
	ROW(windows, 1);
	return 0;
}
