/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h - which instruction of which file gets which probe
 */
#ifndef PLAN_H
#define PLAN_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

enum probe_kind {
	PROBE_ENTER,  /* allocation or resize begins */
	PROBE_RETURN, /* it returned */
	PROBE_FREE,   /* release begins */
};

struct probe {
	enum probe_kind kind;
	const char *function; /* name in the hook table, static */
	__u32 hook;           /* row of the hook table */
	int module;           /* index in target.modules */
	__u64 address;        /* ELF virtual address of the function */
	__u64 offset; /* of the probed instruction in the file, as perf_event_open(2) takes it */
};

struct plan {
	struct probe *probes;
	size_t probe_count;
	bool object_count_only;  /* see TARGET_OBJECT_COUNT_ONLY in wire.h */
	size_t object_functions; /* functions of the object and the raw layer that get probes */
	size_t raw_functions;
};

#endif
