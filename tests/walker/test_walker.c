// SPDX-License-Identifier: BSD-2-Clause
/*
 * The walker of bpf/py_walk.h, compiled as host C under sanitizers, against memory that we make.
 *
 * The image is an array of segments; what is not in one cannot be read. Frames are laid out by a layout of
 * the test's own making (so that no version is favoured) and by each real one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/types.h>

#include <cmocka.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define IMAGE_BASE 0x100000ULL
#define IMAGE_SIZE (1 << 20)

static unsigned char image[IMAGE_SIZE];
static unsigned long reads, fail_at; /* the fail_at-th read fails; 0 = none does */

static int read_user(void *dst, __u32 size, __u64 address)
{
	if (++reads == fail_at)
		return -14;
	if (address < IMAGE_BASE || address - IMAGE_BASE > IMAGE_SIZE - size)
		return -14;
	memcpy(dst, image + (address - IMAGE_BASE), size);
	return 0;
}

#define walk_loop(turns, callback, context)                                                        \
	do {                                                                                       \
		for (__u32 turn = 0; turn < (turns) && !callback(turn, context); turn++)           \
			;                                                                          \
	} while (0)

#include "../../bpf/py_walk.h"

#include "discover/discover.h"

#define THREAD (IMAGE_BASE + 0x1000)
#define RUNTIME (IMAGE_BASE + 0x8000)
#define TSTATE (IMAGE_BASE + 0x10000)
#define INTERP (IMAGE_BASE + 0x18000)
#define CFRAME (IMAGE_BASE + 0x11000)
#define FRAMES (IMAGE_BASE + 0x20000)
#define FRAME_STEP 0x80
#define CODES (IMAGE_BASE + 0x80000)
#define CODE_STEP 0x100

static struct target_config config;
static struct stack_message stack;
static struct py_windows windows;

static void put64(__u64 address, __u64 value)
{
	memcpy(image + (address - IMAGE_BASE), &value, sizeof(value));
}

static void put32(__u64 address, __u32 value)
{
	memcpy(image + (address - IMAGE_BASE), &value, sizeof(value));
}

static __u64 code_at(int i)
{
	return CODES + i * CODE_STEP;
}

static bool callers_below; /* as on a thread's data stack, from 3.11 on */

static __u64 frame_at(int i)
{
	return callers_below ? FRAMES + 0x20000 - i * FRAME_STEP : FRAMES + i * FRAME_STEP;
}

/* Frame i, innermost 0, runs code i at byte 2 * i and was called by frame i + 1. */
static void put_frame(int i, int count)
{
	const struct py_layout *layout = &config.layout;
	__u64 frame = frame_at(i), code = code_at(i % 256);

	put64(frame + layout->frame_code, code | (layout->frame_code_tag_mask & 1));
	put64(frame + layout->frame_previous, i + 1 < count ? frame_at(i + 1) : 0);
	if (layout->instr_kind == PY_INSTR_INDEX)
		put32(frame + layout->frame_instr, 2 * i / layout->instr_scale);
	else
		put64(frame + layout->frame_instr, code + layout->code_instructions + 2 * i);
	put32(code + layout->code_firstlineno, 10 + i % 256);
	put64(code + layout->code_filename, 0x1111);
	put64(code + layout->code_name, 0x2222 + i % 256);
}

static void make_stack(const struct py_layout *layout, int count)
{
	memset(image, 0, sizeof(image));
	memset(&config, 0, sizeof(config));
	config.layout = *layout;
	config.runtime = RUNTIME;
	config.tstate_method = TSTATE_TSD_GLIBC;
	config.tsd_first_block = 0x310;
	config.tsd_blocks = 0x510;
	put32(RUNTIME + layout->runtime_tss_key, 1);
	put32(RUNTIME + layout->runtime_tss_key + 4, 1);
	put64(THREAD + 0x310 + 16 + 8, TSTATE);
	put64(TSTATE + layout->tstate_thread_id, THREAD);
	if (layout->tstate_frame_in_cframe) {
		put64(TSTATE + layout->tstate_frame, CFRAME);
		put64(CFRAME + layout->cframe_current_frame, count ? frame_at(0) : 0);
	} else {
		put64(TSTATE + layout->tstate_frame, count ? frame_at(0) : 0);
	}
	for (int i = 0; i < count; i++)
		put_frame(i, count);
	reads = fail_at = 0;
}

static __u64 walk(void)
{
	return py_walk(&config, py_tstate(&config, THREAD), &stack, &windows);
}

static const struct py_layout *layouts[8];
static int layout_count;

static int find_layouts(void **state)
{
	(void)state;
	for (int minor = 8; minor <= 12; minor++)
		layouts[layout_count++] = py_layout__find(3, minor);
	return layouts[0] && layouts[4] ? 0 : -1;
}

static void walks_every_layout(void **state)
{
	(void)state;
	for (int l = 0; l < layout_count; l++) {
		for (int count = 0; count < 40; count++) {
			make_stack(layouts[l], count);
			walk();
			assert_int_equal(stack.flags, 0);
			assert_int_equal(stack.frame_count, count);
			for (int i = 0; i < count; i++) {
				assert_int_equal(stack.frames[i].code, code_at(i));
				assert_int_equal(stack.frames[i].lasti, 2 * i);
			}
		}
	}
}

static __u64 stack_hash(unsigned long *reads_needed)
{
	__u64 hash;

	reads = 0;
	hash = py_stack_hash(&config, TSTATE, &windows);
	*reads_needed = reads;
	return hash;
}

/* The hash says what the frames are at, wherever they lie; where they lie close together, it takes fewer reads. */
static void hashes_what_frames_are_at(void **state)
{
	unsigned long apart, together;
	__u64 hash, other;

	(void)state;
	for (int l = 0; l < layout_count; l++) {
		for (int count = 1; count < 100; count++) {
			make_stack(layouts[l], count);
			hash = stack_hash(&apart);
			callers_below = true;
			make_stack(layouts[l], count);
			assert_int_equal(stack_hash(&together), hash);
			assert_true(together <= apart);
			if (config.layout.instr_kind == PY_INSTR_POINTER && count > 9)
				assert_true(3 * together < 2 * apart);
			put64(frame_at(count - 1) + config.layout.frame_code, code_at(200));
			other = stack_hash(&together);
			callers_below = false;
			assert_int_not_equal(other, hash);
		}
	}
}

/* Nothing below the page of a frame is asked for: it may not be there. */
static void stays_in_the_frames_page(void **state)
{
	unsigned long needed;
	__u64 hash;

	(void)state;
	make_stack(layouts[4], 1);
	hash = stack_hash(&needed);
	for (__u64 at = 0; at < 0x400; at += 8) {
		__u64 frame = IMAGE_BASE + at;
		unsigned char saved[0x500];

		memcpy(saved, image, sizeof(saved));
		memcpy(image + at, image + (frame_at(0) - IMAGE_BASE), FRAME_STEP);
		put64(CFRAME + config.layout.cframe_current_frame, frame);
		assert_int_equal(stack_hash(&needed), hash);
		memcpy(image, saved, sizeof(saved));
	}
}

static void truncates_deep_stacks(void **state)
{
	(void)state;
	for (int l = 0; l < layout_count; l++) {
		make_stack(layouts[l], MAX_FRAMES);
		walk();
		assert_int_equal(stack.flags, 0);
		assert_int_equal(stack.frame_count, MAX_FRAMES);
		make_stack(layouts[l], MAX_FRAMES + 1);
		walk();
		assert_int_equal(stack.flags, STACK_TRUNCATED);
		assert_int_equal(stack.frame_count, MAX_FRAMES);
	}
}

static void ends_on_a_ring_of_frames(void **state)
{
	(void)state;
	make_stack(layouts[3], 10);
	put64(frame_at(9) + config.layout.frame_previous, frame_at(0));
	walk();
	assert_int_equal(stack.flags, STACK_TRUNCATED);
	assert_int_equal(stack.frame_count, MAX_FRAMES);
}

static void skips_shim_frames(void **state)
{
	const struct py_layout *layout = layouts[4]; /* 3.12 */

	(void)state;
	make_stack(layout, 6);
	image[frame_at(1) + layout->frame_owner - IMAGE_BASE] = layout->owner_skip_from;
	image[frame_at(5) + layout->frame_owner - IMAGE_BASE] = layout->owner_skip_from;
	put64(frame_at(1) + layout->frame_code, 0x666); /* must not be followed */
	walk();
	assert_int_equal(stack.flags, 0);
	assert_int_equal(stack.frame_count, 4);
	assert_int_equal(stack.frames[1].code, code_at(2));
}

static void clears_tag_bits(void **state)
{
	struct py_layout tagged = *layouts[4];

	(void)state;
	tagged.frame_code_tag_mask = 3;
	make_stack(&tagged, 3);
	walk();
	assert_int_equal(stack.frame_count, 3);
	assert_int_equal(stack.frames[0].code, code_at(0));
}

static void tells_reused_addresses_apart(void **state)
{
	__u64 key, before;

	(void)state;
	make_stack(layouts[3], 1);
	before = walk();
	key = stack.frames[0].code_key;
	put32(code_at(0) + config.layout.code_firstlineno, 99);
	assert_true(walk() != before);
	assert_true(stack.frames[0].code_key != key);
}

/*
 * Whichever read fails: either the walk ends, says so, and what it has is a prefix of the truth; or the read was for
 * an identity only, and the frames are all there.
 */
static void survives_every_failing_read(void **state)
{
	unsigned long total;

	(void)state;
	for (int l = 0; l < layout_count; l++) {
		make_stack(layouts[l], 30);
		walk();
		total = reads;
		for (unsigned long at = 1; at <= total; at++) {
			reads = 0;
			fail_at = at;
			walk();
			assert_int_equal(stack.frame_count < 30, stack.flags != 0);
			for (__u32 i = 0; i < stack.frame_count; i++)
				assert_int_equal(stack.frames[i].code, code_at(i));
		}
		fail_at = 0;
	}
}

/* Random bytes for memory and for the layout: no read out of the windows, no endless loop. */
static void survives_nonsense(void **state)
{
	unsigned int seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		make_stack(layouts[round % layout_count], 12);
		for (int i = 0; i < 64; i++) {
			__u64 at = rand_r(&seed) % 0x90000;

			put64(IMAGE_BASE + (at & ~7ULL), IMAGE_BASE + rand_r(&seed) % IMAGE_SIZE);
		}
		if (round % 2) {
			unsigned char *bytes = (unsigned char *)&config.layout;

			for (int i = 0; i < 4; i++)
				bytes[(rand_r(&seed) % (sizeof(config.layout) / 4)) * 4] =
					rand_r(&seed) & 0x78;
		}
		walk();
		assert_true(stack.frame_count <= MAX_FRAMES);
	}
}

static void finds_threads(void **state)
{
	const struct py_layout *layout = layouts[3];

	(void)state;
	make_stack(layout, 1);
	assert_int_equal(py_tstate(&config, THREAD), TSTATE);
	/* Key beyond the first block of 32. */
	put32(RUNTIME + layout->runtime_tss_key + 4, 40);
	assert_int_equal(py_tstate(&config, THREAD), 0);
	put64(THREAD + 0x510 + 8, THREAD + 0x2000);
	put64(THREAD + 0x2000 + 8 * 16 + 8, TSTATE);
	assert_int_equal(py_tstate(&config, THREAD), TSTATE);
	put32(RUNTIME + layout->runtime_tss_key + 4, 5000);
	assert_int_equal(py_tstate(&config, THREAD), 0);
	/* Before Py_Initialize. */
	put32(RUNTIME + layout->runtime_tss_key, 0);
	assert_int_equal(py_tstate(&config, THREAD), 0);
	walk();
	assert_int_equal(stack.flags, STACK_NO_THREAD);

	/* By the interpreter's list, third of three; a ring without our thread ends. */
	config.tstate_method = TSTATE_LIST;
	put64(RUNTIME + layout->runtime_interpreters_head, INTERP);
	put64(INTERP + layout->interp_threads_head, TSTATE + 0x4000);
	put64(TSTATE + 0x4000 + layout->tstate_next, TSTATE + 0x5000);
	put64(TSTATE + 0x5000 + layout->tstate_next, TSTATE);
	assert_int_equal(py_tstate(&config, THREAD), TSTATE);
	put64(TSTATE + 0x5000 + layout->tstate_next, TSTATE + 0x4000);
	assert_int_equal(py_tstate(&config, THREAD), 0);
	config.tstate_method = TSTATE_NONE;
	assert_int_equal(py_tstate(&config, THREAD), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks_every_layout),
		cmocka_unit_test(hashes_what_frames_are_at),
		cmocka_unit_test(stays_in_the_frames_page),
		cmocka_unit_test(truncates_deep_stacks),
		cmocka_unit_test(ends_on_a_ring_of_frames),
		cmocka_unit_test(skips_shim_frames),
		cmocka_unit_test(clears_tag_bits),
		cmocka_unit_test(tells_reused_addresses_apart),
		cmocka_unit_test(survives_every_failing_read),
		cmocka_unit_test(survives_nonsense),
		cmocka_unit_test(finds_threads),
	};

	return cmocka_run_group_tests_name("walker", tests, find_layouts, NULL);
}
