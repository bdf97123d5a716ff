/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects/py_objects.h - where CPython's objects keep what they refer to, as data
 *
 * One row a minor version, beside struct py_layout, which has what the BPF programs need too. What is the same in all of
 * 3.8 - 3.14 (64-bit, with the GIL) is a constant; the rest are offsets in bytes from the start of the named struct.
 * Taken from the headers and from the debug information of real builds; tests/layout compares them.
 */
#ifndef OBJECTS_PY_OBJECTS_H
#define OBJECTS_PY_OBJECTS_H

#include <linux/types.h>

/* PyGC_Head, before each object whose type has TYPE_HAVE_GC: next and flags, previous and flags. */
#define GC_HEAD_SIZE 16
#define GC_NEXT 0
#define GC_PREV 8
#define GC_POINTER_MASK (~3ULL) /* of both words: low bits are flags */

/* PyObject, PyVarObject */
#define OBJECT_REFCOUNT 0
#define OBJECT_TYPE 8
#define VAR_SIZE 16 /* Py_ssize_t; of int up to 3.11 negative for negative numbers */

/* PyTypeObject */
#define TYPE_NAME 24
#define TYPE_BASICSIZE 32
#define TYPE_ITEMSIZE 40
#define TYPE_FLAGS 168
#define TYPE_TRAVERSE 184
#define TYPE_WEAKLISTOFFSET 208
#define TYPE_MEMBERS 240
#define TYPE_BASE 256
#define TYPE_DICT 264
#define TYPE_DICTOFFSET 288
#define TYPE_BASES 336
#define TYPE_MRO 344
#define TYPE_CACHE 352
#define TYPE_SIZE 408 /* enough of it to have all of the above */

/* tp_flags, Include/object.h */
#define TYPE_INLINE_VALUES (1u << 2) /* >= 3.13: values of instance attributes behind the object */
#define TYPE_MANAGED_WEAKREF (1u << 3) /* >= 3.12 */
#define TYPE_MANAGED_DICT (1u << 4)    /* >= 3.11: two words before the GC head */
#define TYPE_HEAPTYPE (1u << 9)
#define TYPE_READY (1u << 12)
#define TYPE_HAVE_GC (1u << 14)
#define TYPE_LONG_SUBCLASS (1u << 24)
#define TYPE_LIST_SUBCLASS (1u << 25)
#define TYPE_TUPLE_SUBCLASS (1u << 26)
#define TYPE_BYTES_SUBCLASS (1u << 27)
#define TYPE_UNICODE_SUBCLASS (1u << 28)
#define TYPE_DICT_SUBCLASS (1u << 29)
#define TYPE_BASE_EXC_SUBCLASS (1u << 30)
#define TYPE_TYPE_SUBCLASS (1u << 31)

/* Containers, the same in all versions */
#define LIST_ITEMS 24
#define LIST_ALLOCATED 32
#define DICT_USED 16
#define DICT_KEYS 32
#define DICT_VALUES 40
#define SET_USED 24
#define SET_MASK 32
#define SET_TABLE 40
#define SET_SMALLTABLE 64
#define SET_ENTRY_SIZE 16 /* key, hash */
#define CELL_REF 16
#define METHOD_FUNCTION 16
#define METHOD_SELF 24
#define CFUNCTION_SELF 24
#define CFUNCTION_MODULE 32
#define MODULE_DICT 16
#define MODULE_NAME 48
#define WEAKREF_OBJECT 16   /* borrowed */
#define WEAKREF_CALLBACK 24 /* strong */
#define BYTES_DATA 32
#define BYTEARRAY_ALLOCATED 24
#define BYTEARRAY_BUFFER 32

/* array.array (Modules/arraymodule.c), numpy.ndarray (numpy/core/include/numpy/ndarraytypes.h, 1.x and 2.x) */
#define ARRAY_ITEMS 24
#define ARRAY_ALLOCATED 32
#define ARRAY_DESCR 40 /* first word: typecode; itemsize, int, at 4 */
#define NDARRAY_DATA 16
#define NDARRAY_ND 24
#define NDARRAY_DIMENSIONS 32
#define NDARRAY_STRIDES 40
#define NDARRAY_BASE 48
#define NDARRAY_DESCR 56
#define NDARRAY_FLAGS 64
#define NDARRAY_OWNS_DATA 4

/* Where an instance of a class keeps its attributes. */
enum py_instance_kind {
	PY_INSTANCE_DICT = 1, /* <= 3.10: a dict at tp_dictoffset */
	PY_INSTANCE_VALUES,   /* 3.11: values at -32, dict at -24 */
	PY_INSTANCE_TAGGED,   /* 3.12: at -24 a dict, or values with bit 0 set */
	PY_INSTANCE_INLINE,   /* >= 3.13: dict at -24, values behind the object */
};

#define PY_FUNCTION_FIELDS 16
#define PY_FRAME_FIELDS 6
#define PY_GENERATOR_FIELDS 7

/* How a frame says how much of its stack is in use. */
enum py_stack_kind {
	PY_STACK_TOP, /* 3.8, 3.9: address of the first free slot, 0 while it runs; f_valuestack */
	PY_STACK_DEPTH,   /* 3.10: number, int; f_valuestack */
	PY_STACK_INDEX,   /* 3.11 - 3.13: index in localsplus, int, -1 while it runs */
	PY_STACK_POINTER, /* 3.14: address of the first free slot in localsplus, 0 while it runs */
};

struct py_objects {
	__u32 version; /* as py_layout.version */

	/* reference counts: low 32 bits at or above this = immortal; 0 = there is no such thing */
	__u32 immortal_from;
	__u8 visits_type; /* >= 3.9: tp_traverse of heap types written in C visits the type; of classes it always does */
	__u32 pre_header_flags; /* of tp_flags: an object with one of them has two words before its GC head */

	__u32 tuple_items;
	enum py_instance_kind instance_kind;
	__u32 values_items; /* struct _dictvalues: first value */

	/* PyDictKeysObject */
	__u8 keys_have_log2; /* >= 3.11: logarithms of sizes at 8 and 9, kind at 10; else dk_size at 8 */
	__u32 keys_nentries;
	__u32 keys_indices;

	/* str: header size of compact ASCII, of other compact text, of all else; data pointer of the latter */
	__u32 str_ascii, str_compact, str_legacy, str_data;

	__u8 int_has_tag; /* >= 3.12: number of digits times 8, and the sign, at VAR_SIZE; else Py_ssize_t, negative for such */

	/* PyHeapTypeObject */
	__u32 heaptype_qualname;
	__u32 heaptype_cached_keys;
	__u32 heaptype_module; /* 0 = there is none */

	/* PyFunctionObject: strong references; 0 ends the list */
	__u32 function_fields[PY_FUNCTION_FIELDS];
	__u32 function_code, function_globals, function_defaults, function_closure, function_dict;
	__u32 function_qualname;

	/* generators, coroutines, asynchronous generators */
	__u32 generator_frame;       /* <= 3.10: pointer to its frame object */
	__u32 generator_iframe;      /* >= 3.11: its frame is here, inside the object */
	__u32 generator_frame_state; /* >= 3.11: signed byte; 4 and above = the frame is gone */
	__u32 generator_fields
		[PY_GENERATOR_FIELDS]; /* strong references beside the frame; 0 ends the list */

	/* PyFrameObject up to 3.10, else _PyInterpreterFrame */
	__u32 frame_fields[PY_FRAME_FIELDS],
		frame_field_count; /* strong references, beside the locals */
	__u32 frame_code;          /* >= 3.11: the one of frame_fields that is the code */
	__u32 frame_localsplus;
	enum py_stack_kind frame_stack_kind;
	__u32 frame_stack;         /* offset of that */
	__u32 frame_valuestack;    /* <= 3.10: pointer to the first slot of the stack */
	__u32 frame_owner;         /* >= 3.11: byte; 1 = generator, 2 = frame object */
	__u32 frame_object_iframe; /* >= 3.11: PyFrameObject.f_frame */
	__u32 frame_object_data;   /* >= 3.11: its own copy of the frame, once the call is over */
	__u32 frame_object_fields[PY_FRAME_FIELDS]; /* >= 3.11: of PyFrameObject; 0 ends the list */

	/* PyCodeObject */
	__u32 code_stacksize; /* int */
	__u32 code_nlocals;   /* int */
	__u32 code_nlocalsplus; /* int, >= 3.11; 0 = sum of locals and the tuples cellvars, freevars */
	__u32 code_localnames;              /* tuple: co_localsplusnames or co_varnames */
	__u32 code_cellvars, code_freevars; /* tuples, <= 3.10 */
	__u32 code_consts, code_names;

	/* PyInterpreterState; 3.8 has the collector in _PyRuntimeState */
	__u8 gc_in_runtime;
	__u32 gc;
	__u32 interp_modules, interp_sysdict, interp_builtins;

	/* struct _gc_runtime_state; generations at 24, each 24 bytes: list head, threshold at 16, count at 20 */
	__u32 gc_permanent;
	__u32 gc_stats; /* of each generation: collections, collected, uncollectable */
	__u32 gc_collecting, gc_garbage;
	__u32 gc_long_lived_total, gc_long_lived_pending; /* 0 = there are none */

	/* >= 3.13: words of _Py_DebugOffsets, see py_objects__refine(); 0 = there is no such struct */
	__u32 debug_interp, debug_gc_size;
};

#define GC_ENABLED 12
#define GC_GENERATIONS 24
#define GC_GENERATION_SIZE 24
#define GC_GENERATION_COUNT 3
#define GC_THRESHOLD 16
#define GC_COUNT 20

/* The row for this version (0x030b00), NULL = none. */
const struct py_objects *py_objects__find(__u32 version);

/*
 * Since 3.13 PyInterpreterState differs between builds of one minor version, and _PyRuntime begins with what this one has: words are
 * its first PY_DEBUG_WORDS. Corrects gc, interp_* and gc_long_lived_* of a copy of the row; what is implausible is left as it is.
 */
#define PY_DEBUG_WORDS 96
void py_objects__refine(struct py_objects *row, const __u64 words[PY_DEBUG_WORDS]);

/* The same with the words at the address of _PyRuntime; nothing where the version has none. 0 or -EFAULT: the row is as it was. */
struct image;
int py_objects__refine_from(struct image *image, __u64 runtime, struct py_objects *row);

#endif
