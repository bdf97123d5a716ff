// SPDX-License-Identifier: BSD-2-Clause
/*
 * session.c - the pipeline on one screen: session__run() near the end; above it, what each step holds
 */
#include "session.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "discover/discover.h"
#include "family.h"
#include "follow.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/stop.h"
#include "outputs.h"
#include "privileges.h"
#include "subject.h"
#include "suppressions.h"

struct session {
	struct cli cli;
	struct subject subjects[CLI_MAX_PIDS];
	size_t subject_count;
	struct outputs outputs;
	struct suppressions suppressions;
	struct tracer *tracer;
	struct probe_prices prices;
	struct regime_options regime;
	struct follow *follow; /* NULL = children are left alone */
	struct family family;
	size_t subject_max;
	size_t not_followed;   /* children for which there was no room */
	pid_t child;           /* that we started, 0 = none */
	bool started_counting; /* the child runs, and there is something to report */
	struct utsname host;
	time_t started;
	double start_s;     /* monotonic */
	double live_cost_s; /* what reading the live table took last time */
	session_use *use;   /* of the final report, NULL = it is shown and written */
	void *use_context;
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

	return subject__module_at(&s->subjects[index], address);
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

static int add_subject(struct session *s, pid_t pid)
{
	return subject__open(&s->subjects[s->subject_count++], pid, sources__wanted(&s->outputs));
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

/* Once a second: of a process that ends, what was seen last is what there is. */
static void observe_all(struct session *s)
{
	for (size_t i = 0; i < s->subject_count; i++)
		if (!s->subjects[i].memory.ended && !s->subjects[i].memory.replaced)
			subject__observe(&s->subjects[i]);
}

/* Before anything is started: from then on no child is missed. */
static int open_follow(struct session *s)
{
	int err = s->cli.follow ? follow__open(&s->follow) : 0;

	for (size_t i = 0; !err && s->follow && i < s->subject_count; i++) {
		follow__add(s->follow, s->subjects[i].target->pid, i);
		family__ask(&s->family);
	}
	return err;
}

/* A child that is a Python, and one that can be traced; the others are no failure. */
static int take_child(void *context, pid_t pid, unsigned int family)
{
	struct session *s = context;
	struct subject *subject = &s->subjects[s->subject_count];
	char problem[256];
	bool found;
	int err;

	if (s->subject_count == s->subject_max) {
		if (!s->not_followed++)
			log__warn("no room for more than %zu processes: further children are not "
				  "traced",
				  s->subject_max);
		return 0;
	}
	log__capture(problem, sizeof(problem));
	found = is_python(pid);
	err = found ? subject__open(subject, pid, sources__wanted(&s->outputs)) : 0;
	log__capture(NULL, 0);
	if (!found)
		return -EAGAIN;
	if (err) {
		subject__close(subject);
		*subject = (struct subject){0};
		log__debug("process %d, a child, is not traced: %s", pid, problem);
		return 0;
	}
	/* From here on it is one of the tracer's, whatever becomes of it. */
	family__add(&s->family, s->subject_count, family);
	err = subject__start(subject, s->tracer, s->subject_count++, &s->regime, s->cli.budget);
	if (!subject->regime) {
		s->subject_max = --s->subject_count; /* no memory; the tracer has it still */
		return 0;
	}
	if (err)
		subject->memory.ended = true;
	else
		subject__count_anew(subject);
	log__info("process %d, a child, is traced from now on", pid);
	return 0;
}

static int start(struct session *s)
{
	size_t probes = 0;
	int err;

	s->regime = (struct regime_options){
		.mode = s->cli.mode,
		.budget = s->cli.budget,
		.sample_bytes = s->cli.sample_bytes,
		.prices = &s->prices,
	};
	for (size_t i = 0; i < s->subject_count; i++) {
		err = subject__start(&s->subjects[i], s->tracer, i, &s->regime, s->cli.budget);
		if (err)
			return err;
		probes += s->subjects[i].plan->probe_count;
	}
	if (s->cli.mode == TRACE_GROWTH && !tracer__has_faults(s->tracer))
		log__warn(
			"this kernel shows no page faults: growth is seen by address space alone");
	privileges__drop(!tracer__has_multi(s->tracer));
	uname(&s->host);
	s->started = time(NULL);
	s->start_s = clock__s();
	tracer__activate(s->tracer);
	for (size_t i = 0; i < s->subject_count; i++)
		subject__count_anew(&s->subjects[i]);
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

	for (size_t i = 0; i < s->subject_count; i++)
		ended += subject__is_over(&s->subjects[i]);
	return ended == s->subject_count;
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
		subject__add_observation(subject, &snapshot->memory[i]);
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
	}
	return err;
}

/* What has been measured is each process's own; what is shown of it may be a family's. */
static int arrange(struct session *s, struct report *report)
{
	return s->cli.merge ? family__merge(&s->family, report) : 0;
}

/* Processes of the report are the first of the subjects, in their order: see family.h. */
static int read_sources(struct session *s, struct report *report)
{
	int err = 0;

	for (size_t i = 0; !err && i < report->process_count; i++)
		err = sources__read(s->subjects[i].sources, &report->processes[i]);
	return err;
}

/* show: to people as well; else it is for the history of growth, and for the heap's turn to be looked into. */
static int refresh(struct session *s, bool show)
{
	struct report report = {0};
	int err;

	observe_all(s);
	err = build_report(s, false, &report);
	if (!err && !s->use)
		err = judge(s, false, &report);
	show &= !s->use && isatty(STDOUT_FILENO);
	if (!err && show)
		err = arrange(s, &report);
	if (!err && show)
		outputs__show(&s->outputs, &report, true);
	else if (!err)
		log__debug("%.0f s: %zu sites", report.duration_s,
			   report.process_count ? report.processes[0].site_count : 0);
	free_report(&report);
	return err;
}

static void follow_process(struct subject *subject)
{
	subject__look_for_libraries(subject);
	regime__tick(subject->regime);
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
				follow_process(&s->subjects[i]);
		if (s->follow)
			follow__step(s->follow, take_child, s);
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

static int show_and_write(struct session *s, const struct report *report)
{
	int failed;

	outputs__show(&s->outputs, report, false);
	failed = outputs__write(&s->outputs, report);
	if (!failed && s->cli.fail_on_leak && analyze__has_leak(report))
		failed = -EXIT_LEAK;
	return failed;
}

/* Of the processes themselves, then as a whole, then what that leads to. */
static int complete_report(struct session *s, struct report *report)
{
	int err = judge(s, true, report);

	if (!err)
		err = arrange(s, report);
	return err ? err : read_sources(s, report);
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
	if (s->use)
		take_out_probes(s);
	else if (!err)
		err = complete_report(s, &report);
	if (err) {
		free_report(&report);
		return log__fail(EXIT_FAILED, "cannot make the report: %s", strerror(-err));
	}
	failed = s->use ? s->use(s->use_context, s->tracer, &report) : show_and_write(s, &report);
	free_report(&report);
	return failed;
}

int session__run(struct session *s)
{
	int (*const steps[])(struct session *) = {
		open_outputs, read_suppressions, check_requirements, calibrate,
		open_tracer,  add_subjects,      open_follow,        start,
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

int session__run_for(struct session *s, session_use *use, void *context)
{
	s->use = use;
	s->use_context = context;
	return session__run(s);
}

struct session *session__new(const struct cli *cli)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s) {
		s->cli = *cli;
		s->subject_max = CLI_MAX_PIDS;
	}
	return s;
}

void session__free(struct session *s)
{
	if (!s)
		return;
	outputs__discard(&s->outputs);
	suppressions__clear(&s->suppressions);
	follow__close(s->follow);
	tracer__free(s->tracer);
	if (s->child && !s->started_counting)
		kill(s->child, SIGKILL); /* nobody would let it go on */
	if (s->child && !waitpid(s->child, NULL, s->started_counting ? WNOHANG : 0))
		log__info("process %d goes on running", s->child);
	for (size_t i = 0; i < s->subject_count; i++)
		subject__close(&s->subjects[i]);
	free(s);
}
