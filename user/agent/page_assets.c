// SPDX-License-Identifier: BSD-2-Clause
/*
 * page_assets.c - puts the page's script and style into the program
 */
#include "agent/page_assets.h"

#include "lib/asset.h"

ASSET(page_js, "agent/page.js");
ASSET(page_css, "agent/page.css");
