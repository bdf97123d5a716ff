// SPDX-License-Identifier: BSD-2-Clause
#include "subject.h"

#include <math.h>
#include <poll.h>
#include <string.h>
#include <sys/utsname.h>

#include "discover/discover.h"
#include "heap/pools.h"
#include "heap/rss.h"
#include "lib/clock.h"
#include "lib/kernel.h"
#include "lib/log.h"

static int make_plan(struct subject *subject)
{
	struct plan_options *options = &subject->plan_options;
	struct utsname host;
	int err;

	*options = (struct plan_options){
		.kernel = uname(&host) ? 0 : kernel__version(host.release),
		.no_return_probes = target__return_probe_hazard(subject->target),
	};
	err = plan__make(subject->target, options, &subject->plan);
	if (err)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: no allocator function to probe was found (%s)",
				 subject->target->pid, strerror(-err));
	if (options->no_return_probes)
		log__warn("process %d is under seccomp, and this kernel would kill it at a return "
			  "probe: none is used, %zu functions are left out",
			  subject->target->pid, subject->plan->no_place);
	return 0;
}

int subject__open(struct subject *subject, pid_t pid, bool with_sources)
{
	int err = target__discover(pid, &subject->target);

	if (!err)
		err = target__supported(subject->target);
	if (!err)
		err = make_plan(subject);
	if (err)
		return err;
	subject->symbolizer = symbolizer__new();
	subject->history = history__new();
	if (with_sources)
		subject->sources = sources__open(pid);
	if (!subject->symbolizer || !subject->history)
		return log__fail(EXIT_FAILED, "no memory");
	return 0;
}

int subject__start(struct subject *subject, struct tracer *tracer, __u32 index,
		   const struct regime_options *options, double budget)
{
	int err = tracer__add(tracer, index, subject->target, subject->plan);

	if (err)
		return err;
	subject->tracer = tracer;
	subject->index = index;
	/* A Python that has not started yet has no blocks. */
	subject->memory.pool_blocks = -1;
	subject->memory.pool_blocks_start = subject->target->python.initialized ? -1 : 0;
	subject__observe(subject);
	subject->regime = regime__new(tracer, index, subject->target, subject->plan,
				      &subject->pools, options);
	if (!subject->regime || inspection__open(tracer, index, subject->target, &subject->pools,
						 budget, &subject->inspection))
		return log__fail(EXIT_FAILED, "no memory");
	return regime__start(subject->regime);
}

void subject__count_anew(struct subject *subject)
{
	struct memory_info *memory = &subject->memory;
	struct pools_in_use in_use;

	if (subject->pools && !pools__in_use(subject->pools, &in_use))
		memory->pool_blocks_start = memory->pool_blocks = in_use.blocks;
}

void subject__observe(struct subject *subject)
{
	struct memory_info *memory = &subject->memory;
	struct pools_in_use in_use;

	if (!rss__read(subject->target->pid, &memory->rss) && !memory->rss_start)
		memory->rss_start = memory->rss;
	if (!subject->pools && subject->target->python.flavour == PYTHON_OK)
		pools__open(subject->target, &subject->pools);
	if (subject->pools && !pools__in_use(subject->pools, &in_use)) {
		if (memory->pool_blocks_start < 0)
			memory->pool_blocks_start = in_use.blocks;
		memory->pool_blocks = in_use.blocks;
		tracer__bound_live(subject->tracer, subject->index, &in_use);
	}
}

/* Code is mapped before a library's own begins to run, and it may be the first of many libraries. */
#define LOOK_EVERY_S 0.2

void subject__look_for_libraries(struct subject *subject)
{
	struct plan *plan = subject->plan;
	__u32 code_maps = tracer__code_maps(subject->tracer, subject->index);
	double now_s = clock__s();
	size_t before = plan->probe_count;
	int err;

	if (code_maps == subject->code_maps || now_s < subject->next_look_s)
		return;
	subject->code_maps = code_maps;
	err = target__refresh_modules(subject->target);
	if (!err)
		err = plan__extend(plan, subject->target, &subject->plan_options);
	subject->next_look_s = clock__s() + fmax(LOOK_EVERY_S, 20 * (clock__s() - now_s));
	if (err || plan->probe_count == before)
		return; /* it may be about to end */
	log__info("process %d has loaded an allocator: %zu probes more", subject->target->pid,
		  plan->probe_count - before);
	tracer__extend(subject->tracer, subject->index, before);
}

bool subject__is_over(struct subject *subject)
{
	struct pollfd gone = {.fd = subject->target->pidfd, .events = POLLIN};

	if (!subject->memory.ended && poll(&gone, 1, 0) == 1)
		subject->memory.ended = true;
	if (!subject->memory.replaced && tracer__replaced(subject->tracer, subject->index))
		subject->memory.replaced = true;
	return subject->memory.ended || subject->memory.replaced;
}

int subject__module_at(struct subject *subject, __u64 address)
{
	int module = target__module_at(subject->target, address);

	/* Perhaps loaded since; a process may not make us read its maps without end. */
	if (module < 0 && clock__s() - subject->last_refresh_s > 0.2) {
		target__refresh_modules(subject->target);
		subject->last_refresh_s = clock__s();
		module = target__module_at(subject->target, address);
	}
	return module;
}

void subject__add_observation(const struct subject *subject, struct memory_info *to)
{
	const struct memory_info *seen = &subject->memory;

	to->rss = seen->rss;
	to->rss_start = seen->rss_start;
	to->pool_blocks_start = seen->pool_blocks_start;
	to->pool_blocks = seen->pool_blocks;
	to->ended = seen->ended;
	to->replaced = seen->replaced;
}

void subject__close(struct subject *subject)
{
	inspection__close(&subject->inspection);
	sources__close(subject->sources);
	regime__free(subject->regime);
	history__free(subject->history);
	symbolizer__free(subject->symbolizer);
	pools__close(subject->pools);
	plan__free(subject->plan);
	target__free(subject->target);
}
