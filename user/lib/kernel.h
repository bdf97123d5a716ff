/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - which Linux this is, as a number
 */
#ifndef KERNEL_H
#define KERNEL_H

#include <linux/types.h>

/* (major << 16) | (minor << 8) | patch, as plan_options.kernel; 0 = cannot be told. Pure. */
__u32 kernel__version(const char *release);

#endif
