// SPDX-License-Identifier: BSD-2-Clause
#include "privileges.h"

#include <cap-ng.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>

#include "lib/log.h"

static const int kept[] = {
	CAP_BPF,                /* reading maps where unprivileged BPF is off */
	CAP_PERFMON,            /* detaching */
	CAP_SYS_PTRACE,         /* /proc/PID/maps, process_vm_readv() */
	CAP_DAC_READ_SEARCH,    /* files and /proc entries of other users */
	CAP_DAC_OVERRIDE,       /* putting the output files in their place */
	CAP_CHECKPOINT_RESTORE, /* /proc/PID/map_files, for libraries loaded later */
	CAP_KILL,               /* the process that we started, when we fail */
};

#define KEPT (sizeof(kept) / sizeof(kept[0]))

void privileges__drop(void)
{
	bool have[KEPT];

	capng_get_caps_process();
	for (size_t i = 0; i < KEPT; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < KEPT; i++)
		if (have[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, kept[i]);
	if (capng_apply(CAPNG_SELECT_CAPS) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		log__warn("could not drop privileges that are not needed any more");
}
