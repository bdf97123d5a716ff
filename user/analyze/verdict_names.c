// SPDX-License-Identifier: BSD-2-Clause
/*
 * verdict_names.c - names of kinds and causes, signatures, suppressions
 */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "analyze/verdicts.h"

const char *verdict_kind__name(enum verdict_kind kind)
{
	static const char *const names[] = {
		[VERDICT_LEAK] = "leak",
		[VERDICT_SUSPECT] = "suspect",
		[VERDICT_NOT_A_LEAK] = "not_a_leak",
	};

	return (unsigned)kind < sizeof(names) / sizeof(*names) ? names[kind] : "suspect";
}

const char *verdict_cause__name(enum verdict_cause cause)
{
	static const char *const names[CAUSES] = {
		[CAUSE_OBJECT_RETENTION] = "object_retention",
		[CAUSE_UNBOUNDED_CACHE] = "unbounded_cache",
		[CAUSE_UNCOLLECTED_CYCLE] = "uncollected_cycle",
		[CAUSE_REFCOUNT_LEAK] = "refcount_leak",
		[CAUSE_NATIVE_LEAK] = "native_leak",
		[CAUSE_MMAP_LEAK] = "mmap_leak",
		[CAUSE_THREAD_LEAK] = "thread_leak",
		[CAUSE_FRAGMENTATION] = "fragmentation",
		[CAUSE_ARENA_RETENTION] = "arena_retention",
		[CAUSE_BOUNDED_CACHE] = "bounded_cache",
		[CAUSE_WARMUP] = "warmup",
		[CAUSE_LARGE_DATA] = "large_data",
		[CAUSE_UNKNOWN] = "unknown",
	};

	return (unsigned)cause < CAUSES ? names[cause] : "unknown";
}

static const struct report_site *site_of(const struct verdict *verdict,
					 const struct report_process *process)
{
	if (verdict->site < 0 || (size_t)verdict->site >= process->site_count)
		return NULL;
	return &process->sites[verdict->site];
}

/* FNV-1a; the NUL goes in as well, so that "ab", "c" is not "a", "bc". */
static __u64 mix_text(__u64 hash, const char *text)
{
	const unsigned char *at = (const unsigned char *)(text ? text : "");

	do
		hash = (hash ^ *at) * 0x100000001b3ull;
	while (*at++);
	return hash;
}

void verdict__sign(struct verdict *verdict, const struct report_process *process)
{
	const struct report_site *site = site_of(verdict, process);
	__u64 hash = mix_text(0xcbf29ce484222325ull, verdict_cause__name(verdict->cause));

	hash = mix_text(hash, site ? site->function : NULL);
	hash = mix_text(hash, site ? (site->file ? site->file : site->module) : NULL);
	/* Further types come and go with what is in the objects. */
	hash = mix_text(hash, verdict->type_count ? verdict->types[0].name : NULL);
	snprintf(verdict->signature, sizeof(verdict->signature), "%016llx",
		 (unsigned long long)hash);
}

static bool matches(const char *pattern, const char *text)
{
	return text && !fnmatch(pattern, text, 0);
}

static bool matches_type(const char *pattern, const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->type_count; i++)
		if (matches(pattern, verdict->types[i].name))
			return true;
	return false;
}

static bool suppresses(const struct suppression *by, const struct verdict *verdict,
		       const struct report_site *site)
{
	if (!by->file && !by->function && !by->type && !by->signature)
		return false;
	if (by->file && !(site && (matches(by->file, site->file) || matches(by->file, site->path) ||
				   matches(by->file, site->module))))
		return false;
	if (by->function && !(site && matches(by->function, site->function)))
		return false;
	if (by->type && !matches_type(by->type, verdict))
		return false;
	return !by->signature || matches(by->signature, verdict->signature);
}

void analyze__suppress(const struct report_process *process, const struct suppression *suppressions,
		       size_t count, struct verdict_list *verdicts)
{
	for (size_t i = 0; i < verdicts->count; i++) {
		struct verdict *verdict = &verdicts->list[i];

		for (size_t j = 0; j < count && !verdict->suppressed; j++)
			verdict->suppressed =
				suppresses(&suppressions[j], verdict, site_of(verdict, process));
	}
}
