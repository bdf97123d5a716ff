// SPDX-License-Identifier: BSD-2-Clause
/*
 * doctor_process.c - what a process is to us: its Python, its allocators, and the probes that it would get
 */
#include "doctor/private.h"
#include "lib/kernel.h"

#include <errno.h>
#include <string.h>

#include "discover/discover.h"
#include "heap/in_use.h"
#include "heap/pools.h"
#include "lib/elf_image.h"
#include "lib/log.h"
#include "plan/planner.h"

const char *doctor__cost_name(enum probe_cost cost)
{
	static const char *const names[] = {
		[COST_EMULATED] = "emulated",
		[COST_STEPPED] = "single-stepped",
		[COST_OPTIMIZED] = "optimized",
	};

	return (size_t)cost < sizeof(names) / sizeof(names[0]) ? names[cost] : "?";
}

char *doctor__place(const struct probe *probe, char *buffer, size_t size)
{
	if (!probe->function_address || probe->address < probe->function_address)
		snprintf(buffer, size, "%s 0x%llx", probe->function, probe->address);
	else if (probe->address == probe->function_address)
		snprintf(buffer, size, "%s", probe->function);
	else
		snprintf(buffer, size, "%s+%llu", probe->function,
			 probe->address - probe->function_address);
	return buffer;
}

size_t doctor__count_cost(const struct plan *plan, enum probe_cost cost)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->probe_count; i++)
		count += plan->probes[i].cost == cost;
	return count;
}

static bool is_stripped(const struct target *target)
{
	struct elf_image *image;
	const void *bytes;
	__u64 address;
	size_t size;
	bool stripped;

	if (target->python.module < 0 ||
	    elf_image__open(target->modules[target->python.module].fd, &image))
		return false;
	stripped = elf_image__section(image, ".symtab", &address, &bytes, &size);
	elf_image__free(image);
	return stripped;
}

/* What can be read of its heap without any probe. */
static void look_at_heap(struct diagnosis *diagnosis)
{
	/* About no block at all: only then is main_arena looked for. */
	struct block_query question = {.address = 16, .size = 16, .domain = DOMAIN_RAW};
	struct pools *pools = NULL;
	struct in_use *in_use;

	if (pools__open(diagnosis->target, &pools))
		pools = NULL;
	diagnosis->pools_readable = pools;
	if (!in_use__open(diagnosis->target, pools, &in_use)) {
		diagnosis->raw_asked = !in_use__check(in_use, &question, 1);
		diagnosis->raw_limit = in_use__raw_limit(in_use);
		in_use__close(in_use);
	}
	pools__close(pools);
}

static int make_plan(const struct doctor *doctor, struct diagnosis *diagnosis)
{
	struct plan_options options = {
		.kernel = kernel__version(doctor->host.release),
		.no_return_probes = diagnosis->return_probe_hazard,
	};
	int err = plan__make(diagnosis->target, &options, &diagnosis->plan);

	if (err)
		return log__fail(EXIT_CANNOT_TRACE,
				 "process %d: no allocator function to probe was found (%s)",
				 diagnosis->pid, strerror(-err));
	return 0;
}

void doctor__examine_process(const struct doctor *doctor, pid_t pid, struct diagnosis *diagnosis)
{
	int err;

	*diagnosis = (struct diagnosis){.pid = pid};
	err = target__discover(pid, &diagnosis->target);
	if (err) {
		diagnosis->target = NULL;
		diagnosis->status = -err;
		return;
	}
	diagnosis->return_probe_hazard = target__return_probe_hazard(diagnosis->target);
	err = target__supported(diagnosis->target);
	if (!err) {
		diagnosis->stripped = is_stripped(diagnosis->target);
		look_at_heap(diagnosis);
		err = make_plan(doctor, diagnosis);
	}
	diagnosis->status = -err;
}

void doctor__forget(struct diagnosis *diagnosis)
{
	plan__free(diagnosis->plan);
	target__free(diagnosis->target);
	diagnosis->plan = NULL;
	diagnosis->target = NULL;
}
