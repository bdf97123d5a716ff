// SPDX-License-Identifier: BSD-2-Clause
#include "family.h"

#include <errno.h>
#include <stdlib.h>

#include "analyze/assemble.h"
#include "symbolize/symbolize.h"

void family__ask(struct family *family)
{
	family->of[family->asked] = family->asked;
	family->asked++;
}

void family__add(struct family *family, size_t index, size_t of)
{
	family->of[index] = of;
}

static int merge_children(const struct family *family, struct report *report, size_t master,
			  const struct report_process **children)
{
	size_t count = 0;

	for (size_t i = family->asked; i < report->process_count; i++)
		if (family->of[i] == master)
			children[count++] = &report->processes[i];
	return analyze__merge(&report->processes[master], children, count);
}

static void drop_children(const struct family *family, struct report *report)
{
	for (size_t i = family->asked; i < report->process_count; i++) {
		profile__free(&report->processes[i].profile);
		assemble__end_process(&report->processes[i]);
	}
	report->process_count = family->asked;
}

int family__merge(const struct family *family, struct report *report)
{
	const struct report_process **children =
		calloc(report->process_count + 1, sizeof(*children));
	int err = children ? 0 : -ENOMEM;

	for (size_t i = 0; !err && i < family->asked; i++)
		err = merge_children(family, report, i, children);
	free(children);
	if (!err)
		drop_children(family, report);
	return err;
}
