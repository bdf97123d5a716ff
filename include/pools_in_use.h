/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pools_in_use.h - how many blocks pymalloc has handed out, by its own books: counted by heap/, held against estimates by trace/
 */
#ifndef POOLS_IN_USE_H
#define POOLS_IN_USE_H

#include <linux/types.h>

/* Block sizes 16, 32 ... 512, the same in CPython 3.8 - 3.14 (Objects/obmalloc.c, pycore_obmalloc.h). */
#define POOL_CLASSES 32
#define POOL_BLOCK_SIZE(class) (((class) + 1) * 16)

struct pools_in_use {
	long long blocks; /* of all classes */
	__u32 of_class[POOL_CLASSES];
};

#endif
