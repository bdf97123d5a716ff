/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * user_memory.h - how a program reads its process and goes round in it: what py_walk.h and capture.h want
 */
#ifndef USER_MEMORY_H
#define USER_MEMORY_H

/* Must not fault pages in, and does not. */
static __always_inline int read_user(void *dst, __u32 size, __u64 address)
{
	return bpf_probe_read_user(dst, size, (const void *)address);
}

/* What is called is verified once, not once a turn. */
#define walk_loop(turns, callback, context) bpf_loop(turns, callback, context, 0)

#endif
