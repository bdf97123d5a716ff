// SPDX-License-Identifier: BSD-2-Clause
#include "privileges.h"

#include <cap-ng.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

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

/* What else a trace may need that is yet to be started: it is this program once more, by exec. */
static const int for_traces[] = {
	CAP_SYS_ADMIN, /* uprobes before Linux 6.6, or as perf_event_paranoid says; mounting tracefs */
	CAP_SYS_RESOURCE, /* many descriptors */
};

#define FOR_TRACES (sizeof(for_traces) / sizeof(for_traces[0]))

/* Of what we have, the rest goes. */
static int keep(const int *list, size_t count, capng_type_t where, capng_select_t sets)
{
	bool have[KEPT + FOR_TRACES];

	capng_get_caps_process();
	for (size_t i = 0; i < count; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, list[i]);
	capng_clear(sets);
	for (size_t i = 0; i < count; i++)
		if (have[i])
			capng_update(CAPNG_ADD, where, list[i]);
	return capng_apply(sets);
}

void privileges__drop(bool perf_probes)
{
	int list[KEPT + 1];

	memcpy(list, kept, sizeof(kept));
	list[KEPT] = CAP_SYS_ADMIN;
	if (keep(list, KEPT + perf_probes, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAPNG_SELECT_CAPS) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		log__warn("could not drop privileges that are not needed any more");
}

void privileges__drop_between_traces(void)
{
	int list[KEPT + FOR_TRACES];

	/* Whoever is not root was given what he needs and no more, in a way that exec leaves to him. */
	if (geteuid())
		return;
	memcpy(list, kept, sizeof(kept));
	memcpy(list + KEPT, for_traces, sizeof(for_traces));
	if (keep(list, KEPT + FOR_TRACES, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
		 CAPNG_SELECT_BOTH) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		log__warn("could not drop privileges that are not needed any more");
}
