/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample_report.h - one report made by hand, with all that is awkward in it
 *
 * Names as a hostile target may choose them; a library that allocates; address space; verdicts of
 * each kind; a second process without Python; figures that were not measured. tests/golden/ holds what each exporter
 * makes of it.
 */
#ifndef SAMPLE_REPORT_H
#define SAMPLE_REPORT_H

#include "report.h"

#define PY(name, where, number)                                                                    \
	{                                                                                          \
		.kind = FRAME_PYTHON, .function = (name), .file = (where),                         \
		.path = "/srv/shop/" where, .line = (number)                                       \
	}
#define NATIVE(name, where, at)                                                                    \
	{                                                                                          \
		.kind = FRAME_NATIVE, .function = (name), .module = (where), .offset = (at)        \
	}
#define NOTE(text)                                                                                 \
	{                                                                                          \
		.kind = FRAME_NOTE, .function = (text)                                             \
	}
#define STACK(where, of, bytes, blocks, age)                                                       \
	{                                                                                          \
		.domain = (where), .frames = (of), .frame_count = sizeof(of) / sizeof(*(of)),      \
		.live_bytes = (bytes), .live_count = (blocks), .alloc_bytes = 2 * (bytes),         \
		.alloc_count = 2 * (blocks), .free_bytes = (bytes), .free_count = (blocks),        \
		.oldest_s = 2 * (age), .median_age_s = (age), .hash = (bytes) ^ 0x5eed             \
	}

#define MIB (1024 * 1024ULL)

#define HOSTILE "<script>alert('\"&x;y\")</script>\n\033[31mred\u202e]]>"

static struct named_frame sample_put[] = {
	NATIVE("PyByteArray_Resize", "libpython3.11.so.1.0", 0x1234),
	PY("Cache.put", "cache.py", 42),
	PY("Handler.handle_request", "handler.py", 118),
	PY("serve_forever", "server.py", 310),
	PY("<module>", "app.py", 12),
};
static struct named_frame sample_put_batch[] = {
	NATIVE("PyByteArray_Resize", "libpython3.11.so.1.0", 0x1234),
	PY("Cache.put", "cache.py", 42),
	PY("Warmer.<lambda>", "warmer.py", 9),
	PY("Thread.run", "threading.py", 975),
	NOTE("[truncated]"),
};
static struct named_frame sample_numpy[] = {
	NATIVE("npy_alloc_cache", "_multiarray_umath.cpython-311-x86_64-linux-gnu.so", 0x40),
	NATIVE(NULL, "_multiarray_umath.cpython-311-x86_64-linux-gnu.so", 0x1a2b),
	PY("Model.predict", "model.py", 77),
	PY("Handler.handle_request", "handler.py", 120),
	PY("serve_forever", "server.py", 310),
	PY("<module>", "app.py", 12),
};
static struct named_frame sample_hostile[] = {
	PY(HOSTILE, "evil;name.py", 7),
	PY("Größe.日本語", "unicodé.py", 1),
	PY("<module>", "app.py", 12),
};
static struct named_frame sample_tiny[] = {
	PY("tick", "app.py", 5),
	PY("<module>", "app.py", 12),
};
static struct named_frame sample_dead[] = {
	PY("Request.__init__", "handler.py", 20),
	PY("<module>", "app.py", 12),
};
static struct named_frame sample_unknown[] = {NOTE("[stack not known]")};
static struct named_frame sample_arena[] = {
	PY("Cache.put", "cache.py", 42),
	PY("<module>", "app.py", 12),
};
static struct named_frame sample_worker[] = {
	NATIVE("g_malloc", "libglib-2.0.so.0", 0x19),
	NATIVE(NULL, NULL, 0x7f00dead),
};

static struct profile_stack sample_stacks[] = {
	STACK(DOMAIN_RAW, sample_put, 64 * MIB, 4096, 14.5),
	STACK(DOMAIN_RAW, sample_put_batch, 16 * MIB, 1024, 9.25),
	STACK(DOMAIN_RAW, sample_numpy, 9 * MIB + 512, 3, 25),
	STACK(DOMAIN_OBJECT, sample_hostile, 3 * MIB, 65536, 0.5),
	STACK(DOMAIN_OBJECT, sample_tiny, 56, 1, -1),
	STACK(DOMAIN_OBJECT, sample_dead, 0, 0, -1),
	STACK(DOMAIN_RAW, sample_unknown, 70000, 12, 3),
	STACK(DOMAIN_MMAP, sample_arena, 81 * MIB, 81, 15),
	STACK(DOMAIN_OBJECT, sample_dead, 0, 0, -1),
};
static struct report_module sample_modules[] = {
	{"python3.11", "/usr/bin/python3.11", 0x400000, 0x500000,
	 "00112233445566778899aabbccddeeff00112233"},
	{"libpython3.11.so.1.0", "/usr/lib/libpython3.11.so.1.0", 0x7f0000000000, 0x7f0000600000,
	 "f00dfeed"},
	{"_multiarray_umath.cpython-311-x86_64-linux-gnu.so",
	 "/srv/" HOSTILE "/_multiarray_umath.cpython-311-x86_64-linux-gnu.so", 0x7f0001000000,
	 0x7f0001200000, NULL},
};
static struct profile_stack sample_worker_stacks[] = {
	STACK(DOMAIN_RAW, sample_worker, 5 * MIB, 5, 20),
};

static const struct census_type sample_types[] = {
	{"bytearray", 4096, 4096 * 56, 64 * MIB},
	{HOSTILE, 512, 28672, 0},
};
static const char *const sample_path[] = {"module app", "app.CACHE (dict, 4,608 entries)",
					  "['" HOSTILE "'] (list)"};
static const struct rss_bridge sample_bridge = {
	.rss = 126248550,
	.python_objects = 84 * MIB,
	.pymalloc_free = 3 * MIB,
	.malloc_in_use = 9 * MIB + 512,
	.malloc_free = 5 * MIB,
	.mmap_anon = 4096,
	.stacks = 2 * MIB,
	.file_backed = 17 * MIB,
	.unexplained = 421990,
};
static struct verdict sample_verdicts[] = {
	{
		.kind = VERDICT_LEAK,
		.cause = CAUSE_UNBOUNDED_CACHE,
		.confidence = 0.97,
		.summary = "Cache.put (cache.py:42) makes bytearray objects that app.CACHE "
			   "(dict, 4,608 entries) keeps: 2.7 MiB/s (225.0 GiB a day).",
		.advice = "Give app.CACHE a bound (functools.lru_cache(maxsize=…), a TTL), or "
			  "delete entries when they are done with.",
		.evidence = {"grew from 1.0 MiB to 80.0 MiB in 30.0 s (24 looks)",
			     "app.CACHE went from 900 to 4,608 entries in 24 s"},
		.evidence_count = 2,
		.site = 1,
		.growth_per_s = 2796202.5,
		.growth_low = 2700000,
		.growth_high = 2850000.5,
		.types = sample_types,
		.type_count = 2,
		.held_by = sample_path,
		.held_by_count = 3,
		.container = "app.CACHE",
		.signature = "0123456789abcdef",
	},
	{
		.kind = VERDICT_SUSPECT,
		.cause = CAUSE_UNKNOWN,
		.confidence = 0.4,
		.summary = HOSTILE " keeps more and more memory",
		.advice = "Look at what this line makes.",
		.site = 3,
		.growth_per_s = 104857.6,
		.growth_low = NAN,
		.growth_high = NAN,
		.signature = "00000000000000ff",
		.suppressed = true,
	},
	{
		.kind = VERDICT_NOT_A_LEAK,
		.cause = CAUSE_FRAGMENTATION,
		.confidence = 0.8,
		.summary = "5.0 MiB of 120.4 MiB RSS are free, but malloc keeps them.",
		.advice = "Call malloc_trim(0) through ctypes after large work.",
		.site = -1,
		.growth_per_s = NAN,
		.growth_low = NAN,
		.growth_high = NAN,
		.signature = "fedcba9876543210",
	},
};

static size_t sample_ids[][2] = {{0, 1}, {2}, {3}, {4}, {5}, {6}, {7}};

#define SITE(number, of, where, bytes, blocks, growth, age, ids, caller)                           \
	{                                                                                          \
		.id = (number), .file = (of).file, .path = (of).path, .function = (of).function,   \
		.module = (of).module, .line = (of).line, .domain = (where),                       \
		.live_bytes = (bytes), .live_count = (blocks), .alloc_bytes = 2 * (bytes),         \
		.alloc_count = 2 * (blocks), .free_bytes = (bytes), .free_count = (blocks),        \
		.growth_per_s = (growth), .oldest_s = 2 * (age), .median_age_s = (age),            \
		.error_pct = NAN, .stacks = sample_ids[ids], .stack_count = (ids) ? 1 : 2,         \
		.native = (caller)                                                                 \
	}

/* A fresh copy of the report; what it points to is static. */
static inline const struct report *sample_report(void)
{
	static const char *allocators[] = {"glibc 2.36"};
	static char *cmdline[] = {"/usr/bin/python3.11", "/srv/shop/app.py", "--port=8080",
				  "a b\"\033]0;owned\a", NULL};
	static char *worker_cmdline[] = {"/usr/libexec/worker", NULL};
	static struct report_probe probes[] = {
		{"malloc", "libc.so.6", "enter", 0, 540},
		{"malloc", "libc.so.6", "return", 0, 600.5},
		{"_PyObject_Malloc", "libpython3.11.so.1.0", "enter", 18, NAN},
		{"free", "libc.so.6", "free", 4, 310},
	};
	static struct report_site sites[7], worker_sites[1];
	static struct report_process processes[2];
	static struct report report;
	const struct report_site made[] = {
		SITE(0, sample_arena[0], DOMAIN_MMAP, 81 * MIB, 81, 2796202.5, 15, 6, NULL),
		SITE(1, sample_put[1], DOMAIN_RAW, 80 * MIB, 5120, 2796202.5, 14.5, 0,
		     &sample_put[0]),
		SITE(2, sample_numpy[2], DOMAIN_RAW, 9 * MIB + 512, 3, 0, 25, 1, &sample_numpy[0]),
		SITE(3, sample_hostile[0], DOMAIN_OBJECT, 3 * MIB, 65536, 104857.6, 0.5, 2, NULL),
		SITE(4, sample_unknown[0], DOMAIN_RAW, 70000, 12, -12, 3, 5, NULL),
		SITE(5, sample_tiny[0], DOMAIN_OBJECT, 56, 1, NAN, -1, 3, NULL),
		SITE(6, sample_dead[0], DOMAIN_OBJECT, 0, 0, 0, -1, 4, NULL),
	};
	const struct report_site worker_made[] = {
		SITE(0, sample_worker[0], DOMAIN_RAW, 5 * MIB, 5, 174762.6, 20, 1, NULL),
	};

	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++)
		sites[i] = made[i];
	sites[1].types = sample_types;
	sites[1].type_count = 2;
	worker_sites[0] = worker_made[0];
	worker_sites[0].stacks = &sample_ids[0][0];
	processes[0] = (struct report_process){
		.pid = 1234,
		.comm = "python3.11",
		.exe = "/usr/bin/python3.11",
		.cgroup = "/system.slice/shop.service",
		.cmdline = cmdline,
		.python_version = "3.11.7",
		.python_allocator = "pymalloc",
		.allocators = allocators,
		.allocator_count = 1,
		.mode = "exact",
		.probes = probes,
		.probe_count = 4,
		.overhead_pct = NAN,
		.scale = 1,
		.coverage = {0.9996, NAN, 1, 1, NULL, "all functions probed", NAN, NAN},
		.lost = {.unmatched_frees = 1204,
			 .truncated_stacks = 2,
			 .unwind_errors = 1,
			 .live_full = 17,
			 .live_full_bytes = 4096,
			 .stacks = 12,
			 .unknown_stacks = 12},
		.memory = {126248550, 42257613, 2799703.4, 512 * MIB, 146.6, 140.2, 153.8,
			   &sample_bridge},
		.verdicts = {sample_verdicts, 3},
		.profile = {sample_stacks, sizeof(sample_stacks) / sizeof(*sample_stacks), NULL},
		.sites = sites,
		.site_count = sizeof(made) / sizeof(*made),
		.modules = sample_modules,
		.module_count = sizeof(sample_modules) / sizeof(*sample_modules),
	};
	processes[1] = (struct report_process){
		.pid = 1240,
		.comm = "work\x1b[2Jer",
		.exe = "/usr/libexec/worker",
		.cmdline = worker_cmdline,
		.mode = "sampled",
		.overhead_pct = 1.4,
		.scale = 64,
		.coverage = {NAN, 0.913, NAN, NAN, NULL, NULL, NAN, NAN},
		.memory = {9437184, REPORT_UNMEASURED, NAN, REPORT_UNMEASURED, NAN, NAN, NAN, NULL},
		.end = "the process exited",
		.profile = {sample_worker_stacks, 1, NULL},
		.sites = worker_sites,
		.site_count = 1,
	};
	worker_sites[0].error_pct = 3.25;
	report = (struct report){
		.version = "0.1.0",
		.host = "shop-1",
		.kernel = "6.1.0-18-amd64",
		.started = "2024-03-01T12:00:00Z",
		.duration_s = 30,
		.processes = processes,
		.process_count = 2,
		.top = 10,
	};
	return &report;
}

#endif
