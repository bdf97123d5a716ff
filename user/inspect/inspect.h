/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inspect/inspect.h - looks into a traced process's heap, and what they amount to
 *
 *	inspector__open(target, &pools, &inspector);
 *	inspector__glance(inspector, at_s);		counts by type and by layer; now and then
 *	inspector__look(inspector, at_s, sites, n);	also what blocks of sites are and who holds them; seldom, it reads all references
 *	inspector__start(inspector, ...);		either of them in a thread of its own
 *	inspector__evidence(inspector);			for analyze/, while no thread is at work
 *	inspector__close(inspector);
 *
 * Nothing is written to the target and nothing stopped; but reading makes it wait for its own page tables now and then, and takes
 * memory bandwidth: inspector__next_s() says when the next look keeps to a share of the time.
 */
#ifndef INSPECT_INSPECT_H
#define INSPECT_INSPECT_H

#include "evidence.h"
#include "heap/pools.h"
#include "target.h"

#define INSPECT_SITES 24    /* sites that are looked into at a time */
#define INSPECT_BLOCKS 4096 /* blocks of one that are looked at */

struct inspect_block {
	__u64 address, size;
	double age_s;
};

/* Live blocks of a site. */
struct inspect_site {
	size_t site;                    /* index in the report */
	__u64 key;                      /* the same at each look */
	double live_count, alloc_count; /* as the report has them */
	struct inspect_block *blocks;   /* all that are known; reordered by the look */
	size_t block_count;
};

struct inspector;

/* target and *pools (which may come later, or never) must outlive the inspector. 0 or -ENOMEM; -ENOTSUP: not this Python. */
int inspector__open(const struct target *target, struct pools *const *pools,
		    struct inspector **inspector);
void inspector__close(struct inspector *inspector);

/* at_s: seconds since tracing began. 0, or -ESRCH, -EPERM, -ENOMEM: what was known before stays. */
int inspector__glance(struct inspector *inspector, double at_s);

/*
 * A glance, the sites, and the types that have grown most. As inspector__glance(). Of a heap with too many
 * objects for a graph (20 million) the glance is all.
 */
int inspector__look(struct inspector *inspector, double at_s, struct inspect_site *sites,
		    size_t site_count);

/*
 * A look (or else a glance) in a thread of its own. sites are taken over, also after an error. 0, -EBUSY: one is at work, -EAGAIN, -ENOMEM.
 */
int inspector__start(struct inspector *inspector, double at_s, bool look,
		     struct inspect_site *sites, size_t site_count);
bool inspector__busy(struct inspector *inspector);
/* Until none is at work. */
void inspector__wait(struct inspector *inspector);

/* When the next glance (look) is due: so that they take no more than share of the time. */
double inspector__next_glance_s(const struct inspector *inspector, double share);
double inspector__next_look_s(const struct inspector *inspector, double share);

/* All that was found out; of the inspector, until the next glance or look; only while none is at work. */
const struct evidence *inspector__evidence(struct inspector *inspector);

#endif
