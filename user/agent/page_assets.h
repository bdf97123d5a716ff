/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent/page_assets.h - page.js and page.css as they are in the source, NUL-terminated
 */
#ifndef AGENT_PAGE_ASSETS_H
#define AGENT_PAGE_ASSETS_H

extern const char page_js[];
extern const char page_css[];

#endif
