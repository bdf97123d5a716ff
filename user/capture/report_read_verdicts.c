// SPDX-License-Identifier: BSD-2-Clause
/*
 * report_read_verdicts.c - verdicts, and the types that they and the sites name
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "capture/report_read_private.h"

#define SIGNATURE_DIGITS 16

const struct census_type *report_read__types(struct json_read *in, json *from, size_t *count)
{
	json *types = json_read__array(in, from, "types");
	size_t length = json_read__length(types);
	struct census_type *list = json_read__room(in, length, sizeof(*list));

	for (size_t i = 0; i < length && !in->err; i++) {
		json *type = json_read__item(in, types, i);

		list[i].name = json_read__text(in, type, "name");
		list[i].count = json_read__count(in, type, "count");
		list[i].own_bytes = json_read__count(in, type, "bytes");
		if (!list[i].name)
			json_read__fail(in, -EINVAL);
	}
	*count = length;
	return list;
}

static enum verdict_kind read_kind(struct json_read *in, json *from)
{
	const char *name = json_read__text(in, from, "kind");

	for (int i = VERDICT_LEAK; name && i <= VERDICT_NOT_A_LEAK; i++) {
		if (!strcmp(name, verdict_kind__name(i)))
			return i;
	}
	json_read__fail(in, -EINVAL);
	return VERDICT_SUSPECT;
}

static enum verdict_cause read_cause(struct json_read *in, json *from)
{
	const char *name = json_read__text(in, from, "cause");

	for (int i = 0; name && i < CAUSES; i++) {
		if (!strcmp(name, verdict_cause__name(i)))
			return i;
	}
	json_read__fail(in, -EINVAL);
	return CAUSE_UNKNOWN;
}

/* Sixteen digits, or none. */
static void read_signature(struct json_read *in, json *from, char signature[SIGNATURE_DIGITS + 1])
{
	const char *digits = json_read__text(in, from, "signature");

	if (!digits || !*digits)
		return;
	if (strlen(digits) != SIGNATURE_DIGITS ||
	    strspn(digits, "0123456789abcdef") != SIGNATURE_DIGITS)
		json_read__fail(in, -EINVAL);
	else
		strcpy(signature, digits);
}

static void read_evidence(struct json_read *in, json *from, struct verdict *verdict)
{
	size_t count;
	const char **sentences = json_read__texts(in, from, "evidence", &count);

	if (count > VERDICT_EVIDENCE)
		json_read__fail(in, -EINVAL);
	for (size_t i = 0; i < count && !in->err; i++)
		verdict->evidence[verdict->evidence_count++] = sentences[i];
}

static void read_verdict(struct json_read *in, json *from, size_t sites, struct verdict *verdict)
{
	*verdict = (struct verdict){
		.kind = read_kind(in, from),
		.cause = read_cause(in, from),
		.confidence = json_read__real(in, from, "confidence"),
		.summary = json_read__text(in, from, "summary"),
		.advice = json_read__text(in, from, "advice"),
		.container = json_read__text(in, from, "container"),
		.site = json_read__integer(in, from, "site", LLONG_MAX, -1),
		.growth_per_s = json_read__real(in, from, "growth_per_s"),
		.suppressed = json_read__boolean(in, from, "suppressed"),
	};
	if (verdict->site >= 0 && (size_t)verdict->site >= sites)
		json_read__fail(in, -EINVAL);
	json_read__interval(in, from, "growth_ci", &verdict->growth_low, &verdict->growth_high);
	verdict->types = report_read__types(in, from, &verdict->type_count);
	verdict->held_by = json_read__texts(in, from, "held_by", &verdict->held_by_count);
	read_evidence(in, from, verdict);
	read_signature(in, from, verdict->signature);
}

void report_read__verdicts(struct json_read *in, json *from, struct report_process *process)
{
	json *verdicts = json_read__array(in, from, "verdicts");
	size_t count = json_read__length(verdicts);

	process->verdicts.list = json_read__room(in, count, sizeof(*process->verdicts.list));
	for (size_t i = 0; i < count && !in->err; i++)
		read_verdict(in, json_read__item(in, verdicts, i), process->site_count,
			     &process->verdicts.list[i]);
	process->verdicts.count = count;
}
