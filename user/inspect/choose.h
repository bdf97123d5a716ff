/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect/choose.h - which sites are worth a look, and their live blocks
 */
#ifndef INSPECT_CHOOSE_H
#define INSPECT_CHOOSE_H

#include "inspect/inspect.h"
#include "report.h"
#include "snapshot.h"

/*
 * The sites of the heap that are largest, and those that grow fastest; INSPECT_SITES at most. blocks: the live table's entries of this
 * process; now_ns: their clock. Growth: since the last report (NAN sorts last). 0 or -ENOMEM. The caller frees with choose__free().
 */
int choose__sites(const struct report_process *process, const struct tracked_block *blocks,
		  size_t block_count, __u64 now_ns, struct inspect_site **sites, size_t *count);
void choose__free(struct inspect_site *sites, size_t count);

#endif
