// SPDX-License-Identifier: BSD-2-Clause
/*
 * python_state.c - does the layout fit what is in the process?
 *
 * The walk that the BPF programs will make, once, from outside, with a check at each step:
 * interpreter, thread state, thread. It runs while the process runs, so a misfit is tried again
 * before it is believed.
 */
#include <time.h>

#include "discover/discover_private.h"
#include "lib/proc_mem.h"

#define INTERPRETERS_MAX 64
#define THREADS_MAX 64
#define TRIES 5
#define PAUSE_NS 2000000

/*
 * PyThreadState.interp: the same in all versions, and in each version of _Py_DebugOffsets so far.
 */
#define TSTATE_INTERP 16

static bool read_word(const struct target *target, __u64 address, __u64 *value)
{
	return proc_mem__read(target->pid, address, value, sizeof(*value)) == 0;
}

/* Whether thread_id is a thread's control block. */
static bool is_thread(const struct target *target, __u64 thread_id)
{
	__u64 self;

	if (!read_word(target, thread_id, &self))
		return false;
#ifdef __x86_64__
	/*
	 * pthread_self() is the thread pointer, which the x86-64 ABI has point at itself, in glibc
	 * and musl.
	 */
	return self == thread_id;
#else
	return true;
#endif
}

/* Visits thread states of all interpreters until the visitor says that it has what it wants. */
struct walk {
	const struct target *target;
	const struct py_layout *layout;
	__u64 runtime;
	bool any;    /* there are thread states */
	bool broken; /* a pointer or a back pointer did not fit */
	bool (*wanted)(const struct walk *walk, __u64 tstate, __u64 thread_id);
	__u32 key; /* for tsd_holds() */
};

static bool walk_threads(struct walk *walk, __u64 interp)
{
	const struct py_layout *layout = walk->layout;
	__u64 tstate, owner, thread_id;

	walk->broken |= !read_word(walk->target, interp + layout->interp_threads_head, &tstate);
	for (int i = 0; tstate && i < THREADS_MAX && !walk->broken; i++) {
		walk->any = true;
		if (!read_word(walk->target, tstate + TSTATE_INTERP, &owner) || owner != interp ||
		    !read_word(walk->target, tstate + layout->tstate_thread_id, &thread_id)) {
			walk->broken = true;
			break;
		}
		if (walk->wanted(walk, tstate, thread_id))
			return true;
		if (!read_word(walk->target, tstate + layout->tstate_next, &tstate))
			walk->broken = true;
	}
	return false;
}

static bool walk_all(struct walk *walk)
{
	__u64 interp;

	walk->any = walk->broken = false;
	if (!read_word(walk->target, walk->runtime + walk->layout->runtime_interpreters_head,
		       &interp)) {
		walk->broken = true;
		return false;
	}
	for (int i = 0; interp && i < INTERPRETERS_MAX; i++) {
		if (walk_threads(walk, interp))
			return true;
		if (walk->broken ||
		    !read_word(walk->target, interp + walk->layout->interp_next, &interp))
			break;
	}
	return false;
}

static void pause_shortly(void)
{
	nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
}

static bool thread_lives(const struct walk *walk, __u64 tstate, __u64 thread_id)
{
	(void)tstate;
	return is_thread(walk->target, thread_id);
}

enum python_state python_state__check(const struct target *target, const struct py_layout *layout,
				      __u64 runtime)
{
	struct walk walk = {
		.target = target, .layout = layout, .runtime = runtime, .wanted = thread_lives};

	for (int i = 0; i < TRIES; i++) {
		if (walk_all(&walk))
			return PYTHON_STATE_LIVE;
		if (!walk.any && !walk.broken)
			return PYTHON_STATE_EMPTY;
		pause_shortly();
	}
	return PYTHON_STATE_MISFIT;
}

/*
 * glibc keeps the first 32 keys in struct pthread, {sequence, value} each; the others behind
 * pointers to 32 each.
 */
static bool tsd_holds(const struct walk *walk, __u64 tstate, __u64 thread_id)
{
	const struct target *target = walk->target;
	__u64 block = thread_id + target->tsd_first_block, value;

	if (walk->key >= 32 &&
	    !read_word(target, thread_id + target->tsd_blocks + walk->key / 32 * 8, &block))
		return false;
	return read_word(target, block + walk->key % 32 * 16 + 8, &value) && value == tstate;
}

bool python_state__tsd_fits(const struct target *target, const struct py_layout *layout,
			    __u64 runtime)
{
	struct walk walk = {
		.target = target, .layout = layout, .runtime = runtime, .wanted = tsd_holds};
	__u32 tss[2];

	for (int i = 0; i < TRIES; i++) {
		/* Py_tss_t: int _is_initialized; pthread_key_t _key. PTHREAD_KEYS_MAX is 1024. */
		if (!proc_mem__read(target->pid, runtime + layout->runtime_tss_key, tss,
				    sizeof(tss)) &&
		    tss[0] == 1 && tss[1] < 1024) {
			walk.key = tss[1];
			if (walk_all(&walk))
				return true;
		}
		pause_shortly();
	}
	return false;
}
