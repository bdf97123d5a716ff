// SPDX-License-Identifier: BSD-2-Clause
/*
 * history.c - how live bytes developed, in little memory
 *
 * Each series keeps at most MAX_SAMPLES. When full, every second one goes, and from then on a new
 * sample takes the place of the last one until enough time has passed: samples stay spread over the
 * whole run, the first and the newest always among them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"
#include "analyze/trend.h"
#include "lib/site_key.h"

#define MAX_SAMPLES HISTORY_POINTS
#define MAX_SITES 16384

struct sample {
	double at_s, bytes;
};

struct series {
	__u64 key;    /* of the site */
	double gap_s; /* least distance between two kept samples */
	__u32 count;
	struct sample samples[MAX_SAMPLES];
};

struct history {
	struct series rss;
	struct series *sites; /* by key */
	size_t site_count;
};

struct history *history__new(void)
{
	return calloc(1, sizeof(struct history));
}

void history__free(struct history *history)
{
	if (!history)
		return;
	free(history->sites);
	free(history);
}

static void thin_out(struct series *series)
{
	__u32 kept = 0;

	for (__u32 i = 0; i < series->count; i += 2)
		series->samples[kept++] = series->samples[i];
	series->count = kept;
	series->gap_s =
		2 * (series->samples[kept - 1].at_s - series->samples[0].at_s) / MAX_SAMPLES;
}

static void series__add(struct series *series, double at_s, double bytes)
{
	__u32 last = series->count - 1;
	bool replace = false;

	if (series->count)
		replace = at_s <= series->samples[last].at_s;
	if (series->count > 1)
		replace |=
			series->samples[last].at_s - series->samples[last - 1].at_s < series->gap_s;
	if (!replace && series->count == MAX_SAMPLES)
		thin_out(series);
	if (!replace)
		last = series->count++;
	series->samples[last] = (struct sample){at_s, bytes};
}

static double series__slope(const struct series *series)
{
	double at_s[MAX_SAMPLES], bytes[MAX_SAMPLES];
	struct trend trend;

	for (__u32 i = 0; i < series->count; i++) {
		at_s[i] = series->samples[i].at_s;
		bytes[i] = series->samples[i].bytes;
	}
	trend__of(at_s, bytes, series->count, &trend);
	return trend.slope;
}

static int compare_series(const void *a, const void *b)
{
	const struct series *x = a, *y = b;

	return x->key < y->key ? -1 : x->key > y->key;
}

static const struct series *find(const struct history *history, __u64 key)
{
	struct series wanted = {.key = key};

	return history->site_count ? bsearch(&wanted, history->sites, history->site_count,
					     sizeof(wanted), compare_series)
				   : NULL;
}

static bool was_ever_alive(const struct series *series)
{
	for (__u32 i = 0; i < series->count; i++)
		if (series->samples[i].bytes > 0)
			return true;
	return false;
}

/*
 * The series are made anew, from the largest site down: those that are gone stay behind, and when
 * there are too many it is the small ones that have no history.
 */
static int add(struct history *history, double now_s, const struct report_process *process)
{
	size_t room = process->site_count < MAX_SITES ? process->site_count : MAX_SITES, count = 0;
	struct series *sites = calloc(room + 1, sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	for (size_t i = 0; i < process->site_count && count < room; i++) {
		const struct report_site *site = &process->sites[i];
		struct series *series = &sites[count];
		__u64 key = site_key__of(site);
		const struct series *old = find(history, key);

		memset(series, 0, sizeof(*series));
		if (old)
			*series = *old;
		series->key = key;
		series__add(series, now_s, site->live_bytes);
		count += was_ever_alive(series);
	}
	qsort(sites, count, sizeof(*sites), compare_series);
	free(history->sites);
	history->sites = sites;
	history->site_count = count;
	if (process->memory.rss >= 0)
		series__add(&history->rss, now_s, process->memory.rss);
	return 0;
}

int history__add(struct history *history, double now_s, struct report_process *process)
{
	int err = add(history, now_s, process);

	process->memory.growth_per_s = err ? NAN : history__rss_growth(history);
	for (size_t i = 0; i < process->site_count; i++)
		process->sites[i].growth_per_s =
			err ? NAN : history__growth(history, &process->sites[i]);
	return err;
}

double history__growth(const struct history *history, const struct report_site *site)
{
	const struct series *series = find(history, site_key__of(site));

	return series ? series__slope(series) : NAN;
}

double history__rss_growth(const struct history *history)
{
	return series__slope(&history->rss);
}

size_t history__points(const struct history *history, const struct report_site *site,
		       double at_s[HISTORY_POINTS], double bytes[HISTORY_POINTS])
{
	const struct series *series = site ? find(history, site_key__of(site)) : &history->rss;

	for (__u32 i = 0; series && i < series->count; i++) {
		at_s[i] = series->samples[i].at_s;
		bytes[i] = series->samples[i].bytes;
	}
	return series ? series->count : 0;
}
