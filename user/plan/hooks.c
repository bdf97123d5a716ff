// SPDX-License-Identifier: BSD-2-Clause
#include "plan/planner.h"

#include "wire.h"

#define ALLOC(size) .role = HOOK_ALLOC, .size_arg = (size)
#define ALLOC_ARRAY(size, count) .role = HOOK_ALLOC, .size_arg = (size), .count_arg = (count)
#define RESIZE(ptr, size) .role = HOOK_REALLOC, .ptr_arg = (ptr), .size_arg = (size)
#define ALLOC_OUT(out, size) .role = HOOK_ALLOC_OUT, .ptr_arg = (out), .size_arg = (size)
#define RELEASE(ptr) .role = HOOK_FREE, .ptr_arg = (ptr)
#define OBJECT .domain = DOMAIN_OBJECT
#define RAW .domain = DOMAIN_RAW

/* The malloc family as libc and its replacements export it, and each replacement's own names for it. */
const struct hook_row hook_table[] = {
	{"malloc", HOOKS_MALLOC, {RAW, ALLOC(1), .flags = HOOK_LEAF_GLIBC}},
	{"calloc", HOOKS_MALLOC, {RAW, ALLOC_ARRAY(2, 1), .flags = HOOK_LEAF_GLIBC}},
	{"realloc", HOOKS_MALLOC, {RAW, RESIZE(1, 2), .flags = HOOK_ZERO_FREES}},
	{"reallocarray",
	 HOOKS_MALLOC,
	 {RAW, RESIZE(1, 3), .count_arg = 2, .flags = HOOK_ZERO_FREES}},
	{"free", HOOKS_MALLOC, {RAW, RELEASE(1), .flags = HOOK_LEAF_GLIBC}},
	{"posix_memalign", HOOKS_MALLOC, {RAW, ALLOC_OUT(1, 3)}},
	{"aligned_alloc", HOOKS_MALLOC, {RAW, ALLOC(2)}},
	{"memalign", HOOKS_MALLOC, {RAW, ALLOC(2)}},
	{"valloc", HOOKS_MALLOC, {RAW, ALLOC(1)}},
	{"pvalloc", HOOKS_MALLOC, {RAW, ALLOC(1)}},
	{"cfree", HOOKS_MALLOC, {RAW, RELEASE(1)}},
	{"free_sized", HOOKS_MALLOC, {RAW, RELEASE(1)}},
	{"free_aligned_sized", HOOKS_MALLOC, {RAW, RELEASE(1)}},

	/* jemalloc's own interface */
	{"mallocx", HOOKS_MALLOC, {RAW, ALLOC(1)}},
	{"rallocx", HOOKS_MALLOC, {RAW, RESIZE(1, 2)}},
	{"dallocx", HOOKS_MALLOC, {RAW, RELEASE(1)}},
	{"sdallocx", HOOKS_MALLOC, {RAW, RELEASE(1)}},

	/* C++ operators; replacements inline malloc's fast path into them (jemalloc since 5.3). */
	{"_Znwm", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_Znam", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_ZnwmRKSt9nothrow_t", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_ZnamRKSt9nothrow_t", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_ZnwmSt11align_val_t", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_ZnamSt11align_val_t", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_ZnwmSt11align_val_tRKSt9nothrow_t", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_ZnamSt11align_val_tRKSt9nothrow_t", HOOKS_OPERATORS, {RAW, ALLOC(1)}},
	{"_ZdlPv", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdaPv", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdlPvm", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdaPvm", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdlPvRKSt9nothrow_t", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdaPvRKSt9nothrow_t", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdlPvSt11align_val_t", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdaPvSt11align_val_t", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdlPvmSt11align_val_t", HOOKS_OPERATORS, {RAW, RELEASE(1)}},
	{"_ZdaPvmSt11align_val_t", HOOKS_OPERATORS, {RAW, RELEASE(1)}},

	/* mimalloc names that are not the family's with a prefix */
	{"mi_malloc_aligned", HOOKS_OWN_NAMES, {RAW, ALLOC(1)}},
	{"mi_zalloc", HOOKS_OWN_NAMES, {RAW, ALLOC(1)}},
	{"mi_mallocn", HOOKS_OWN_NAMES, {RAW, ALLOC_ARRAY(2, 1)}},
	{"mi_new", HOOKS_OWN_NAMES, {RAW, ALLOC(1)}},
	{"mi_reallocf", HOOKS_OWN_NAMES, {RAW, RESIZE(1, 2), .flags = HOOK_FAIL_FREES}},
	{"mi_realloc_aligned", HOOKS_OWN_NAMES, {RAW, RESIZE(1, 2)}},
	{"mi_rezalloc", HOOKS_OWN_NAMES, {RAW, RESIZE(1, 2)}},
	{"mi_zalloc_aligned", HOOKS_OWN_NAMES, {RAW, ALLOC(1)}},
	{"mi_calloc_aligned", HOOKS_OWN_NAMES, {RAW, ALLOC_ARRAY(2, 1)}},
	{"mi_free_size", HOOKS_OWN_NAMES, {RAW, RELEASE(1)}},
	{"mi_free_aligned", HOOKS_OWN_NAMES, {RAW, RELEASE(1)}},
	{"mi_free_size_aligned", HOOKS_OWN_NAMES, {RAW, RELEASE(1)}},

	/* CPython: PyMem_ and PyObject_ share pymalloc since 3.6 */
	{"PyObject_Malloc", HOOKS_OBJECT, {OBJECT, ALLOC(1)}},
	{"PyObject_Calloc", HOOKS_OBJECT, {OBJECT, ALLOC_ARRAY(2, 1)}},
	{"PyObject_Realloc", HOOKS_OBJECT, {OBJECT, RESIZE(1, 2)}},
	{"PyObject_Free", HOOKS_OBJECT, {OBJECT, RELEASE(1)}},
	{"PyMem_Malloc", HOOKS_OBJECT, {OBJECT, ALLOC(1)}},
	{"PyMem_Calloc", HOOKS_OBJECT, {OBJECT, ALLOC_ARRAY(2, 1)}},
	{"PyMem_Realloc", HOOKS_OBJECT, {OBJECT, RESIZE(1, 2)}},
	{"PyMem_Free", HOOKS_OBJECT, {OBJECT, RELEASE(1)}},
	{"PyMem_RawMalloc", HOOKS_MEM_RAW, {RAW, ALLOC(1)}},
	{"PyMem_RawCalloc", HOOKS_MEM_RAW, {RAW, ALLOC_ARRAY(2, 1)}},
	{"PyMem_RawRealloc", HOOKS_MEM_RAW, {RAW, RESIZE(1, 2)}},
	{"PyMem_RawFree", HOOKS_MEM_RAW, {RAW, RELEASE(1)}},
};

const size_t hook_count = sizeof(hook_table) / sizeof(hook_table[0]);

_Static_assert(sizeof(hook_table) / sizeof(hook_table[0]) <= MAX_HOOKS, "hook table");
