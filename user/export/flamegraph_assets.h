/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flamegraph_assets.h - flamegraph.js and flamegraph.css as they are in the source, NUL-terminated
 */
#ifndef FLAMEGRAPH_ASSETS_H
#define FLAMEGRAPH_ASSETS_H

extern const char flamegraph_js[];
extern const char flamegraph_css[];

#endif
