// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdicts_cause.c - why it grows: the first rule that fits what was found in the heap
 *
 * From the certain to the likely: threads and mappings are what they are; garbage, wrong counts and blocks without an owner were looked at
 * one by one; last come containers, of which the one with the most entries is taken to be the cause.
 */
#include <string.h>
#include <strings.h>

#include "analyze/verdicts.h"

#define MOST 0.5    /* of the blocks looked at */
#define UNOWNED 0.2 /* at most so many are objects, or owned by one */
#define UNOWNED_LEAST                                                                              \
	8 /* blocks looked at, to say so of memory that Python itself asked malloc for */
#define THROUGH_PYTHON                                                                             \
	0.7       /* of the agreement is left then: there may be owners that we do not know */
#define FULL 0.95 /* of its bound */
#define SAME_LENGTH 0.03     /* change of a container's length that is none */
#define ENTRIES_OF_MADE 0.02 /* new entries / new blocks: fewer, and it does not grow with them */
#define LEAST_LENGTH 16      /* entries, to tell by them */
#define FAR_BOUND 4.0        /* times RSS: to be as large as that is no bound to rely on */
#define NOT_LOOKED 0.4       /* agreement where nothing was looked at */

#define SEVERAL_THREADS "several threads" /* as a path begins: objects/who.h */

typedef bool (*fits_fn)(const struct judge *judge, const struct growing *growing,
			struct finding *finding);

static const char *file_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path;
}

bool judge__foreign(const struct judge *judge, const char *module)
{
	const char *exe = file_name(judge->process->exe);
	size_t length =
		exe ? strcspn(exe, " ") : 0; /* " (deleted)": Python was upgraded meanwhile */

	return module && strncmp(module, "libpython", 9) &&
	       (!exe || strncmp(module, exe, length) || (module[length] && module[length] != ' '));
}

static enum domain domain_of(const struct growing *growing)
{
	return growing->site ? growing->site->domain : DOMAIN_OBJECT;
}

static bool in_heap(const struct growing *growing)
{
	return domain_of(growing) == DOMAIN_OBJECT || domain_of(growing) == DOMAIN_RAW;
}

static bool makes_threads(const struct judge *judge, const struct growing *growing,
			  struct finding *finding)
{
	finding->agreement = 0.9;
	return domain_of(growing) == DOMAIN_MMAP && judge->threads.kind == COURSE_RISING;
}

static bool maps(const struct judge *judge, const struct growing *growing, struct finding *finding)
{
	finding->agreement = judge->mapped.kind == COURSE_RISING ? 1 : NOT_LOOKED;
	return domain_of(growing) == DOMAIN_MMAP;
}

/* The collector reaches garbage in the end, as long as it runs. */
static bool is_garbage(const struct judge *judge, const struct growing *growing,
		       struct finding *finding)
{
	const struct evidence *evidence = judge->evidence;

	finding->agreement = growing->about->garbage_share;
	finding->may_end = !evidence->cycles_stay && !(evidence->gc_known && !evidence->gc_enabled);
	return growing->about->sampled_blocks > 0 && growing->about->garbage_share >= MOST;
}

static bool is_overcounted(const struct judge *judge, const struct growing *growing,
			   struct finding *finding)
{
	(void)judge;
	finding->agreement = growing->about->refcount_excess_share;
	return growing->about->sampled_blocks > 0 && growing->about->refcount_excess_share >= MOST;
}

static bool is_native(const struct judge *judge, const struct growing *growing,
		      struct finding *finding)
{
	const struct evidence_site *about = growing->about;
	const struct report_site *site = growing->site;
	const char *module;
	bool foreign;
	double owned;

	if (!site || !in_heap(growing))
		return false;
	module = site->native && site->native->module ? site->native->module : site->module;
	foreign = judge__foreign(judge, module);
	/* An extension may ask Python for its memory (PyMem_Malloc): then only that no object has it tells. */
	if (!foreign && (site->domain != DOMAIN_RAW || !(about->sampled_blocks >= UNOWNED_LEAST)))
		return false;
	if (!(about->sampled_blocks > 0)) {
		finding->agreement = NOT_LOOKED;
		return site->domain == DOMAIN_RAW && !about->type_count && !about->holder_count;
	}
	owned = about->object_blocks / about->sampled_blocks;
	finding->agreement = (1 - owned) * (foreign ? 1 : THROUGH_PYTHON);
	return owned <= UNOWNED;
}

static bool same_text(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

/* Share of the blocks behind the container of the first holder, by whatever path. */
static double shared_by(const struct evidence_site *about, const struct evidence_holder *first)
{
	double share = 0;

	for (size_t i = 0; i < about->holder_count; i++) {
		const struct evidence_holder *holder = &about->holders[i];

		if (holder->share > 0 &&
		    (holder == first || same_text(holder->container, first->container)))
			share += holder->share;
	}
	return fmin(share, 1);
}

static bool measured(const struct evidence_holder *holder)
{
	return holder->container && holder->seconds > 0 && isfinite(holder->first_length) &&
	       isfinite(holder->last_length) && holder->last_length > 0;
}

/* Of a container that is long already, an entry for every few new blocks is growth as well. */
bool holder__grows(const struct evidence_holder *holder, const struct growing *growing)
{
	double more = holder->last_length - holder->first_length;

	if (!measured(holder) || more < 1)
		return false;
	return more > SAME_LENGTH * holder->first_length ||
	       (growing->made_per_s > 0 &&
		more >= ENTRIES_OF_MADE * growing->made_per_s * holder->seconds);
}

static bool keeps_length(const struct evidence_holder *holder, const struct growing *growing)
{
	return measured(holder) && holder->last_length >= LEAST_LENGTH &&
	       !holder__grows(holder, growing) &&
	       holder->last_length >= (1 - SAME_LENGTH) * holder->first_length;
}

static bool has_bound(const struct evidence_holder *holder)
{
	return holder->container && isfinite(holder->bound) && holder->bound > 0;
}

static bool is_full(const struct evidence_holder *holder)
{
	return has_bound(holder) && holder->last_length >= FULL * holder->bound;
}

/* Whether memory has room for it to become full. */
static bool bound_in_reach(const struct judge *judge, const struct growing *growing,
			   const struct evidence_holder *holder)
{
	double limit =
		judge->evidence->limit > 0 ? judge->evidence->limit : FAR_BOUND * judge->rss_now;
	double held = growing->course.last * holder->share;

	if (!has_bound(holder) || !(holder->last_length > 0))
		return false;
	return !(judge->rss_now + held * (holder->bound / holder->last_length - 1) > limit);
}

static void take_holder(const struct growing *growing, struct finding *finding)
{
	const struct evidence_site *about = growing->about;

	finding->holder = about->holder_count ? &about->holders[0] : NULL;
	finding->held = finding->holder ? shared_by(about, finding->holder) : 0;
	finding->agreement = finding->holder ? finding->held : NOT_LOOKED;
}

static bool is_bounded(const struct judge *judge, const struct growing *growing,
		       struct finding *finding)
{
	const struct evidence_holder *holder;

	take_holder(growing, finding);
	holder = finding->holder;
	if (!holder || finding->agreement < MOST)
		return false;
	finding->may_end = true;
	if (is_full(holder))
		return true;
	if (holder__grows(holder, growing) && bound_in_reach(judge, growing, holder)) {
		double pace = (holder->last_length - holder->first_length) / holder->seconds;

		finding->fills_s = (holder->bound - holder->last_length) / pace;
		return true;
	}
	/* Its entries may grow, where the process does; then it bounds nothing. */
	return keeps_length(holder, growing) &&
	       (growing->not_backed || growing->course.kind != COURSE_RISING);
}

/* Each of many threads holds its own, and there are more and more of them. */
static bool is_held_by_threads(const struct judge *judge, const struct growing *growing,
			       struct finding *finding)
{
	take_holder(growing, finding);
	return judge->threads.kind == COURSE_RISING && finding->holder &&
	       finding->agreement >= MOST && finding->holder->path_count &&
	       !strncmp(finding->holder->path[0], SEVERAL_THREADS, strlen(SEVERAL_THREADS));
}

static bool contains(const char *text, const char *word)
{
	return text && strcasestr(text, word);
}

/* Looked up by key, or called a cache. */
static bool is_cache(const struct evidence_holder *holder)
{
	static const char *const types[] = {
		"dict", "OrderedDict", "defaultdict", "lru_cache", "WeakValueDictionary", "Cache",
	};
	const char *type = holder->container_type;

	if (!holder->container || contains(holder->container, "__dict__"))
		return false;
	if (contains(holder->container, "cache") || contains(holder->container, "memo"))
		return true;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (contains(type, types[i]))
			return true;
	return false;
}

/* A container that was looked at twice and has not grown is not why. */
static bool is_unbounded_cache(const struct judge *judge, const struct growing *growing,
			       struct finding *finding)
{
	(void)judge;
	take_holder(growing, finding);
	return finding->holder && finding->agreement >= MOST && is_cache(finding->holder) &&
	       (!measured(finding->holder) || holder__grows(finding->holder, growing));
}

static bool is_kept(const struct judge *judge, const struct growing *growing,
		    struct finding *finding)
{
	const struct evidence_holder *holder;

	(void)judge;
	take_holder(growing, finding);
	holder = finding->holder;
	if (!holder)
		return false;
	if (measured(holder) && !holder__grows(holder, growing))
		finding->agreement *= 0.5; /* it holds them, but is not what grows */
	return !holder->is_native_root || holder->path_count > 1;
}

/* Nothing in Python refers to it: somebody in C has, or has forgotten that they had. */
static bool is_rooted_natively(const struct judge *judge, const struct growing *growing,
			       struct finding *finding)
{
	(void)judge;
	take_holder(growing, finding);
	finding->agreement *= 0.8;
	return finding->holder && finding->holder->is_native_root;
}

static const struct {
	enum verdict_cause cause;
	fits_fn fits;
} rules[] = {
	{CAUSE_THREAD_LEAK, makes_threads},    {CAUSE_MMAP_LEAK, maps},
	{CAUSE_UNCOLLECTED_CYCLE, is_garbage}, {CAUSE_REFCOUNT_LEAK, is_overcounted},
	{CAUSE_NATIVE_LEAK, is_native},        {CAUSE_THREAD_LEAK, is_held_by_threads},
	{CAUSE_BOUNDED_CACHE, is_bounded},     {CAUSE_UNBOUNDED_CACHE, is_unbounded_cache},
	{CAUSE_OBJECT_RETENTION, is_kept},     {CAUSE_REFCOUNT_LEAK, is_rooted_natively},
};

void finding__of(const struct judge *judge, const struct growing *growing, struct finding *finding)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		*finding = (struct finding){.cause = rules[i].cause, .fills_s = NAN};
		if (rules[i].fits(judge, growing, finding))
			return;
	}
	*finding =
		(struct finding){.cause = CAUSE_UNKNOWN, .agreement = NOT_LOOKED, .fills_s = NAN};
}
