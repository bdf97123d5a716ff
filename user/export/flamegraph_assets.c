// SPDX-License-Identifier: BSD-2-Clause
/*
 * flamegraph_assets.c - puts the flame graph's script and style into the program
 */
#include "export/flamegraph_assets.h"

#include "lib/asset.h"

ASSET(flamegraph_js, "export/flamegraph.js");
ASSET(flamegraph_css, "export/flamegraph.css");
