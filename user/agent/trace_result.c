// SPDX-License-Identifier: BSD-2-Clause
#include "agent/trace_result.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/report_read.h"
#include "export/label.h"
#include "lib/arena.h"

#define FINDINGS_MAX 64
#define HOLDER_MAX 1024

/* "" where there is none, or no memory for it. */
static const char *kept(struct trace_result *result, const char *text)
{
	const char *copy = text ? arena__intern(result->arena, text) : NULL;

	return copy ? copy : "";
}

static const char *site_file(const struct report_site *site)
{
	return site->line || !site->module ? site->file : site->module;
}

static const char *join_holder(struct trace_result *result, const struct verdict *verdict)
{
	char text[HOLDER_MAX] = "";
	size_t at = 0;

	for (size_t i = 0; i < verdict->held_by_count; i++) {
		const char *step = verdict->held_by[i];
		size_t length = strlen(step) + (i ? strlen(" → ") : 0);

		if (at + length >= sizeof(text))
			break;
		at += snprintf(text + at, sizeof(text) - at, "%s%s", i ? " → " : "", step);
	}
	return kept(result, text);
}

static void take_finding(struct trace_result *result, const struct report_process *process,
			 const struct verdict *verdict)
{
	struct finding *finding = &result->findings[result->finding_count++];
	const struct report_site *site = NULL;

	if (verdict->site >= 0 && (size_t)verdict->site < process->site_count)
		site = &process->sites[verdict->site];
	*finding = (struct finding){
		.kind = verdict->kind,
		.cause = verdict->cause,
		.confidence = verdict->confidence,
		.growth_per_s = verdict->growth_per_s,
		.file = kept(result, site ? site_file(site) : NULL),
		.function = kept(result, site ? site->function : NULL),
		.line = site ? site->line : 0,
		.type = kept(result, verdict->type_count ? verdict->types[0].name : NULL),
		.holder = join_holder(result, verdict),
		.summary = kept(result, verdict->summary),
		.advice = kept(result, verdict->advice),
		.suppressed = verdict->suppressed,
	};
	memcpy(finding->signature, verdict->signature, sizeof(finding->signature));
}

static int take_findings(struct trace_result *result, const struct report_process *process)
{
	size_t count =
		process->verdicts.count < FINDINGS_MAX ? process->verdicts.count : FINDINGS_MAX;

	result->findings = arena__alloc(result->arena, count + 1, sizeof(*result->findings));
	if (!result->findings)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		take_finding(result, process, &process->verdicts.list[i]);
	return 0;
}

/* Of heap blocks alone: pages and mappings are other views of the same memory, not to be added to them. */
static int take_sites(struct trace_result *result, const struct report_process *process, size_t max)
{
	size_t room = process->site_count < max ? process->site_count : max;

	result->sites = arena__alloc(result->arena, room + 1, sizeof(*result->sites));
	if (!result->sites)
		return -ENOMEM;
	for (size_t i = 0; i < process->site_count; i++) {
		const struct report_site *site = &process->sites[i];

		if (!site->live_bytes || !label__is_heap(site->domain))
			continue;
		if (result->site_count == room) {
			result->sites_left_out++;
			continue;
		}
		result->sites[result->site_count++] = (struct site_figure){
			.file = kept(result, site_file(site)),
			.function = kept(result, site->function),
			.line = site->line,
			.live_bytes = site->live_bytes,
		};
	}
	return 0;
}

static int take(struct trace_result *result, const struct report *report, size_t max_sites)
{
	const struct report_process *process = report->processes;
	int err;

	if (report->process_count != 1)
		return -EINVAL;
	result->arena = arena__new();
	if (!result->arena)
		return -ENOMEM;
	result->duration_s = report->duration_s;
	result->overhead_pct = process->overhead_pct;
	result->lost = process->lost;
	result->has_bridge = process->memory.bridge;
	if (result->has_bridge)
		result->bridge = *process->memory.bridge;
	err = take_findings(result, process);
	return err ? err : take_sites(result, process, max_sites);
}

int trace_result__read(char *json, size_t size, size_t max_sites, struct trace_result **to)
{
	struct trace_result *result = calloc(1, sizeof(*result));
	struct report *report = NULL;
	int err = result ? report_read__json(json, size, &report) : -ENOMEM;

	if (!err) {
		result->at = time(NULL);
		err = take(result, report, max_sites);
	}
	report_read__free(report);
	malloc_trim(0); /* it takes several times the text */
	if (!result) {
		free(json);
		return -ENOMEM;
	}
	result->json = json;
	result->json_size = size;
	if (err) {
		trace_result__free(result);
		return err;
	}
	*to = result;
	return 0;
}

void trace_result__free(struct trace_result *result)
{
	if (!result)
		return;
	arena__free(result->arena);
	free(result->json);
	free(result);
}
