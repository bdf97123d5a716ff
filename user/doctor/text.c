// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_text.c - the diagnosis for a person: aligned lines, wrapped at the terminal's width
 */
#include "doctor/private.h"

#include <math.h>
#include <string.h>

#include "export/terminal.h"
#include "lib/text.h"
#include "plan/planner.h"

#define NAME_COLUMN 11
#define SINCE_COLUMN 36
#define TEXT_COLUMN 44
#define VALUE_COLUMN 30
#define MEANING_COLUMN 44
#define FACT_TEXT 17
#define WORD_MAX 128

#define PLACE_COLUMN 20

/* Printable text from the line's column on, wrapped between words to column indent. */
static void put_words(struct line *line, enum style style, const char *text, size_t indent)
{
	char word[WORD_MAX];

	while (*text) {
		size_t length = strcspn(text, " ");

		snprintf(word, sizeof(word), "%.*s",
			 (int)(length < sizeof(word) ? length : sizeof(word) - 1), text);
		if (line->column > indent && text__columns(word) + 1 > line__room(line)) {
			line__end(line);
			line__pad(line, indent);
		} else if (line->column > indent) {
			line__put(line, style, " ");
		}
		line__put(line, style, word);
		text += length + strspn(text + length, " ");
	}
}

static void heading(struct line *line, const char *text)
{
	line__end(line);
	line__put(line, STYLE_BOLD, text);
	line__end(line);
}

/* said: the detail printed last; many rows may have the same one. */
static void print_finding(struct line *line, const struct finding *finding, const char **said)
{
	static const struct {
		const char *word;
		enum style style;
	} answers[] = {
		[ANSWER_YES] = {"yes", STYLE_PLAIN},
		[ANSWER_NO] = {"no", STYLE_WARN},
		[ANSWER_UNTRIED] = {"untried", STYLE_DIM},
	};
	enum style style = finding->required && finding->answer == ANSWER_NO
				   ? STYLE_HOT
				   : answers[finding->answer].style;

	line__pad(line, INDENT);
	line__put(line, style, answers[finding->answer].word);
	line__pad(line, NAME_COLUMN);
	line__put(line, STYLE_PLAIN, finding->name);
	line__pad(line, SINCE_COLUMN);
	line__put(line, STYLE_DIM, finding->since ? finding->since : "");
	line__pad(line, TEXT_COLUMN);
	put_words(line, STYLE_PLAIN, finding->purpose, TEXT_COLUMN);
	line__end(line);
	if (!finding->detail[0] || !strcmp(finding->detail, *said))
		return;
	*said = finding->detail;
	line__pad(line, NAME_COLUMN);
	put_words(line, style, finding->detail, NAME_COLUMN);
	line__end(line);
}

static void print_findings(struct line *line, const struct doctor *doctor, bool required)
{
	const char *said = "";

	line__end(line);
	line__put(line, STYLE_BOLD, required ? "Needed" : "Makes tracing cheaper, or shows more");
	line__pad(line, SINCE_COLUMN);
	if (required)
		line__put(line, STYLE_DIM, "since   what for; tried out just now");
	line__end(line);
	for (size_t i = 0; i < doctor->finding_count; i++)
		if (doctor->findings[i].required == required)
			print_finding(line, &doctor->findings[i], &said);
}

static void print_settings(struct line *line, const struct doctor *doctor)
{
	heading(line, "Settings");
	for (size_t i = 0; i < doctor->setting_count; i++) {
		const struct setting *setting = &doctor->settings[i];

		line__pad(line, INDENT);
		line__put(line, STYLE_PLAIN, setting->name);
		line__pad(line, VALUE_COLUMN);
		line__put(line, STYLE_BOLD, setting->value);
		if (line->column + 1 < MEANING_COLUMN)
			line__pad(line, MEANING_COLUMN);
		else
			line__put(line, STYLE_PLAIN, "  ");
		put_words(line, STYLE_PLAIN, setting->meaning, MEANING_COLUMN);
		line__end(line);
	}
}

static void print_price(struct line *line, const char *name, double ns)
{
	char hits[32];

	line__pad(line, INDENT);
	line__put(line, STYLE_PLAIN, name);
	line__pad(line, VALUE_COLUMN);
	if (isfinite(ns) && ns > 0)
		line__printf(line, STYLE_PLAIN,
			     "%5.0f ns a hit; 1 %% of a CPU pays for %s a second", ns,
			     text__count((__u64)(1e7 / ns), hits, sizeof(hits)));
	else
		line__put(line, STYLE_DIM, "not measured");
	line__end(line);
}

static void print_prices(struct line *line, const struct doctor *doctor)
{
	const struct probe_prices *prices = &doctor->prices;
	char text[160];

	heading(line, "Prices, measured on this machine just now (a program that only counts)");
	if (doctor->pricing) {
		line__pad(line, INDENT);
		snprintf(text, sizeof(text), "could not be measured: %s",
			 strerror(-doctor->pricing));
		put_words(line, STYLE_WARN, text, INDENT);
		line__end(line);
		return;
	}
	print_price(line, "emulated instruction", prices->emulated_ns);
	print_price(line, "single-stepped one", prices->stepped_ns);
	print_price(line, "5-byte nop", prices->optimized_ns);
	print_price(line, "enter and return probe", prices->return_ns);
	line__pad(line, INDENT);
	line__put(line, STYLE_PLAIN, "100 probes");
	line__pad(line, VALUE_COLUMN);
	snprintf(text, sizeof(text), "%.1f ms to attach, %.1f ms to detach, %s", prices->attach_ms,
		 prices->detach_ms, doctor->multi ? "in one link" : "one by one");
	put_words(line, STYLE_PLAIN, text, VALUE_COLUMN);
	line__end(line);
}

static void fact(struct line *line, const char *name, enum style style, const char *text)
{
	line__pad(line, INDENT);
	line__put(line, STYLE_DIM, name);
	line__pad(line, FACT_TEXT);
	put_words(line, style, text, FACT_TEXT);
	line__end(line);
}

static void print_python(struct line *line, const struct diagnosis *diagnosis)
{
	const struct target *target = diagnosis->target;
	const struct python *python = &target->python;
	char text[512], name[128] = "?";
	size_t used;

	if (python->flavour == PYTHON_NONE)
		return;
	if (python->module >= 0)
		text__printable(target->modules[python->module].name, name, sizeof(name));
	snprintf(text, sizeof(text), "CPython %s in %s (%s%s)",
		 python->version[0] ? python->version : "of unknown version", name,
		 strncmp(name, "libpython", 9) ? "static" : "shared library",
		 diagnosis->stripped ? ", stripped" : "");
	fact(line, "Python", STYLE_PLAIN, text);
	used = snprintf(text, sizeof(text), "%s",
			python->allocator[0] ? python->allocator
					     : "Python's allocator is not known");
	for (size_t i = 0; i < target->allocator_count && used < sizeof(text); i++)
		used += snprintf(text + used, sizeof(text) - used, ", %s",
				 text__printable(target->allocators[i].name, name, sizeof(name)));
	fact(line, "allocators", STYLE_PLAIN, text);
}

static void print_objects(struct line *line, const struct plan *plan)
{
	char text[256];

	if (plan->no_pymalloc)
		snprintf(text, sizeof(text), "served by malloc: nothing else to probe");
	else if (plan->pool_sites)
		snprintf(text, sizeof(text),
			 "all, on pymalloc's own paths: %zu copies of allocation, %zu of a pool's "
			 "first "
			 "block, %zu of release; %zu without a place for a probe",
			 plan->pool_allocs, plan->pool_fresh, plan->pool_frees,
			 plan->pool_incomplete);
	else if (plan->object_functions)
		snprintf(text, sizeof(text), "by %zu exported functions%s", plan->object_functions,
			 plan->object_count_only
				 ? ", which see part only: pymalloc's paths were not found"
				 : "");
	else
		snprintf(text, sizeof(text),
			 "none: neither pymalloc's paths nor its functions were found");
	fact(line, "objects", plan->pool_sites || plan->no_pymalloc ? STYLE_PLAIN : STYLE_WARN,
	     text);
}

static void print_layers(struct line *line, const struct diagnosis *diagnosis)
{
	const struct plan *plan = diagnosis->plan;
	char text[320];

	print_objects(line, plan);
	snprintf(text, sizeof(text), "by %zu function%s", plan->raw_functions,
		 plan->raw_functions == 1 ? "" : "s");
	fact(line, "malloc", plan->raw_functions ? STYLE_PLAIN : STYLE_WARN, text);
	fact(line, "address space", STYLE_PLAIN, "by tracepoints, no probe in the process");
	snprintf(text, sizeof(text), "%s; %s",
		 diagnosis->pools_readable ? "pymalloc's pools are read"
					   : "pymalloc's pools were not found",
		 !diagnosis->raw_asked  ? "malloc's books could not be read"
		 : diagnosis->raw_limit ? diagnosis->raw_limit
					: "malloc's books are read");
	fact(line, "from outside", STYLE_PLAIN, text);
	if (plan->no_place) {
		snprintf(text, sizeof(text), "%zu function%s without a safe place for a probe%s",
			 plan->no_place, plan->no_place == 1 ? "" : "s",
			 diagnosis->return_probe_hazard ? " other than a return probe" : "");
		fact(line, "left out", STYLE_WARN, text);
	}
}

static double planned_attach_ms(const struct doctor *doctor, const struct plan *plan)
{
	double of_100_ms = doctor->prices.attach_ms;

	return doctor->multi ? of_100_ms : of_100_ms * plan->probe_count / 100;
}

static void print_totals(struct line *line, const struct doctor *doctor, const struct plan *plan)
{
	static const enum probe_cost costs[] = {COST_EMULATED, COST_STEPPED, COST_OPTIMIZED};
	char text[256];
	size_t used = snprintf(text, sizeof(text), "%zu:", plan->probe_count), count;
	const char *comma = "";

	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]) && used < sizeof(text); i++) {
		count = doctor__count_cost(plan, costs[i]);
		if (!count)
			continue;
		used += snprintf(text + used, sizeof(text) - used, "%s %zu %s", comma, count,
				 doctor__cost_name(costs[i]));
		comma = ",";
	}
	if (!doctor->pricing && isfinite(doctor->prices.attach_ms) && used < sizeof(text))
		snprintf(text + used, sizeof(text) - used, "; attaching takes about %.1f ms",
			 planned_attach_ms(doctor, plan));
	fact(line, "probes", STYLE_PLAIN, text);
}

/* Width of the widest place of a plan. */
static size_t widest_place(const struct plan *plan)
{
	size_t widest = 0;
	char text[96];

	for (size_t i = 0; i < plan->probe_count; i++) {
		size_t width = strlen(doctor__place(&plan->probes[i], text, sizeof(text)));

		widest = width > widest ? width : widest;
	}
	return widest;
}

/* Probes of one kind in one file, put where they are for one reason. */
static bool same_group(const struct probe *a, const struct probe *b)
{
	return a->kind == b->kind && a->module == b->module && a->why == b->why;
}

static bool begins_group(const struct plan *plan, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (same_group(&plan->probes[i], &plan->probes[index]))
			return false;
	return true;
}

static void print_probe(struct line *line, const struct probe *probe, size_t instruction_column)
{
	char text[96];

	line__pad(line, 2 * INDENT);
	line__put(line, probe->cost == COST_STEPPED ? STYLE_WARN : STYLE_PLAIN,
		  doctor__cost_name(probe->cost));
	line__pad(line, PLACE_COLUMN);
	line__put(line, STYLE_PLACE, doctor__place(probe, text, sizeof(text)));
	line__pad(line, instruction_column);
	line__put(line, STYLE_PLAIN, probe->instruction);
	line__end(line);
}

/* The head of a group says which kind of probe, in which file, and why there. */
static void print_group(struct line *line, const struct target *target, const struct plan *plan,
			size_t first, size_t instruction_column)
{
	const struct probe *probe = &plan->probes[first];
	char text[160], name[96];
	size_t count = 0;

	for (size_t i = first; i < plan->probe_count; i++)
		count += same_group(probe, &plan->probes[i]);
	text__printable(target->modules[probe->module].name, name, sizeof(name));
	snprintf(text, sizeof(text), "%s, %zu in %s:", probe_kind__name(probe->kind), count, name);
	line__pad(line, INDENT);
	put_words(line, STYLE_BOLD, text, 2 * INDENT);
	put_words(line, STYLE_PLAIN, probe->why ? probe->why : "", 2 * INDENT);
	line__end(line);
	for (size_t i = first; i < plan->probe_count; i++)
		if (same_group(probe, &plan->probes[i]))
			print_probe(line, &plan->probes[i], instruction_column);
}

static void print_probes(struct line *line, const struct target *target, const struct plan *plan)
{
	size_t column = PLACE_COLUMN + widest_place(plan) + 2;

	for (size_t i = 0; i < plan->probe_count; i++)
		if (begins_group(plan, i))
			print_group(line, target, plan, i, column);
}

static void print_diagnosis(struct line *line, const struct doctor *doctor,
			    const struct diagnosis *diagnosis)
{
	static const char *const seccomp[] = {"none", "strict", "a filter"};
	const struct target *target = diagnosis->target;
	char text[160], name[96];

	if (target)
		snprintf(text, sizeof(text), "Process %d (%s)", diagnosis->pid,
			 text__printable(target->comm, name, sizeof(name)));
	else
		snprintf(text, sizeof(text), "Process %d", diagnosis->pid);
	heading(line, text);
	if (diagnosis->status)
		fact(line, "traceable", STYLE_HOT, "no, for the reason on stderr");
	if (!target)
		return;
	print_python(line, diagnosis);
	snprintf(text, sizeof(text), "%s%s",
		 target->seccomp >= 0 && target->seccomp <= 2 ? seccomp[target->seccomp] : "?",
		 diagnosis->return_probe_hazard
			 ? ": this kernel would kill it at a return probe, so that none is used"
			 : "");
	fact(line, "seccomp", diagnosis->return_probe_hazard ? STYLE_WARN : STYLE_PLAIN, text);
	if (!diagnosis->plan)
		return;
	print_layers(line, diagnosis);
	print_totals(line, doctor, diagnosis->plan);
	print_probes(line, target, diagnosis->plan);
}

void doctor__print(const struct doctor *doctor, FILE *out, const struct terminal_options *options)
{
	struct line line;

	line__start(&line, out, options);
	line__printf(&line, STYLE_BOLD, "pyleak-bpf %s on Linux %s, %s", PYLEAK_VERSION,
		     doctor->host.release, doctor->host.machine);
	if (doctor->possible_cpus > 0)
		line__printf(&line, STYLE_PLAIN, ", %d CPU%s", doctor->possible_cpus,
			     doctor->possible_cpus == 1 ? "" : "s");
	line__end(&line);
	put_words(&line, doctor->status ? STYLE_HOT : STYLE_PLAIN,
		  doctor->status ? "Cannot trace here, for the reason on stderr."
				 : "Can trace here.",
		  0);
	line__end(&line);
	print_findings(&line, doctor, true);
	print_findings(&line, doctor, false);
	print_settings(&line, doctor);
	print_prices(&line, doctor);
	for (size_t i = 0; i < doctor->diagnosis_count; i++)
		print_diagnosis(&line, doctor, &doctor->diagnoses[i]);
}
