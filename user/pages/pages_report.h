/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pages/pages_report.h - a sample of pages as a report: which lines took what stays, as every exporter understands it; pure
 */
#ifndef PAGES_PAGES_REPORT_H
#define PAGES_PAGES_REPORT_H

#include "pages/page_sample.h"
#include "report.h"
#include "target.h"

/* The pace of a line is that of so long. */
#define PAGES_RECENT_S 600.0

/*
 * One process. Its sites are of domain `rss`: live_bytes, by which they are sorted, is what was taken since the sample began and is
 * still there; growth_per_s what of it is younger than PAGES_RECENT_S (or than the sample, where that is younger), a second. mode is "growth";
 * of what was not measured nothing is said.
 */
struct pages_report {
	struct report report; /* version, host, kernel and started are the caller's to fill in */
	struct report_process process;
	char *cmdline[2];
};

struct pages_report_order {
	const struct python *python; /* for its layout and version */
	double since_s, now_s;       /* when the sample began, and this moment, on its clock */
	double most; /* bytes that the process has: no more can have been taken, however few records there are; NAN = not known */
	bool unsettled; /* with what may be given back in a moment: there is no time to wait */
};

/* The caller fills in what else he knows of the process. 0 or -ENOMEM. */
int pages_report__make(const struct page_sample *sample, const struct pages_report_order *order,
		       struct pages_report **report);

/* NULL is fine. */
void pages_report__free(struct pages_report *report);

#endif
