// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_text.c - a verdict in words
 *
 * Names are the target's, cut where they are too long, and not escaped: that is the exporters' task.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analyze/verdicts.h"
#include "lib/arena.h"
#include "lib/text.h"

#define NAME_MOST 160 /* bytes of a name within a sentence */
#define TYPES_KEPT 8
#define DAY 86400

/* Cuts text of size bytes where a character ends; it may have been cut within one. */
static void cut_whole(char *text, size_t size)
{
	size_t from = size;

	while (from && ((unsigned char)text[from - 1] & 0xc0) == 0x80)
		from--;
	if (from && (unsigned char)text[from - 1] >= 0xc0) {
		const char *next = &text[from - 1];

		text[size] = '\0';
		text__next(&next);
		if (next != &text[size] || next == &text[from])
			text[from - 1] = '\0';
	}
	text[size] = '\0';
}

const char *judge__say(struct judge *judge, const char *format, ...)
{
	char text[SAID_MAX];
	const char *kept;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (length >= (int)sizeof(text))
		cut_whole(text, sizeof(text) - 1);
	kept = arena__intern(judge->arena, text);
	judge->no_memory |= !kept;
	return kept ? kept : "";
}

const char *judge__name(struct judge *judge, const char *name)
{
	char text[NAME_MOST + 4];
	size_t length = name ? strnlen(name, NAME_MOST + 1) : 0;

	if (length <= NAME_MOST)
		return judge__say(judge, "%s", name ? name : "?");
	memcpy(text, name, NAME_MOST);
	cut_whole(text, NAME_MOST);
	strcat(text, "…");
	return judge__say(judge, "%s", text);
}

/* .../lib/python3.11/json/decoder.py, .../lib64/python3.12/..., .../lib/python311.zip/...; not .../lib/python-service/app.py. */
static bool is_in_folder_of(const char *path, const char *folder)
{
	for (const char *at = path; (at = strstr(at, folder));) {
		at += strlen(folder);
		if (isdigit((unsigned char)*at))
			return true;
	}
	return false;
}

bool path__is_library(const char *path)
{
	return !path || path[0] == '<' || is_in_folder_of(path, "/lib/python") ||
	       is_in_folder_of(path, "/lib64/python") || strstr(path, "/site-packages/") ||
	       strstr(path, "/dist-packages/");
}

/* Of what a library's line does, the innermost line of the program's own that asked for it; NULL: it is its own, or nobody's. */
static const struct named_frame *on_behalf_of(const struct judge *judge,
					      const struct report_site *site)
{
	const struct profile *profile = &judge->process->profile;
	const struct profile_stack *stack;

	if (!site->path || !path__is_library(site->path) || !site->stack_count ||
	    site->stacks[0] >= profile->stack_count)
		return NULL;
	stack = &profile->stacks[site->stacks[0]];
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct named_frame *frame = &stack->frames[i];

		if (frame->kind == FRAME_PYTHON && !path__is_library(frame->path))
			return frame;
	}
	return NULL;
}

static const char *line_text(struct judge *judge, const char *function, const char *file, int line)
{
	return judge__say(judge, "%s (%s:%d)", judge__name(judge, function),
			  judge__name(judge, file), line);
}

static const char *place(struct judge *judge, const struct growing *growing)
{
	const struct named_frame *caller;

	const struct report_site *site = growing->site;

	if (!site)
		return growing->type ? judge__name(judge, growing->type) : "the process";
	caller = on_behalf_of(judge, site);
	if (site->file && site->line > 0 && caller)
		return judge__say(judge, "%s for %s",
				  line_text(judge, site->function, site->file, site->line),
				  line_text(judge, caller->function, caller->file, caller->line));
	if (site->file && site->line > 0)
		return line_text(judge, site->function, site->file, site->line);
	if (site->file)
		return judge__say(judge, "%s (%s)", judge__name(judge, site->function),
				  judge__name(judge, site->file));
	if (site->function && site->module)
		return judge__say(judge, "%s (%s)", judge__name(judge, site->function),
				  judge__name(judge, site->module));
	if (site->module)
		return judge__say(judge, "%s+0x%llx", judge__name(judge, site->module),
				  (unsigned long long)site->offset);
	return judge__name(judge, site->function);
}

const char *judge__bytes(struct judge *judge, double bytes)
{
	char text[32];

	return judge__say(judge, "%s", text__bytes(bytes, text, sizeof(text)));
}

static const char *pace_text(struct judge *judge, const struct course *course)
{
	return judge__say(judge, "%s/s (%s a day)", judge__bytes(judge, course->trend.slope),
			  judge__bytes(judge, course->trend.slope * DAY));
}

const char *judge__count(struct judge *judge, double number)
{
	char text[32];

	if (!(number >= 0) || number > 1e18)
		return "?";
	return judge__say(judge, "%s", text__count(number, text, sizeof(text)));
}

/* "dict" and such, of which all programs are full, say less than what comes after. */
static const char *objects_text(struct judge *judge, const struct growing *growing)
{
	const struct evidence_site *about = growing->about;

	if (!about->type_count)
		return "memory";
	return judge__say(judge, "%s", judge__name(judge, about->types[0].name));
}

const char *judge__container(struct judge *judge, const struct evidence_holder *holder)
{
	if (holder->container && holder->container_type && holder->last_length > 0)
		return judge__say(judge, "%s (%s, %s entries)",
				  judge__name(judge, holder->container),
				  judge__name(judge, holder->container_type),
				  judge__count(judge, holder->last_length));
	if (holder->container)
		return judge__name(judge, holder->container);
	return holder->path_count ? judge__name(judge, holder->path[0]) : "an unknown holder";
}

static const char *module_text(struct judge *judge, const struct growing *growing)
{
	const struct report_site *site = growing->site;

	if (!site)
		return "an extension module";
	if (site->native && !judge__foreign(judge, site->native->module))
		return "the C code that is called there"; /* it asked Python for memory */
	if (site->native && site->native->module)
		return judge__say(
			judge, "%s%s%s",
			site->native->function ? judge__name(judge, site->native->function) : "",
			site->native->function ? " of " : "",
			judge__name(judge, site->native->module));
	return judge__name(judge, site->module);
}

/* --- summary and advice --- */

static const char *ended_summary(struct judge *judge, const struct growing *growing,
				 const struct finding *finding)
{
	const char *where = place(judge, growing),
		   *held = judge__bytes(judge, growing->course.last);

	if (finding->cause == CAUSE_LARGE_DATA)
		return judge__say(judge,
				  "%s holds %s, nearly all of it taken at once; it does not grow.",
				  where, held);
	if (finding->cause == CAUSE_WARMUP)
		return judge__say(judge, "%s grew to %s while warming up, and has stopped.", where,
				  held);
	if (finding->fills_s > 0)
		return judge__say(
			judge, "%s fills %s; that is full at %s entries, in %.0f s at this pace.",
			where, judge__container(judge, finding->holder),
			judge__count(judge, finding->holder->bound), finding->fills_s);
	return judge__say(judge,
			  "%s fills %s, which keeps its length: old entries go as new ones come.",
			  where, judge__container(judge, finding->holder));
}

static const char *held_summary(struct judge *judge, const struct growing *growing,
				const struct finding *finding, const char *pace)
{
	const char *where = place(judge, growing);

	/* A type is its own place. */
	if (!growing->site)
		return judge__say(judge, "%s objects grow by %s, kept by %s.", where, pace,
				  judge__container(judge, finding->holder));
	return judge__say(judge, "%s makes %s objects that %s keeps: %s.", where,
			  objects_text(judge, growing), judge__container(judge, finding->holder),
			  pace);
}

static const char *summary(struct judge *judge, const struct growing *growing,
			   const struct finding *finding)
{
	const char *where = place(judge, growing), *pace = pace_text(judge, &growing->course);
	const char *what = objects_text(judge, growing);

	switch (finding->cause) {
	case CAUSE_UNBOUNDED_CACHE:
	case CAUSE_OBJECT_RETENTION:
		return held_summary(judge, growing, finding, pace);
	case CAUSE_UNCOLLECTED_CYCLE:
		return judge__say(judge,
				  "%s: %s in cycles of references that nobody uses and the "
				  "collector has not freed, %s.",
				  where, what, pace);
	case CAUSE_REFCOUNT_LEAK:
		return judge__say(judge,
				  "%s: %s that no Python object refers to stays alive by a "
				  "reference of C code, %s.",
				  where, what, pace);
	case CAUSE_NATIVE_LEAK:
		return judge__say(judge,
				  "%s: %s allocates memory that no Python object owns and does not "
				  "free it, %s.",
				  where, module_text(judge, growing), pace);
	case CAUSE_MMAP_LEAK:
		return judge__say(judge, "%s maps memory and does not unmap it, %s.", where, pace);
	case CAUSE_THREAD_LEAK:
		if (finding->holder)
			return judge__say(
				judge,
				"%s makes %s that threads keep which do not end, and there "
				"are more and more of them: %s.",
				where, objects_text(judge, growing), pace);
		return judge__say(judge, "%s starts threads that do not end; their stacks take %s.",
				  where, pace);
	case CAUSE_BOUNDED_CACHE:
	case CAUSE_WARMUP:
	case CAUSE_LARGE_DATA:
		return ended_summary(judge, growing, finding);
	default:
		return judge__say(judge, "%s keeps more and more %s: %s.", where, what, pace);
	}
}

static const char *cycle_advice(struct judge *judge)
{
	const struct evidence *evidence = judge->evidence;

	if (evidence->gc_known && !evidence->gc_enabled)
		return "The collector is off: call gc.enable(), or gc.collect() now and then; or "
		       "break the cycles (weakref).";
	if (evidence->cycles_stay)
		return "Break the cycles with weakref or by clearing attributes; look at "
		       "gc.freeze(), gc.garbage and the thresholds.";
	return "The collector will free them in time; gc.collect() now and then, lower thresholds "
	       "or weakref keep it smaller.";
}

static const char *advice(struct judge *judge, const struct growing *growing,
			  const struct finding *finding)
{
	const struct evidence_holder *holder = finding->holder;

	switch (finding->cause) {
	case CAUSE_UNBOUNDED_CACHE:
		return judge__say(judge,
				  "Give %s a bound (functools.lru_cache(maxsize=…), a TTL), or "
				  "delete entries when they are done with.",
				  judge__name(judge, holder->container));
	case CAUSE_OBJECT_RETENTION:
		return judge__say(judge, "Remove what is done with from %s, or hold it by weakref.",
				  holder->container ? judge__name(judge, holder->container)
						    : judge__container(judge, holder));
	case CAUSE_UNCOLLECTED_CYCLE:
		return cycle_advice(judge);
	case CAUSE_REFCOUNT_LEAK:
		return "Look in the extension that makes or takes them for a missing Py_DECREF, or "
		       "for a reference kept on purpose.";
	case CAUSE_NATIVE_LEAK:
		return judge__say(judge,
				  "Look in %s for a missing free(), or for a close() that Python "
				  "code has to call.",
				  module_text(judge, growing));
	case CAUSE_MMAP_LEAK:
		return "Close what maps (mmap.close(), shared memory, buffers of libraries), with "
		       "a with-statement where there is one.";
	case CAUSE_THREAD_LEAK:
		return "Let the threads return and join them, or use one pool for all work.";
	case CAUSE_BOUNDED_CACHE:
		return "Nothing to do; a smaller bound takes less memory.";
	case CAUSE_WARMUP:
		return "Nothing to do; look again when it has worked for longer.";
	case CAUSE_LARGE_DATA:
		return "If it is needed only once, drop it after use or read the data in parts.";
	default:
		return "Look at what this line makes and who is given it; a longer run says more.";
	}
}

/* --- what is shown beside the words --- */

static void list_types(struct judge *judge, struct verdict *verdict,
		       const struct evidence_site *about)
{
	size_t count = about->type_count < TYPES_KEPT ? about->type_count : TYPES_KEPT;
	struct census_type *types = arena__alloc(judge->arena, count + 1, sizeof(*types));

	judge->no_memory |= !types;
	for (size_t i = 0; types && i < count; i++) {
		types[i] = about->types[i];
		types[i].name = judge__name(judge, about->types[i].name);
	}
	verdict->types = types;
	verdict->type_count = types ? count : 0;
}

static void list_path(struct judge *judge, struct verdict *verdict,
		      const struct evidence_holder *holder)
{
	size_t count = holder->path_count < EVIDENCE_PATH ? holder->path_count : EVIDENCE_PATH;
	const char **path = arena__alloc(judge->arena, count + 1, sizeof(*path));

	judge->no_memory |= !path;
	for (size_t i = 0; path && i < count; i++)
		path[i] = judge__name(judge, holder->path[i]);
	verdict->held_by = path;
	verdict->held_by_count = path ? count : 0;
}

static double finite_or_nan(double number)
{
	return isfinite(number) ? number : NAN;
}

void verdict__word(struct judge *judge, struct verdict *verdict, const struct growing *growing,
		   const struct finding *finding)
{
	const struct evidence_site *about = growing->about;
	const struct evidence_holder *holder = finding->holder;

	verdict->growth_per_s = growing->course.trend.slope;
	verdict->growth_low = finite_or_nan(growing->course.trend.low);
	verdict->growth_high = finite_or_nan(growing->course.trend.high);
	verdict->summary = summary(judge, growing, finding);
	verdict->advice = advice(judge, growing, finding);
	verdict__rest(judge, verdict, growing, finding);
	list_types(judge, verdict, about);
	if (!holder && about->holder_count)
		holder = &about->holders[0];
	if (holder)
		list_path(judge, verdict, holder);
	if (holder && holder->container)
		verdict->container = judge__name(judge, holder->container);
}
