/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_private.h - what doctor finds out, as data: doctor_*.c fill it in, two writers print it
 */
#ifndef DOCTOR_PRIVATE_H
#define DOCTOR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>
#include <sys/utsname.h>

#include "cli.h"
#include "export/export.h"
#include "plan.h"
#include "target.h"
#include "trace/calibrate.h"

#define MAX_FINDINGS 32
#define MAX_SETTINGS 16

enum answer {
	ANSWER_YES,     /* tried, and it works */
	ANSWER_NO,      /* tried, and it does not */
	ANSWER_UNTRIED, /* could not be tried: detail says why */
};

/* One feature. Text is static, but for detail: what was seen, or what to do; may be empty. */
struct finding {
	const char *name;
	const char *
		since; /* Linux version that brought it; NULL = older than BPF, or no feature of the kernel */
	const char *purpose;
	bool required; /* without it nothing is traced */
	enum answer answer;
	char detail[256];
};

/* A knob or a limit, and what it means to us. */
struct setting {
	const char *name;
	char value[96];
	const char *meaning; /* static */
};

/* One process of the command line. */
struct diagnosis {
	pid_t pid;
	int status;               /* why it cannot be traced, an exit_status; 0 = it can be */
	struct target *target;    /* NULL = not found, or not readable */
	struct plan *plan;        /* NULL = none could be made */
	bool return_probe_hazard; /* a return probe would kill it: none is planned */
	bool stripped;            /* the interpreter's module has no .symtab */
	bool pools_readable;      /* pymalloc's pools are found from outside */
	bool raw_asked;           /* raw_limit is known */
	const char *
		raw_limit; /* why malloc's blocks cannot be followed up from outside; NULL = they can */
};

struct doctor {
	struct utsname host;
	int possible_cpus; /* -1 = not known */
	int status; /* what requirements__check() said; 0 = this kernel and our rights will do */
	struct finding findings[MAX_FINDINGS];
	size_t finding_count;
	struct setting settings[MAX_SETTINGS];
	size_t setting_count;
	int pricing; /* 0, or -errno where nothing could be measured */
	struct probe_prices prices;
	bool multi; /* one link carries many probes */
	struct diagnosis diagnoses[CLI_MAX_PIDS];
	size_t diagnosis_count;
};

/* CPUs in a list of the kernel's: "0-3,8" is five; -1 where it is no such list. Pure. */
int doctor__count_cpus(const char *list);

/* doctor_settings.c: fills settings and possible_cpus. */
void doctor__read_settings(struct doctor *doctor);

/* doctor_features.c: fills host, findings and multi. */
void doctor__examine_kernel(struct doctor *doctor);

/* doctor_process.c: one line on stderr where it cannot be traced. Release with doctor__forget(). */
void doctor__examine_process(const struct doctor *doctor, pid_t pid, struct diagnosis *diagnosis);
void doctor__forget(struct diagnosis *diagnosis);

/* "emulated", "single-stepped", "optimized": static. */
const char *doctor__cost_name(enum probe_cost cost);

/*
 * What a probe is at: "malloc+7", "pymalloc_alloc 0x4f2d1b" where the enclosing function is not known. Returns buffer.
 */
char *doctor__place(const struct probe *probe, char *buffer, size_t size);

/* Probes of that cost in a plan. */
size_t doctor__count_cost(const struct plan *plan, enum probe_cost cost);

/* Writers. Pure but for out. JSON: schema pyleak.doctor/1; 0, or -errno. */
void doctor__print(const struct doctor *doctor, FILE *out, const struct terminal_options *options);
int doctor__write_json(const struct doctor *doctor, FILE *out);

#endif
