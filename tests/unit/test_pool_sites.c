// SPDX-License-Identifier: BSD-2-Clause
/*
 * test_pool_sites.c - pymalloc's paths: in hand-made code, where the answer is known, and in real
 * Pythons
 *
 * The snippets are what gcc 12 and 14 and clang make of Objects/obmalloc.c in several versions,
 * other orders and registers that they might choose, and code that differs from it in the one
 * thing that matters.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pythons.h"

#include "lib/elf_image.h"
#include "plan/pool_sites.h"

/* Code, with a label where the probe belongs. */
#define SNIPPET(name, before, at)                                                                  \
	extern const __u8 name[], name##_site[], name##_end[];                                     \
	__asm__(".pushsection .rodata\n" #name ":\n" before "\n" #name "_site:\n" at "\n" #name    \
		"_end:\n.byte 0xcc\n.popsection\n")

#define ENDS "ret\n 8: ret\n 9: ret"

/* ---- ALLOC ---- */

#define ALLOC_HEAD "mov (%rcx,%rax,8),%rdx; mov 0x10(%rdx),%rsi; cmp %rsi,%rdx; je 9f\n"
#define ALLOC_TAIL "mov 8(%rdx),%rax; addl $1,(%rdx); mov (%rax),%rcx; mov %rcx,8(%rdx)\n"

SNIPPET(alloc_gcc, ALLOC_HEAD ALLOC_TAIL "test %rcx,%rcx", "je 8f\n" ENDS);
SNIPPET(alloc_clang,
	"mov (%rdi,%rax),%r9; cmp %r9,0x10(%r9); je 9f; mov 8(%r9),%r10; incl (%r9)\n"
	"mov (%r10),%r11; mov %r11,8(%r9); test %r11,%r11",
	"jne 8f\n" ENDS);
SNIPPET(alloc_reordered,
	"mov 0x10(%r8),%rsi; cmp %r8,%rsi; jne 1f; ret\n"
	"1: mov (%r8),%ebx; mov 8(%r8),%r14; lea 1(%rbx),%ebx; mov (%r14),%rdi; mov %r14,%r12\n"
	"mov $0,%r14d; test %rdi,%rdi; mov %ebx,(%r8); mov %rdi,8(%r8); nop",
	"jne 8f\n" ENDS);
SNIPPET(alloc_compared_with_0, ALLOC_HEAD ALLOC_TAIL "cmp $0,%rcx", "je 8f\n" ENDS);
SNIPPET(alloc_count_behind,
	ALLOC_HEAD "mov 8(%rdx),%rax; mov (%rax),%rcx; mov %rcx,8(%rdx); test %rcx,%rcx",
	"je 8f; incl (%rdx); ret\n 8: mov %rdx,%rdi; addl $1,(%rdi); ret\n 9: ret");
/* two heads in front of one tail, both of them elsewhere */
SNIPPET(alloc_shared_tail, "2: mov (%rax),%rcx; mov %rcx,8(%rdx); test %rcx,%rcx",
	"je 9f; ret\n 9: ret\n"
	"mov 0x10(%rdx),%rsi; cmp %rsi,%rdx; je 9b; mov 8(%rdx),%rax; addl $1,(%rdx); jmp 2b\n"
	"int3\n"
	"mov 0x10(%rdx),%r9; cmp %rdx,%r9; jne 3f; ret\n"
	"3: mov 8(%rdx),%rax; incl (%rdx); jmp 2b");
SNIPPET(alloc_shared_tail_unproved, "2: mov (%rax),%rcx; mov %rcx,8(%rdx); test %rcx,%rcx",
	"je 9f; ret\n 9: ret\n"
	"mov 0x10(%rdx),%rsi; cmp %rsi,%rdx; je 9b; mov 8(%rdx),%rax; addl $1,(%rdx); jmp 2b\n"
	"int3\n"
	"mov 8(%rdx),%rax; incl (%rdx); jmp 2b");
/* as in Debian's 3.13: the block goes to the stack */
SNIPPET(alloc_spilled, "mov (%rcx,%rax,8),%rdx; mov 0x10(%rdx),%rsi; cmp %rsi,%rdx",
	"je 9f; mov 8(%rdx),%rcx; addl $1,(%rdx); mov %rcx,(%rsp); mov (%rcx),%rcx\n"
	"mov %rcx,8(%rdx); test %rcx,%rcx; je 8f\n" ENDS);
SNIPPET(alloc_no_comparison, ALLOC_TAIL "test %rcx,%rcx", "je 8f\n" ENDS);
SNIPPET(alloc_comparison_reversed,
	"mov 0x10(%rdx),%rsi; cmp %rsi,%rdx; jne 9f\n" ALLOC_TAIL "test %rcx,%rcx", "je 8f\n" ENDS);
SNIPPET(alloc_other_width,
	ALLOC_HEAD "mov 8(%rdx),%rax; addq $1,(%rdx); mov (%rax),%rcx; mov %rcx,8(%rdx)\n"
		   "test %rcx,%rcx",
	"je 8f\n" ENDS);
SNIPPET(alloc_counts_down,
	ALLOC_HEAD "mov 8(%rdx),%rax; subl $1,(%rdx); mov (%rax),%rcx; mov %rcx,8(%rdx)\n"
		   "test %rcx,%rcx",
	"je 8f\n" ENDS);
SNIPPET(alloc_other_offset,
	ALLOC_HEAD "mov 0x18(%rdx),%rax; addl $1,(%rdx); mov (%rax),%rcx; mov %rcx,0x18(%rdx)\n"
		   "mov %rcx,8(%rsp); test %rcx,%rcx",
	"je 8f\n" ENDS);
SNIPPET(alloc_other_link,
	ALLOC_HEAD "mov 8(%rdx),%rax; addl $1,(%rdx); mov 8(%rax),%rcx; mov %rcx,8(%rdx)\n"
		   "test %rcx,%rcx",
	"je 8f\n" ENDS);
SNIPPET(alloc_other_flags, ALLOC_HEAD ALLOC_TAIL "test %rcx,%rcx; add $1,%r8", "je 8f\n" ENDS);
SNIPPET(alloc_overwritten,
	ALLOC_HEAD "mov 8(%rdx),%rax; addl $1,(%rdx); mov (%rax),%rcx\n"
		   "mov %rcx,8(%rdx); mov %r8,8(%rdx); test %rcx,%rcx",
	"je 8f\n" ENDS);

/* ---- FREE ---- */

#define FREE_TAIL                                                                                  \
	"mov 8(%rax),%rcx; mov %rcx,(%rdi); mov (%rax),%edx; mov %rdi,8(%rax)\n"                   \
	"sub $1,%edx; mov %edx,(%rax); test %rcx,%rcx"

SNIPPET(free_gcc, "mov %rdi,%rax; and $-0x4000,%rax\n" FREE_TAIL, "je 8f\n" ENDS);
SNIPPET(free_mask_in_register,
	"mov $-0x4000,%r9; and %r13,%r9; mov 8(%r9),%r8; mov %r8,0(%r13); decl (%r9)\n"
	"mov %r13,8(%r9); test %r8,%r8",
	"jne 8f\n" ENDS);
/* as in 3.8's realloc: the pool outlives calls, the count is changed behind the branch */
SNIPPET(free_3_8,
	"mov %rsi,%r14; mov %rsi,%rbx; and $-0x4000,%r14; test %rsi,%rsi; je 9f; call 9f\n"
	"push %rax; call 9f; pop %rax; mov 8(%r14),%rax; mov %rax,(%rbx); mov %rbx,8(%r14)\n"
	"test %rax,%rax",
	"je 8f; subl $1,(%r14); ret\n 8: mov 0x24(%r14),%ecx; decl (%r14); ret\n 9: ret");
SNIPPET(free_two_ways,
	"lea -0x10(%rbx),%rdi; mov %rdi,%rax; and $-0x4000,%rax; cmp %ecx,4(%rdx); jg 1f\n"
	"cmp %ecx,%r8d; jg 9f; test %r8d,%r8d; je 9f\n 1:" FREE_TAIL,
	"je 8f\n" ENDS);
SNIPPET(free_stacked,
	"push %rbp; mov %rsi,8(%rsp); mov %rsi,%rax; and $-0x4000,%rax; mov %rax,16(%rsp)\n"
	"call 9f; mov 16(%rsp),%rax; mov 8(%rsp),%rdi\n" FREE_TAIL,
	"je 8f\n" ENDS);
/* as in Debian's 3.11: the count goes to the block's register */
SNIPPET(free_block_lost,
	"mov %rsi,%rax; and $-0x4000,%rax; mov 8(%rax),%rcx; mov %rcx,(%rsi); mov %rsi,8(%rax)\n"
	"mov (%rax),%esi; lea -1(%rsi),%edx; mov %edx,(%rax); test %rcx,%rcx",
	"je 8f\n" ENDS);
SNIPPET(free_other_mask, "mov %rdi,%rax; and $-0x1000,%rax\n" FREE_TAIL, "je 8f\n" ENDS);
SNIPPET(free_no_mask, FREE_TAIL, "je 8f\n" ENDS);
SNIPPET(free_or, "mov %rdi,%rax; or $-0x4000,%rax\n" FREE_TAIL, "je 8f\n" ENDS);
SNIPPET(free_mask_of_other, "mov %rsi,%rax; and $-0x4000,%rax\n" FREE_TAIL, "je 8f\n" ENDS);
SNIPPET(free_one_way_unmasked,
	"cmp %ecx,4(%rdx); jg 1f; mov %rdi,%rax; and $-0x4000,%rax\n 1:" FREE_TAIL, "je 8f\n" ENDS);
SNIPPET(free_counts_up,
	"mov %rdi,%rax; and $-0x4000,%rax; mov 8(%rax),%rcx; mov %rcx,(%rdi); incl (%rax)\n"
	"mov %rdi,8(%rax); test %rcx,%rcx",
	"je 8f\n" ENDS);
SNIPPET(free_other_width,
	"mov %rdi,%rax; and $-0x4000,%rax; mov 8(%rax),%rcx; mov %rcx,(%rdi); decq (%rax)\n"
	"mov %rdi,8(%rax); test %rcx,%rcx",
	"je 8f\n" ENDS);
SNIPPET(free_tests_low_half,
	"mov %rdi,%rax; and $-0x4000,%rax; mov 8(%rax),%rcx; mov %rcx,(%rdi); decl (%rax)\n"
	"mov %rdi,8(%rax); test %ecx,%ecx",
	"je 8f\n" ENDS);

/* ---- FRESH ---- */

#define LINKS_XMM                                                                                  \
	"movq %rdx,%xmm0; punpcklqdq %xmm0,%xmm0; movups %xmm0,0x10(%rax); movq %rax,%xmm0\n"      \
	"punpcklqdq %xmm0,%xmm0; movups %xmm0,0x10(%rdx)\n"
#define LINKS "mov %rdx,0x10(%rax); mov %rdx,0x18(%rax); mov %rax,0x10(%rdx); mov %rax,0x18(%rdx)\n"
#define RECYCLED "mov 8(%rax),%rbx; mov (%rbx),%rdx; mov %rdx,8(%rax); ret\n"
#define CARVED "mov %ebp,0x24(%rax); add $1,%ebp; lea 0x30(%rax),%rbx; ret\n"

SNIPPET(fresh_gcc,
	"mov 0x24(%rax),%ecx; mov (,%rdx,8),%rdx\n" LINKS_XMM "movl $1,(%rax); cmp %ecx,%ebp",
	"je 1f\n" CARVED "1:" RECYCLED);
SNIPPET(fresh_clang, "mov (%r8,%rcx,8),%rdx\n" LINKS "movl $1,(%rax); cmp %ebp,0x24(%rax)",
	"jne 1f\n" RECYCLED "1:" CARVED);
/* with assert(bp != NULL) */
SNIPPET(fresh_debug, "mov (%r8,%rcx,8),%rdx\n" LINKS "movl $1,(%rax); cmp %ebp,0x24(%rax)",
	"jne 1f; mov 8(%rax),%rbx; test %rbx,%rbx; je 1f; mov (%rbx),%rdx; mov %rdx,8(%rax)\n"
	"ret\n 1:" CARVED);
/* as in 3.8 for a pool that was never used: nothing to compare */
SNIPPET(fresh_jump, "movl $0xffff,0x24(%rax); mov (%r8,%rcx,8),%rdx\n" LINKS_XMM "movl $1,(%rax)",
	"jmp 1f\n ret\n 1:" CARVED);
/* as in Debian's 3.13: nor to jump over */
SNIPPET(fresh_straight, "movl $0xffff,0x24(%rax); mov (%r8,%rcx,8),%rdx\n" LINKS_XMM,
	"movl $1,(%rax)\n" CARVED);
SNIPPET(fresh_no_links, "movl $1,(%rax); cmp %ebp,0x24(%rax)", "jne 1f\n" RECYCLED "1:" CARVED);
SNIPPET(fresh_one_link,
	"mov %rdx,0x10(%rax); mov %rdx,0x18(%rax); movl $1,(%rax); cmp %ebp,0x24(%rax)",
	"jne 1f\n" RECYCLED "1:" CARVED);
SNIPPET(fresh_other_width, "mov (%r8,%rcx,8),%rdx\n" LINKS "movq $1,(%rax); cmp %ebp,0x24(%rax)",
	"jne 1f\n" RECYCLED "1:" CARVED);
SNIPPET(fresh_block_taken,
	"mov (%r8,%rcx,8),%rdx\n" LINKS
	"mov 8(%rax),%rbx; mov (%rbx),%rcx; mov %rcx,8(%rax); movl $1,(%rax); cmp %ebp,0x24(%rax)",
	"jne 1f\n ret\n 1:" CARVED);
SNIPPET(fresh_no_class, "mov (%r8,%rcx,8),%rdx\n" LINKS "movl $1,(%rax); cmp %ebp,0x24(%rax)",
	"jne 1f\n ret\n 1: ret");

enum outcome { FOUND, INCOMPLETE, NOTHING };

struct sample {
	const char *name;
	const __u8 *start, *site, *end;
	enum outcome outcome;
	enum pool_site_kind kind;
	__u8 block_reg, class_reg;
};

#define SAMPLE(name, ...)                                                                          \
	{                                                                                          \
#name, name, name##_site, name##_end, __VA_ARGS__                                  \
	}

static const struct sample samples[] = {
	SAMPLE(alloc_gcc, FOUND, POOL_SITE_ALLOC, GPR_AX, GPR_NONE),
	SAMPLE(alloc_clang, FOUND, POOL_SITE_ALLOC, GPR_R10, GPR_NONE),
	SAMPLE(alloc_reordered, FOUND, POOL_SITE_ALLOC, GPR_R12, GPR_NONE),
	SAMPLE(alloc_compared_with_0, FOUND, POOL_SITE_ALLOC, GPR_AX, GPR_NONE),
	SAMPLE(alloc_count_behind, FOUND, POOL_SITE_ALLOC, GPR_AX, GPR_NONE),
	SAMPLE(alloc_shared_tail, FOUND, POOL_SITE_ALLOC, GPR_AX, GPR_NONE),
	SAMPLE(alloc_spilled, FOUND, POOL_SITE_ALLOC, GPR_NONE, GPR_DX),
	SAMPLE(alloc_shared_tail_unproved, INCOMPLETE, 0, 0, 0),
	SAMPLE(alloc_no_comparison, INCOMPLETE, 0, 0, 0),
	SAMPLE(alloc_comparison_reversed, INCOMPLETE, 0, 0, 0),
	SAMPLE(alloc_other_width, NOTHING, 0, 0, 0),
	SAMPLE(alloc_counts_down, NOTHING, 0, 0, 0),
	SAMPLE(alloc_other_offset, NOTHING, 0, 0, 0),
	SAMPLE(alloc_other_link, NOTHING, 0, 0, 0),
	SAMPLE(alloc_other_flags, NOTHING, 0, 0, 0),
	SAMPLE(alloc_overwritten, NOTHING, 0, 0, 0),
	SAMPLE(free_gcc, FOUND, POOL_SITE_FREE, GPR_DI, GPR_NONE),
	SAMPLE(free_mask_in_register, FOUND, POOL_SITE_FREE, GPR_R13, GPR_NONE),
	SAMPLE(free_3_8, FOUND, POOL_SITE_FREE, GPR_BX, GPR_NONE),
	SAMPLE(free_two_ways, FOUND, POOL_SITE_FREE, GPR_DI, GPR_NONE),
	SAMPLE(free_stacked, FOUND, POOL_SITE_FREE, GPR_DI, GPR_NONE),
	SAMPLE(free_block_lost, FOUND, POOL_SITE_FREE, GPR_NONE, GPR_AX),
	SAMPLE(free_other_mask, INCOMPLETE, 0, 0, 0),
	SAMPLE(free_no_mask, INCOMPLETE, 0, 0, 0),
	SAMPLE(free_or, INCOMPLETE, 0, 0, 0),
	SAMPLE(free_mask_of_other, INCOMPLETE, 0, 0, 0),
	SAMPLE(free_one_way_unmasked, INCOMPLETE, 0, 0, 0),
	SAMPLE(free_counts_up, NOTHING, 0, 0, 0),
	SAMPLE(free_other_width, NOTHING, 0, 0, 0),
	SAMPLE(free_tests_low_half, NOTHING, 0, 0, 0),
	SAMPLE(fresh_gcc, FOUND, POOL_SITE_FRESH, GPR_AX, GPR_BP),
	SAMPLE(fresh_clang, FOUND, POOL_SITE_FRESH, GPR_AX, GPR_BP),
	SAMPLE(fresh_debug, FOUND, POOL_SITE_FRESH, GPR_AX, GPR_BP),
	SAMPLE(fresh_jump, FOUND, POOL_SITE_FRESH, GPR_AX, GPR_BP),
	SAMPLE(fresh_straight, FOUND, POOL_SITE_FRESH, GPR_AX, GPR_BP),
	SAMPLE(fresh_no_class, INCOMPLETE, 0, 0, 0),
	SAMPLE(fresh_no_links, NOTHING, 0, 0, 0),
	SAMPLE(fresh_one_link, NOTHING, 0, 0, 0),
	SAMPLE(fresh_other_width, NOTHING, 0, 0, 0),
	SAMPLE(fresh_block_taken, NOTHING, 0, 0, 0),
};

#define SAMPLES (sizeof(samples) / sizeof(samples[0]))
#define BASE 0x401000
#define POOL 0x4000

static int find(const __u8 *bytes, size_t size, struct pool_sites *sites)
{
	struct code code = {bytes, size, BASE};

	return pool_sites__find(&code, POOL, 0, sites);
}

static void judges_snippets(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		const struct sample *sample = &samples[i];
		size_t size = sample->end - sample->start;
		struct pool_sites sites;

		/* none of them has all three kinds */
		print_message("%s\n", sample->name);
		assert_int_equal(find(sample->start, size, &sites), -ENOENT);
		assert_int_equal(sites.incomplete, sample->outcome == INCOMPLETE);
		assert_int_equal(sites.count, sample->outcome == FOUND);
		assert_int_equal(sites.allocs + sites.fresh + sites.frees, sites.count);
		if (sites.count) {
			assert_int_equal(sites.sites[0].kind, sample->kind);
			assert_int_equal(sites.sites[0].address,
					 BASE + (sample->site - sample->start));
			assert_int_equal(sites.sites[0].block_reg, sample->block_reg);
			assert_int_equal(sites.sites[0].class_reg, sample->class_reg);
			assert_int_equal(sites.sites[0].cost, sample->site == fresh_straight_site
								      ? COST_STEPPED
								      : COST_EMULATED);
		}
		pool_sites__free(&sites);
	}
}

/* All snippets behind one another, as functions of one text: each is judged as if alone. */
static void judges_snippets_together(void **state)
{
	static __u8 text[SAMPLES * 512];
	size_t size = 0, found = 0, incomplete = 0, at[SAMPLES];
	struct pool_sites sites;

	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		size_t length = samples[i].end - samples[i].start;

		assert_true(size + length + 16 <= sizeof(text));
		memcpy(text + size, samples[i].start, length);
		at[i] = size + (samples[i].site - samples[i].start);
		size += length;
		/* padding, after which the sweep must be in step again */
		while (size % 16)
			text[size++] = i % 2 ? 0x90 : 0xcc;
		incomplete += samples[i].outcome == INCOMPLETE;
	}
	assert_int_equal(find(text, size, &sites), 0);
	for (size_t i = 0; i < SAMPLES; i++) {
		if (samples[i].outcome != FOUND)
			continue;
		assert_true(found < sites.count);
		assert_int_equal(sites.sites[found].address, BASE + at[i]);
		assert_int_equal(sites.sites[found++].kind, samples[i].kind);
	}
	assert_int_equal(sites.count, found);
	assert_int_equal(sites.incomplete, incomplete);
	pool_sites__free(&sites);
}

/* What must hold of an answer, whatever the text. */
static void check_sane(const struct pool_sites *sites, size_t size)
{
	assert_int_equal(sites->allocs + sites->fresh + sites->frees, sites->count);
	for (size_t i = 0; i < sites->count; i++) {
		const struct pool_site *site = &sites->sites[i];

		assert_true(site->address >= BASE && site->address < BASE + size);
		assert_true(!i || site->address >= sites->sites[i - 1].address);
		assert_true(site->block_reg <= GPR_R15 || site->block_reg == GPR_NONE);
		assert_true(site->class_reg <= GPR_R15 || site->class_reg == GPR_NONE);
		assert_true(site->block_reg <= GPR_R15 || site->class_reg <= GPR_R15);
	}
}

static void survives_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLES; i++) {
		const struct sample *sample = &samples[i];

		for (size_t size = 0; size < (size_t)(sample->end - sample->start); size++) {
			/* on the heap, for a sanitizer to see its end */
			__u8 *text = malloc(size + 1);
			struct pool_sites sites;

			assert_non_null(text);
			text = realloc(text, size ? size : 1);
			assert_non_null(text);
			memcpy(text, sample->start, size);
			assert_int_equal(find(text, size, &sites), -ENOENT);
			check_sane(&sites, size);
			if (size <= (size_t)(sample->site - sample->start))
				assert_int_equal(sites.count, 0);
			pool_sites__free(&sites);
			free(text);
		}
	}
}

static __u32 next_random(__u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

static void survives_noise(void **state)
{
	__u64 seed = 3;

	(void)state;
	for (size_t round = 0; round < 60; round++) {
		static __u8 text[16384];
		struct pool_sites sites;
		size_t size = 0;

		/* random bytes, and snippets with some bytes changed */
		while (size < sizeof(text)) {
			const struct sample *sample = &samples[next_random(&seed) % SAMPLES];
			size_t length = sample->end - sample->start;

			if (round % 2 || size + length > sizeof(text)) {
				text[size++] = next_random(&seed);
				continue;
			}
			memcpy(text + size, sample->start, length);
			for (size_t i = next_random(&seed) % 4; i; i--)
				text[size + next_random(&seed) % length] = next_random(&seed);
			size += length;
		}
		find(text, size, &sites);
		check_sane(&sites, size);
		pool_sites__free(&sites);
	}
}

static size_t put(__u8 *text, size_t at, const __u8 *start, const __u8 *end)
{
	memcpy(text + at, start, end - start);
	return at + (end - start);
}

/* Ways that part and meet 40 times: 2^40 runs to a place that no run proves. */
static void survives_many_ways(void **state)
{
	static __u8 text[16384];
	static const __u8 fork[] = {0x74, 0x01, 0x90}; /* je +1; nop */
	struct pool_sites sites;
	size_t size = 0;

	(void)state;
	for (size_t copy = 0; copy < 20; copy++) {
		for (size_t i = 0; i < 40; i++)
			size = put(text, size, fork, fork + sizeof(fork));
		size = put(text, size, free_no_mask, free_no_mask_end);
	}
	assert_int_equal(find(text, size, &sites), -ENOENT);
	assert_int_equal(sites.count, 0);
	assert_int_equal(sites.incomplete, 20);
	pool_sites__free(&sites);
}

/* Half of the text jumps to one place, which is a loop as well. */
static void survives_many_jumps(void **state)
{
	static __u8 text[65536];
	struct pool_sites sites;
	size_t size, target;

	(void)state;
	size = put(text, 0, free_gcc, free_gcc_site);
	target = 0;
	while (size + 6 <= sizeof(text)) {
		__s32 distance = (__s32)target - (__s32)(size + 6);

		text[size] = 0x0f;
		text[size + 1] = 0x84;
		memcpy(text + size + 2, &distance, sizeof(distance));
		size += 6;
	}
	find(text, size, &sites);
	check_sane(&sites, size);
	pool_sites__free(&sites);
	/* the tail of a path is reached from many places that prove nothing */
	size = put(text, 0, free_no_mask, free_no_mask_end);
	while (size + 6 <= sizeof(text)) {
		__s32 distance = -(__s32)(size + 6);

		text[size] = 0x0f;
		text[size + 1] = 0x84;
		memcpy(text + size + 2, &distance, sizeof(distance));
		size += 6;
	}
	assert_int_equal(find(text, size, &sites), -ENOENT);
	assert_int_equal(sites.count, 0);
	pool_sites__free(&sites);
}

static void refuses_no_text(void **state)
{
	struct pool_sites sites;

	(void)state;
	assert_int_equal(find(alloc_gcc, 0, &sites), -ENOENT);
	assert_int_equal(sites.count, 0);
	pool_sites__free(&sites);
}

/* ---- real Pythons ---- */

struct binary {
	struct elf_image *image;
	struct code text;
	int minor;
};

/* The file that has pymalloc in it: libpython where there is one. */
static void open_binary(const char *python, struct binary *binary)
{
	char command[4096], line[4096] = "";
	const void *bytes;
	FILE *pipe;
	int fd;

	snprintf(command, sizeof(command),
		 "'%s' -c 'import os, sys\n"
		 "maps = [l.split()[-1] for l in open(\"/proc/self/maps\") if \"libpython\" in l]\n"
		 "print(sys.version_info[1], (maps + [os.path.realpath(sys.executable)])[0])'",
		 python);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	assert_int_equal(pclose(pipe), 0);
	line[strcspn(line, "\n")] = '\0';
	binary->minor = atoi(line);
	fd = open(strchr(line, ' ') + 1, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(elf_image__open(fd, &binary->image), 0);
	close(fd);
	assert_int_equal(elf_image__section(binary->image, ".text", &binary->text.address, &bytes,
					    &binary->text.size),
			 0);
	binary->text.bytes = bytes;
}

/* The function that place is in: the nearest target of a call in front of it; and who calls it. */
static size_t count_callers(const struct code *text, __u64 place)
{
	__u64 function = 0;
	size_t callers = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t at = 0; at < text->size;) {
			struct insn insn;

			if (!code__decode_quick(text, text->address + at, &insn)) {
				at++;
				continue;
			}
			at += insn.length;
			if (insn.kind != INSN_CALL || insn.target < text->address)
				continue;
			if (!pass && insn.target <= place && insn.target > function)
				function = insn.target;
			callers += pass && insn.target == function;
		}
	return callers;
}

/*
 * From 3.9 on, each copy of the fast path has a call of the one function that takes a new pool.
 * Nothing in pool_sites.c looks at calls, so that their number is a second opinion on the number
 * of copies.
 */
static void check_callers(const struct binary *binary, const struct pool_sites *sites)
{
	size_t callers = 0;

	for (size_t i = 0; i < sites->count && !callers; i++)
		if (sites->sites[i].kind == POOL_SITE_FRESH)
			callers = count_callers(&binary->text, sites->sites[i].address);
	print_message("  %zu calls of the function that takes a new pool\n", callers);
	assert_true(callers >= 2);
	assert_true(sites->allocs >= callers);
}

/*
 * Where there are symbols, sites are in the functions that the source has them in, or into which
 * these were inlined.
 */
static void check_symbols(const struct binary *binary, const struct pool_sites *sites)
{
	struct elf_symbol symbol;

	if (elf_image__find(binary->image, "_PyObject_Malloc", &symbol) &&
	    elf_image__find(binary->image, "allocate_from_new_pool", &symbol))
		return;
	for (size_t i = 0; i < sites->count; i++) {
		assert_int_equal(
			elf_image__function_at(binary->image, sites->sites[i].address, &symbol), 0);
		if (sites->sites[i].kind == POOL_SITE_FRESH && binary->minor >= 9)
			assert_string_equal(symbol.name, "allocate_from_new_pool");
	}
}

static void check_python(const char *python)
{
	struct binary binary;
	struct pool_sites sites, other;

	open_binary(python, &binary);
	assert_int_equal(
		pool_sites__find(&binary.text, binary.minor < 10 ? 0x1000 : 0x4000, 0, &sites), 0);
	print_message("%s: %zu allocs, %zu fresh, %zu frees, %zu incomplete\n", python,
		      sites.allocs, sites.fresh, sites.frees, sites.incomplete);
	assert_int_equal(sites.incomplete, 0);
	/* 3.8 has one, pymalloc_alloc() itself, as no build that we know inlines it */
	assert_true(sites.allocs >= (binary.minor < 9 ? 1 : 2));
	assert_true(sites.fresh >= 1);
	assert_true(sites.frees >= 1);
	for (size_t i = 0; i < sites.count; i++) {
		if (sites.sites[i].kind != POOL_SITE_FRESH)
			assert_int_equal(sites.sites[i].cost, COST_EMULATED);
		else
			assert_true(sites.sites[i].class_reg <= GPR_R15);
		assert_true(!i || sites.sites[i].address > sites.sites[i - 1].address);
	}
	if (binary.minor >= 9)
		check_callers(&binary, &sites);
	check_symbols(&binary, &sites);
	/* with the other pool size no release is proved */
	assert_int_equal(
		pool_sites__find(&binary.text, binary.minor < 10 ? 0x4000 : 0x1000, 0, &other),
		-ENOENT);
	assert_int_equal(other.frees, 0);
	assert_int_equal(other.incomplete, sites.frees);
	pool_sites__free(&other);
	pool_sites__free(&sites);
	elf_image__free(binary.image);
}

static void finds_all_in_real_pythons(void **state)
{
	(void)state;
	each_python(check_python);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges_snippets),     cmocka_unit_test(judges_snippets_together),
		cmocka_unit_test(survives_truncation), cmocka_unit_test(survives_noise),
		cmocka_unit_test(survives_many_ways),  cmocka_unit_test(survives_many_jumps),
		cmocka_unit_test(refuses_no_text),     cmocka_unit_test(finds_all_in_real_pythons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
