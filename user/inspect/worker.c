// SPDX-License-Identifier: BSD-2-Clause
/*
 * worker.c - looks in a thread of their own: who traces must not wait for them
 *
 * One at a time. All that a look changes is the inspector's, which nobody else touches until the thread has been joined.
 */
#include <errno.h>
#include <stdlib.h>

#include "inspect/choose.h"
#include "inspect/private.h"

static void *work(void *of)
{
	struct inspector *inspector = of;

	/* What fails leaves the evidence as it was. */
	if (inspector->task_look)
		inspector__look(inspector, inspector->task_at_s, inspector->task_sites,
				inspector->task_site_count);
	else
		inspector__glance(inspector, inspector->task_at_s);
	atomic_store(&inspector->finished, true);
	return NULL;
}

int inspector__start(struct inspector *inspector, double at_s, bool look,
		     struct inspect_site *sites, size_t site_count)
{
	int err = inspector__busy(inspector) ? EBUSY : 0;

	if (!err) {
		inspector->task_sites = sites;
		inspector->task_site_count = site_count;
		inspector->task_at_s = at_s;
		inspector->task_look = look;
		atomic_store(&inspector->finished, false);
		err = pthread_create(&inspector->thread, NULL, work, inspector);
		inspector->started = !err;
	}
	if (err) {
		choose__free(sites, site_count);
		if (err != EBUSY)
			inspector->task_sites = NULL;
	}
	return -err;
}

bool inspector__busy(struct inspector *inspector)
{
	if (inspector->started && atomic_load(&inspector->finished))
		inspector__wait(inspector);
	return inspector->started;
}

void inspector__wait(struct inspector *inspector)
{
	if (!inspector->started)
		return;
	pthread_join(inspector->thread, NULL);
	inspector->started = false;
	choose__free(inspector->task_sites, inspector->task_site_count);
	inspector->task_sites = NULL;
}
