/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/host.h - every Python on a host: watched from outside for next to nothing, and looked at closely when it grows
 *
 *	host__open(&options, &host);
 *	while (...) {
 *		poll(host__fd(host), ..., host__timeout(host));
 *		host__tick(host);
 *	}
 *	host__close(host);
 *
 * Watching is reading: /proc, and pymalloc's own counts now and then; and growth mode: the host's page faults, of which a few a second and
 * process are recorded with their Python stacks (agent/host_pages.c). No probe is in a process that is only watched. One that grows
 * by evidence is traced in auto mode for a bounded time by a process of our own, whose report is kept; see agent/tracing.h.
 *
 * Strings come from processes that may be hostile: valid UTF-8, bounded, not escaped for anything.
 */
#ifndef AGENT_HOST_H
#define AGENT_HOST_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "analyze/trend.h"
#include "report.h"

struct arena;
struct pages_report;

/* What a trace said, in as much as it is asked for often. Strings are of trace_result.arena. */
struct finding {
	enum verdict_kind kind;
	enum verdict_cause cause;
	double confidence;   /* 0..1 */
	double growth_per_s; /* bytes; NAN = not measured */
	char signature[17];
	const char *file, *function; /* of the site; "" = of the process as a whole */
	int line;                    /* 0 = native, or no site */
	const char *type;            /* the first of its types, "" = none */
	const char *holder; /* the path from the root, " -> " between its steps; "" = none */
	const char *summary, *advice;
	bool suppressed;
};

struct site_figure {
	const char *file, *function; /* of a native site: its module and symbol */
	int line;                    /* 0 = native */
	__u64 live_bytes;
};

/* The last trace of a process. */
struct trace_result {
	char *json; /* the report, schema pyleak.report/1, with this process alone; NUL-terminated; NULL = it was dropped for newer ones */
	size_t json_size;
	time_t at; /* when it ended */
	double duration_s;
	double overhead_pct;      /* NAN = not measured */
	struct report_lost lost;  /* of all traces of the process so far, together */
	struct rss_bridge bridge; /* see has_bridge */
	bool has_bridge;
	struct finding *findings; /* in the report's order */
	size_t finding_count;
	struct site_figure
		*sites; /* by live_bytes, largest first; host_options.max_sites at most */
	size_t site_count;
	size_t sites_left_out;
	struct arena *arena; /* owner of the above, json excepted */
};

enum attention {
	ATTENTION_WATCHED,
	ATTENTION_WAITING, /* grows; others are before it */
	ATTENTION_TRACED,
};

struct host_process {
	pid_t pid;
	__u64 start_time; /* clock ticks since boot: with pid, which process this is */
	uid_t uid;        /* effective */
	char comm[64];
	char *cmdline;      /* arguments with spaces between, cut; "" = none to be read */
	char *cgroup;       /* "" = unknown */
	char python[32];    /* "3.11.2", "" = unknown */
	char *cannot_trace; /* why it can only be watched, for a person; NULL = it can be traced */
	double found_s;     /* when we saw it first, clock__s() */
	enum attention attention;
	/* as last read; REPORT_UNMEASURED or NAN where that is not known */
	long long rss,
		own; /* bytes: resident; and of these those of no file (a leak is among them) */
	struct trend growth;      /* of own, without the start of the process */
	long long limit;          /* bytes: cgroup, rlimit or host, whichever is nearest */
	double seconds_to_limit;  /* at the pace of growth.slope; infinite = it does not grow */
	long long blocks;         /* of pymalloc: handed out */
	long long object_bytes;   /* of these blocks */
	long long pool_free;      /* bytes of pymalloc's arenas that are in no block */
	long long collections[3]; /* of the collector, by generation */
	long long uncollectable;
	/* Which lines took what is there, since it is watched; while it grows. NULL = not known. See pages/pages_report.h. */
	struct pages_report *grown;
	/* traced */
	unsigned int traces;         /* that were made of it */
	struct trace_result *result; /* of the last one, NULL = none yet */
	char *trace_problem;         /* why the last try gave none; NULL */
};

struct host_options {
	/* which processes: NULL or empty = all. Shell patterns (fnmatch). */
	const char *comm, *cgroup, *user, *exclude; /* exclude: comm or cmdline */
	double interval_s;                          /* between readings of a process, default 5 */
	double census_interval_s;                   /* between its counts of blocks, default 60 */
	double trace_s;                             /* how long a trace takes, default 60 */
	double budget; /* most slowdown of a process that is traced, 0.02 */
	double host_budget; /* of one processor: what all traces together may cost their processes, 0.05 */
	size_t max_traced;    /* at a time, default 2 */
	size_t max_processes; /* beyond which further ones are only counted, default 4096 */
	size_t max_sites;     /* that are kept of a trace, default 20 */
	bool growth_stacks;   /* which lines take memory, before a trace: default */
	const char *suppress; /* file of findings not to be counted, NULL = none */
	const char *
		oom_dir; /* where last reports go of processes near their limit, and killed for memory; NULL = nowhere */
	/* Called when a trace has ended; NULL = nobody is. process->result or ->trace_problem says how. */
	void (*traced)(void *context, const struct host_process *process);
	void *context;
};

/* The defaults. */
void host_options__init(struct host_options *options);

/* What the whole costs, and what it could not take in. */
struct host_figures {
	double cpu_s;          /* of this process, its children excepted */
	double children_cpu_s; /* of those that traced */
	__u64 rss;             /* bytes, of this process */
	size_t processes;      /* that are watched */
	size_t traced;         /* now */
	__u64 traces;          /* ended */
	__u64 trace_failures;
	__u64 left_out;    /* Pythons that are not watched: max_processes; at present */
	__u64 events_lost; /* of the kernel's: found by a rescan */
	size_t followed;   /* processes whose page faults are recorded ... */
	__u64 faults_lost; /* ... of these records, those that found the ring full */
	size_t growth_bytes, growth_room; /* kept of these records, of so much at most */
};

struct host;

/* 0, or -exit_status after a line on stderr. options are copied, their strings are not. */
int host__open(const struct host_options *options, struct host **host);

/* From now on these; what is under way goes on as it was. The strings of the former ones are not needed any more. */
void host__set_options(struct host *host, const struct host_options *options);

/* Readable when something has happened (an epoll descriptor, for poll()); the host's own. */
int host__fd(const struct host *host);

/* Milliseconds until host__tick() has something to do though no descriptor is ready. */
int host__timeout(const struct host *host);

/* Does what is due; never blocks for long. 0, or -exit_status after a line on stderr: it cannot go on. */
int host__tick(struct host *host);

/* Processes, in no order; the pointers are good until the next host__tick(). */
size_t host__count(const struct host *host);
const struct host_process *host__at(const struct host *host, size_t index);
/* NULL: no such one is watched. */
const struct host_process *host__find(const struct host *host, pid_t pid);

/* Once a rescan of the host is complete. */
bool host__is_ready(const struct host *host);

void host__figures(const struct host *host, struct host_figures *figures);

/*
 * Which lines took what the process has, as of now; *grown is good until the next call of a function that is not const. 0, -ESRCH: no such
 * process is watched, -ENODATA: nothing is known of it.
 */
int host__grown(struct host *host, pid_t pid, const struct pages_report **grown);

/*
 * Asks for a trace of so many seconds out of turn. 0: it is under way or will be, and its end shows in host_process.traces and
 * .trace_problem; -ESRCH no such process, -EPERM it cannot be traced, -EBUSY as many are waiting as there is room for.
 */
int host__trace(struct host *host, pid_t pid, double seconds);

/* Has the traces that are under way end now, and takes in what they say; takes some seconds, 30 at most. */
void host__finish(struct host *host);

/* Gives up what is under way, and frees everything. NULL is fine. */
void host__close(struct host *host);

#endif
