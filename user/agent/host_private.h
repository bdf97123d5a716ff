/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/host_private.h - what the parts of host.c share
 */
#ifndef AGENT_HOST_PRIVATE_H
#define AGENT_HOST_PRIVATE_H

#include <sys/utsname.h>
#include <uthash.h>

#include "agent/growth.h"
#include "agent/host.h"
#include "agent/python_counts.h"
#include "agent/pythons.h"
#include "agent/tracing.h"
#include "pages/page_sample.h"
#include "pages/pages_report.h"
#include "trace/growth_events.h"
#include "trace/host_events.h"

/* A process in the table. */
struct watched {
	struct host_process shown;
	struct python_identity identity; /* owner of the strings in shown */
	int pidfd;                       /* in host.epoll: readable when it has ended */
	struct growth growth;
	double next_read_s, next_limit_s, next_census_s;
	/* whether to trace it */
	double suspicion;        /* bytes a second, 0 = none */
	double next_trace_s;     /* not before then, unless asked for */
	unsigned int longer;     /* times the usual length that its next trace takes */
	double pause_s;          /* what was waited last, for nothing */
	double asked_s;          /* a trace of so many seconds was asked for; 0 = none was */
	double room, used;       /* bytes until the limit, and resident, when the limit was read */
	__u64 limit_hits;        /* allocations that had met the limit then */
	bool own_limit;          /* of its cgroup or its own, not the host's */
	bool pressed;            /* the limit was met or waited for between the last two readings */
	bool near_limit;         /* its last report should be there before it is killed */
	double next_near_s;      /* not before then is that said again */
	struct tracing *tracing; /* NULL = not traced now */
	bool killed_for_memory;
	bool silent;               /* its memory does not answer: it is not asked */
	struct page_sample *pages; /* that it has taken; NULL = they are not followed */
	double pages_since_s, looked_s, next_grown_s;
	struct watched *next; /* in host.ending */
	UT_hash_handle hh;
};

/* A process that may be a Python: looked at when it has lived a moment, as most do not. */
struct candidate {
	pid_t pid;
	double due_s;
	unsigned int tries;
};

#define CANDIDATES 8192

/* A process whose memory did not answer. */
struct silent {
	pid_t pid;
	__u64 start_time;
	__u64 owner;
};

#define SILENT_MOST 64

struct host {
	struct host_options options;
	int epoll;
	struct host_events
		*events; /* NULL = the kernel does not tell us: found by scanning alone */
	struct patience *patience;
	struct pythons *pythons;           /* NULL = it went with an answer that did not come */
	struct silent silent[SILENT_MOST]; /* a ring */
	size_t silent_count;
	struct growth_events *growth; /* NULL = nobody's page faults are recorded */
	struct code_store *codes;     /* what these name */
	double next_pages_s;
	struct utsname system;
	double count_credit_s, counted_s; /* see count_blocks() */
	struct watched *table;            /* uthash, by pid */
	struct watched **list;            /* the same, for host__at() */
	size_t count, room;
	struct watched *
		ending; /* that are no more, but their trace is about to say what it saw; in no table */
	/* a ring: added at the end, due in about that order */
	struct candidate candidates[CANDIDATES];
	size_t first, candidate_count;
	__u8 *others; /* a bit a pid: seen, and no Python */
	__u32 pid_max;
	double next_scan_s, next_events_s;
	unsigned int scans;
	bool scanned;
	size_t first_scan; /* candidates of the first scan, and before it, that are still to be looked at */
	size_t left_out;
	__u64 events_lost;
	size_t traced;
	__u64 traces, trace_failures;
	size_t json_bytes; /* of all results */
	double children_cpu_s;
};

/* ---- host_find.c: which processes there are ---- */

int finder__open(struct host *host);
void finder__close(struct host *host);
/* Takes in events, scans when that is due, looks at candidates that have lived long enough. */
void finder__step(struct host *host, double now_s);
/* When it has something to do next. */
double finder__due(const struct host *host);
/* Whether this process is one of those that are to be watched. */
bool finder__wants(const struct host_options *options, const struct python_identity *identity);

/* ---- host_ask.c: what their memory is asked for, which may never answer ---- */

int host_ask__open(struct host *host);
void host_ask__close(struct host *host);
/* As pythons__identify(); -EPERM also where it does not answer, which takes some seconds once. */
int host_ask__identify(struct host *host, pid_t pid, struct python_identity *identity);
/* As python_counts__read(). -ETIMEDOUT: it does not answer, and is not to be asked again. */
int host_ask__count(struct host *host, struct watched *watched, struct python_counts *counts);

/* ---- host_table.c ---- */

/* Takes identity over in any case. 0, -ESRCH, -ENOSPC: max_processes, or -ENOMEM. */
int host__add(struct host *host, struct python_identity *identity, double now_s);
/* It is no more. Its trace, if one is under way, may say what it saw until then. */
void host__remove(struct host *host, struct watched *watched);
void watched__free(struct host *host, struct watched *watched);
struct watched *host__watched(const struct host *host, pid_t pid);
#define host__watched_of(process) ((struct watched *)(process))

/* ---- host_watch.c: what can be seen of them ---- */

/* Reads what is due. False: it has ended. */
bool watched__read(struct watched *watched, const struct host_options *options, double now_s);
/* Reads its own books: how many blocks, how often collected. */
void watched__count(struct host *host, struct watched *watched);
/* Whether it fills a limit of its own, or of its cgroup; not one of many that the host has no room for. */
bool watched__may_be_killed(const struct watched *watched);

/* ---- host_pages.c: which lines take what stays ---- */

/* As the options say, for those that are watched already as well. */
void host_pages__switch(struct host *host, double now_s);
void host_pages__close(struct host *host);
/* From now on; until it is left, or executes another program. */
void host_pages__follow(struct host *host, struct watched *watched, double now_s);
void host_pages__leave(struct host *host, struct watched *watched);
void host_pages__free(struct watched *watched);
/* Takes in what has come of all processes. */
void host_pages__read(struct host *host, double now_s);
/* What of it is still there, as far as that is due; shown.grown of one that grows. */
void host_pages__step(struct host *host, struct watched *watched, double now_s);
/* shown.grown as of now, with what has come since it was read last. */
void host_pages__now(struct host *host, struct watched *watched, double now_s);

/* ---- host_choose.c: who is traced ---- */

/* Takes in what traces say, and starts those whose turn it is. */
void chooser__step(struct host *host, double now_s);
/* Steps the traces alone. False: none is under way. */
bool chooser__follow(struct host *host);

/* ---- host_oom.c: what is left of those that are killed for memory ---- */

/* It is being killed: writes what is known of it to options.oom_dir, at once or when its trace has ended. */
void oom__victim(struct host *host, struct watched *watched);
/* It may be killed soon: the same, as long as it is there; a line in the log names the file. */
void oom__near(struct host *host, struct watched *watched, double now_s);
/* Its trace has ended. */
void oom__traced(struct host *host, struct watched *watched);

#endif
