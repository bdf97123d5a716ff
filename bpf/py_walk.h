/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * py_walk.h - the Python call stack of the current thread, read from outside
 *
 * CPython keeps, for each thread that runs Python code, a PyThreadState; a pointer to it is in a slot of
 * pthread's thread-specific data whether or not the thread holds the GIL. The thread state leads to the
 * innermost frame, and each frame to its code object, to the instruction it is at, and to its caller's
 * frame: PyFrameObject up to 3.10, _PyInterpreterFrame on the thread's data stack from 3.11 on. 3.12 and
 * later put a shim frame where C code called into Python; it is skipped.
 *
 * There is no version in this file. Offsets, and the few ways in which versions differ in kind, come as
 * struct py_layout. What is read belongs to a process that may lie: sizes are bounded, the loop is, and
 * every failed read ends the walk with a flag.
 *
 * Compiled into the BPF programs, and as host C by tests/walker. The includer provides
 *	int read_user(void *dst, __u32 size, __u64 address)	0, or negative
 *	walk_loop(turns, callback, context)	calls callback(turn, context) until it returns 1
 * and the types of wire.h.
 */
#ifndef PY_WALK_H
#define PY_WALK_H

#include "bounded.h"
#include "wire.h"

/* Shim frames do not count as frames but take a turn of the loop. */
#define WALK_TURNS (2 * MAX_FRAMES)

/* Threads looked at by TSTATE_LIST. */
#define LIST_TURNS 256

/* Room for a field that begins in the window's last byte. */
#define WINDOW_SLACK 8

/* Bytes that stack_hash's walk reads at once; a power of two. */
#define STACK_WINDOW 512

struct py_windows {
	__u8 stack[STACK_WINDOW + WINDOW_SLACK] __attribute__((aligned(8)));
	__u8 frame[PY_FRAME_WINDOW + WINDOW_SLACK] __attribute__((aligned(8)));
	__u8 code[PY_CODE_WINDOW + WINDOW_SLACK] __attribute__((aligned(8)));
};

_Static_assert(PY_FRAME_WINDOW == PY_CODE_WINDOW, "window_*() check against one size");

static __always_inline __u64 hash_mix(__u64 hash, __u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ (hash >> 29);
}

/*
 * The field at offset of a window that starts at base. Masked, not tested: a layout is checked when it is made.
 * All pointers and numbers in CPython's structs are aligned, which the verifier wants to see of a window on the stack.
 */
static __always_inline __u64 window_u64(const __u8 *window, __u32 offset, __u32 base)
{
	return *(const __u64 *)(window + masked(offset - base, PY_FRAME_WINDOW - 8));
}

static __always_inline __u32 window_u32(const __u8 *window, __u32 offset, __u32 base)
{
	return *(const __u32 *)(window + masked(offset - base, PY_FRAME_WINDOW - 4));
}

static __always_inline __u8 window_u8(const __u8 *window, __u32 offset, __u32 base)
{
	return *(window + bounded(offset - base, PY_FRAME_WINDOW));
}

/*
 * Where pthread_getspecific() of glibc finds the thread's PyThreadState: 32 keys are in the thread itself, further ones in
 * blocks of 32. 0 = nowhere yet. Stays the same until the interpreter is finalized and begun again.
 */
static __always_inline __u64 py_tsd_slot(const struct target_config *config, __u64 thread)
{
	__u64 slots = thread + config->tsd_first_block;
	struct {
		__s32 initialized;
		__u32 key;
	} tss = {};

	if (read_user(&tss, sizeof(tss), config->runtime + config->layout.runtime_tss_key) ||
	    !tss.initialized || tss.key >= 1024)
		return 0;
	if (tss.key >= 32 &&
	    read_user(&slots, sizeof(slots), thread + config->tsd_blocks + 8 * (tss.key / 32)))
		return 0;
	return slots ? slots + 16 * (tss.key % 32) + 8 : 0;
}

static __always_inline __u64 tstate_in_slot(__u64 slot)
{
	__u64 tstate = 0;

	if (slot)
		read_user(&tstate, sizeof(tstate), slot);
	return tstate;
}

/* The interpreters' own lists, for a libc whose thread-specific data we do not know. */
static __always_inline __u64 tstate_from_list(const struct target_config *config, __u64 thread)
{
	const struct py_layout *layout = &config->layout;
	__u64 interp = 0, tstate = 0, id;

	read_user(&interp, sizeof(interp), config->runtime + layout->runtime_interpreters_head);
	if (interp)
		read_user(&tstate, sizeof(tstate), interp + layout->interp_threads_head);
	for (int i = 0; i < LIST_TURNS; i++) {
		if (!tstate)
			break;
		id = 0;
		read_user(&id, sizeof(id), tstate + layout->tstate_thread_id);
		if (id == thread)
			return tstate;
		if (read_user(&tstate, sizeof(tstate), tstate + layout->tstate_next))
			break;
	}
	return 0;
}

/* The PyThreadState of the thread whose thread pointer this is; 0 = it has none. */
static __always_inline __u64 py_tstate(const struct target_config *config, __u64 thread)
{
	if (config->tstate_method == TSTATE_TSD_GLIBC)
		return tstate_in_slot(py_tsd_slot(config, thread));
	if (config->tstate_method == TSTATE_LIST)
		return tstate_from_list(config, thread);
	return 0;
}

/* Sets *frame to the innermost frame, 0 = no Python code runs; -1 where it could not be read. */
static __always_inline int innermost_frame(const struct py_layout *layout, __u64 tstate,
					   __u64 *frame)
{
	*frame = 0;
	if (read_user(frame, sizeof(*frame), tstate + layout->tstate_frame))
		return -1;
	if (layout->tstate_frame_in_cframe && *frame)
		return read_user(frame, sizeof(*frame), *frame + layout->cframe_current_frame);
	return 0;
}

/* Byte offset of the instruction that the frame in the window is at; negative = before the first. */
static __always_inline __s32 frame_lasti(const struct py_layout *layout, const __u8 *window,
					 __u64 code)
{
	__u32 base = layout->frame_window;

	if (layout->instr_kind == PY_INSTR_INDEX) {
		__s32 index = window_u32(window, layout->frame_instr, base);

		return index < 0 ? -1 : index * (__s32)layout->instr_scale;
	}
	return window_u64(window, layout->frame_instr, base) - (code + layout->code_instructions);
}

/* What is mixed of a name and of a line table: the first bytes, length and hash among them. */
#define NAME_HEAD 64
#define TABLE_HEAD 56
/* ... and of a file's name: the last ones. */
#define FILE_TAIL 16

_Static_assert(NAME_HEAD + TABLE_HEAD + FILE_TAIL == PY_CODE_WINDOW + WINDOW_SLACK,
	       "mix_contents() uses the window");

/*
 * Before 3.12: what the pointers lead to, since a string that takes the place of a dead one is often given its address,
 * and code that is compiled again and again has one name and first line. What cannot be read counts as zeros.
 * The window is used again for it.
 */
static __always_inline __u64 mix_contents(const struct py_layout *layout,
					  struct py_windows *windows, __u64 hash, __u64 file,
					  __u64 name, __u64 table)
{
	__u8 *to = windows->code;
	__u64 length = 0;

	__builtin_memset(to, 0, NAME_HEAD + TABLE_HEAD + FILE_TAIL);
	read_user(to, NAME_HEAD, name + layout->str_length);
	read_user(to + NAME_HEAD, TABLE_HEAD, table + layout->bytes_size);
	read_user(&length, sizeof(length), file + layout->str_length);
	read_user(to + NAME_HEAD + TABLE_HEAD, FILE_TAIL,
		  file + layout->str_ascii_data + length - FILE_TAIL);
	for (int i = 0; i < (NAME_HEAD + TABLE_HEAD + FILE_TAIL) / 8; i++)
		hash = hash_mix(hash, ((const __u64 *)to)[i]);
	return hash_mix(hash, length);
}

/*
 * An address may be used again by another code object. From 3.12 on each has a number for itself; before, first line,
 * file, name and line table tell them apart. While a frame runs, its code object and all of these are alive.
 */
static __always_inline int code_identity(const struct py_layout *layout, struct py_windows *windows,
					 __u64 code, __u64 *key)
{
	__u32 size = layout->code_window_len, base = layout->code_window, version = 0;
	__u64 hash, file, name, table;

	if (read_user(windows->code, bounded(size, PY_CODE_WINDOW), code + base))
		return -1;
	file = window_u64(windows->code, layout->code_filename, base);
	name = window_u64(windows->code, layout->code_name, base);
	table = window_u64(windows->code, layout->code_linetable, base);
	hash = hash_mix(hash_mix(code, file), name);
	hash = hash_mix(hash, window_u32(windows->code, layout->code_firstlineno, base));
	if (layout->code_version)
		version = window_u32(windows->code, layout->code_version, base);
	*key = version ? hash_mix(hash, version)
		       : mix_contents(layout, windows, hash, file, name, table);
	return 0;
}

/* The same of the window that many frames are in. */
static __always_inline __u64 stack_window_u64(const __u8 *window, __u64 at)
{
	return *(const __u64 *)(window + masked(at, STACK_WINDOW - 8));
}

static __always_inline __u32 stack_window_u32(const __u8 *window, __u64 at)
{
	return *(const __u32 *)(window + masked(at, STACK_WINDOW - 4));
}

static __always_inline __u8 stack_window_u8(const __u8 *window, __u64 at)
{
	return *(window + bounded(at, STACK_WINDOW));
}

/* Frames that one call of hash_frames() takes; few enough to be open-coded, many enough for most stacks. */
#define HASH_TURNS 32

struct hash_walk {
	const struct target_config *config;
	struct py_windows *windows;
	__u64 frame, hash;
	__u64 from; /* address of the first byte in windows->stack ... */
	__u64 room; /* ... where frames may begin in it: at 0 .. room - 1 */
};

/* The user's page that the window must not reach below of: that is there, as the frame is. */
#define WALK_PAGE 4096ULL

/*
 * Reads the frame, and where frames lie one behind the other (3.11 and later, a called one above its caller's) what is
 * below it as well: a read costs some 50 ns, however much it brings.
 */
static __always_inline int fill_stack_window(struct hash_walk *walk)
{
	const struct py_layout *layout = &walk->config->layout;
	__u32 size = bounded(layout->frame_window_len, PY_FRAME_WINDOW);
	__u64 begin = walk->frame + layout->frame_window, below = 0;

	if (layout->instr_kind == PY_INSTR_POINTER) {
		below = begin & (WALK_PAGE - 1);
		if (below > STACK_WINDOW - PY_FRAME_WINDOW)
			below = STACK_WINDOW - PY_FRAME_WINDOW;
	}
	walk->from = begin - below;
	walk->room = below + 1;
	return read_user(walk->windows->stack, bounded(below + size, STACK_WINDOW), walk->from);
}

/* The next frames; 1 = that was all. */
static long hash_frames(__u32 turn, struct hash_walk *walk)
{
	const struct py_layout *layout = &walk->config->layout;
	const __u8 *window = walk->windows->stack;
	__u64 hash = walk->hash, base;

	(void)turn;
	for (int i = 0; i < HASH_TURNS && walk->frame; i++) {
		if (walk->frame + layout->frame_window - walk->from >= walk->room &&
		    fill_stack_window(walk)) {
			hash = hash_mix(hash, STACK_UNREADABLE);
			walk->frame = 0;
			break;
		}
		base = walk->from - walk->frame;
		walk->frame = stack_window_u64(window, layout->frame_previous - base);
		if (stack_window_u8(window, layout->frame_owner - base) >= layout->owner_skip_from)
			continue;
		hash = hash_mix(hash, stack_window_u64(window, layout->frame_code - base));
		hash = hash_mix(hash,
				layout->instr_kind == PY_INSTR_INDEX
					? stack_window_u32(window, layout->frame_instr - base)
					: stack_window_u64(window, layout->frame_instr - base));
	}
	walk->hash = hash;
	return !walk->frame;
}

/*
 * A hash of what the frames of this thread state are at: addresses of code objects and instructions, one read a frame.
 * Two stacks differ in it while their code objects live; whether an address stands for the code object that it stood
 * for before is not asked. Whoever needs that looks at py_walk()'s hash, which costs several times as much.
 */
static __always_inline __u64 py_stack_hash(const struct target_config *config, __u64 tstate,
					   struct py_windows *windows)
{
	struct hash_walk walk = {.config = config, .windows = windows, .hash = 1};

	if (!tstate)
		return walk.hash;
	if (innermost_frame(&config->layout, tstate, &walk.frame))
		return hash_mix(walk.hash, STACK_UNREADABLE);
	if (walk.frame)
		walk_loop(WALK_TURNS / HASH_TURNS, hash_frames, &walk);
	return walk.frame ? hash_mix(walk.hash, STACK_TRUNCATED) : walk.hash;
}

struct frame_walk {
	const struct target_config *config;
	struct stack_message *out;
	struct py_windows *windows;
	__u64 frame, hash;
};

/* The next frame, into out; 1 = that was all, or no more can be had: see out->flags. */
static long walk_frame(__u32 turn, struct frame_walk *walk)
{
	const struct py_layout *layout = &walk->config->layout;
	__u32 base = layout->frame_window, n = walk->out->frame_count;
	__u32 size = bounded(layout->frame_window_len, PY_FRAME_WINDOW);
	struct py_windows *windows = walk->windows;
	struct frame *to;
	__u64 code;

	(void)turn;
	if (!walk->frame)
		return 1;
	walk->out->flags = STACK_UNREADABLE;
	if (read_user(windows->frame, size, walk->frame + base))
		return 1;
	if (window_u8(windows->frame, layout->frame_owner, base) < layout->owner_skip_from) {
		walk->out->flags = STACK_TRUNCATED;
		if (n >= MAX_FRAMES)
			return 1;
		to = &walk->out->frames[bounded(n, MAX_FRAMES)];
		code = window_u64(windows->frame, layout->frame_code, base) &
		       ~(__u64)layout->frame_code_tag_mask;
		walk->out->flags = STACK_UNREADABLE;
		if (code_identity(layout, windows, code, &to->code_key))
			return 1;
		to->lasti = frame_lasti(layout, windows->frame, code);
		to->code = code;
		to->_pad = 0;
		walk->out->frame_count = n + 1;
		walk->hash = hash_mix(hash_mix(walk->hash, to->code_key), (__u32)to->lasti);
	}
	walk->out->flags = 0;
	walk->frame = window_u64(windows->frame, layout->frame_previous, base);
	return 0;
}

/*
 * Fills out->frames, frame_count and flags for the thread with this thread state (0 is fine).
 * Returns the hash of the frames.
 */
static __always_inline __u64 py_walk(const struct target_config *config, __u64 tstate,
				     struct stack_message *out, struct py_windows *windows)
{
	struct frame_walk walk = {
		.config = config,
		.out = out,
		.windows = windows,
		.hash = 1,
	};

	out->frame_count = 0;
	out->flags = 0;
	if (!tstate) {
		out->flags = STACK_NO_THREAD;
		return walk.hash;
	}
	if (innermost_frame(&config->layout, tstate, &walk.frame)) {
		out->flags = STACK_UNREADABLE;
		return hash_mix(walk.hash, STACK_UNREADABLE);
	}
	walk_loop(WALK_TURNS, walk_frame, &walk);
	if (!out->flags && walk.frame)
		out->flags = STACK_TRUNCATED;
	return out->flags == STACK_UNREADABLE ? hash_mix(walk.hash, STACK_UNREADABLE) : walk.hash;
}

#endif
