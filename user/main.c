// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - the pipeline on one screen: run() at the end; above it, what each step holds
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyze/assemble.h"
#include "census_mode.h"
#include "cli.h"
#include "discover/discover.h"
#include "doctor/doctor.h"
#include "heap/pools.h"
#include "heap/rss.h"
#include "inspection.h"
#include "lib/clock.h"
#include "lib/kernel.h"
#include "lib/log.h"
#include "lib/stop.h"
#include "look/look.h"
#include "outputs.h"
#include "plan/planner.h"
#include "privileges.h"
#include "regime/regime.h"
#include "sources.h"
#include "suppressions.h"
#include "symbolize/symbolize.h"
#include "trace/trace.h"

/* One process and what each stage keeps of it. */
struct subject {
	struct target *target;
	struct plan *plan;
	struct pools *pools; /* NULL = pymalloc's pools were not found */
	struct symbolizer *symbolizer;
	struct history *history;
	struct regime *regime;
	struct inspection inspection;
	struct sources *sources; /* NULL = no output shows source */
	struct memory_info memory;
	double last_refresh_s; /* of the modules */
};

struct session {
	struct cli cli;
	struct subject subjects[CLI_MAX_PIDS];
	size_t subject_count;
	struct outputs outputs;
	struct suppressions suppressions;
	struct tracer *tracer;
	struct probe_prices prices;
	pid_t child;           /* that we started, 0 = none */
	bool started_counting; /* the child runs, and there is something to report */
	struct utsname host;
	time_t started;
	double start_s;     /* monotonic */
	double live_cost_s; /* what reading the live table took last time */
};

/* How often growth is noted, at least where that is cheap: a line through few points proves nothing. */
#define NOTE_EVERY_S 1.0

static int open_outputs(struct session *s)
{
	return outputs__open(s->cli.outputs, s->cli.output_count, &s->outputs);
}

static int read_suppressions(struct session *s)
{
	return s->cli.suppress ? suppressions__read(s->cli.suppress, &s->suppressions) : 0;
}

static int check_requirements(struct session *s)
{
	(void)s;
	return requirements__check();
}

static int module_at(void *context, __u32 index, __u64 address)
{
	struct session *s = context;
	struct subject *subject = &s->subjects[index];
	int module = target__module_at(subject->target, address);

	/* Perhaps loaded since; a process may not make us read its maps without end. */
	if (module < 0 && clock__s() - subject->last_refresh_s > 0.2) {
		target__refresh_modules(subject->target);
		subject->last_refresh_s = clock__s();
		module = target__module_at(subject->target, address);
	}
	return module;
}

/* What a probe costs here. Without that the governor takes what it usually is. */
static int calibrate(struct session *s)
{
	int err = 0;

	s->prices = (struct probe_prices){NAN, NAN, NAN, NAN, NAN, NAN};
	if (s->cli.mode != TRACE_GROWTH) /* which uses none */
		err = tracer__calibrate(&s->prices);
	if (err)
		log__debug("the cost of a probe could not be measured: %s", strerror(-err));
	return 0;
}

static int open_tracer(struct session *s)
{
	struct hook hooks[MAX_HOOKS];
	struct tracer_options options = {
		.hooks = hooks,
		.hook_count = hook_count,
		.live_max = s->cli.live_max,
		.stacks_max = s->cli.stacks_max,
		.module_at = module_at,
		.module_context = s,
	};

	for (size_t i = 0; i < hook_count; i++)
		hooks[i] = hook_table[i].hook;
	return tracer__open(&options, &s->tracer);
}

static bool is_python(pid_t pid)
{
	struct target *target;
	bool found;

	if (target__discover(pid, &target))
		return false;
	found = target->python.flavour != PYTHON_NONE;
	target__free(target);
	return found;
}

static int make_plan(struct subject *subject)
{
	struct utsname host;
	struct plan_options options = {
		.kernel = uname(&host) ? 0 : kernel__version(host.release),
		.no_return_probes = target__return_probe_hazard(subject->target),
	};
	int err = plan__make(subject->target, &options, &subject->plan);

	if (err)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: no allocator function to probe was found (%s)",
				 subject->target->pid, strerror(-err));
	if (options.no_return_probes)
		log__warn("process %d is under seccomp, and this kernel would kill it at a return "
			  "probe: none is used, %zu functions are left out",
			  subject->target->pid, subject->plan->no_place);
	return 0;
}

static int add_subject(struct session *s, pid_t pid)
{
	struct subject *subject = &s->subjects[s->subject_count];
	int err = target__discover(pid, &subject->target);

	if (err)
		return err;
	s->subject_count++;
	err = target__supported(subject->target);
	if (err)
		return err;
	err = make_plan(subject);
	if (err)
		return err;
	subject->symbolizer = symbolizer__new();
	subject->history = history__new();
	if (sources__wanted(&s->outputs))
		subject->sources = sources__open(pid);
	if (!subject->symbolizer || !subject->history)
		return log__fail(EXIT_FAILED, "no memory");
	return 0;
}

static int add_subjects(struct session *s)
{
	int err;

	if (s->cli.command) {
		err = tracer__launch(s->tracer, s->cli.command, is_python, &s->child);
		if (err)
			return err;
		return add_subject(s, s->child);
	}
	for (size_t i = 0; i < s->cli.pid_count; i++) {
		err = add_subject(s, s->cli.pids[i]);
		if (err)
			return err;
	}
	return 0;
}

/* What can be seen of a process from outside; keeps the last figures of one that has ended. */
static void observe(struct session *s, size_t index)
{
	struct subject *subject = &s->subjects[index];
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
		tracer__bound_live(s->tracer, index, &in_use);
	}
}

/* Where counting begins; the pools were found before, which takes a moment. */
static void count_blocks_anew(struct subject *subject)
{
	struct memory_info *memory = &subject->memory;
	struct pools_in_use in_use;

	if (subject->pools && !pools__in_use(subject->pools, &in_use))
		memory->pool_blocks_start = memory->pool_blocks = in_use.blocks;
}

/* Once a second: of a process that ends, what was seen last is what there is. */
static void observe_all(struct session *s)
{
	for (size_t i = 0; i < s->subject_count; i++)
		if (!s->subjects[i].memory.ended && !s->subjects[i].memory.replaced)
			observe(s, i);
}

static int start_subject(struct session *s, size_t index)
{
	struct subject *subject = &s->subjects[index];
	struct regime_options options = {
		.mode = s->cli.mode,
		.budget = s->cli.budget,
		.sample_bytes = s->cli.sample_bytes,
		.prices = &s->prices,
	};
	int err = tracer__add(s->tracer, index, subject->target, subject->plan);

	if (err)
		return err;
	/* A Python that has not started yet has no blocks. */
	subject->memory.pool_blocks = -1;
	subject->memory.pool_blocks_start = subject->target->python.initialized ? -1 : 0;
	observe(s, index);
	subject->regime = regime__new(s->tracer, index, subject->target, subject->plan,
				      &subject->pools, &options);
	if (!subject->regime || inspection__open(s->tracer, index, subject->target, &subject->pools,
						 s->cli.budget, &subject->inspection))
		return log__fail(EXIT_FAILED, "no memory");
	return regime__start(subject->regime);
}

static int start(struct session *s)
{
	size_t probes = 0;
	int err;

	for (size_t i = 0; i < s->subject_count; i++) {
		err = start_subject(s, i);
		if (err)
			return err;
		probes += s->subjects[i].plan->probe_count;
	}
	if (s->cli.mode == TRACE_GROWTH && !tracer__has_faults(s->tracer))
		log__warn(
			"this kernel shows no page faults: growth is seen by address space alone");
	privileges__drop();
	uname(&s->host);
	s->started = time(NULL);
	s->start_s = clock__s();
	tracer__activate(s->tracer);
	for (size_t i = 0; i < s->subject_count; i++)
		count_blocks_anew(&s->subjects[i]);
	s->started_counting = true;
	if (s->child)
		tracer__resume(s->child);
	log__info("tracing started: %zu %s, %zu probes, mode %s; Ctrl-C ends it and reports",
		  s->subject_count, s->subject_count == 1 ? "process" : "processes", probes,
		  trace_mode__name(s->cli.mode));
	return 0;
}

/* Whether no process is left to trace. */
static bool all_ended(struct session *s)
{
	size_t ended = 0;

	for (size_t i = 0; i < s->subject_count; i++) {
		struct subject *subject = &s->subjects[i];
		struct pollfd gone = {.fd = subject->target->pidfd, .events = POLLIN};

		if (!subject->memory.ended && poll(&gone, 1, 0) == 1)
			subject->memory.ended = true;
		if (!subject->memory.replaced && tracer__replaced(s->tracer, i))
			subject->memory.replaced = true;
		ended += subject->memory.ended || subject->memory.replaced;
	}
	return ended == s->subject_count;
}

/* The tracer measures the address space; the rest was observed here. */
static void add_observation(struct memory_info *to, const struct memory_info *seen)
{
	to->rss = seen->rss;
	to->rss_start = seen->rss_start;
	to->pool_blocks_start = seen->pool_blocks_start;
	to->pool_blocks = seen->pool_blocks;
	to->ended = seen->ended;
	to->replaced = seen->replaced;
}

static void free_report(struct report *report)
{
	for (size_t i = 0; i < report->process_count; i++)
		profile__free(&report->processes[i].profile);
	assemble__end(report);
}

static int build_report(struct session *s, bool final, struct report *report)
{
	bool with_live = final || s->cli.mode != TRACE_EXACT || s->cli.older_s > 0 ||
			 s->live_cost_s < s->cli.interval_s / 20;
	double before_s = clock__s(), duration_s = before_s - s->start_s;
	struct snapshot *snapshot;
	int err;

	for (size_t i = 0; i < s->subject_count; i++)
		regime__set_scale(s->subjects[i].regime);
	err = tracer__snapshot(s->tracer, with_live, s->cli.older_s, &snapshot);
	if (err)
		return err;
	if (with_live)
		s->live_cost_s = clock__s() - before_s;

	err = assemble__begin(report, s->subject_count, s->started, duration_s);
	report->host = s->host.nodename;
	report->kernel = s->host.release;
	report->top = s->cli.top;
	report->min_size = s->cli.min_size;
	for (size_t i = 0; !err && i < s->subject_count; i++) {
		struct subject *subject = &s->subjects[i];
		struct report_process *process = &report->processes[i];

		regime__state(subject->regime, &process->tracing);
		add_observation(&snapshot->memory[i], &subject->memory);
		err = symbolize__profile(snapshot, subject->target, i, subject->symbolizer,
					 &process->profile);
		if (!err)
			err = assemble__process(snapshot, i, subject->target, subject->plan,
						subject->history, duration_s, process);
	}
	snapshot__free(snapshot);
	return err;
}

/* Nothing counts any more: no need that the processes go on paying for the probes. */
static void take_out_probes(struct session *s)
{
	for (size_t i = 0; i < s->subject_count; i++)
		for (int layer = 0; layer < HEAP_LAYERS; layer++)
			tracer__attach(s->tracer, i, layer, PROBES_NONE);
}

/* What the heaps of the processes say: of a final report, when they have been looked into once more. */
static int judge(struct session *s, bool final, struct report *report)
{
	int err = 0;

	if (final)
		take_out_probes(s);
	for (size_t i = 0; !err && i < s->subject_count; i++) {
		struct subject *subject = &s->subjects[i];
		struct report_process *process = &report->processes[i];

		if (final)
			inspection__finish(&subject->inspection, process, report->duration_s);
		err = inspection__judge(&subject->inspection, subject->history, &s->suppressions,
					process);
		if (!err && !final)
			inspection__consider(&subject->inspection, process, report->duration_s);
		if (!err && final)
			err = sources__read(subject->sources, process);
	}
	return err;
}

/* show: to people as well; else it is for the history of growth, and for the heap's turn to be looked into. */
static int refresh(struct session *s, bool show)
{
	struct report report = {0};
	int err;

	observe_all(s);
	err = build_report(s, false, &report);
	if (!err)
		err = judge(s, false, &report);
	if (!err && show && isatty(STDOUT_FILENO))
		outputs__show(&s->outputs, &report, true);
	else if (!err)
		log__debug("%.0f s: %zu sites", report.duration_s,
			   report.process_count ? report.processes[0].site_count : 0);
	free_report(&report);
	return err;
}

static int watch(struct session *s)
{
	double next_s = s->start_s + s->cli.interval_s, next_look_s = s->start_s + 0.1, now_s;
	double next_note_s = s->start_s + NOTE_EVERY_S, cost_s;
	int err;

	while (!stop__requested() && !all_ended(s)) {
		err = tracer__poll(s->tracer, 50);
		for (size_t i = 0; i < s->subject_count; i++)
			if (!s->subjects[i].memory.ended && !s->subjects[i].memory.replaced)
				regime__tick(s->subjects[i].regime);
		now_s = clock__s();
		if (now_s >= next_look_s) {
			observe_all(s);
			next_look_s = now_s + 1;
		}
		if (!err && s->cli.duration_s && now_s - s->start_s >= s->cli.duration_s)
			break;
		if (!err && now_s >= fmin(next_s, next_note_s)) {
			err = refresh(s, now_s >= next_s);
			cost_s = clock__s() - now_s;
			if (now_s >= next_s)
				next_s = clock__s() + fmax(s->cli.interval_s, 10 * cost_s);
			next_note_s = clock__s() + fmax(NOTE_EVERY_S, 20 * cost_s);
		}
		if (err)
			return log__fail(EXIT_FAILED, "cannot read the maps: %s", strerror(-err));
	}
	return 0;
}

static int finish(struct session *s)
{
	struct report report = {0};
	int err, failed;

	all_ended(s);
	observe_all(s);
	for (size_t i = 0; i < s->subject_count; i++)
		regime__finish(s->subjects[i].regime);
	tracer__deactivate(s->tracer);
	err = build_report(s, true, &report);
	if (!err)
		err = judge(s, true, &report);
	if (err) {
		free_report(&report);
		return log__fail(EXIT_FAILED, "cannot make the report: %s", strerror(-err));
	}
	outputs__show(&s->outputs, &report, false);
	failed = outputs__write(&s->outputs, &report);
	if (!failed && s->cli.fail_on_leak && analyze__has_leak(&report))
		failed = -EXIT_LEAK;
	free_report(&report);
	return failed;
}

static int run(struct session *s)
{
	int (*const steps[])(struct session *) = {
		open_outputs,
		read_suppressions,
		check_requirements,
		calibrate,
		open_tracer,
		add_subjects,
		start,
		watch,
	};
	int err = 0, failed = 0;

	for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](s);
		if (!err && stop__requested() && !s->started_counting)
			err = log__fail(EXIT_FAILED, "stopped before tracing began");
	}
	/* Whatever happened while watching, what was counted until then is reported. */
	if (s->started_counting)
		failed = finish(s);
	return err ? err : failed;
}

static void close_session(struct session *s)
{
	outputs__discard(&s->outputs);
	suppressions__clear(&s->suppressions);
	tracer__free(s->tracer);
	if (s->child && !s->started_counting)
		kill(s->child, SIGKILL); /* nobody would let it go on */
	if (s->child && !waitpid(s->child, NULL, s->started_counting ? WNOHANG : 0))
		log__info("process %d goes on running", s->child);
	for (size_t i = 0; i < s->subject_count; i++) {
		struct subject *subject = &s->subjects[i];

		inspection__close(&subject->inspection);
		sources__close(subject->sources);
		regime__free(subject->regime);
		history__free(subject->history);
		symbolizer__free(subject->symbolizer);
		pools__close(subject->pools);
		plan__free(subject->plan);
		target__free(subject->target);
	}
	free(s);
}

/* Where no probe is allowed there is still what reading alone tells: unless a mode was asked for that is more than that. */
static int trace(struct session *s)
{
	int err = 0;

	if (s->cli.mode == TRACE_AUTO && !s->cli.command) {
		err = requirements__check();
		if (err == -EXIT_CANNOT_TRACE) {
			log__warn("going on without probes: types, holders and layers of memory, "
				  "no lines");
			s->cli.mode = TRACE_CENSUS;
		}
	}
	return s->cli.mode == TRACE_CENSUS ? census_mode__run(&s->cli) : run(s);
}

/* Those that trace nothing; see struct cli. */
static int (*const subcommands[])(const struct cli *) = {
	[SUBCOMMAND_DOCTOR] = doctor__run,
	[SUBCOMMAND_HEAP] = heap__run,
	[SUBCOMMAND_WHO] = who__run,
};

int main(int argc, char **argv)
{
	struct session *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return EXIT_FAILED;
	err = cli__parse(argc, argv, &s->cli);
	log__set_level(s->cli.verbosity);
	stop__catch();
	if (!err && !s->cli.done)
		err = s->cli.subcommand ? subcommands[s->cli.subcommand](&s->cli) : trace(s);
	close_session(s);
	return -err;
}
