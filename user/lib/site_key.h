/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * site_key.h - what a site is known by from one report to the next
 */
#ifndef SITE_KEY_H
#define SITE_KEY_H

#include "report.h"

/* Of its domain and place; not of its index and figures, which change. */
__u64 site_key__of(const struct report_site *site);

#endif
