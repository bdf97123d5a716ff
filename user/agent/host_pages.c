// SPDX-License-Identifier: BSD-2-Clause
/*
 * host_pages.c - which lines take what stays, of every process that is watched and before it is traced: growth mode, for a whole host
 *
 * See bpf/growth.bpf.c for what comes, pages/page_sample.h for what is kept of it. What is kept of all processes together is bounded.
 */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "agent/host_private.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"
#include "pages/page_state.h"

#define STORE_MOST (16u << 20) /* bytes, of all samples and code objects */
#define READ_EVERY_S 1.0       /* so much the ring holds of a host of busy processes */
#define REFRESH_EVERY_S 15.0
#define FULL (SAMPLE_PAGES * 3 / 4) /* what is gone makes room before records are joined */

static void begin(struct host *host)
{
	int err = -ENOMEM;

	uname(&host->system);
	host->codes = code_store__new(STORE_MOST);
	if (host->codes)
		err = growth_events__open(host->options.max_processes, &host->growth);
	if (err)
		log__warn("no stacks of growth before a process is traced: %s",
			  err == -ENOENT ? "this kernel has no tracepoint of page faults"
					 : strerror(-err));
	/* The kernel's type information, which loading programs takes, is not needed any more. */
	malloc_trim(0);
}

void host_pages__close(struct host *host)
{
	growth_events__close(host->growth);
	code_store__free(host->codes);
	host->growth = NULL;
	host->codes = NULL;
}

void host_pages__switch(struct host *host, double now_s)
{
	if (host->options.growth_stacks == (host->codes != NULL))
		return;
	if (!host->options.growth_stacks) {
		for (size_t i = 0; i < host->count; i++)
			host_pages__free(host->list[i]);
		for (struct watched *ending = host->ending; ending; ending = ending->next)
			host_pages__free(ending);
		host_pages__close(host);
		return;
	}
	begin(host);
	for (size_t i = 0; i < host->count; i++)
		host_pages__follow(host, host->list[i], now_s);
}

void host_pages__follow(struct host *host, struct watched *watched, double now_s)
{
	const struct python_identity *identity = &watched->identity;

	if (!host->growth || identity->cannot_trace || identity->details.flavour != PYTHON_OK)
		return;
	watched->pages = page_sample__new(host->codes, identity->start_time ^ identity->pid);
	if (!watched->pages)
		return;
	watched->pages_since_s = now_s;
	if (growth_events__watch(host->growth, identity->pid, &identity->details)) {
		page_sample__free(watched->pages);
		watched->pages = NULL;
	}
}

void host_pages__leave(struct host *host, struct watched *watched)
{
	if (watched->pages)
		growth_events__leave(host->growth, watched->shown.pid);
}

void host_pages__free(struct watched *watched)
{
	pages_report__free(watched->shown.grown);
	page_sample__free(watched->pages);
	watched->shown.grown = NULL;
	watched->pages = NULL;
}

/* ---- what comes ---- */

/* NULL: it is not watched any more. */
static struct page_sample *sample_of(const struct host *host, __u32 pid)
{
	struct watched *watched = host__watched(host, pid);

	return watched ? watched->pages : NULL;
}

static void take_code(void *context, const struct code_message *code)
{
	struct host *host = context;
	struct page_sample *sample = sample_of(host, code->target);

	if (!sample || !page_sample__code(sample, code))
		growth_events__forget_code(host->growth, code->target, code->code_key);
}

static void take_more(void *context, const struct code_more_message *more)
{
	struct page_sample *sample = sample_of(context, more->target);

	if (sample)
		page_sample__more(sample, more);
}

static void take_fault(void *context, const struct growth_fault *fault)
{
	struct page_sample *sample = sample_of(context, fault->stack.key.target);

	if (sample)
		page_sample__add(sample, fault, clock__s());
}

static void take_retaken(void *context, const struct growth_retaken *retaken)
{
	struct page_sample *sample = sample_of(context, retaken->pid);

	if (sample)
		page_sample__forget(sample, retaken->address);
}

void host_pages__read(struct host *host, double now_s)
{
	const struct growth_receiver receiver = {
		.code = take_code,
		.more = take_more,
		.fault = take_fault,
		.retaken = take_retaken,
		.context = host,
	};

	if (!host->growth || now_s < host->next_pages_s)
		return;
	host->next_pages_s = now_s + READ_EVERY_S;
	growth_events__read(host->growth, &receiver);
}

/* ---- what is still there ---- */

struct forgetting {
	struct host *host;
	pid_t pid;
};

static void forget_code(void *context, __u64 code_key)
{
	const struct forgetting *forgetting = context;

	growth_events__forget_code(forgetting->host->growth, forgetting->pid, code_key);
}

static void look(struct host *host, struct watched *watched, enum page_look which, double now_s)
{
	struct forgetting forgetting = {.host = host, .pid = watched->shown.pid};
	int fd = -1;

	if (which == LOOK_AT_ALL)
		watched->looked_s = now_s;
	/* Of one that is being killed the kernel has begun to take the pages: what was known of it counts. */
	if (page_sample__pages(watched->pages) && !watched->killed_for_memory)
		fd = page_state__open(watched->shown.pid);
	if (fd < 0)
		return; /* it has ended: what was seen last is what there is */
	page_sample__look(watched->pages, which, now_s, page_state__look, &fd);
	close(fd);
	if (which == LOOK_AT_ALL)
		page_sample__tidy(watched->pages, forget_code, &forgetting);
}

static void describe(const struct host *host, const struct watched *watched,
		     struct pages_report *grown)
{
	const struct host_process *process = &watched->shown;
	struct report_process *to = &grown->process;

	grown->report.host = host->system.nodename;
	grown->report.kernel = host->system.release;
	text__time(time(NULL) - (time_t)grown->report.duration_s, grown->report.started,
		   sizeof(grown->report.started));
	to->pid = process->pid;
	to->comm = process->comm;
	to->cgroup = process->cgroup;
	grown->cmdline[0] = process->cmdline && *process->cmdline ? process->cmdline : NULL;
	to->memory.rss = process->rss;
	to->memory.growth_per_s = process->growth.slope;
	to->memory.limit = process->limit;
	to->memory.seconds_to_limit = process->seconds_to_limit;
}

static void refresh(struct host *host, struct watched *watched, double now_s)
{
	const struct pages_report_order order = {
		.python = &watched->identity.details,
		.since_s = watched->pages_since_s,
		.now_s = now_s,
		.most = watched->shown.own == REPORT_UNMEASURED ? NAN : watched->shown.own,
		.unsettled = watched->near_limit || watched->killed_for_memory,
	};
	struct pages_report *grown;

	watched->next_grown_s = now_s + REFRESH_EVERY_S;
	if (!watched->pages || !page_sample__pages(watched->pages))
		return;
	look(host, watched, LOOK_AT_ALL, now_s);
	if (pages_report__make(watched->pages, &order, &grown))
		return;
	describe(host, watched, grown);
	pages_report__free(watched->shown.grown);
	watched->shown.grown = grown;
}

/* Whether all records are to be looked at: what is gone makes room, which one that takes memory needs sooner. */
static bool is_due(const struct host *host, const struct watched *watched, double now_s)
{
	bool full =
		page_sample__pages(watched->pages) > FULL && page_sample__unsettled(watched->pages);

	return now_s - watched->looked_s >=
	       (full ? REFRESH_EVERY_S : host->options.census_interval_s);
}

void host_pages__step(struct host *host, struct watched *watched, double now_s)
{
	bool grows = watched->shown.growth.low > 0 || watched->near_limit;

	if (!watched->pages)
		return;
	if (grows && now_s >= watched->next_grown_s)
		refresh(host, watched, now_s);
	else if (is_due(host, watched, now_s))
		look(host, watched, LOOK_AT_ALL, now_s);
	else if (page_sample__unsettled(watched->pages))
		look(host, watched, LOOK_AT_UNSETTLED, now_s);
	/* What it was is no news any more. */
	if (!grows && watched->shown.grown && now_s >= watched->next_grown_s) {
		pages_report__free(watched->shown.grown);
		watched->shown.grown = NULL;
	}
}

void host_pages__now(struct host *host, struct watched *watched, double now_s)
{
	host->next_pages_s = 0;
	host_pages__read(host, now_s);
	refresh(host, watched, now_s);
}

int host__grown(struct host *host, pid_t pid, const struct pages_report **grown)
{
	struct watched *watched = host__watched(host, pid);

	if (!watched)
		return -ESRCH;
	host_pages__now(host, watched, clock__s());
	*grown = watched->shown.grown;
	return *grown ? 0 : -ENODATA;
}
